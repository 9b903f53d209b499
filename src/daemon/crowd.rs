//! Attempts in a flood, and bans that are put back. The log and the bus have so many of them a second each
//! by itself; of the others the log has afterwards how many there were, of attempts by offender.
//!
//! An entry costs more than to judge the attempt, twice: here, and in journald. And whoever can make as
//! many entries as he likes drives everything else out of the journal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::keeper::{JailId, Network, Notice};

/// So many in a second are told one by one.
const ONE_BY_ONE: usize = 1024;

/// Of so many offenders it is told then how many attempts more there were of each; of all the others
/// together, how many of theirs.
const OFFENDERS: usize = 1024;

const SECOND: Duration = Duration::from_secs(1);

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// It counts.
    Found,
    /// Its offender is banned already.
    FoundBanned,
    /// It does not count.
    Ignored,
    /// It is no attempt, but a ban that is put back.
    Restored,
}

/// What was not told one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct More {
    pub(super) jail: JailId,
    pub(super) seen: Seen,
    /// Whose they are; none if there were too many offenders to name each, and of bans.
    pub(super) offender: Option<Network>,
    pub(super) number: u64,
}

/// What was told in the second that runs, and what was not.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    ends: Option<Instant>,
    told: usize,
    more: BTreeMap<(JailId, Seen, Option<Network>), u64>,
}

impl Crowd {
    /// Whether this is one too many to be told by itself; it is counted then.
    pub(super) fn takes(&mut self, notice: &Notice, now: Instant) -> bool {
        let (jail, seen, offender) = match notice {
            Notice::Found { jail, offender, banned: false, .. } => {
                (*jail, Seen::Found, Some(*offender))
            }
            Notice::Found { jail, offender, .. } => (*jail, Seen::FoundBanned, Some(*offender)),
            Notice::Ignored { jail, network, .. } => (*jail, Seen::Ignored, Some(*network)),
            Notice::Banned(ban) if ban.news.is_old() => (ban.jail, Seen::Restored, None),
            _ => return false,
        };
        if self.more.is_empty() && self.ends.is_none_or(|ends| ends <= now) {
            self.ends = Some(now + SECOND);
            self.told = 0;
        }
        if self.told < ONE_BY_ONE {
            self.told += 1;
            return false;
        }
        let place = (jail, seen, offender);
        let is_named = self.more.len() < OFFENDERS || self.more.contains_key(&place);
        let place = if is_named { place } else { (jail, seen, None) };
        *self.more.entry(place).or_default() += 1;
        true
    }

    /// When it is to be told what was counted.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ends.filter(|_| !self.more.is_empty())
    }

    /// What was counted, if the second is over, or nothing comes any more.
    pub(super) fn take(&mut self, now: Option<Instant>) -> Vec<More> {
        if self.next().is_none_or(|ends| now.is_some_and(|now| now < ends)) {
            return Vec::new();
        }
        let more = std::mem::take(&mut self.more).into_iter();
        more.map(|((jail, seen, offender), number)| More { jail, seen, offender, number }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{Roster, Timestamp};

    fn found(jail: JailId, number: u32) -> Notice {
        let offender = Network::address(std::net::Ipv4Addr::from_bits(number).into());
        let time = Timestamp::from_seconds(0);
        Notice::Found { jail, offender, user: None, time, banned: false }
    }

    #[test]
    fn each_is_told_or_counted_and_a_second_later_they_are_told_again() {
        let jail = Roster::default().enrol("sshd");
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        let mut taken = 0;
        for number in 0..10_000 {
            taken += u64::from(crowd.takes(&found(jail, number % 3000), now));
        }
        assert_eq!(taken, 10_000 - ONE_BY_ONE as u64);
        assert_eq!(crowd.next(), Some(now + SECOND));
        assert_eq!(crowd.take(Some(now)), []);
        let more = crowd.take(Some(now + SECOND));
        assert_eq!(more.iter().map(|more| more.number).sum::<u64>(), taken);
        assert_eq!(more.len(), OFFENDERS + 1);
        assert_eq!(more.iter().filter(|more| more.offender.is_none()).count(), 1);
        assert_eq!(crowd.next(), None);
        assert!(!crowd.takes(&found(jail, 1), now + SECOND));
    }

    #[test]
    fn what_was_counted_is_told_when_nothing_comes_any_more() {
        let jail = Roster::default().enrol("sshd");
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        while !crowd.takes(&found(jail, 1), now) {}
        assert_eq!(crowd.take(None).len(), 1);
        assert_eq!(crowd.take(None), []);
    }
}
