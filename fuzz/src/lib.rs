//! What the fuzz targets do with an input, and what must hold of the outcome. The tests of the main
//! crate run the same.

pub mod arguments;
pub mod bans;
pub mod dates;
pub mod dialect;
pub mod import;
pub mod line;
pub mod log;
pub mod netlink;
pub mod pattern;
pub mod rules;
pub mod state;

use rusqlite::types::Value;

/// Parts the texts of an input, so that a person can write one down.
const BETWEEN: &str = "\n~~~\n";

/// The texts of an input. What is no UTF-8 is U+FFFD, as wherever texts come in.
fn texts(input: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(input).split(BETWEEN).map(str::to_owned).collect()
}

/// A value for a column of a table: `-` for none, `xHEX` for bytes, `'TEXT`, or a number.
fn value(word: &str) -> Value {
    match (word, word.split_at_checked(1)) {
        ("-", _) => Value::Null,
        (_, Some(("x", digits))) => Value::Blob(hex(digits)),
        (_, Some(("'", text))) => Value::Text(text.to_owned()),
        _ => word.parse().map_or_else(|_| Value::Text(word.to_owned()), Value::Integer),
    }
}

/// The bytes that pairs of hexadecimal digits are.
fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().as_chunks::<2>().0.iter();
    pairs.filter_map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}
