//! How many refusals are told. Whoever is refused again and again is told nothing any more: the bus
//! takes what we say in turn with what everybody else says, so that answers which nobody needs would
//! stand before those that somebody waits for. Whose calls stay open soon cannot make any more
//! (`max_replies_per_connection`, dbus-daemon(1)).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zbus::names::OwnedUniqueName;

const SECOND: Duration = Duration::from_secs(1);

/// Who is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Refused {
    /// A user, over all connections of his.
    User(u32),
    /// Somebody whose user is not known yet.
    Connection(OwnedUniqueName),
}

impl Refused {
    /// How many refusals he is told in a second.
    const AT_MOST: usize = 64;
}

/// How many refusals all others than root are told in a second, together.
const AT_MOST_IN_ALL: usize = 256;

/// What was told in this second.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    since: Option<Instant>,
    by_whom: HashMap<Refused, usize>,
    in_all: usize,
}

impl Refusals {
    /// Whether one more may be told, which is counted.
    pub(super) fn may_tell(&self, whom: Refused, now: Instant) -> bool {
        // The counts are right after every line that holds the lock, so a panic does not spoil them.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.since.is_none_or(|since| now.duration_since(since) >= SECOND) {
            *told = Told { since: Some(now), ..Told::default() };
        }
        if told.in_all >= AT_MOST_IN_ALL {
            return false;
        }
        let count = told.by_whom.entry(whom).or_default();
        if *count >= Refused::AT_MOST {
            return false;
        }
        *count += 1;
        told.in_all += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_more_than_64_refusals_a_second_and_all_together_256() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let told =
            |user, now| (0..100).filter(|_| refusals.may_tell(Refused::User(user), now)).count();
        let first: Vec<_> = (1..=5).map(|user| told(user, start)).collect();
        assert_eq!(first, [64, 64, 64, 64, 0]);
        assert_eq!(told(5, start + SECOND / 2), 0);
        assert_eq!(told(5, start + SECOND), 64);
        assert_eq!(told(1, start + SECOND), 64);
    }
}
