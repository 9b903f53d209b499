//! What was committed last, row by row in the order of the commits, before it stands in the tables.
//!
//! The rows of a commit belong to pages that are scattered over the file. Here they stand in a few
//! pages in a row, so that whoever waits for a commit waits for little; and of a row that is written
//! again soon the tables get the last state only.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, Transaction, ffi, params, params_from_iter};

use super::statements::{Statements, Table};
use super::sum::{self, Sum};

/// So many rows are one piece.
const PIECE_ROWS: usize = 512;

/// A piece ends behind so many bytes, too.
const PIECE_BYTES: usize = 256 << 10;

/// So many rows, which are in memory meanwhile, are brought into the tables' order together.
const FOLD_ROWS: u32 = 16_384;

/// Rows to be written, in order, as bytes: for each the number of its table, whether it is written or
/// taken away, and its values.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pieces: Vec<Vec<u8>>,
    in_last_piece: usize,
    count: u32,
}

impl Rows {
    /// Writes a row of these values and their sum, in place of the one with the same keys.
    pub(super) fn put(&mut self, table: Table, row: &[&dyn ToSql]) -> rusqlite::Result<()> {
        let mut sum = Sum::default();
        let piece = self.begin_row(table, true);
        for value in row {
            sum::with_plain(*value, |value| {
                sum.add(value);
                encode(piece, value);
            })?;
        }
        encode(piece, ValueRef::Integer(sum.number()));
        Ok(())
    }

    /// Takes away the row with these keys.
    pub(super) fn remove(&mut self, table: Table, keys: &[&dyn ToSql]) -> rusqlite::Result<()> {
        let piece = self.begin_row(table, false);
        keys.iter().try_for_each(|key| sum::with_plain(*key, |value| encode(piece, value)))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Adds them to what the tables do not have yet.
    pub(super) fn append(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut insert =
            transaction.prepare_cached("INSERT INTO changes (rows, sum) VALUES (?1, ?2)")?;
        for piece in &self.pieces {
            insert.execute(params![piece, sum::of_values(&[piece])?])?;
        }
        Ok(())
    }

    /// Writes them into the tables.
    pub(super) fn apply(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut all = Gathered::default();
        for piece in self.pieces {
            all.take(piece).ok_or_else(corrupt)?;
        }
        all.sort();
        all.write(connection, usize::MAX).map(drop)
    }

    /// The piece in which a row begins.
    fn begin_row(&mut self, table: Table, is_there: bool) -> &mut Vec<u8> {
        let is_full =
            |piece: &Vec<u8>| self.in_last_piece >= PIECE_ROWS || piece.len() >= PIECE_BYTES;
        if self.pieces.last().is_none_or(is_full) {
            self.pieces.push(Vec::new());
            self.in_last_piece = 0;
        }
        self.in_last_piece += 1;
        self.count += 1;
        let piece = self.pieces.last_mut().expect("there is one");
        piece.extend([table as u8, is_there.into()]);
        piece
    }
}

/// What [`fold_all`] has done.
pub(super) struct Folded {
    /// So many bans were among it.
    pub(super) bans: u32,
    /// So many pieces were not as they were written. They stay.
    pub(super) damaged: u32,
}

/// Works everything into the tables.
pub(super) fn fold_all(connection: &Connection) -> rusqlite::Result<Folded> {
    let mut bans = 0_u32;
    loop {
        let mut next = Gathered::read(connection)?;
        if next.taken == 0 {
            return Ok(Folded { bans, damaged: next.damaged });
        }
        bans = bans.saturating_add(next.write(connection, usize::MAX)?);
        next.forget(connection)?;
    }
}

/// Whether the tables have everything.
pub(super) fn are_all_folded(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM changes)", [], |row| row.get(0))
}

/// Forgets what is left, since the tables have what it was about.
pub(super) fn clear(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM changes", []).map(drop)
}

/// What SQLite says of a file that is damaged.
pub(super) fn corrupt() -> rusqlite::Error {
    let reason = "what was committed last is not as it was written".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(reason))
}

/// Rows of several pieces, each in its last state, in the order of the tables: so that those which are
/// written together stand together there.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pieces: Vec<Vec<u8>>,
    rows: Vec<Found>,
    /// So many of these are in the tables.
    written: usize,
    /// The numbers of the pieces.
    numbers: Vec<i64>,
    /// So many rows there were, each as often as it was written.
    pub(super) taken: u32,
    /// So many pieces were not as they were written. They stay.
    pub(super) damaged: u32,
}

/// A row, and where it stands.
#[derive(Clone, Copy, Debug)]
struct Found {
    table: Table,
    /// Whether it is written, or taken away.
    is_there: bool,
    piece: usize,
    /// Where its values begin.
    start: usize,
    /// Where those end that say which row of its table it is.
    key_end: usize,
    end: usize,
}

