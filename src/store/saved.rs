//! What the state file remembers.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::allowed::{self, SavedAllowance};
use super::attempts::{self, AccountRow, EvidenceRow};
use super::coding::{decode_network, decode_times, decode_until, encode_network};
use super::{HISTORY_MOST, HISTORY_TOLD};
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
    /// When an offender's last attempt was, and the last lines behind him, the newest last.
    pub evidence: Vec<EvidenceRow>,
    /// How often offenders were banned in a jail, in earnest (true) or not.
    pub priors: Vec<(Arc<str>, (Network, bool, Prior))>,
    /// Who was allowed by hand; some may be over by now.
    pub allowed: Vec<SavedAllowance>,
    /// How far each source was read.
    pub positions: Vec<(String, SavedPosition)>,
    /// Rows that no jailkeeper has written so. They are left out above, and stay in the file until
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
    /// When an offender's last attempt was, and the last lines behind him, the newest last.
    pub evidence: Vec<(Network, Timestamp, Vec<Arc<str>>)>,
    /// How often offenders were banned, in earnest (true) or not.
    pub priors: Vec<(Network, bool, Prior)>,
    /// Rows that no jailkeeper has written so; they are left out above.
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

/// Reads everything.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Saved> {
    let mut nonsense = None;
    let bans = bans(connection, None, &mut nonsense)?;
    let windows = windows(connection, None, &mut nonsense)?;
    let accounts = attempts::accounts(connection, None, &mut nonsense)?;
    let evidence = attempts::evidence(connection, None, &mut nonsense)?;
    let priors = priors(connection, None, &mut nonsense)?;
    let positions = positions(connection)?;
    let allowed = allowed::all(connection, &mut nonsense)?;
    Ok(Saved { bans, windows, accounts, evidence, priors, allowed, positions, nonsense })
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
    let mut statement = connection.prepare(
        "SELECT jail, since, until, attempts, nth, enforced FROM history WHERE network = ?1
         ORDER BY since DESC, jail LIMIT ?2",
    )?;
    let rows = statement.query_map(params![encode_network(network), HISTORY_TOLD], |row| {
        Ok((row.get(0)?, ban_record(row, 1)?))
    })?;
    rows.collect()
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
    let mut statement = connection.prepare(
        "SELECT jail, network, since, until, attempts, nth, enforced FROM bans
         WHERE ?1 IS NULL OR jail = ?1",
    )?;
    let mut rows = statement.query([jail])?;
    let (mut names, mut found) = (Names::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let (jail, bytes) = (names.read(row, 0)?, row.get_ref(1)?.as_blob()?);
        match (decode_network(bytes), ban_record(row, 2)) {
            (Some(network), Ok(ban)) => found.push((jail, network, ban)),
            (None, _) => doubt_network(nonsense, &jail, "ban", bytes, "is no network"),
            (_, Err(_)) => {
                doubt_network(nonsense, &jail, "ban", bytes, "has an impossible number");
            }
        }
    }
    Ok(found)
}

fn windows(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<WindowRow>> {
    let mut statement = connection
        .prepare_cached("SELECT jail, network, times FROM windows WHERE ?1 IS NULL OR jail = ?1")?;
    let mut rows = statement.query([jail])?;
    let (mut names, mut found) = (Names::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let (jail, bytes) = (names.read(row, 0)?, row.get_ref(1)?.as_blob()?);
        match (decode_network(bytes), decode_times(row.get_ref(2)?.as_blob()?)) {
            (Some(network), Some(times)) => found.push((jail, network, times)),
            (None, _) => doubt_network(nonsense, &jail, "window", bytes, "is no network"),
            (_, None) => doubt_network(nonsense, &jail, "window", bytes, "has impossible times"),
        }
    }
    Ok(found)
}

fn priors(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<ByJail<(Network, bool, Prior)>> {
    let mut statement = connection.prepare(
        "SELECT jail, network, enforced, bans, ended FROM priors WHERE ?1 IS NULL OR jail = ?1
         ORDER BY ended",
    )?;
    let mut rows = statement.query([jail])?;
    let (mut names, mut found) = (Names::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let (jail, bytes) = (names.read(row, 0)?, row.get_ref(1)?.as_blob()?);
        match (decode_network(bytes), prior(row)) {
            (Some(network), Ok((enforced, prior))) => {
                found.push((jail, (network, enforced, prior)));
            }
            (None, _) => doubt_network(nonsense, &jail, "count of bans", bytes, "is no network"),
            (_, Err(_)) => {
                doubt_network(nonsense, &jail, "count of bans", bytes, "has an impossible number");
            }
        }
    }
    Ok(found)
}

fn prior(row: &Row<'_>) -> rusqlite::Result<(bool, Prior)> {
    let ended = Timestamp::from_micros(row.get(4)?);
    Ok((row.get(2)?, Prior { bans: row.get(3)?, ended }))
}

fn positions(connection: &Connection) -> rusqlite::Result<Vec<(String, SavedPosition)>> {
    let mut statement = connection.prepare("SELECT source, cursor, sequence FROM positions")?;
    let rows = statement.query_map([], |row| {
        let sequence: i64 = row.get(2)?;
        let position = SavedPosition { cursor: row.get(1)?, sequence: sequence.cast_unsigned() };
        Ok((row.get(0)?, position))
    })?;
    rows.collect()
}

fn ban_record(row: &Row<'_>, first_column: usize) -> rusqlite::Result<BanRecord> {
    Ok(BanRecord {
        since: Timestamp::from_micros(row.get(first_column)?),
        until: decode_until(row.get(first_column + 1)?),
        attempts: row.get(first_column + 2)?,
        nth: row.get(first_column + 3)?,
        enforced: row.get(first_column + 4)?,
    })
}

/// Counts a row that makes no sense, by the network that it is about.
pub(super) fn doubt_network(
    nonsense: &mut Option<Nonsense>,
    jail: &str,
    what: &str,
    bytes: &[u8],
    why: &str,
) {
    doubt(nonsense, || {
        // The longest network has 18 bytes; whatever is longer need not be shown whole.
        let shown =
            bytes.iter().take(18).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        format!("a {what} of the jail {jail} with the network x'{shown}' {why}")
    });
}

/// Counts a row that makes no sense, and tells of the first.
pub(super) fn doubt(nonsense: &mut Option<Nonsense>, first: impl FnOnce() -> String) {
    nonsense.get_or_insert_with(|| Nonsense { rows: 0, first: first() }).rows += 1;
}
