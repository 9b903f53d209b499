//! What is known of attempts beside their number: the accounts that were meant, and the lines.

use std::sync::Arc;

use rusqlite::{Connection, Transaction, params};

use super::changes::Rows;
use super::coding::{decode_network, decode_times, encode_network, encode_times};
use super::saved::{Names, Nonsense, sound_rows};
use super::statements::Table;
use crate::keeper::{Network, Timestamp};

/// The attempts on an account: jail, account, times.
pub(super) type AccountRow = (Arc<str>, Arc<str>, Vec<Timestamp>);

/// The lines behind an offender: jail, offender, last attempt, lines.
pub(super) type EvidenceRow = (Arc<str>, Network, Timestamp, Arc<str>);

/// Reads the accounts of one jail, or of all.
pub(super) fn accounts(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<AccountRow>> {
    let (mut names, what) = (Names::default(), "an account");
    let sql =
        "SELECT jail, account, newest, times, sum FROM accounts WHERE ?1 IS NULL OR jail = ?1";
    sound_rows(connection, sql, [jail], (what, nonsense), |row| {
        let (jail, account): (_, String) = (names.read(row, 0)?, row.get(1)?);
        let times = decode_times(row.get_ref(3)?.as_blob()?);
        Ok(times.map(|times| (jail, account.into(), times)))
    })
}

/// Reads the lines behind the offenders of one jail, or of all.
pub(super) fn evidence(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<EvidenceRow>> {
    let (mut names, what) = (Names::default(), "lines");
    let sql =
        "SELECT jail, network, newest, lines, sum FROM evidence WHERE ?1 IS NULL OR jail = ?1";
    sound_rows(connection, sql, [jail], (what, nonsense), |row| {
        let (jail, network) = (names.read(row, 0)?, decode_network(row.get_ref(1)?.as_blob()?));
        let newest = Timestamp::from_micros(row.get(2)?);
        let lines = row.get_ref(3)?.as_str()?.into();
        Ok(network.map(|network| (jail, network, newest, lines)))
    })
}

/// Writes the attempts on an account; none takes the row away.
pub(super) fn put_account(
    rows: &mut Rows,
    jail: &str,
    account: &str,
    times: &[Timestamp],
) -> rusqlite::Result<()> {
    match times.iter().max() {
        None => rows.remove(Table::Accounts, params![jail, account]),
        Some(newest) => {
            let row = params![jail, account, newest.micros(), encode_times(times)];
            rows.put(Table::Accounts, row)
        }
    }
}

/// Writes the lines behind an offender.
pub(super) fn put_evidence(
    rows: &mut Rows,
    jail: &str,
    network: Network,
    (newest, lines): (Timestamp, &str),
) -> rusqlite::Result<()> {
    let row = params![jail, encode_network(network), newest.micros(), lines];
    rows.put(Table::Evidence, row)
}

/// Takes the lines behind an offender away.
pub(super) fn remove_evidence(
    rows: &mut Rows,
    jail: &str,
    network: Network,
) -> rusqlite::Result<()> {
    rows.remove(Table::Evidence, params![jail, encode_network(network)])
}

/// Forgets, of jails that are not among `jails` (an array of JSON), the accounts whose last attempt
/// is before `oldest`, and lines behind which there is neither a ban nor a window any more; at most
/// `step` rows of each. How many went.
pub(super) fn purge(
    transaction: &Transaction<'_>,
    jails: &str,
    oldest: Timestamp,
    step: u32,
) -> rusqlite::Result<usize> {
    let accounts = transaction.execute(
        "DELETE FROM accounts WHERE (jail, account) IN
             (SELECT jail, account FROM accounts WHERE newest < ?1
              AND jail NOT IN (SELECT value FROM json_each(?2)) LIMIT ?3)",
        params![oldest.micros(), jails, step],
    )?;
    let evidence = transaction.execute(
        "DELETE FROM evidence WHERE (jail, network) IN
             (SELECT jail, network FROM evidence
              WHERE jail NOT IN (SELECT value FROM json_each(?1))
              AND (jail, network) NOT IN (SELECT jail, network FROM bans)
              AND (jail, network) NOT IN (SELECT jail, network FROM windows) LIMIT ?2)",
        params![jails, step],
    )?;
    Ok(accounts + evidence)
}
