//! What a source hands to the rules, and what the rules ask of a source. Pure data, known to both.

mod fields;
mod matches;
mod origin;

pub use fields::Fields;
pub use matches::{Alternative, Matches, MatchesError};
pub use origin::{Origin, is_namespace};

use std::borrow::Cow;

use crate::keeper::{Place, Timestamp};

/// A longer message is left out. journald cuts what services print at 48 KiB (`LineMax=` in
/// journald.conf(5)), so it is no line of a log. It is not cut, because who chooses a part of the text could choose
/// where it is cut, and have an address of his choice stand at the end.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What a jail asks of the journal.
#[derive(Clone, Debug, Default)]
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
    /// The text as one line ([`one_line`]).
    pub message: &'a str,
    /// The fields that were asked for.
    pub fields: &'a Fields,
}

/// A message as one line of text: what is no UTF-8 is replaced by U+FFFD, and a new line in it by
/// `\n`, as fail2ban does, since whoever chooses a part of the text could write lines of his own.
#[must_use]
pub fn one_line(message: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(message);
    if !text.contains('\n') {
        return text;
    }
    text.trim_end_matches('\n').replace('\n', r"\n").into()
}
