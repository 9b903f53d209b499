//! What the state file remembers.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, Params, Row, params};

use super::allowed::{self, SavedAllowance};
use super::attempts::{self, AccountRow, EvidenceRow};
use super::coding::{decode_network, decode_times, decode_until, encode_network};
use super::{HISTORY_MOST, HISTORY_TOLD, sum};
use crate::keeper::{BanRecord, Network, Prior, Timestamp};

/// Everything that is needed to go on where the last process stopped. Jails and sources go by
/// name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Bans in force when they were written; some may be over by now.
    pub bans: Vec<(Arc<str>, Network, BanRecord)>,
    /// Attempts of offenders that are not banned yet, oldest first, never none.
    pub windows: Vec<WindowRow>,
    /// Attempts on accounts, oldest first, never none.
    pub accounts: Vec<AccountRow>,
    /// When an offender's last attempt was, and the last lines behind him, the newest last, with a
    /// newline between them.
    pub evidence: Vec<EvidenceRow>,
    /// How often offenders were banned in a jail, in earnest (true) or not.
    pub priors: Vec<(Arc<str>, (Network, bool, Prior))>,
    /// Who was allowed by hand; some may be over by now.
    pub allowed: Vec<SavedAllowance>,
    /// How far each source was read.
    pub positions: Vec<(String, SavedPosition)>,
    /// Rows that are not as they were written. They are left out above, and stay in the file until
    /// [`Store::rewrite`](super::Store::rewrite) replaces their jail.
    pub nonsense: Option<Nonsense>,
}

/// How far a source was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPosition {
    /// Where the source goes on, in the source's own terms.
    pub cursor: String,
    /// The number of the last record that was dealt with.
    pub sequence: u64,
}

/// Rows that make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonsense {
    /// How many.
    pub rows: u64,
    /// The first of them, as a clause.
    pub first: String,
}

/// What is remembered of one jail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JailSaved {
    /// Bans in force when they were written; some may be over by now.
    pub bans: Vec<(Network, BanRecord)>,
    /// Attempts of offenders that are not banned yet, oldest first, never none.
    pub windows: Vec<(Network, Vec<Timestamp>)>,
    /// Attempts on accounts, oldest first, never none.
    pub accounts: Vec<(Arc<str>, Vec<Timestamp>)>,
    /// When an offender's last attempt was, and the last lines behind him, the newest last, with a
    /// newline between them.
    pub evidence: Vec<(Network, Timestamp, Arc<str>)>,
    /// How often offenders were banned, in earnest (true) or not.
    pub priors: Vec<(Network, bool, Prior)>,
    /// Rows that are not as they were written; they are left out above.
    pub nonsense: Option<Nonsense>,
}

/// The window of an offender: jail, offender, times.
type WindowRow = (Arc<str>, Network, Vec<Timestamp>);

/// Rows under the names of their jails.
type ByJail<T> = Vec<(Arc<str>, T)>;

/// The names of jails, each once, however many rows there are.
#[derive(Default)]
pub(super) struct Names(BTreeSet<Arc<str>>);

impl Names {
    /// The name in a column of a row.
    pub(super) fn read(&mut self, row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
        let name = row.get_ref(column)?.as_str()?;
        if let Some(known) = self.0.get(name) {
            return Ok(Arc::clone(known));
        }
        let name: Arc<str> = name.into();
        self.0.insert(Arc::clone(&name));
        Ok(name)
    }
}

/// Reads everything. Of so many commits it is not known what was in them.
pub(super) fn all(connection: &Connection, lost: u32) -> rusqlite::Result<Saved> {
    let first = || "what was committed last is not as it was written".to_owned();
    let mut nonsense = (lost > 0).then(|| Nonsense { rows: lost.into(), first: first() });
    let mut saved = Saved { positions: positions(connection, &mut nonsense)?, ..Saved::default() };
    if nonsense.is_none() {
        saved.windows = windows(connection, None, &mut nonsense)?;
        saved.accounts = attempts::accounts(connection, None, &mut nonsense)?;
    } else {
        // What is read again, for want of a position, must not count beside what was counted.
        saved.positions.clear();
    }
    saved.bans = bans(connection, None, &mut nonsense)?;
    saved.evidence = attempts::evidence(connection, None, &mut nonsense)?;
    saved.priors = priors(connection, None, &mut nonsense)?;
    saved.allowed = allowed::all(connection, &mut nonsense)?;
    saved.nonsense = nonsense;
    Ok(saved)
}

