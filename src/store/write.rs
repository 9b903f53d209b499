//! What is written into the state file.

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Transaction, TransactionBehavior, params};

use super::allowed;
use super::attempts::{self, put_account, put_evidence, remove_evidence};
use super::coding::{encode_network, encode_times, encode_until};
use super::saved::{self, SavedPosition};
use super::statements::{Sql, Statements};
use super::{HISTORY_MOST, OpenFile, SetAside, Store, StoreError, file};
use crate::keeper::{BanRecord, JailId, Network, Prior, Roster, Timestamp, Write};

/// So many rows of each table go in one [`Store::purge`], so that the loop is held up for some
/// milliseconds only; the next purge takes the next ones.
const PURGE_STEP: u32 = 10_000;

/// When the history is full, so many more go at once than must, so that not every commit after
/// that has to look for the oldest.
const HISTORY_SLACK: u32 = HISTORY_MOST / 100;

/// The whole state of some jails, and of all sources.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// The time.
    pub now: Timestamp,
    /// These jails have what `writes` say, and nothing else. Jails that are not named keep what
    /// they have.
    pub jails: &'a [JailId],
    /// Their bans and windows, and everybody who is allowed by hand.
    pub writes: &'a [Write],
    /// The sources.
    pub positions: &'a [(&'a str, Option<SavedPosition>)],
}

/// What may be forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Purge<'a> {
    /// The time.
    pub now: Timestamp,
    /// Bans that began longer ago leave the history; and the counts of earlier bans in jails that are
    /// not running go when the last of them ended longer ago.
    pub keep_history: Duration,
    /// Windows of jails that are not running go when their last attempt is longer ago.
    pub keep_windows: Duration,
    /// The jails that are running; what is in force there is the keeper's to end.
    pub jails: &'a [&'a str],
}

/// Whether a transaction is forced to the disk at once, or when the kernel or a later one does.
#[derive(Clone, Copy)]
struct Lasts(bool);

impl Store {
    /// Writes all of this, or nothing. Each ban enters the history; a ban that is written twice
    /// stands there once. With a decision among it, all of it outlives a loss of power from now on.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; a later commit may work again.
    ///
    /// # Panics
    ///
    /// When a jail is not of this roster.
    pub fn commit(
        &mut self,
        names: &Roster,
        writes: &[Write],
        positions: &[(&str, Option<SavedPosition>)],
    ) -> Result<(), StoreError> {
        let lasts = Lasts(writes.iter().any(Write::is_decision));
        self.transact("write", lasts, |transaction, before| {
            let bans = put(transaction, names, writes)?;
            put_positions(transaction, positions)?;
            Ok(((), bound_history(transaction, before, bans)?))
        })
    }

    /// Replaces what is stored by the whole state, such as after commits that failed. A file that
    /// cannot be used any more is opened anew, and set aside if it was damaged.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; everything stays as it was then.
    ///
    /// # Panics
    ///
    /// When a jail is not of this roster.
    pub fn rewrite(
        &mut self,
        names: &Roster,
        whole: Whole<'_>,
    ) -> Result<Option<SetAside>, StoreError> {
        let set_aside = if self.open.is_some() { None } else { file::reopen(self, whole.now)? };
        self.transact("rewrite", Lasts(true), |transaction, before| {
            for jail in whole.jails {
                let name = names.name(*jail);
                transaction.execute("DELETE FROM bans WHERE jail = ?1", [name])?;
                transaction.execute("DELETE FROM windows WHERE jail = ?1", [name])?;
                transaction.execute("DELETE FROM accounts WHERE jail = ?1", [name])?;
                transaction.execute("DELETE FROM evidence WHERE jail = ?1", [name])?;
                transaction.execute("DELETE FROM priors WHERE jail = ?1", [name])?;
            }
            transaction.execute("DELETE FROM allowed", [])?;
            transaction.execute("DELETE FROM positions", [])?;
            let bans = put(transaction, names, whole.writes)?;
            put_positions(transaction, whole.positions)?;
            Ok(((), bound_history(transaction, before, bans)?))
        })?;
        Ok(set_aside)
    }

