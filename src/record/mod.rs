//! What a source hands to the rules, and what the rules ask of a source. Pure data, known to both.

mod matches;
mod origin;

pub use matches::{Alternative, Matches, MatchesError};
pub use origin::{Origin, is_namespace};

use crate::keeper::{Place, Timestamp};

/// A longer message is left out. journald cuts what services print at 48 KiB (`LineMax=` in
/// journald.conf(5)), so it is no line of a log. It is not cut, because who chooses a part of the text could choose
/// where it is cut, and have an address of his choice stand at the end.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// One journal entry or log line.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was written.
    pub time: Timestamp,
    /// Where it stands.
    pub place: Place,
    /// The text, as it is: any bytes, without an end of line.
    pub message: &'a [u8],
}
