//! One jail: its policy, and what it knows of its offenders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::accounts::Accounts;
use super::escalation::Escalation;
use super::event::{Attempt, BanRecord, Place, SourceId};
use super::evidence::Evidence;
use super::friends::Friends;
use super::ledger::{Ban, Ledger, Standing};
use super::network::Network;
use super::noted::Noted;
use super::notice::{Lifted, Notice, Spared};
use super::policy::{CountBy, Policy};
use super::roster::JailId;
use super::sentencing::Past;
use super::time::Timestamp;
use super::window::{Count, Windows};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Jail {
    pub(super) id: JailId,
    pub(super) policy: Policy,
    pub(super) windows: Windows<Network>,
    pub(super) accounts: Accounts,
    pub(super) evidence: Evidence,
    pub(super) ledger: Ledger,
    /// Bans that are struck out of the ledger and still to be lifted in the firewall, and the reason
    /// to tell; none of a ban that has never been in force. A stray element is not here.
    pub(super) lifting: BTreeMap<Network, Option<Lifted>>,
    /// What the firewall is to be told of.
    pub(super) pending: BTreeSet<Network>,
    pub(super) escalation: Escalation,
    /// What led to the bans that the firewall does not have yet.
    pub(super) charges: BTreeMap<Network, Charge>,
    pub(super) attempts_in_all: u64,
    pub(super) bans_in_all: u64,
    pub(super) last_attempt: Option<Timestamp>,
    /// What is still to be told of bans that only would be.
    pub(super) told: Vec<Notice>,
    seen: BTreeMap<SourceId, u64>,
    pub(super) unsaved_windows: Noted<Network>,
    pub(super) unsaved_bans: Noted<Network>,
}

/// The attempt that was one too many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Charge {
    /// As whom, if the record says so.
    pub(super) user: Option<Arc<str>>,
    /// Whether it is one too many of its address, or on its account.
    pub(super) counted_by: CountBy,
}

impl Jail {
    pub(super) fn new(id: JailId, policy: Policy) -> Self {
        Self {
            id,
            policy,
            windows: Windows::default(),
            accounts: Accounts::default(),
            evidence: Evidence::default(),
            ledger: Ledger::default(),
            lifting: BTreeMap::new(),
            pending: BTreeSet::new(),
            escalation: Escalation::default(),
            charges: BTreeMap::new(),
            attempts_in_all: 0,
            bans_in_all: 0,
            last_attempt: None,
            told: Vec::new(),
            seen: BTreeMap::new(),
            unsaved_windows: Noted::default(),
            unsaved_bans: Noted::default(),
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

    /// Counts an attempt, passes sentence when it is one too many, and adds what is to be told.
    pub(super) fn attempt(
        &mut self,
        now: Timestamp,
        attempt: Attempt,
        (friends, past): (&Friends, &mut Past),
        notices: &mut Vec<Notice>,
    ) {
        let culprit = attempt.offender;
        let network = culprit.widened(self.policy.prefix);
        let excused = || self.policy.excuses(attempt.user.as_deref(), culprit);
        if let Some(why) = self.spares(culprit, network, friends).or_else(excused) {
            notices.push(Notice::Ignored { jail: self.id, network: culprit, why });
            return;
        }
        // A record from the future is one from a clock that is wrong.
        let time = attempt.time.min(now);
        self.attempts_in_all += 1;
        self.last_attempt = self.last_attempt.max(Some(time));
        self.windows.set_back(now);
        self.accounts.set_back(now);
        let mut forgotten = Vec::new();
        self.windows.tick(time, self.policy.findtime, &mut forgotten);
        self.fell_away(forgotten);
        let banned = self.ledger.holding(network).next().is_some();
        let Attempt { user, text, .. } = attempt;
        let mut refusal = None;
        if !banned {
            if let Some(text) = text {
                self.evidence.add(network, time, &text, self.policy.matches_kept());
            }
            refusal = self.count(now, (network, time), user.clone(), (friends, past));
        }
        notices.push(Notice::Found { jail: self.id, offender: culprit, user, time, banned });
        notices.extend(refusal);
    }

    /// Counts an attempt; a notice if it should have led to a ban and did not.
    fn count(
        &mut self,
        now: Timestamp,
        (network, time): (Network, Timestamp),
        user: Option<Arc<str>>,
        (friends, past): (&Friends, &mut Past),
    ) -> Option<Notice> {
        let limits = (self.policy.findtime, self.maxretry(now, network, past));
        let account = user.as_ref().filter(|_| self.policy.count_by == CountBy::User);
        let on_account = account.and_then(|account| self.accounts.count(account, time, limits));
        self.unsaved_windows.note(network);
        let mut forgotten = Vec::new();
        let by_address = self.windows.count(network, time, limits, &mut forgotten);
        self.fell_away(forgotten);
        let (attempts, counted_by) = match (by_address, on_account) {
            (Count::Reached(attempts), _) => (attempts, CountBy::Address),
            (Count::Below, Some(attempts)) => (attempts, CountBy::User),
            (Count::Below, None) => return None,
        };
        if let Some(session) = friends.session(&self.policy, network) {
            let why = Spared::Session(session.clone());
            self.forgive(network);
            return Some(Notice::NotBanned { jail: self.id, network, why, attempts });
        }
        if self.convict(now, network, (attempts, None), past) && self.policy.enforce {
            self.charges.insert(network, Charge { user, counted_by });
        }
        None
    }

    /// These windows are no more, and neither is what was kept for them.
    fn fell_away(&mut self, windows: Vec<Network>) {
        for network in windows {
            self.unsaved_windows.note(network);
            self.evidence.forget(network);
        }
    }

    /// Why this network must not be banned for what `culprit` did.
    pub(super) fn spares(
        &self,
        culprit: Network,
        network: Network,
        friends: &Friends,
    ) -> Option<Spared> {
        if let Some(bound) = self.policy.exceeded_by(network) {
            return Some(Spared::TooWide(bound));
        }
        friends.spares((self.id, &self.policy), culprit, network)
    }

    /// Enters a ban and wants the firewall to have it, unless one around it lasts as long; whether
    /// it is entered. What lies within it and ends no later goes.
    pub(super) fn ban(&mut self, network: Network, record: BanRecord, standing: Standing) -> bool {
        if self.ledger.covers(network, record.until) {
            self.unsaved_bans.note(network);
            self.lift(network, Lifted::Escalated);
            return false;
        }
        for member in self.ledger.covered_by(network, record.until) {
            self.lift(member, Lifted::Escalated);
        }
        self.put_in(network, Ban { record, standing });
        true
    }

    fn put_in(&mut self, network: Network, ban: Ban) {
        if ban.record.enforced
            && let Some(Some(why)) = self.lifting.remove(&network)
        {
            // The firewall goes on having it, for a new reason.
            self.told.push(Notice::Unbanned { jail: self.id, network, why });
        }
        self.charges.remove(&network);
        if self.windows.clear(&network) {
            self.unsaved_windows.note(network);
        }
        self.unsaved_bans.note(network);
        if let Some(evicted) = self.ledger.enter(network, ban) {
            self.struck(evicted, Lifted::MadeRoom);
        }
        if !matches!(ban.standing, Standing::Installed | Standing::Trial) {
            self.pending.insert(network);
        }
        self.escalation.touch(network, self.policy.escalate);
    }

    /// Strikes a ban and wants the firewall to lift it; whether there was one.
    pub(super) fn lift(&mut self, network: Network, why: Lifted) -> bool {
        let Some(ban) = self.ledger.strike(network) else { return false };
        self.struck((network, ban), why);
        true
    }

    /// The bans that `asked` overlaps: of networks around it, its own, and of those within it.
    pub(super) fn overlapping(&self, asked: Network) -> Vec<Network> {
        let asked = asked.widened(self.policy.prefix);
        let bans = self.ledger.holding(asked).chain(self.ledger.within(asked));
        bans.map(|(network, _)| network).collect()
    }

    /// Forgets what was counted of everybody in `asked`, and of the offender that holds it.
    pub(super) fn forgive_all(&mut self, asked: Network) {
        let asked = asked.widened(self.policy.prefix);
        let counted = self.windows.from(&asked).take_while(|network| asked.holds(**network));
        for offender in counted.copied().collect::<Vec<_>>() {
            self.forgive(offender);
        }
    }

    /// Forgets what was counted of this offender, which is not banned.
    pub(super) fn forgive(&mut self, network: Network) {
        if self.windows.clear(&network) {
            self.unsaved_windows.note(network);
        }
        self.evidence.forget(network);
    }

    /// Strikes the bans that are over. The kernel lets them go by its own clock; it is told all the
    /// same, since the two clocks may have parted.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(over) = self.ledger.strike_one_over(now) {
            self.struck(over, Lifted::Expired);
        }
    }

