//! What is written into the state file.

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::changes::{self, Gathered, Rows};
use super::saved::{self, SavedPosition};
use super::{HISTORY_MOST, OpenFile, SetAside, Store, StoreError, attempts, file};
use crate::keeper::{JailId, Roster, Timestamp, Write};

/// So many rows of each table go in one [`Store::purge`], so that the loop is held up for some
/// milliseconds only; the next purge takes the next ones.
const PURGE_STEP: u32 = 10_000;

/// After so many rows the write-ahead log is worked into the file when there is time.
const LOG_ROWS: u32 = 512;

/// So many rows are worked into the tables at once: for so long everybody else waits.
const FOLD_STEP: usize = 512;

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

/// What is known of the file without looking.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// At least as many past bans as there are.
    pub(super) history: u32,
    /// Rows that the tables do not have yet, each as often as it was written.
    pub(super) unfolded: u32,
    /// Rows that were committed since the write-ahead log was worked in last.
    pub(super) in_log: u32,
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
        self.transact("write", lasts, |transaction, counts| {
            let rows = rows(names, writes, positions)?;
            rows.append(transaction)?;
            counts.unfolded = counts.unfolded.saturating_add(rows.count());
            counts.in_log = counts.in_log.saturating_add(rows.count());
            Ok(())
        })
    }

    /// How many rows were committed that the tables do not have yet. They are as safe as the others; but
    /// they take room, and time at a start.
    pub fn unfolded(&self) -> u32 {
        self.open.as_ref().map_or(0, |open| open.counts.unfolded)
    }

    /// Works 512 of these into the tables, of the oldest 16,384; they count no longer when the last of
    /// those is there. When there are no others, and there were many, the write-ahead log is worked into
    /// the file.
    ///
    /// # Errors
    ///
    /// When the file cannot be written. It begins anew next time then.
    pub fn fold(&mut self) -> Result<(), StoreError> {
        if self.unfolded() == 0 {
            return Ok(());
        }
        let folding = self.open.as_mut().and_then(|open| open.folding.take());
        let folding = self.transact("write", Lasts(false), |transaction, counts| {
            let mut folding = match folding {
                Some(folding) => folding,
                None => gathered(transaction)?,
            };
            let bans = folding.write(transaction, FOLD_STEP)?;
            counts.history = counts.history.saturating_add(bans);
            bound_history(transaction, counts)?;
            if !folding.is_written() {
                return Ok(Some(folding));
            }
            folding.forget(transaction)?;
            counts.unfolded = counts.unfolded.saturating_sub(folding.taken);
            Ok(None)
        })?;
        let open = self.open.as_mut().expect("it was written to");
        open.folding = folding;
        if open.counts.unfolded == 0 && open.counts.in_log >= LOG_ROWS {
            open.counts.in_log = 0;
            // Where somebody reads the file, a later one does it.
            let checkpoint = open.connection.query_row("PRAGMA wal_checkpoint", [], |_| Ok(()));
            checkpoint.map_err(|source| open.error("write", source))?;
        }
        Ok(())
    }

    /// Works all of them into the tables, step by step.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn fold_all(&mut self) -> Result<(), StoreError> {
        while self.unfolded() > 0 {
            self.fold()?;
        }
        Ok(())
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
        if let Some(open) = &mut self.open {
            open.folding = None;
        }
        let set_aside = if self.open.is_some() { None } else { file::reopen(self, whole.now)? };
        self.transact("rewrite", Lasts(true), |transaction, counts| {
            // Of what was damaged when the file was opened nothing counts as unfolded.
            if counts.unfolded > 0 && changes::fold_all(transaction)?.damaged > 0 {
                return Err(changes::corrupt());
            }
            changes::clear(transaction)?;
            counts.unfolded = 0;
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
            let rows = rows(names, whole.writes, whole.positions)?;
            rows.apply(transaction)?;
            counts.history = saved::history_rows(transaction)?;
            bound_history(transaction, counts)
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
        self.fold_all()?;
        self.transact("clean", Lasts(false), |transaction, _| {
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
            Ok(history + bans + windows + others + priors)
        })
    }

    /// Does some work in one transaction, which keeps the counts.
    fn transact<T>(
        &mut self,
        doing: &'static str,
        lasts: Lasts,
        work: impl FnOnce(&Transaction<'_>, &mut Counts) -> rusqlite::Result<T>,
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
        work: impl FnOnce(&Transaction<'_>, &mut Counts) -> rusqlite::Result<T>,
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
            let mut counts = self.counts;
            let result = work(&transaction, &mut counts)?;
            transaction.commit()?;
            Ok((result, counts))
        };
        let (result, counts) = run().map_err(|source| self.error(doing, source))?;
        self.counts = counts;
        Ok(result)
    }
}

/// What is written, as rows.
fn rows(
    names: &Roster,
    writes: &[Write],
    positions: &[(&str, Option<SavedPosition>)],
) -> rusqlite::Result<Rows> {
    let mut rows = Rows::default();
    for write in writes {
        super::rows::put(&mut rows, names, write)?;
    }
    for (source, position) in positions {
        super::rows::put_position(&mut rows, source, position.as_ref())?;
    }
    Ok(rows)
}

/// What the tables do not have yet. We have written it ourselves by now, so that the file is damaged if
/// it is not as it was written.
fn gathered(transaction: &Transaction<'_>) -> rusqlite::Result<Gathered> {
    let all = Gathered::read(transaction)?;
    if all.damaged > 0 || all.taken == 0 { Err(changes::corrupt()) } else { Ok(all) }
}

/// Makes room when the history is full.
pub(super) fn bound_history(connection: &Connection, counts: &mut Counts) -> rusqlite::Result<()> {
    if counts.history <= HISTORY_MOST {
        return Ok(());
    }
    counts.history = saved::history_rows(connection)?;
    if counts.history <= HISTORY_MOST {
        return Ok(());
    }
    connection.execute(
        "DELETE FROM history WHERE (network, since, jail) IN
             (SELECT network, since, jail FROM history ORDER BY since LIMIT ?1)",
        [counts.history - HISTORY_MOST + HISTORY_SLACK],
    )?;
    counts.history = saved::history_rows(connection)?;
    Ok(())
}
