//! What a source hands to the rules, and what the rules ask of a source. Pure data, known to both.

mod fields;
mod matches;
mod origin;
mod sources;

pub use fields::Fields;
pub use matches::{Alternative, Matches, MatchesError, is_field_name};
pub use origin::{Origin, is_namespace};
pub use sources::{LogFiles, LogPath, Sources};

use crate::keeper::{Place, Timestamp};

/// A longer message is left out. journald cuts what services print at 48 KiB (`LineMax=` in
/// journald.conf(5)), so it is no line of a log. It is not cut, because who chooses a part of the text could choose
/// where it is cut, and have an address of his choice stand at the end.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What a jail asks of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Which entries.
    pub matches: Matches,
    /// Which of their fields, beside the message.
    pub fields: Vec<String>,
}

/// One journal entry.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was written.
    pub time: Timestamp,
    /// Where it stands.
    pub place: Place,
    /// The text; what is no UTF-8 is U+FFFD in it.
    pub message: &'a str,
    /// The fields that were asked for.
    pub fields: &'a Fields,
}
