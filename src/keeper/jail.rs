//! One jail: its policy, and what it knows of its offenders.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Attempt, BanRecord, Lifted, Notice, Place, SourceId, Spared, Write};
use super::friends::Friends;
use super::ledger::{Ban, Ledger, Standing};
use super::network::Network;
use super::policy::Policy;
use super::roster::JailId;
use super::time::{Timestamp, Until};
use super::window::{Count, Windows};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jail {
    pub(super) id: JailId,
    pub(super) policy: Policy,
    pub(super) windows: Windows,
    pub(super) ledger: Ledger,
    /// Bans that are struck out of the ledger and still to be lifted in the firewall. A stray
    /// element, which was never a ban of ours, has no reason here.
    pub(super) lifting: BTreeMap<Network, Lifted>,
    /// What the firewall is to be told of.
    pub(super) pending: BTreeSet<Network>,
    pub(super) attempts_in_all: u64,
    pub(super) bans_in_all: u64,
    pub(super) last_attempt: Option<Timestamp>,
    seen: BTreeMap<SourceId, u64>,
    unsaved_windows: BTreeSet<Network>,
    unsaved_bans: BTreeSet<Network>,
}

impl Jail {
    pub(super) fn new(id: JailId, policy: Policy) -> Self {
        Self {
            id,
            policy,
            windows: Windows::default(),
            ledger: Ledger::default(),
            lifting: BTreeMap::new(),
            pending: BTreeSet::new(),
            attempts_in_all: 0,
            bans_in_all: 0,
            last_attempt: None,
            seen: BTreeMap::new(),
            unsaved_windows: BTreeSet::new(),
            unsaved_bans: BTreeSet::new(),
        }
    }

    /// Whether this record is younger than every other that the jail has seen of its source.
    pub(super) fn sees_first(&mut self, place: Place) -> bool {
        let seen = self.seen.entry(place.source).or_default();
        let first = place.sequence > *seen;
        *seen = place.sequence.max(*seen);
        first
    }

    /// The records of this source are numbered anew.
    pub(super) fn forget_place(&mut self, source: SourceId) {
        self.seen.remove(&source);
    }

    /// Counts an attempt, and passes sentence when it is one too many.
    pub(super) fn attempt(
        &mut self,
        now: Timestamp,
        attempt: Attempt,
        friends: &Friends,
    ) -> Vec<Notice> {
        let culprit = attempt.offender;
        let network = culprit.widened(self.policy.prefix);
        let excused = || self.policy.excuses(attempt.user.as_deref(), culprit);
        if let Some(why) = self.spares(culprit, network, friends).or_else(excused) {
            return vec![Notice::Ignored { jail: self.id, network: culprit, why }];
        }
        // A record from the future is one from a clock that is wrong.
        let time = attempt.time.min(now);
        self.attempts_in_all += 1;
        self.last_attempt = self.last_attempt.max(Some(time));
        self.windows.set_back(now);
        self.windows.tick(time, self.policy.findtime, &mut self.unsaved_windows);
        let banned = self.ledger.get(network).is_some();
        let refusal = if banned { None } else { self.count(now, network, time, friends) };
        let Attempt { user, .. } = attempt;
        let found = Notice::Found { jail: self.id, offender: culprit, user, time, banned };
        [found].into_iter().chain(refusal).collect()
    }

    /// Counts an attempt; a notice if it should have led to a ban and did not.
    fn count(
        &mut self,
        now: Timestamp,
        network: Network,
        time: Timestamp,
        friends: &Friends,
    ) -> Option<Notice> {
        let limits = (self.policy.findtime, self.policy.maxretry);
        self.unsaved_windows.insert(network);
        let count = self.windows.count(network, time, limits, &mut self.unsaved_windows);
        if let Count::Reached(attempts) = count {
            if let Some(session) = friends.session(&self.policy, network) {
                let why = Spared::Session(session.clone());
                self.forgive(network);
                return Some(Notice::NotBanned { jail: self.id, network, why, attempts });
            }
            let until = self.policy.bantime.ends(now);
            self.ban(network, BanRecord { since: now, until, attempts }, Standing::Wanted);
        }
        None
    }

    /// Why this network must not be banned for what `culprit` did.
    pub(super) fn spares(
        &self,
        culprit: Network,
        network: Network,
        friends: &Friends,
    ) -> Option<Spared> {
        friends.spares((self.id, &self.policy), culprit, network)
    }

    /// Enters a ban and wants the firewall to have it.
    pub(super) fn ban(&mut self, network: Network, record: BanRecord, standing: Standing) {
        self.lifting.remove(&network);
        if self.windows.clear(network) {
            self.unsaved_windows.insert(network);
        }
        self.unsaved_bans.insert(network);
        if let Some(evicted) = self.ledger.enter(network, Ban { record, standing }) {
            self.struck(evicted, Lifted::MadeRoom);
        }
        if standing != Standing::Installed {
            self.pending.insert(network);
        }
    }

