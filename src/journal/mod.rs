//! The journal's edge: one reader for all jails.
//!
//! A [`Reader`] holds one handle of sd-journal(3). It gives sd-journal the disjunction of what all
//! the jails want, and hands each entry to those that want it. It sleeps until the journal or a
//! [`Control`] wakes it; at rest it does not run at all. Entries come as the journal orders them,
//! none is left out and none comes twice: not across a restart of the reader, which goes on behind
//! its [`Position`], nor when journald rotates, vacuums, restarts or moves from `/run` to `/var`.
//!
//! journald tells readers of new entries by a timer of 250 ms that begins with the first of them
//! and may be late by as much (`POST_CHANGE_TIMER_INTERVAL_USEC` in its source, and the accuracy in
//! sd_event_add_time(3)); so an entry is handed over within half a second of its writing. Whoever
//! has failed to log in is likely to try again at once: for some seconds behind an attempt the reader
//! looks without being told, some thousand times a second, so that the next one is seen at once.
//!
//! There is no other timer. sd_journal_get_timeout(3) asks for one only where the files lie on a
//! network file system, since inotify(7) does not tell what another machine writes there; a journal
//! that this machine's own journald writes is noticed there too.

mod error;
mod glance;
mod handle;
mod intake;
mod past;
mod reader;
mod sieve;
mod sink;
mod vigil;
mod watch;

pub use crate::control::Control;
pub use error::{JournalError, Trouble};
pub use past::{Past, read_past};
pub use reader::{BATCH, Reader};
pub use sink::{Position, Sink, Start};

#[cfg(test)]
mod tests;
