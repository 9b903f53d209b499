//! The edge of log files: one reader for all jails.
//!
//! A [`Reader`] follows all files that the jails want, with one inotify(7) and one epoll(7), and
//! hands each line to those that want it. At rest it does not run at all. It watches the
//! directories too, so that files, directories and symbolic links may come, go and come again.
//!
//! No line is lost and none comes twice: not across a restart, which goes on behind the
//! [`Position`]s, nor when files are rotated.
//!
//! - A file that is renamed is read to its end before what takes its name, and is followed on until
//!   it is removed or the next one is rotated away. What was rotated away before it was ever seen
//!   (`NAME.1`, `NAME-20261121`) is found beside its successor.
//! - A file that was emptied is known by the bytes at its beginning and before the place that was
//!   reached, also if it has grown beyond that place since. The rest is read from the copy that
//!   `copytruncate` of logrotate(8) has made.
//! - A file that has been removed is read to its end and let go, so that its space becomes free.
//! - What is by its name the past of another file that is followed (`access.log.1` beside
//!   `access.log`, where both match `access*`) is not followed by itself.
//!
//! A line without its end waits for it in the file, not in memory: each turn begins behind the last
//! whole line. So there is one buffer for all files, and a file costs its descriptor, its watch and
//! a place of a few numbers.
//!
//! What is gone before anybody has looked is lost: a file that is emptied or removed twice within
//! one look, or rotated away before it was ever seen under its name.
//!
//! inotify does not tell what another machine writes to a network file system, nor of a file
//! system that is mounted over a directory later.
//!
//! [`Lines`] reads a log from its beginning to its end, compressed or not.

mod encoding;
mod error;
mod log;
mod mark;
mod names;
mod offline;
mod position;
mod reader;
mod rotation;
mod split;
mod trail;
mod want;
mod watch;

pub use crate::control::Control;
pub use encoding::Encoding;
pub use error::{FilesError, Trouble};
pub use names::FILES_MAX;
pub use offline::{DICTIONARY_BYTES_MAX, Lines, LogLine};
pub use position::Position;
pub use reader::{Line, Reader, Sink};
pub use split::LINE_BYTES_MAX;
pub use want::{From, Want};

#[cfg(test)]
mod tests;