impl Gathered {
    /// What was committed first, [`FOLD_ROWS`] and what is left of the last piece.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut all = Self::default();
        let sql = "SELECT number, rows, sum FROM changes ORDER BY number";
        let mut select = connection.prepare_cached(sql)?;
        let mut found = select.query([])?;
        while all.taken < FOLD_ROWS
            && let Some(row) = found.next()?
        {
            let (number, piece, sum): (i64, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if sum == sum::of_values(&[&piece])? && all.take(piece).is_some() {
                all.numbers.push(number);
            } else {
                all.damaged += 1;
            }
        }
        all.sort();
        Ok(all)
    }

    /// Whether all of it is in the tables.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.rows.len()
    }

    /// Writes the next so many into the tables; how many bans there were.
    pub(super) fn write(
        &mut self,
        connection: &Connection,
        at_most: usize,
    ) -> rusqlite::Result<u32> {
        let mut statements = Statements::new(connection);
        let mut bans = 0;
        for found in self.rows[self.written..].iter().take(at_most) {
            let Found { table, is_there, piece, start, end, .. } = *found;
            bans += u32::from(table == Table::History);
            let values = params_from_iter(values(&self.pieces[piece][start..end]));
            if is_there {
                statements.put(table, values)?;
            } else {
                statements.remove(table, values)?;
            }
        }
        self.written = self.written.saturating_add(at_most).min(self.rows.len());
        Ok(bans)
    }

    /// Has them stand in the tables alone.
    pub(super) fn forget(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut delete = connection.prepare_cached("DELETE FROM changes WHERE number = ?1")?;
        self.numbers.iter().try_for_each(|number| delete.execute([number]).map(drop))
    }

    /// Takes the rows of a piece; nothing if they make no sense.
    fn take(&mut self, piece: Vec<u8>) -> Option<()> {
        let (before, number) = (self.rows.len(), self.pieces.len());
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            let Some(found) = take_row(&mut rest, (number, piece.len())) else {
                self.rows.truncate(before);
                return None;
            };
            self.rows.push(found);
        }
        self.taken = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.pieces.push(piece);
        Some(())
    }

    fn sort(&mut self) {
        let Self { pieces, rows, .. } = self;
        let key = |row: &Found| (row.table, &pieces[row.piece][row.start..row.key_end]);
        // Stable: of the same row the last one stands last.
        rows.sort_by(|a, b| key(a).cmp(&key(b)));
        rows.dedup_by(|later, kept| {
            let is_same = key(later) == key(kept);
            if is_same {
                *kept = *later;
            }
            is_same
        });
    }
}

/// The row at the beginning of what is left of a piece, which has this number and length; it is left
/// behind. Nothing if there is none that makes sense.
fn take_row(rest: &mut &[u8], (piece, length): (usize, usize)) -> Option<Found> {
    let table = Table::numbered(*rest.split_off_first()?)?;
    let is_there = match rest.split_off_first()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let start = length - rest.len();
    take_values(rest, table.keys())?;
    let key_end = length - rest.len();
    if is_there {
        take_values(rest, table.columns().len() - table.keys())?;
    }
    Some(Found { table, is_there, piece, start, key_end, end: length - rest.len() })
}

fn take_values(bytes: &mut &[u8], count: usize) -> Option<()> {
    (0..count).try_for_each(|_| take(bytes).map(drop))
}

/// The values of a row.
fn values(mut bytes: &[u8]) -> impl Iterator<Item = ToSqlOutput<'_>> {
    std::iter::from_fn(move || take(&mut bytes).map(ToSqlOutput::Borrowed))
}

fn encode(piece: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => piece.push(0),
        ValueRef::Integer(number) => {
            piece.push(1);
            piece.extend(number.to_le_bytes());
        }
        ValueRef::Text(text) => encode_bytes(piece, 2, text),
        ValueRef::Blob(bytes) => encode_bytes(piece, 3, bytes),
        ValueRef::Real(_) => unreachable!("no column has such numbers"),
    }
}

fn encode_bytes(piece: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    piece.push(kind);
    let length = u32::try_from(bytes.len()).expect("SQLite takes no more than 2^31 bytes");
    piece.extend(length.to_le_bytes());
    piece.extend(bytes);
}

/// The value at the beginning, which is left behind; nothing if there is none that makes sense.
fn take<'b>(bytes: &mut &'b [u8]) -> Option<ValueRef<'b>> {
    Some(match bytes.split_off_first()? {
        0 => ValueRef::Null,
        1 => ValueRef::Integer(i64::from_le_bytes(take_chunk(bytes)?)),
        2 => ValueRef::Text(take_bytes(bytes)?),
        3 => ValueRef::Blob(take_bytes(bytes)?),
        _ => return None,
    })
}

fn take_bytes<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = u32::from_le_bytes(take_chunk(bytes)?);
    bytes.split_off(..usize::try_from(length).ok()?)
}

fn take_chunk<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    bytes.split_off(..N)?.try_into().ok()
}
