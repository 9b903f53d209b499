//! Earlier bans: how often an offender was banned, and when the last of these bans ended.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::Keeper;
use super::event::Write;
use super::network::Network;
use super::noted::Noted;
use super::roster::JailId;
use super::time::{Timestamp, Until};

/// So many are remembered, over all jails. When another comes, those whose last bans ended first are
/// forgotten. At some 80 bytes each this is 10 MiB.
pub(super) const MAX_PRIORS: usize = 1 << 17;

/// Room is made for so many at once: to find whose last bans ended first, all are looked at.
pub(super) const ROOM: usize = MAX_PRIORS / 16;

/// How often an offender was banned in a jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prior {
    /// So often, never zero.
    pub bans: u32,
    /// When the last of these bans ends, or ended, if nobody lifted it; that of one for ever counts
    /// from its beginning.
    pub ended: Timestamp,
}

/// Whose bans: what a jail does in earnest and what it only would have done are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Whose {
    pub(super) network: Network,
    pub(super) jail: JailId,
    pub(super) enforced: bool,
}

/// Whose bans count for a jail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) whose: Whose,
    pub(super) overalljails: bool,
    pub(super) decay: Option<Duration>,
}

/// The earlier bans of all offenders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Priors {
    by_offender: BTreeMap<Whose, Prior>,
    unsaved: Noted<Whose>,
}

impl Keeper {
    /// Forgets the earlier bans if they count in no sentence, so that the next of an offender is called
    /// the first again: for who does not tell which it is, and gives no jail another policy.
    pub fn forget_idle_priors(&mut self) {
        if self.jails.iter().all(|jail| jail.policy.growth.is_none()) {
            self.past.priors = Priors::default();
        }
    }
}

impl Prior {
    /// How many bans there still are at `now`, when one is forgotten for every `decay` without any.
    fn left(self, now: Timestamp, decay: Option<Duration>) -> u32 {
        let Some(decay) = decay.filter(|decay| !decay.is_zero()) else { return self.bans };
        let spans = now.since(self.ended).as_micros() / decay.as_micros().max(1);
        self.bans.saturating_sub(u32::try_from(spans).unwrap_or(u32::MAX))
    }
}

impl Priors {
    /// How many earlier bans count.
    pub(super) fn count(&self, now: Timestamp, asked: Asked) -> u32 {
        let Asked { whose, overalljails, decay } = asked;
        let first = Whose { jail: JailId(0), enforced: false, ..whose };
        let last = Whose { jail: JailId(u32::MAX), enforced: true, ..whose };
        self.by_offender
            .range(first..=last)
            .filter(|(known, _)| overalljails || known.jail == whose.jail)
            // For a jail that is on trial, the bans that were made in earnest count as well.
            .filter(|(known, _)| known.enforced || !whose.enforced)
            .fold(0, |sum: u32, (_, prior)| sum.saturating_add(prior.left(now, decay)))
    }

    /// Enters a ban of this offender.
    pub(super) fn enter(&mut self, now: Timestamp, until: Until, asked: Asked) {
        let Asked { whose, decay, .. } = asked;
        let before = self.take(whose).map_or(0, |prior| prior.left(now, decay));
        self.put(whose, Prior { bans: before.saturating_add(1), ended: end_of(until, now) });
    }

    /// The last ban of this offender has another end.
    pub(super) fn end_at(&mut self, whose: Whose, now: Timestamp, until: Until) {
        if let Some(prior) = self.take(whose) {
            self.put(whose, Prior { ended: end_of(until, now), ..prior });
        }
    }

    /// Puts back what was saved.
    pub(super) fn restore(&mut self, whose: Whose, prior: Prior) {
        self.take(whose);
        self.put(whose, prior);
        self.unsaved.take_back(&whose);
    }

    /// Forgets the earlier bans of an offender in a jail.
    pub(super) fn forgive(&mut self, network: Network, jail: JailId) {
        for enforced in [false, true] {
            let whose = Whose { network, jail, enforced };
            if self.by_offender.contains_key(&whose) {
                self.forget(whose);
            }
        }
    }

    /// Forgets the earlier bans of everybody in `network` in a jail.
    pub(super) fn forgive_all(&mut self, network: Network, jail: JailId) {
        let first = Whose { network, jail: JailId(0), enforced: false };
        let within = self.by_offender.range(first..).map(|(whose, _)| *whose);
        let within = within.take_while(|whose| network.holds(whose.network));
        for whose in within.filter(|whose| whose.jail == jail).collect::<Vec<_>>() {
            self.forget(whose);
        }
    }

    /// Forgets one count, of which the state file may know.
    pub(super) fn forget(&mut self, whose: Whose) {
        self.take(whose);
        self.unsaved.note(whose);
    }

    /// Forgets what a jail only would have done.
    pub(super) fn end_trial(&mut self, jail: JailId) {
        for whose in self.of_jail(jail).into_iter().filter(|whose| !whose.enforced) {
            self.forget(whose);
        }
    }

    /// Lets a jail go; all that the state file is to have of it, for when the jail comes back.
    pub(super) fn dismiss(&mut self, jail: JailId) -> Vec<Write> {
        let (gone, unsaved): (Vec<Whose>, Vec<Whose>) =
            self.unsaved.take().partition(|whose| whose.jail == jail);
        for whose in unsaved {
            self.unsaved.note(whose);
        }
        let all = self.of_jail(jail);
        let whose = gone.into_iter().chain(all.iter().copied());
        let writes = whose.map(|whose| self.write(whose)).collect();
        for whose in all {
            self.take(whose);
        }
        writes
    }

    /// What has changed since the last time this was asked, for the state file.
    pub(super) fn take_unsaved(&mut self) -> impl Iterator<Item = Write> {
        let unsaved = self.unsaved.take();
        unsaved.map(|whose| self.write(whose))
    }

    /// Whether there is anything to save.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Everything that the state file is to remember.
    pub(super) fn everything(&self) -> impl Iterator<Item = Write> {
        self.by_offender.keys().map(|whose| self.write(*whose))
    }

    fn write(&self, whose: Whose) -> Write {
        let Whose { network, jail, enforced } = whose;
        match self.by_offender.get(&whose) {
            Some(prior) => Write::Prior { jail, network, enforced, prior: *prior },
            None => Write::NoPrior { jail, network, enforced },
        }
    }

    fn of_jail(&self, jail: JailId) -> Vec<Whose> {
        self.by_offender.keys().filter(|whose| whose.jail == jail).copied().collect()
    }

    fn take(&mut self, whose: Whose) -> Option<Prior> {
        self.by_offender.remove(&whose)
    }

    fn put(&mut self, whose: Whose, prior: Prior) {
        if self.by_offender.len() >= MAX_PRIORS {
            self.make_room();
        }
        self.by_offender.insert(whose, prior);
        self.unsaved.note(whose);
    }

    fn make_room(&mut self) {
        let mut by_end: Vec<(Timestamp, Whose)> =
            self.by_offender.iter().map(|(whose, prior)| (prior.ended, *whose)).collect();
        by_end.select_nth_unstable(ROOM);
        by_end.truncate(ROOM);
        for (_, whose) in by_end {
            self.forget(whose);
        }
    }
}

fn end_of(until: Until, now: Timestamp) -> Timestamp {
    match until {
        Until::At(end) => end,
        Until::Forever => now,
    }
}
