//! A way into the state file for rows that we have not written.

use rusqlite::ToSql;
use rusqlite::types::Value;

use super::sum;

/// What the last column of a row with these values says.
///
/// # Panics
///
/// Never: such values are their own SQL.
pub fn sum(values: &[Value]) -> i64 {
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as _).collect();
    sum::of_values(&values).expect("they are values already")
}
