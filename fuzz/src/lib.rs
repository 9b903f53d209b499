//! What the fuzz targets do with an input, and what must hold of the outcome. The tests of the main
//! crate run the same.

pub mod dates;
pub mod dialect;
pub mod line;
pub mod pattern;

/// Parts the texts of an input, so that a person can write one down.
const BETWEEN: &str = "\n~~~\n";

/// The texts of an input. What is no UTF-8 is U+FFFD, as wherever texts come in.
fn texts(input: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(input).split(BETWEEN).map(str::to_owned).collect()
}
