//! The only place where the time of day is read.

use std::time::{Duration, Instant, SystemTime};

use crate::keeper::Timestamp;

/// What time it is.
#[expect(clippy::disallowed_methods, reason = "everybody else is told the time from here")]
pub(super) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_micros(
        i64::try_from(since_epoch.unwrap_or(Duration::ZERO).as_micros()).unwrap_or(i64::MAX),
    )
}

/// A clock that nobody sets, for timers.
pub(super) fn monotonic() -> Instant {
    Instant::now()
}