    /// Forgets what is too old, at most 10,000 rows of a kind. The number of rows that went.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn purge(&mut self, purge: Purge<'_>) -> Result<usize, StoreError> {
        let jails = serde_json::json!(purge.jails).to_string();
        let oldest_ban = purge.now.minus(purge.keep_history).micros();
        let oldest_window = purge.now.minus(purge.keep_windows).micros();
        self.transact("clean", Lasts(false), |transaction, rows| {
            let history = transaction.execute(
                "DELETE FROM history WHERE (network, since, jail) IN
                     (SELECT network, since, jail FROM history WHERE since < ?1 LIMIT ?2)",
                params![oldest_ban, PURGE_STEP],
            )?;
            let bans = transaction.execute(
                "DELETE FROM bans WHERE (jail, network) IN
                     (SELECT jail, network FROM bans WHERE until <= ?1
                      AND jail NOT IN (SELECT value FROM json_each(?2)) LIMIT ?3)",
                params![purge.now.micros(), jails, PURGE_STEP],
            )?;
            let windows = transaction.execute(
                "DELETE FROM windows WHERE (jail, network) IN
                     (SELECT jail, network FROM windows WHERE newest < ?1
                      AND jail NOT IN (SELECT value FROM json_each(?2)) LIMIT ?3)",
                params![oldest_window, jails, PURGE_STEP],
            )?;
            let oldest = purge.now.minus(purge.keep_windows);
            let others = attempts::purge(transaction, &jails, oldest, PURGE_STEP)?;
            let priors = transaction.execute(
                "DELETE FROM priors WHERE (jail, network, enforced) IN
                     (SELECT jail, network, enforced FROM priors WHERE ended < ?1
                      AND jail NOT IN (SELECT value FROM json_each(?2)) LIMIT ?3)",
                params![oldest_ban, jails, PURGE_STEP],
            )?;
            Ok((history + bans + windows + others + priors, rows))
        })
    }

    /// Does some work in one transaction. It is told how many past bans there are at most, and says
    /// how many there are then.
    fn transact<T>(
        &mut self,
        doing: &'static str,
        lasts: Lasts,
        work: impl FnOnce(&Transaction<'_>, u32) -> rusqlite::Result<(T, u32)>,
    ) -> Result<T, StoreError> {
        self.file()?;
        let result = self.open.as_mut().expect("it is open").transact(doing, lasts, work);
        if let Err(error) = &result
            && !error.leaves_it_open()
        {
            self.damage = error.damage();
            self.open.take().expect("it was open").abandon();
        }
        result
    }
}

impl OpenFile {
    /// Closes it as it is: to tidy up would be to write, maybe into a file that has taken its place.
    fn abandon(self) {
        let leave = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        // Where that cannot be said, closing it does what it can.
        let _ = self.connection.set_db_config(leave, true);
    }

