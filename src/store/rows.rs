//! What is to be remembered, as rows of the tables.

use rusqlite::params;

use super::changes::Rows;
use super::coding::{encode_network, encode_times, encode_until};
use super::saved::SavedPosition;
use super::statements::Table;
use super::{allowed, attempts};
use crate::keeper::{BanRecord, Network, Prior, Roster, Timestamp, Write};

/// What a write is as rows.
pub(super) fn put(rows: &mut Rows, names: &Roster, write: &Write) -> rusqlite::Result<()> {
    match write {
        Write::Ban(jail, network, ban) => put_ban(rows, names.name(*jail), *network, ban),
        Write::NoBan(jail, network) => {
            let row = params![names.name(*jail), encode_network(*network)];
            rows.remove(Table::Bans, row)
        }
        Write::Window(jail, network, times) => put_window(rows, names.name(*jail), *network, times),
        Write::NoWindow(jail, network) => put_window(rows, names.name(*jail), *network, &[]),
        Write::Account(jail, account, times) => {
            attempts::put_account(rows, names.name(*jail), account, times)
        }
        Write::NoAccount(jail, account) => {
            attempts::put_account(rows, names.name(*jail), account, &[])
        }
        Write::Evidence(jail, network, newest, lines) => {
            attempts::put_evidence(rows, names.name(*jail), *network, (*newest, lines))
        }
        Write::NoEvidence(jail, network) => {
            attempts::remove_evidence(rows, names.name(*jail), *network)
        }
        Write::Prior { jail, network, enforced, prior: Prior { bans, ended } } => {
            let (jail, network) = (names.name(*jail), encode_network(*network));
            let row = params![jail, network, enforced, bans, ended.micros()];
            rows.put(Table::Priors, row)
        }
        Write::NoPrior { jail, network, enforced } => {
            let row = params![names.name(*jail), encode_network(*network), enforced];
            rows.remove(Table::Priors, row)
        }
        Write::Allowed(jail, network, allowance) => {
            let jail = jail.map(|jail| &**names.name(jail));
            allowed::put(rows, jail, *network, allowance)
        }
        Write::NotAllowed(jail, network) => {
            let jail = jail.map(|jail| &**names.name(jail));
            allowed::remove(rows, jail, *network)
        }
    }
}

fn put_ban(rows: &mut Rows, jail: &str, network: Network, ban: &BanRecord) -> rusqlite::Result<()> {
    let row = params![
        jail,
        encode_network(network),
        ban.since.micros(),
        encode_until(ban.until),
        ban.attempts,
        ban.nth,
        ban.enforced
    ];
    rows.put(Table::Bans, row)?;
    rows.put(Table::History, row)
}

fn put_window(
    rows: &mut Rows,
    jail: &str,
    network: Network,
    times: &[Timestamp],
) -> rusqlite::Result<()> {
    let network = encode_network(network);
    match times.iter().max() {
        None => rows.remove(Table::Windows, params![jail, network]),
        Some(newest) => {
            let row = params![jail, network, newest.micros(), encode_times(times)];
            rows.put(Table::Windows, row)
        }
    }
}

/// How far a source has been read, as a row; none takes the row away.
pub(super) fn put_position(
    rows: &mut Rows,
    source: &str,
    position: Option<&SavedPosition>,
) -> rusqlite::Result<()> {
    match position {
        None => rows.remove(Table::Positions, params![source]),
        Some(SavedPosition { cursor, sequence }) => {
            rows.put(Table::Positions, params![source, cursor, sequence.cast_signed()])
        }
    }
}
