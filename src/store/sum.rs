//! A sum over each row. SQLite notices damage to the structure of its file, and none to what stands
//! in it: a single bit would make a ban of another address.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};

/// Odd, so that whatever differs before a multiplication differs behind it (FNV's prime).
const FACTOR: u64 = 0x0000_0100_0000_01b3;

/// What the values of a row come to.
pub(super) fn of_values(values: &[&dyn ToSql]) -> rusqlite::Result<i64> {
    let mut sum = Sum::default();
    values.iter().try_for_each(|value| with_plain(*value, |value| sum.add(value)))?;
    Ok(sum.number())
}

/// Shows a value as SQLite has it.
pub(super) fn with_plain(
    value: &dyn ToSql,
    mut show: impl FnMut(ValueRef<'_>),
) -> rusqlite::Result<()> {
    match value.to_sql()? {
        ToSqlOutput::Borrowed(value) => show(value),
        ToSqlOutput::Owned(value) => show((&value).into()),
        _ => unreachable!("values are plain"),
    }
    Ok(())
}

/// Whether the last column of a row is what the others come to.
pub(super) fn is_right(row: &Row<'_>) -> rusqlite::Result<bool> {
    let last = row.as_ref().column_count() - 1;
    let mut sum = Sum::default();
    for column in 0..last {
        sum.add(row.get_ref(column)?);
    }
    Ok(row.get_ref(last)? == ValueRef::Integer(sum.number()))
}

/// What the values that were added come to.
#[derive(Default)]
pub(super) struct Sum(u64);

impl Sum {
    pub(super) fn number(&self) -> i64 {
        self.0.cast_signed()
    }

    pub(super) fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.word(0),
            ValueRef::Integer(number) => {
                self.word(1);
                self.word(number.cast_unsigned());
            }
            ValueRef::Real(number) => {
                self.word(2);
                self.word(number.to_bits());
            }
            ValueRef::Text(bytes) => self.bytes(3, bytes),
            ValueRef::Blob(bytes) => self.bytes(4, bytes),
        }
    }

    fn bytes(&mut self, kind: u64, bytes: &[u8]) {
        self.word(kind);
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
    }

    /// Each step can be undone, so that two rows that differ in one word differ in their sums.
    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(FACTOR).rotate_left(29);
    }
}