    pub(super) fn struck(&mut self, (network, ban): (Network, Ban), why: Lifted) {
        self.escalation.take_members(network);
        self.unsaved_bans.note(network);
        self.charges.remove(&network);
        self.evidence.forget(network);
        if ban.standing == Standing::Trial {
            self.told.push(Notice::WouldUnban { jail: self.id, network, why });
            return;
        }
        self.pending.insert(network);
        self.lifting.insert(network, ban.standing.was_in_force().then_some(why));
    }

    /// Takes up another policy: what does not fit it any longer is lifted or forgotten.
    pub(super) fn reform(&mut self, policy: Policy, friends: &Friends) {
        let prefix_changed = self.policy.prefix != policy.prefix;
        if self.policy.enforce != policy.enforce {
            let why = if policy.enforce { Lifted::TrialOver } else { Lifted::NotEnforced };
            let bans: Vec<Network> = self.ledger.iter().map(|(network, _)| network).collect();
            for network in bans {
                self.lift(network, why);
            }
        }
        self.policy = policy;
        self.review(friends);
        let unfit = |network: &Network| prefix_changed || !self.policy.allows(*network);
        let windows = self.windows.iter().map(|(network, _)| *network);
        for network in windows.filter(unfit).collect::<Vec<_>>() {
            self.forgive(network);
        }
        self.evidence.cut(self.policy.matches_kept());
        if self.policy.count_by == CountBy::Address {
            self.accounts.clear();
        }
        let banned = self.ledger.iter().map(|(network, _)| network);
        self.escalation.begin_anew(banned, self.policy.escalate);
    }

    /// Lifts what must not be banned any longer.
    pub(super) fn review(&mut self, friends: &Friends) {
        let bans: Vec<Network> = self.ledger.iter().map(|(network, _)| network).collect();
        for network in bans {
            if let Some(why) = self.unfit(network, friends) {
                self.lift(network, why);
            }
        }
    }

    /// Why this network must not stay banned.
    pub(super) fn unfit(&self, network: Network, friends: &Friends) -> Option<Lifted> {
        if !self.policy.allows(network) {
            return Some(Lifted::PrefixChanged);
        }
        if self.spares(network, network, friends).is_some() {
            return Some(Lifted::Ignored);
        }
        friends.session(&self.policy, network).map(|_| Lifted::LoggedIn)
    }
}