/// Reads one jail.
pub(super) fn of_jail(connection: &Connection, name: &str) -> rusqlite::Result<JailSaved> {
    let mut nonsense = None;
    let bans = bans(connection, Some(name), &mut nonsense)?;
    let windows = windows(connection, Some(name), &mut nonsense)?;
    let accounts = attempts::accounts(connection, Some(name), &mut nonsense)?;
    let evidence = attempts::evidence(connection, Some(name), &mut nonsense)?;
    let priors = priors(connection, Some(name), &mut nonsense)?;
    Ok(JailSaved {
        bans: bans.into_iter().map(|(_, network, ban)| (network, ban)).collect(),
        windows: windows.into_iter().map(|(_, network, times)| (network, times)).collect(),
        accounts: accounts.into_iter().map(|(_, account, times)| (account, times)).collect(),
        evidence: evidence
            .into_iter()
            .map(|(_, network, newest, lines)| (network, newest, lines))
            .collect(),
        priors: priors.into_iter().map(|(_, prior)| prior).collect(),
        nonsense,
    })
}

/// Reads the bans of one offender, newest first.
pub(super) fn history(
    connection: &Connection,
    network: Network,
) -> rusqlite::Result<Vec<(String, BanRecord)>> {
    let sql = "SELECT jail, network, since, until, attempts, nth, enforced, sum FROM history
         WHERE network = ?1 ORDER BY since DESC, jail LIMIT ?2";
    let asked = params![encode_network(network), HISTORY_TOLD];
    // What of it makes no sense was never told, so that nobody misses it.
    sound_rows(connection, sql, asked, ("a past ban", &mut None), |row| {
        Ok(Some((row.get(0)?, ban_record(row)?)))
    })
}

/// How many past bans there are, as far as it matters.
pub(super) fn history_rows(connection: &Connection) -> rusqlite::Result<u32> {
    // Twice the bound is as good as anything above it, and bounds the time that counting takes.
    connection.query_row(
        "SELECT count(*) FROM (SELECT 1 FROM history LIMIT ?1)",
        [HISTORY_MOST * 2],
        |row| row.get(0),
    )
}

fn bans(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<(Arc<str>, Network, BanRecord)>> {
    let mut names = Names::default();
    let sql = "SELECT jail, network, since, until, attempts, nth, enforced, sum FROM bans
         WHERE ?1 IS NULL OR jail = ?1";
    sound_rows(connection, sql, [jail], ("a ban", nonsense), |row| {
        let (jail, ban) = (names.read(row, 0)?, ban_record(row)?);
        let network = decode_network(row.get_ref(1)?.as_blob()?);
        Ok(network.map(|network| (jail, network, ban)))
    })
}

fn windows(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<WindowRow>> {
    let mut names = Names::default();
    let sql = "SELECT jail, network, newest, times, sum FROM windows WHERE ?1 IS NULL OR jail = ?1";
    sound_rows(connection, sql, [jail], ("a window", nonsense), |row| {
        let (jail, network) = (names.read(row, 0)?, decode_network(row.get_ref(1)?.as_blob()?));
        let times = decode_times(row.get_ref(3)?.as_blob()?);
        Ok(network.zip(times).map(|(network, times)| (jail, network, times)))
    })
}

fn priors(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<ByJail<(Network, bool, Prior)>> {
    let mut names = Names::default();
    // The oldest first: they make room where there are more than are remembered.
    let sql = "SELECT jail, network, enforced, bans, ended, sum FROM priors
         WHERE ?1 IS NULL OR jail = ?1 ORDER BY ended";
    sound_rows(connection, sql, [jail], ("a count of bans", nonsense), |row| {
        let (jail, network) = (names.read(row, 0)?, decode_network(row.get_ref(1)?.as_blob()?));
        let ended = Timestamp::from_micros(row.get(4)?);
        let (enforced, prior) = (row.get(2)?, Prior { bans: row.get(3)?, ended });
        Ok(network.map(|network| (jail, (network, enforced, prior))))
    })
}

fn positions(
    connection: &Connection,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<(String, SavedPosition)>> {
    let sql = "SELECT source, cursor, sequence, sum FROM positions";
    sound_rows(connection, sql, [], ("a position", nonsense), |row| {
        let sequence: i64 = row.get(2)?;
        let position = SavedPosition { cursor: row.get(1)?, sequence: sequence.cast_unsigned() };
        Ok(Some((row.get(0)?, position)))
    })
}

fn ban_record(row: &Row<'_>) -> rusqlite::Result<BanRecord> {
    Ok(BanRecord {
        since: Timestamp::from_micros(row.get(2)?),
        until: decode_until(row.get(3)?),
        attempts: row.get(4)?,
        nth: row.get(5)?,
        enforced: row.get(6)?,
    })
}

/// The rows of a query that are as they were written, by their last column; the others are counted,
/// and the first of them is called `what`.
pub(super) fn sound_rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    (what, nonsense): (&str, &mut Option<Nonsense>),
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(sound) = if sum::is_right(row)? { read(row)? } else { None } {
            found.push(sound);
        } else {
            let first = || Nonsense { rows: 0, first: format!("{what} is not as it was written") };
            nonsense.get_or_insert_with(first).rows += 1;
        }
    }
    Ok(found)
}
