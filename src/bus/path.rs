//! Names of jails as the last part of an object path.

use std::fmt::Write as _;

use super::PATH;

/// The path of a jail's object. What an object path cannot hold is written `_` and two hexadecimal
/// digits, as sd_bus_path_encode(3) does it.
pub fn jail_path(jail: &str) -> String {
    let mut path = format!("{PATH}/jail/");
    if jail.is_empty() {
        path.push('_');
    }
    for (index, byte) in jail.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && index > 0) {
            path.push(char::from(byte));
        } else {
            write!(path, "_{byte:02x}").expect("a String takes everything");
        }
    }
    path
}
