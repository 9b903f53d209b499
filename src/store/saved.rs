//! What the state file remembers.

use rusqlite::{Connection, Row, params};

use super::allowed::{self, SavedAllowance};
use super::coding::{decode_network, decode_times, decode_until, encode_network};
use super::{HISTORY_MOST, HISTORY_TOLD};
use crate::keeper::{BanRecord, Network, Timestamp};

/// Everything that is needed to go on where the last process stopped. Jails and sources go by
/// name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Bans in force when they were written; some may be over by now.
    pub bans: Vec<(String, Network, BanRecord)>,
    /// Attempts of offenders that are not banned yet, oldest first, never none.
    pub windows: Vec<(String, Network, Vec<Timestamp>)>,
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
    /// Rows that no jailkeeper has written so; they are left out above.
    pub nonsense: Option<Nonsense>,
}

/// Reads everything.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Saved> {
    let mut nonsense = None;
    let bans = bans(connection, None, &mut nonsense)?;
    let windows = windows(connection, None, &mut nonsense)?;
    let allowed = allowed::all(connection, &mut nonsense)?;
    Ok(Saved { bans, windows, allowed, positions: positions(connection)?, nonsense })
}

/// Reads one jail.
pub(super) fn of_jail(connection: &Connection, name: &str) -> rusqlite::Result<JailSaved> {
    let mut nonsense = None;
    let bans = bans(connection, Some(name), &mut nonsense)?;
    let windows = windows(connection, Some(name), &mut nonsense)?;
    Ok(JailSaved {
        bans: bans.into_iter().map(|(_, network, ban)| (network, ban)).collect(),
        windows: windows.into_iter().map(|(_, network, times)| (network, times)).collect(),
        nonsense,
    })
}

/// Reads the bans of one offender, newest first.
pub(super) fn history(
    connection: &Connection,
    network: Network,
) -> rusqlite::Result<Vec<(String, BanRecord)>> {
    let mut statement = connection.prepare_cached(
        "SELECT jail, since, until, attempts FROM history WHERE network = ?1
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
) -> rusqlite::Result<Vec<(String, Network, BanRecord)>> {
    let mut statement = connection.prepare_cached(
        "SELECT jail, network, since, until, attempts FROM bans WHERE ?1 IS NULL OR jail = ?1",
    )?;
    let mut rows = statement.query([jail])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (jail, bytes): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        match (decode_network(&bytes), ban_record(row, 2)) {
            (Some(network), Ok(ban)) => found.push((jail, network, ban)),
            (None, _) => doubt(nonsense, &jail, "ban", &bytes, "is no network"),
            (_, Err(_)) => doubt(nonsense, &jail, "ban", &bytes, "has an impossible number"),
        }
    }
    Ok(found)
}

fn windows(
    connection: &Connection,
    jail: Option<&str>,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<(String, Network, Vec<Timestamp>)>> {
    let mut statement = connection
        .prepare_cached("SELECT jail, network, times FROM windows WHERE ?1 IS NULL OR jail = ?1")?;
    let mut rows = statement.query([jail])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (jail, bytes): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        match (decode_network(&bytes), decode_times(row.get_ref(2)?.as_blob()?)) {
            (Some(network), Some(times)) => found.push((jail, network, times)),
            (None, _) => doubt(nonsense, &jail, "window", &bytes, "is no network"),
            (_, None) => doubt(nonsense, &jail, "window", &bytes, "has impossible times"),
        }
    }
    Ok(found)
}

fn positions(connection: &Connection) -> rusqlite::Result<Vec<(String, SavedPosition)>> {
    let mut statement =
        connection.prepare_cached("SELECT source, cursor, sequence FROM positions")?;
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
    })
}

pub(super) fn doubt(
    nonsense: &mut Option<Nonsense>,
    jail: &str,
    what: &str,
    bytes: &[u8],
    why: &str,
) {
    let entry = nonsense.get_or_insert_with(|| {
        // The longest network has 18 bytes; whatever is longer need not be shown whole.
        let shown =
            bytes.iter().take(18).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let first = format!("a {what} of the jail {jail} with the network x'{shown}' {why}");
        Nonsense { rows: 0, first }
    });
    entry.rows += 1;
}
