//! The only place where the time of day is read, and where chance comes from.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

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

/// A step that is no larger does not matter: the kernel's timeouts are compared no more closely.
const STEP_MIN: Duration = Duration::from_secs(2);

/// When the timer would go off that is only there to be cancelled: in the year 2255.
const NEVER: Timespec = Timespec { tv_sec: 9_000_000_000, tv_nsec: 0 };

/// How the time of day has left the time that the machine has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It was set forward, or the machine was suspended.
    Forward(Duration),
    /// It was set back.
    Back(Duration),
}

/// Sees when the time of day is set, and when the machine was suspended: both part it from the time in
/// which the kernel counts.
#[derive(Debug)]
pub(super) struct Steps {
    timer: OwnedFd,
    last: (Timestamp, Instant),
}

impl Steps {
    /// Sees them from now on.
    pub(super) fn watch() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC)?;
        let never = Itimerspec { it_interval: Timespec::default(), it_value: NEVER };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(&timer, flags, &never)?;
        Ok(Self { timer, last: (now(), monotonic()) })
    }

    /// Waits for the next one.
    pub(super) fn wait(&mut self) -> io::Result<Step> {
        loop {
            match rustix::io::read(&self.timer, &mut [0; 8]) {
                Ok(_) | Err(Errno::CANCELED | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let (before, then) = self.last;
            self.last = (now(), monotonic());
            let due = before.plus(self.last.1 - then);
            let step = if self.last.0 < due {
                Step::Back(due.since(self.last.0))
            } else {
                Step::Forward(self.last.0.since(due))
            };
            let (Step::Forward(by) | Step::Back(by)) = step;
            if by > STEP_MIN {
                return Ok(step);
            }
        }
    }
}
