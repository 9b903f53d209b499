//! Whom a reader hands things to, and how far it has come.

use std::ops::ControlFlow;

use super::error::Trouble;
use crate::keeper::Timestamp;
use crate::record::Record;

/// How far a journal has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last entry that was taken (sd_journal_get_cursor(3)).
    pub cursor: String,
    /// How many entries somebody wanted, since there was no position at all.
    pub sequence: u64,
}

/// Where reading starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Behind the entry at this position, if there is one.
    pub position: Option<Position>,
    /// Without a position, or with one that sd-journal does not understand, at the first entry from
    /// then on.
    pub since: Timestamp,
}

/// Whom the reader hands things to, in its own thread.
pub trait Sink {
    /// One entry with a message, and the wants that want it, by their index. Whether somebody has
    /// failed to log in: he may try again at once.
    fn entry(&mut self, record: Record<'_>, wanted_by: &[usize]) -> bool;

    /// Everything up to here has been handed over. It may block, since the journal is the buffer.
    /// `Break` ends the run.
    fn reached(&mut self, position: Position) -> ControlFlow<()>;

    /// The answer to [`Control::ping`](crate::control::Control::ping): since it was asked, the journal
    /// was looked at, and what there was, or a batch of it, was handed over. `Break` ends the run.
    fn pong(&mut self, number: u64) -> ControlFlow<()>;

    /// Entries may have been lost; reading goes on.
    fn trouble(&mut self, trouble: Trouble);
}
