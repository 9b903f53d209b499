//! Points in time and lengths of sentences.
//!
//! The keeper never asks what time it is: whoever calls it passes the time in.

use std::fmt;
use std::time::Duration;

/// A point in time: microseconds since the Unix epoch, the unit of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point `micros` microseconds after the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The point `seconds` seconds after the Unix epoch, as far as it can be represented.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This point moved into the future by `span`, at most to the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(span)))
    }

    /// This point moved into the past by `span`, at most to the beginning of time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(span)))
    }

    /// How long after `earlier` this point is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros_of(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// How long an offender is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentence {
    /// For this long, from the moment of the decision.
    For(Duration),
    /// Until somebody lifts the ban (`bantime = -1`).
    Forever,
}

impl Sentence {
    /// When a sentence that is passed at `now` ends.
    #[must_use]
    pub fn ends(self, now: Timestamp) -> Until {
        match self {
            Self::For(span) => Until::At(now.plus(span)),
            Self::Forever => Until::Forever,
        }
    }
}

/// When a ban ends. `Forever` is later than every point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Until {
    /// The ban ends here.
    At(Timestamp),
    /// The ban ends when somebody lifts it.
    Forever,
}

impl Until {
    /// The end as D-Bus and the state file have it: unix seconds, or -1 for ever.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        match self {
            Self::At(end) => end.seconds(),
            Self::Forever => -1,
        }
    }

    /// Whether the ban is over at `now`.
    #[must_use]
    pub fn is_over(self, now: Timestamp) -> bool {
        matches!(self, Self::At(end) if end <= now)
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.unix_seconds())
    }
}
