//! Exact sliding windows over the attempts of offenders that are not banned yet.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use super::network::Network;
use super::time::Timestamp;

/// So many offenders are counted at once in one jail. When another comes, the one whose last
/// attempt is the oldest is forgotten. At some 150 bytes each this is 20 MiB for a jail that is
/// flooded from as many networks, and far more than one host can try within a usual `findtime`.
pub(super) const MAX_OFFENDERS: usize = 1 << 17;

/// The attempts of one jail's offenders, no older than `findtime`.
///
/// The clock is that of the records: an attempt falls out of its window when another that is
/// `findtime` younger arrives, never because time passes here. So a backlog that is read after an
/// outage counts exactly as it would have counted then. Only a clock that is set back moves them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Windows {
    attempts: BTreeMap<Network, Vec<Timestamp>>,
    by_last_attempt: BTreeSet<(Timestamp, Network)>,
    latest: Option<Timestamp>,
}

/// What an attempt makes of its offender's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Fewer than `maxretry`.
    Below,
    /// This many, and that is enough; the window is empty again.
    Reached(u32),
}

impl Windows {
    /// Moves the clock of the records on, and adds to `forgotten` whose windows that empties.
    pub(super) fn tick(
        &mut self,
        time: Timestamp,
        findtime: Duration,
        forgotten: &mut BTreeSet<Network>,
    ) {
        let latest = self.latest.map_or(time, |latest| latest.max(time));
        self.latest = Some(latest);
        let oldest = latest.minus(findtime);
        while let Some((last, offender)) = self.by_last_attempt.first().copied()
            && last < oldest
        {
            self.take(offender);
            forgotten.insert(offender);
        }
    }

    /// Counts an attempt; whoever must be forgotten to make room is added to `forgotten`.
    pub(super) fn count(
        &mut self,
        offender: Network,
        time: Timestamp,
        (findtime, maxretry): (Duration, NonZeroU32),
        forgotten: &mut BTreeSet<Network>,
    ) -> Count {
        let mut times = self.take(offender).unwrap_or_default();
        times.insert(times.partition_point(|earlier| *earlier <= time), time);
        let oldest = times[times.len() - 1].minus(findtime);
        times.drain(..times.partition_point(|time| *time < oldest));
        let attempts = u32::try_from(times.len()).unwrap_or(u32::MAX);
        if attempts >= maxretry.get() {
            return Count::Reached(attempts);
        }
        if self.attempts.len() >= MAX_OFFENDERS
            && let Some((_, oldest)) = self.by_last_attempt.first().copied()
        {
            self.take(oldest);
            forgotten.insert(oldest);
        }
        self.put(offender, times);
        Count::Below
    }

    /// Learns what time it is: if the clock was set back, what seemed to be later happened now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        if self.latest.is_none_or(|latest| latest <= now) {
            return;
        }
        self.latest = Some(now);
        self.by_last_attempt.clear();
        for (offender, times) in std::mem::take(&mut self.attempts) {
            self.put(offender, times.into_iter().map(|time| time.min(now)).collect());
        }
    }

    /// Puts a window back as it was saved; attempts that are no longer in order are sorted, and
    /// none is later than `now`.
    pub(super) fn restore(&mut self, offender: Network, mut times: Vec<Timestamp>, now: Timestamp) {
        for time in &mut times {
            *time = now.min(*time);
        }
        times.sort_unstable();
        let Some(last) = times.last() else { return };
        self.latest = self.latest.max(Some(*last));
        self.take(offender);
        self.put(offender, times);
    }

    /// Forgets one offender's attempts; whether there were any.
    pub(super) fn clear(&mut self, offender: Network) -> bool {
        self.take(offender).is_some()
    }

    /// The offender's attempts, oldest first.
    pub(super) fn of(&self, offender: Network) -> Option<&[Timestamp]> {
        self.attempts.get(&offender).map(Vec::as_slice)
    }

    /// All windows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Network, &[Timestamp])> {
        self.attempts.iter().map(|(offender, times)| (*offender, times.as_slice()))
    }

    /// The attempts that are no older than `oldest`.
    pub(super) fn attempts_since(&self, oldest: Timestamp) -> usize {
        self.by_last_attempt
            .iter()
            .rev()
            .take_while(|(last, _)| *last >= oldest)
            .map(|(_, offender)| {
                let times = &self.attempts[offender];
                times.len() - times.partition_point(|time| *time < oldest)
            })
            .sum()
    }

    fn take(&mut self, offender: Network) -> Option<Vec<Timestamp>> {
        let times = self.attempts.remove(&offender)?;
        self.by_last_attempt.remove(&(times[times.len() - 1], offender));
        Some(times)
    }

    fn put(&mut self, offender: Network, times: Vec<Timestamp>) {
        self.by_last_attempt.insert((times[times.len() - 1], offender));
        self.attempts.insert(offender, times);
    }
}