    /// Strikes a ban and wants the firewall to lift it; whether there was one.
    pub(super) fn lift(&mut self, network: Network, why: Lifted) -> bool {
        let struck = self.ledger.strike(network).is_some();
        if struck {
            self.struck(network, why);
        }
        struck
    }

    /// Forgets what was counted of this offender.
    pub(super) fn forgive(&mut self, network: Network) {
        if self.windows.clear(network) {
            self.unsaved_windows.insert(network);
        }
    }

    /// Strikes the bans that are over. The kernel lets them go by its own clock; it is told all the
    /// same, since the two clocks may have parted.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(network) = self.ledger.strike_one_over(now) {
            self.struck(network, Lifted::Expired);
        }
    }

    fn struck(&mut self, network: Network, why: Lifted) {
        self.unsaved_bans.insert(network);
        self.lifting.insert(network, why);
        self.pending.insert(network);
    }

    /// Takes up another policy: what does not fit it any longer is lifted or forgotten.
    pub(super) fn reform(&mut self, policy: Policy, friends: &Friends) {
        let prefix_changed = self.policy.prefix != policy.prefix;
        self.policy = policy;
        self.review(friends);
        if prefix_changed {
            let windows: Vec<Network> = self.windows.iter().map(|(network, _)| network).collect();
            for network in windows {
                self.forgive(network);
            }
        }
    }

    /// Lifts what must not be banned any longer.
    pub(super) fn review(&mut self, friends: &Friends) {
        let bans: Vec<Network> = self.ledger.iter().map(|(network, _)| network).collect();
        for network in bans {
            if !network.fits(self.policy.prefix) {
                self.lift(network, Lifted::PrefixChanged);
            } else if self.spares(network, network, friends).is_some() {
                self.lift(network, Lifted::Ignored);
            } else if friends.session(&self.policy, network).is_some() {
                self.lift(network, Lifted::LoggedIn);
            }
        }
    }

    /// Puts back a ban from the state file, unless it is over or no longer right.
    pub(super) fn restore_ban(
        &mut self,
        now: Timestamp,
        (network, record): (Network, BanRecord),
        friends: &Friends,
    ) {
        let outlived = record.until.is_over(now)
            || !network.fits(self.policy.prefix)
            || self.spares(network, network, friends).is_some()
            || friends.session(&self.policy, network).is_some();
        if outlived {
            self.unsaved_bans.insert(network);
        } else {
            self.ban(network, record, Standing::WantedAgain);
            self.unsaved_bans.remove(&network);
        }
    }

    /// Puts back a window from the state file, unless it no longer fits.
    pub(super) fn restore_window(
        &mut self,
        now: Timestamp,
        network: Network,
        times: Vec<Timestamp>,
    ) {
        if network.fits(self.policy.prefix) {
            self.windows.restore(network, times, now);
        } else {
            self.unsaved_windows.insert(network);
        }
    }

    /// Takes over an element that the firewall has and the state file does not: a ban from the
    /// last moments of a service that did not live to write it down.
    pub(super) fn adopt(
        &mut self,
        now: Timestamp,
        (network, until): (Network, Until),
        friends: &Friends,
    ) {
        let fits = network.fits(self.policy.prefix)
            && self.spares(network, network, friends).is_none()
            && friends.session(&self.policy, network).is_none()
            && !until.is_over(now);
        if fits && self.ledger.get(network).is_none() {
            let record = BanRecord { since: now, until, attempts: 0 };
            self.ban(network, record, Standing::WantedAgain);
        }
    }

    /// What has changed since the last time this was asked, for the state file.
    pub(super) fn take_unsaved(&mut self) -> Vec<Write> {
        let bans = std::mem::take(&mut self.unsaved_bans);
        let windows = std::mem::take(&mut self.unsaved_windows);
        let bans = bans.into_iter().map(|network| match self.ledger.get(network) {
            Some(ban) => Write::Ban(self.id, network, ban.record),
            None => Write::NoBan(self.id, network),
        });
        let windows = windows.into_iter().map(|network| match self.windows.of(network) {
            Some(times) => Write::Window(self.id, network, times.to_vec()),
            None => Write::NoWindow(self.id, network),
        });
        bans.chain(windows).collect()
    }

    /// Everything that the state file is to remember of this jail.
    pub(super) fn everything(&self) -> impl Iterator<Item = Write> {
        let bans =
            self.ledger.iter().map(|(network, ban)| Write::Ban(self.id, network, ban.record));
        let windows = self
            .windows
            .iter()
            .map(|(network, times)| Write::Window(self.id, network, times.to_vec()));
        bans.chain(windows)
    }

    /// Everything that the state file is to forget when the jail goes.
    pub(super) fn farewell(self) -> (Vec<Notice>, Vec<Write>) {
        let notice = |network| Notice::Unbanned { jail: self.id, network, why: Lifted::JailGone };
        let notices = self.ledger.iter().map(|(network, _)| notice(network)).collect();
        let bans = self.ledger.iter().map(|(network, _)| Write::NoBan(self.id, network));
        let windows = self.windows.iter().map(|(network, _)| Write::NoWindow(self.id, network));
        (notices, bans.chain(windows).collect())
    }
}
