//! Exact sliding windows over attempts: those of offenders that are not banned yet, and those on
//! accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use super::time::Timestamp;

/// So many offenders, or accounts, are counted at once in one jail. When another comes, the one
/// whose last attempt is the oldest is forgotten. At some 150 bytes each this is 20 MiB for a jail
/// that is flooded from as many networks, and far more than one host can try within a usual
/// `findtime`.
pub(super) const MAX_WINDOWS: usize = 1 << 17;

/// The attempts of one jail, no older than `findtime`, by whom or what they are counted by.
///
/// The clock is that of the records: an attempt falls out of its window when another that is
/// `findtime` younger arrives, never because time passes here. So a backlog that is read after an
/// outage counts exactly as it would have counted then. Only a clock that is set back moves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Windows<K> {
    attempts: BTreeMap<K, Vec<Timestamp>>,
    by_last_attempt: BTreeSet<(Timestamp, K)>,
    latest: Option<Timestamp>,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Self { attempts: BTreeMap::new(), by_last_attempt: BTreeSet::new(), latest: None }
    }
}

/// What an attempt makes of its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Fewer than `maxretry`.
    Below,
    /// This many, and that is enough; the window is empty again.
    Reached(u32),
}

impl<K: Ord + Clone> Windows<K> {
    /// Moves the clock of the records on, and adds to `forgotten` whose windows that empties.
    pub(super) fn tick(
        &mut self,
        time: Timestamp,
        findtime: Duration,
        forgotten: &mut impl Extend<K>,
    ) {
        let latest = self.latest.map_or(time, |latest| latest.max(time));
        self.latest = Some(latest);
        let oldest = latest.minus(findtime);
        while self.by_last_attempt.first().is_some_and(|(last, _)| *last < oldest) {
            forgotten.extend(self.forget_oldest());
        }
    }

    /// Counts an attempt; whoever must be forgotten to make room is added to `forgotten`.
    pub(super) fn count(
        &mut self,
        key: K,
        time: Timestamp,
        (findtime, maxretry): (Duration, NonZeroU32),
        forgotten: &mut impl Extend<K>,
    ) -> Count {
        let Some(times) = self.attempts.get_mut(&key) else {
            if maxretry.get() == 1 {
                return Count::Reached(1);
            }
            self.keep(key, vec![time], forgotten);
            return Count::Below;
        };
        let before = times[times.len() - 1];
        add(times, time, findtime);
        let (last, attempts) = (times[times.len() - 1], times.len());
        if attempts >= maxretry.get() as usize {
            self.clear(&key);
            self.by_last_attempt.remove(&(before, key));
            return Count::Reached(u32::try_from(attempts).unwrap_or(u32::MAX));
        }
        if last != before {
            self.by_last_attempt.remove(&(before, key.clone()));
            self.by_last_attempt.insert((last, key));
        }
        Count::Below
    }

    /// Counts an attempt and goes on counting whatever that comes to; how many are in the window
    /// now, of which the newest `at_most` are kept.
    pub(super) fn count_on(
        &mut self,
        key: K,
        time: Timestamp,
        (findtime, at_most): (Duration, usize),
        forgotten: &mut impl Extend<K>,
    ) -> u32 {
        let mut times = self.with(&key, time, findtime);
        times.drain(..times.len().saturating_sub(at_most));
        let attempts = u32::try_from(times.len()).unwrap_or(u32::MAX);
        self.keep(key, times, forgotten);
        attempts
    }

    /// Learns what time it is: if the clock was set back, what seemed to be later happened now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        if self.latest.is_none_or(|latest| latest <= now) {
            return;
        }
        self.latest = Some(now);
        self.by_last_attempt.clear();
        for (key, times) in std::mem::take(&mut self.attempts) {
            self.put(key, times.into_iter().map(|time| time.min(now)).collect());
        }
    }

    /// Puts a window back as it was saved; attempts that are no longer in order are sorted, and
    /// none is later than `now`.
    pub(super) fn restore(&mut self, key: K, mut times: Vec<Timestamp>, now: Timestamp) {
        for time in &mut times {
            *time = now.min(*time);
        }
        times.sort_unstable();
        let Some(last) = times.last() else { return };
        self.latest = self.latest.max(Some(*last));
        self.take(&key);
        self.put(key, times);
    }

    /// Forgets one window; whether there was one.
    pub(super) fn clear(&mut self, key: &K) -> bool {
        self.take(key).is_some()
    }

    /// The attempts in one window, oldest first.
    pub(super) fn of(&self, key: &K) -> Option<&[Timestamp]> {
        self.attempts.get(key).map(Vec::as_slice)
    }

    /// Whose windows there are, from `key` on.
    pub(super) fn from(&self, key: &K) -> impl Iterator<Item = &K> {
        self.attempts.range(key..).map(|(key, _)| key)
    }

    /// All windows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &[Timestamp])> {
        self.attempts.iter().map(|(key, times)| (key, times.as_slice()))
    }

    /// The attempts that are no older than `oldest`.
    pub(super) fn attempts_since(&self, oldest: Timestamp) -> usize {
        self.by_last_attempt
            .iter()
            .rev()
            .take_while(|(last, _)| *last >= oldest)
            .map(|(_, key)| {
                let times = &self.attempts[key];
                times.len() - times.partition_point(|time| *time < oldest)
            })
            .sum()
    }

    /// Takes a window out, with an attempt more and without those that have become too old.
    fn with(&mut self, key: &K, time: Timestamp, findtime: Duration) -> Vec<Timestamp> {
        let mut times = self.take(key).unwrap_or_default();
        add(&mut times, time, findtime);
        times
    }

    /// Puts a window in, and makes room for it.
    fn keep(&mut self, key: K, times: Vec<Timestamp>, forgotten: &mut impl Extend<K>) {
        if self.attempts.len() >= MAX_WINDOWS {
            forgotten.extend(self.forget_oldest());
        }
        self.put(key, times);
    }

    fn forget_oldest(&mut self) -> Option<K> {
        let (_, key) = self.by_last_attempt.pop_first()?;
        self.attempts.remove(&key);
        Some(key)
    }

    fn take(&mut self, key: &K) -> Option<Vec<Timestamp>> {
        let (key, times) = self.attempts.remove_entry(key)?;
        self.by_last_attempt.remove(&(times[times.len() - 1], key));
        Some(times)
    }

    fn put(&mut self, key: K, times: Vec<Timestamp>) {
        self.by_last_attempt.insert((times[times.len() - 1], key.clone()));
        self.attempts.insert(key, times);
    }
}

/// Adds an attempt to a window, and drops those that have become too old.
fn add(times: &mut Vec<Timestamp>, time: Timestamp, findtime: Duration) {
    times.insert(times.partition_point(|earlier| *earlier <= time), time);
    let oldest = times[times.len() - 1].minus(findtime);
    times.drain(..times.partition_point(|time| *time < oldest));
}
