//! Has the keeper decide about the past, before a firewall that takes everything.

use std::io;

use crate::keeper::{
    Attempt, Banned, Event, JailId, Keeper, Network, Notice, Outcome, Place, Policy, SourceId,
    Tally, Timestamp, Until,
};

use super::super::spared::Lists;
use super::feed::Heard;
use super::lineup::Lineup;

/// After so many failures the keeper may forget what it holds ready for a state file, and what it will
/// not be asked for.
const FORGET_EVERY: u64 = 512;

/// A ban that would have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ban {
    pub(super) at: Timestamp,
    pub(super) jail: JailId,
    pub(super) offender: Network,
    pub(super) until: Until,
    pub(super) attempts: u32,
}

/// The keeper, and the time on its clock.
pub(super) struct Trial {
    keeper: Keeper,
    now: Option<Timestamp>,
    heard: u64,
    spared: u64,
}

impl Trial {
    /// With the jails of the lineup, to which nothing has happened yet. Which addresses were this
    /// host's own nobody knows, so that `ignoreself` spares those of loopback alone.
    pub(super) fn of(lineup: &Lineup, lists: Lists) -> Self {
        let mut keeper = Keeper::default();
        for watch in &lineup.watches {
            // The question is whom it would ban, whether it enforces or not.
            keeper.admit(watch.id, Policy { enforce: true, ..watch.policy.clone() });
        }
        for (id, list) in lists.read {
            keeper.set_list(id, list);
        }
        Self { keeper, now: None, heard: 0, spared: 0 }
    }

    /// Decides about a failure at the time when it was read; `tell` is told whom it has banned.
    pub(super) fn hear(
        &mut self,
        heard: Heard,
        mut tell: impl FnMut(Ban) -> io::Result<()>,
    ) -> io::Result<()> {
        let Heard { read_at, jail, offender, user, time } = heard;
        let now = self.now.map_or(read_at, |now| now.max(read_at));
        self.now = Some(now);
        self.heard += 1;
        let place = Place { source: SourceId(0), sequence: self.heard };
        let event = Event::Attempt(Attempt { jail, offender, user, time, place, text: None });
        let decisions = self.keeper.decide(now, [event]);
        let is_spared = |notice: &&Notice| matches!(notice, Notice::Ignored { .. });
        self.spared += decisions.notices.iter().filter(is_spared).count() as u64;
        if self.heard.is_multiple_of(FORGET_EVERY) {
            drop(self.keeper.take_unsaved());
            drop(self.keeper.take_unsaved_lines(usize::MAX));
            self.keeper.forget_idle_priors();
        }
        let mut changes = decisions.changes;
        let done = Outcome::Applied { refused: Vec::new() };
        // What a jail hears of the bans of others may be bans again.
        while !changes.is_empty() {
            for notice in self.keeper.settle(now, &changes, &done).notices {
                if let Notice::Banned(banned) = notice {
                    let Banned { jail, network: offender, until, attempts, .. } = banned;
                    tell(Ban { at: now, jail, offender, until, attempts })?;
                }
            }
            changes = self.keeper.decide(now, []).changes;
        }
        Ok(())
    }

    /// What a jail has counted.
    pub(super) fn tally(&self, jail: JailId) -> Tally {
        self.keeper.tally(jail, self.now.unwrap_or_default())
    }

    /// How many attempts do not count, since they are of somebody who is never banned.
    pub(super) fn spared(&self) -> u64 {
        self.spared
    }
}
