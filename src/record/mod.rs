//! What a source hands to the rules, and what the rules ask of a source. Pure data, known to both.

mod matches;
mod origin;

pub use matches::{Alternative, Matches, MatchesError};
pub use origin::Origin;

use crate::keeper::{Place, Timestamp};

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
