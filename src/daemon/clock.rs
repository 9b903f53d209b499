//! The only place where the time of day is read, and where chance comes from.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::keeper::Timestamp;

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// The time of day, by which bans begin and end.
    pub(super) now: Timestamp,
    /// By the clock that nobody sets.
    pub(super) monotonic: Instant,
}

/// This moment.
pub(super) fn moment() -> Moment {
    Moment { now: now(), monotonic: monotonic() }
}

/// What time it is.
#[expect(clippy::disallowed_methods, reason = "everybody else is told the time from here")]
pub(super) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_micros(
        i64::try_from(since_epoch.unwrap_or(Duration::ZERO).as_micros()).unwrap_or(i64::MAX),
    )
}

/// A number that nobody can know.
pub(super) fn chance() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(bytes))
}

/// A clock that nobody sets, for timers.
pub(super) fn monotonic() -> Instant {
    Instant::now()
}