    fn transact<T>(
        &mut self,
        doing: &'static str,
        lasts: Lasts,
        work: impl FnOnce(&Transaction<'_>, u32) -> rusqlite::Result<(T, u32)>,
    ) -> Result<T, StoreError> {
        if !file::is_in_place(&self.path, self.identity) {
            return Err(StoreError::Gone { path: self.path.clone() });
        }
        let run = || {
            // Within a transaction it cannot be changed.
            let synchronous = if lasts.0 { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction, self.history_rows)?;
            transaction.commit()?;
            Ok(result)
        };
        let (result, rows) =
            run().map_err(|source| StoreError::sqlite(doing, &self.path, source))?;
        self.history_rows = rows;
        Ok(result)
    }
}

/// Makes room when the history is full. `before` is at least the number of rows without these
/// bans; the result is at least the number with them.
fn bound_history(transaction: &Transaction<'_>, before: u32, bans: u32) -> rusqlite::Result<u32> {
    let rows = before.saturating_add(bans);
    if rows <= HISTORY_MOST {
        return Ok(rows);
    }
    let rows = saved::history_rows(transaction)?;
    if rows <= HISTORY_MOST {
        return Ok(rows);
    }
    transaction.execute(
        "DELETE FROM history WHERE (network, since, jail) IN
             (SELECT network, since, jail FROM history ORDER BY since LIMIT ?1)",
        [rows - HISTORY_MOST + HISTORY_SLACK],
    )?;
    saved::history_rows(transaction)
}

/// Writes all of it; how many bans there were.
fn put(transaction: &Transaction<'_>, names: &Roster, writes: &[Write]) -> rusqlite::Result<u32> {
    let mut statements = Statements::new(transaction);
    let mut bans = 0_u32;
    for write in writes {
        bans = bans.saturating_add(matches!(write, Write::Ban(..)).into());
        put_one(&mut statements, names, write)?;
    }
    Ok(bans)
}

fn put_one(statements: &mut Statements<'_>, names: &Roster, write: &Write) -> rusqlite::Result<()> {
    match write {
        Write::Ban(jail, network, ban) => put_ban(statements, names.name(*jail), *network, ban),
        Write::NoBan(jail, network) => {
            let row = params![names.name(*jail), encode_network(*network)];
            statements.run(Sql::RemoveBan, row)
        }
        Write::Window(jail, network, times) => {
            put_window(statements, names.name(*jail), *network, times)
        }
        Write::NoWindow(jail, network) => put_window(statements, names.name(*jail), *network, &[]),
        Write::Account(jail, account, times) => {
            put_account(statements, names.name(*jail), account, times)
        }
        Write::NoAccount(jail, account) => put_account(statements, names.name(*jail), account, &[]),
        Write::Evidence(jail, network, newest, lines) => {
            put_evidence(statements, names.name(*jail), *network, (*newest, lines))
        }
        Write::NoEvidence(jail, network) => {
            remove_evidence(statements, names.name(*jail), *network)
        }
        Write::Prior { jail, network, enforced, prior: Prior { bans, ended } } => {
            let (jail, network) = (names.name(*jail), encode_network(*network));
            let row = params![jail, network, enforced, bans, ended.micros()];
            statements.put(Sql::PutPrior, row)
        }
        Write::NoPrior { jail, network, enforced } => {
            let row = params![names.name(*jail), encode_network(*network), enforced];
            statements.run(Sql::RemovePrior, row)
        }
        Write::Allowed(jail, network, allowance) => {
            let jail = jail.map(|jail| &**names.name(jail));
            allowed::put(statements, jail, *network, allowance)
        }
        Write::NotAllowed(jail, network) => {
            let jail = jail.map(|jail| &**names.name(jail));
            allowed::remove(statements, jail, *network)
        }
    }
}

fn put_ban(
    statements: &mut Statements<'_>,
    jail: &str,
    network: Network,
    ban: &BanRecord,
) -> rusqlite::Result<()> {
    let row = params![
        jail,
        encode_network(network),
        ban.since.micros(),
        encode_until(ban.until),
        ban.attempts,
        ban.nth,
        ban.enforced
    ];
    statements.put(Sql::PutBan, row)?;
    statements.put(Sql::PutPastBan, row)
}

fn put_window(
    statements: &mut Statements<'_>,
    jail: &str,
    network: Network,
    times: &[Timestamp],
) -> rusqlite::Result<()> {
    let network = encode_network(network);
    match times.iter().max() {
        None => statements.run(Sql::RemoveWindow, params![jail, network]),
        Some(newest) => {
            let row = params![jail, network, newest.micros(), encode_times(times)];
            statements.put(Sql::PutWindow, row)
        }
    }
}

fn put_positions(
    transaction: &Transaction<'_>,
    positions: &[(&str, Option<SavedPosition>)],
) -> rusqlite::Result<()> {
    let mut statements = Statements::new(transaction);
    for (source, position) in positions {
        let Some(position) = position else {
            statements.run(Sql::RemovePosition, [source])?;
            continue;
        };
        let sequence = position.sequence.cast_signed();
        statements.put(Sql::PutPosition, params![source, position.cursor, sequence])?;
    }
    Ok(())
}
