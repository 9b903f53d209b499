//! One jail: its policy, and what it knows of its offenders.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Attempt, BanRecord, Lifted, Notice, Place, SourceId, Spared, Write};
use super::ignore::OwnAddresses;
use super::ledger::{Ban, Ledger, Standing};
use super::network::Network;
use super::policy::Policy;
use super::roster::JailId;
use super::sentencing::Past;
use super::time::{Timestamp, Until};
use super::window::{Count, Windows};

#[derive(Clone, Debug, PartialEq)]
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
    /// What is still to be told of bans that only would be.
    pub(super) told: Vec<Notice>,
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
            told: Vec::new(),
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
        own: &OwnAddresses,
        past: &mut Past,
    ) -> Notice {
        let culprit = attempt.offender;
        let network = culprit.widened(self.policy.prefix);
        if let Some(why) = self.spares(culprit, network, own) {
            return Notice::Ignored { jail: self.id, network: culprit, why };
        }
        // A record from the future is one from a clock that is wrong.
        let time = attempt.time.min(now);
        self.attempts_in_all += 1;
        self.last_attempt = self.last_attempt.max(Some(time));
        self.windows.set_back(now);
        self.windows.tick(time, self.policy.findtime, &mut self.unsaved_windows);
        let banned = self.ledger.get(network).is_some();
        if !banned {
            self.count(now, network, time, past);
        }
        Notice::Found { jail: self.id, offender: culprit, user: attempt.user, time, banned }
    }

    fn count(&mut self, now: Timestamp, network: Network, time: Timestamp, past: &mut Past) {
        let limits = (self.policy.findtime, self.maxretry(now, network, past));
        self.unsaved_windows.insert(network);
        let count = self.windows.count(network, time, limits, &mut self.unsaved_windows);
        if let Count::Reached(attempts) = count {
            self.convict(now, network, (attempts, None), past);
        }
    }

    /// Why this network must not be banned for what `culprit` did.
    pub(super) fn spares(
        &self,
        culprit: Network,
        network: Network,
        own: &OwnAddresses,
    ) -> Option<Spared> {
        if self.policy.ignoreself && own.contains(culprit) {
            return Some(Spared::OwnAddress);
        }
        if matches!(network, Network::V6(address, ..=127) if address.is_unicast_link_local()) {
            return Some(Spared::LinkLocal);
        }
        self.policy.ignore.spares(culprit, network)
    }

    /// Enters a ban and wants the firewall to have it, if the jail enforces.
    pub(super) fn ban(&mut self, network: Network, record: BanRecord, standing: Standing) {
        if record.enforced {
            self.lifting.remove(&network);
        }
        if self.windows.clear(network) {
            self.unsaved_windows.insert(network);
        }
        self.unsaved_bans.insert(network);
        if let Some(evicted) = self.ledger.enter(network, Ban { record, standing }) {
            self.struck(evicted, Lifted::MadeRoom);
        }
        if !matches!(standing, Standing::Installed | Standing::Trial) {
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
        if self.policy.enforce {
            self.lifting.insert(network, why);
            self.pending.insert(network);
        } else {
            self.told.push(Notice::WouldUnban { jail: self.id, network, why });
        }
    }

    /// Takes up another policy: what does not fit it any longer is lifted or forgotten.
    pub(super) fn reform(&mut self, policy: Policy, own: &OwnAddresses) {
        let prefix_changed = self.policy.prefix != policy.prefix;
        if self.policy.enforce != policy.enforce {
            let why = if policy.enforce { Lifted::TrialOver } else { Lifted::NotEnforced };
            let bans: Vec<Network> = self.ledger.iter().map(|(network, _)| network).collect();
            for network in bans {
                self.lift(network, why);
            }
        }
        self.policy = policy;
        self.review(own);
        if prefix_changed {
            let windows: Vec<Network> = self.windows.iter().map(|(network, _)| network).collect();
            for network in windows {
                self.forgive(network);
            }
        }
    }

    /// Lifts what must not be banned any longer.
    pub(super) fn review(&mut self, own: &OwnAddresses) {
        let bans: Vec<Network> = self.ledger.iter().map(|(network, _)| network).collect();
        for network in bans {
            if !network.fits(self.policy.prefix) {
                self.lift(network, Lifted::PrefixChanged);
            } else if self.spares(network, network, own).is_some() {
                self.lift(network, Lifted::Ignored);
            }
        }
    }

    /// Puts back a ban from the state file, unless it is over or no longer right.
    pub(super) fn restore_ban(
        &mut self,
        now: Timestamp,
        (network, record): (Network, BanRecord),
        own: &OwnAddresses,
    ) {
        let outlived = record.until.is_over(now)
            || record.enforced != self.policy.enforce
            || !network.fits(self.policy.prefix)
            || self.spares(network, network, own).is_some();
        if outlived {
            self.unsaved_bans.insert(network);
        } else {
            let again = if record.enforced { Standing::WantedAgain } else { Standing::Trial };
            self.ban(network, record, again);
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
        own: &OwnAddresses,
        past: &mut Past,
    ) {
        let fits = self.policy.enforce
            && network.fits(self.policy.prefix)
            && self.spares(network, network, own).is_none()
            && !until.is_over(now);
        if fits && self.ledger.get(network).is_none() {
            let nth = self.enter(now, network, until, past);
            let record = BanRecord { since: now, until, attempts: 0, nth, enforced: true };
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
        let (jail, why) = (self.id, Lifted::JailGone);
        let notices = self.ledger.iter().map(|(network, ban)| match ban.standing {
            Standing::Trial => Notice::WouldUnban { jail, network, why },
            _ => Notice::Unbanned { jail, network, why },
        });
        let notices = notices.collect();
        let bans = self.ledger.iter().map(|(network, _)| Write::NoBan(self.id, network));
        let windows = self.windows.iter().map(|(network, _)| Write::NoWindow(self.id, network));
        (notices, bans.chain(windows).collect())
    }
}
