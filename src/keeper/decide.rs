//! The keeper: events in, changes and answers out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::calls::Calls;
use super::event::{Attempt, BanRecord, Change, Element, Event, Outcome, Reply, SourceId, Write};
use super::friends::Friends;
use super::jail::Jail;
use super::jails::Jails;
use super::network::Network;
use super::news::{changes_of, note_banned, note_installed};
use super::notice::Notice;
use super::patience::pause;
use super::plan::plan;
use super::policy::Policy;
use super::roster::JailId;
use super::sentencing::Past;
use super::time::Timestamp;

/// An element that the firewall refused is offered again after this.
const REFUSED_RETRY: Duration = Duration::from_mins(1);

/// All jails, their offenders, and what the firewall is still to be told.
///
/// A ban is *wanted* from the decision on, and *installed* once [`Keeper::settle`] has heard that
/// the firewall has it; only then is it called a ban to anybody.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    pub(super) jails: Jails,
    pub(super) friends: Friends,
    pub(super) past: Past,
    /// A jail has heard of a ban and bans somebody itself, which nothing but a turn brings about.
    pub(super) due: bool,
    pub(super) calls: Calls,
    counted: BTreeMap<SourceId, u64>,
    retry: Option<Retry>,
    refused: BTreeSet<(Timestamp, JailId, Network)>,
    farewells: Vec<Write>,
}

/// The firewall has failed altogether.
#[derive(Clone, Copy, Debug)]
struct Retry {
    /// When it did so first.
    since: Timestamp,
    /// When it is asked again.
    at: Timestamp,
}

/// What the keeper has decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// What the firewall is to be told, at most one change an element. Whoever performs them
    /// reports to [`Keeper::settle`] before anything else is decided.
    pub changes: Vec<Change>,
    /// What has happened.
    pub notices: Vec<Notice>,
    /// Calls that are answered already.
    pub replies: Vec<Reply>,
}

/// What became certain by the firewall's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// What has happened.
    pub notices: Vec<Notice>,
    /// Calls that are answered by it.
    pub replies: Vec<Reply>,
}

impl Keeper {
    /// Takes in a jail, or gives one another policy. Its bans and windows stay, as far as they fit.
    pub fn admit(&mut self, id: JailId, policy: Policy) {
        match self.jails.get_mut(id) {
            Some(jail) => {
                if policy.enforce && !jail.policy.enforce {
                    self.past.priors.end_trial(id);
                }
                jail.reform(policy, &self.friends);
            }
            None => {
                self.jails.insert(Jail::new(id, policy));
            }
        }
    }

    /// Lets a jail go with all its bans; whoever calls this removes its sets from the firewall, and
    /// tells of it then.
    pub fn dismiss(&mut self, id: JailId) -> Settled {
        let Some(mut jail) = self.jails.remove(id) else { return Settled::default() };
        // What has gone since it was saved is not in the jail any more, but in the state file.
        self.farewells.extend(jail.take_unsaved());
        self.farewells.extend(jail.evidence.take_unsaved(id, usize::MAX));
        let (notices, writes) = jail.farewell();
        self.farewells.extend(writes);
        self.farewells.extend(self.past.priors.dismiss(id));
        let replies = self.calls.settle_where(|(jail, _)| *jail == id, Err("the jail is gone"));
        Settled { notices, replies }
    }

    /// Which jails there are.
    pub fn jails(&self) -> impl Iterator<Item = JailId> {
        self.jails.iter().map(|jail| jail.id)
    }

    /// Puts back what the state file remembers of a jail.
    pub fn restore(
        &mut self,
        now: Timestamp,
        id: JailId,
        bans: impl IntoIterator<Item = (Network, BanRecord)>,
        windows: impl IntoIterator<Item = (Network, Vec<Timestamp>)>,
    ) {
        let Some(jail) = self.jails.get_mut(id) else { return };
        for (network, times) in windows {
            jail.restore_window(now, network, times);
        }
        for ban in bans {
            jail.restore_ban(now, ban, &self.friends);
        }
    }

    /// The records of `source` are numbered anew from now on.
    pub fn forget_place(&mut self, source: SourceId) {
        self.counted.remove(&source);
        for jail in self.jails.iter_mut() {
            jail.forget_place(source);
        }
    }

    /// Records of `source` up to `sequence` have been counted; they are not counted again.
    pub fn restore_place(&mut self, source: SourceId, sequence: u64) {
        self.counted.insert(source, sequence);
    }

    /// Decides about events, in their order, and about everything that is due at `now`.
    pub fn decide(&mut self, now: Timestamp, events: impl IntoIterator<Item = Event>) -> Decisions {
        self.jails.iter_mut().for_each(|jail| jail.expire(now));
        let mut decisions = Decisions::default();
        self.expire_allowed(now, &mut decisions);
        self.escalate_all(now, &mut decisions.notices);
        for event in events {
            match event {
                Event::Attempt(attempt) => {
                    let jail = attempt.jail;
                    self.attempt(now, attempt, &mut decisions.notices);
                    self.escalate(now, jail, &mut decisions.notices);
                }
                Event::Attempts(order) => {
                    self.attempts(now, &order, &mut decisions);
                    self.escalate(now, order.jail, &mut decisions.notices);
                }
                Event::Ban(order) => {
                    decisions.replies.extend(self.ban(now, &order));
                    self.escalate(now, order.jail, &mut decisions.notices);
                }
                Event::Unban(order) => decisions.replies.extend(self.unban(&order)),
                Event::Allow(order) => {
                    decisions.replies.extend(self.allow(now, order, &mut decisions.notices));
                }
                Event::Disallow(order) => {
                    decisions.replies.push(self.disallow(&order, &mut decisions.notices));
                    self.escalate_all(now, &mut decisions.notices);
                }
            }
        }
        self.take_told(&mut decisions.notices);
        self.hear_bans(now, &mut decisions.notices);
        decisions.changes = self.due_changes(now);
        decisions
    }

    /// Holds what the firewall has against what is wanted; the difference comes with the decisions.
    /// With `adopt` unknown elements become bans, else they are lifted.
    pub fn audit(&mut self, now: Timestamp, installed: &[Element], adopt: bool) -> Decisions {
        if adopt {
            for element in installed {
                if let Some(jail) = self.jails.get_mut(element.jail) {
                    let element = (element.network, element.until);
                    jail.adopt(now, element, &self.friends, &mut self.past);
                }
            }
        }
        self.jails.iter_mut().for_each(|jail| jail.expire(now));
        let mut notices = Vec::new();
        self.escalate_all(now, &mut notices);
        for jail in self.jails.iter_mut() {
            jail.pending = jail.lifting.keys().copied().collect();
        }
        for change in plan(self.wanted(), installed.iter().copied()) {
            let (Change::Ban { jail, network, .. } | Change::Lift { jail, network }) = change;
            if let Some(jail) = self.jails.get_mut(jail) {
                jail.pending.insert(network);
            }
        }
        self.retry = None;
        notices.extend(self.jails.iter_mut().flat_map(note_installed));
        self.take_told(&mut notices);
        let jails = &self.jails;
        let done = |(id, network): &(JailId, Network)| {
            jails.get(*id).is_some_and(|jail| !jail.pending.contains(network))
        };
        let replies = self.calls.settle_where(done, Ok(()));
        self.hear_bans(now, &mut notices);
        Decisions { changes: self.due_changes(now), notices, replies }
    }

    /// What the firewall should have.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Element> {
        self.jails.iter().flat_map(|jail| {
            jail.ledger.iter_enforced().map(|(network, ban)| Element {
                jail: jail.id,
                network,
                until: ban.record.until,
            })
        })
    }

    /// Hears what became of the changes that were decided last.
    pub fn settle(&mut self, now: Timestamp, changes: &[Change], outcome: &Outcome) -> Settled {
        let mut settled = Settled::default();
        match outcome {
            Outcome::Failed { reason } => self.postpone(now, changes, reason, &mut settled),
            Outcome::Applied { refused } => {
                self.retry = None;
                let mut refused = refused.iter().peekable();
                for (index, change) in changes.iter().enumerate() {
                    let refusal = refused.next_if(|(at, _)| *at == index);
                    let outcome = refusal.map_or(Ok(()), |(_, reason)| Err(reason.as_str()));
                    self.settle_one(now, *change, outcome, &mut settled);
                }
            }
        }
        self.hear_bans(now, &mut settled.notices);
        settled
    }

    /// When [`Keeper::decide`] must be called again, whatever happens.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.due {
            return Some(Timestamp::default());
        }
        let ends = self.jails.iter().filter_map(|jail| jail.ledger.next_end());
        let retry = self.retry.map(|retry| retry.at);
        // While the firewall takes nothing at all, nothing else is offered to it either.
        let refused =
            self.refused.first().map(|(at, ..)| retry.map_or(*at, |retry| retry.max(*at)));
        ends.chain(retry).chain(refused).chain(self.friends.allowed.next_end()).min()
    }

    /// Whether the firewall has failed altogether, and is to be asked again for what it did not take.
    pub fn is_put_off(&self) -> bool {
        self.retry.is_some()
    }

    /// What has changed since the last time this was asked, for the state file, but for the lines behind
    /// offenders ([`Keeper::take_unsaved_lines`]); it counts as told even if it is not all taken. There may be much of it, so that each write is made when it is
    /// asked for.
    pub fn take_unsaved(&mut self) -> impl Iterator<Item = Write> {
        let farewells = std::mem::take(&mut self.farewells);
        let of_jails: Vec<_> = self.jails.iter_mut().map(Jail::take_unsaved).collect();
        let priors = self.past.priors.take_unsaved();
        let allowed = self.friends.allowed.take_unsaved();
        farewells.into_iter().chain(of_jails.into_iter().flatten()).chain(priors).chain(allowed)
    }

    /// The lines behind offenders that have changed since the last time this was asked, for the state
    /// file, of at most so many offenders in each jail. They are most of what there is to save of many
    /// attempts, and decide nothing.
    pub fn take_unsaved_lines(&mut self, at_most: usize) -> impl Iterator<Item = Write> {
        let jails = self.jails.iter_mut();
        let of_jails: Vec<_> =
            jails.map(|jail| jail.evidence.take_unsaved(jail.id, at_most)).collect();
        of_jails.into_iter().flatten()
    }

    /// Whether there are lines to save.
    pub fn has_unsaved_lines(&self) -> bool {
        self.jails.iter().any(|jail| jail.evidence.has_unsaved())
    }

    /// Whether there is anything to save but lines.
    pub fn has_unsaved(&self) -> bool {
        !self.farewells.is_empty()
            || self.jails.iter().any(Jail::has_unsaved)
            || self.past.priors.has_unsaved()
            || self.friends.allowed.has_unsaved()
    }

    /// Everything that the state file is to remember.
    pub fn everything(&self) -> Vec<Write> {
        let jails = self.jails.iter().flat_map(Jail::everything);
        let rest = self.past.priors.everything().chain(self.everything_allowed());
        jails.chain(rest).collect()
    }

    fn take_told(&mut self, notices: &mut Vec<Notice>) {
        self.jails.iter_mut().for_each(|jail| notices.append(&mut jail.told));
    }

    fn attempt(&mut self, now: Timestamp, attempt: Attempt, notices: &mut Vec<Notice>) {
        let before = self.counted.get(&attempt.place.source).copied().unwrap_or_default();
        let Some(jail) = self.jails.get_mut(attempt.jail) else { return };
        if attempt.place.sequence > before && jail.sees_first(attempt.place) {
            jail.attempt(now, attempt, (&self.friends, &mut self.past), notices);
        }
    }

    fn escalate(&mut self, now: Timestamp, id: JailId, notices: &mut Vec<Notice>) {
        if let Some(jail) = self.jails.get_mut(id) {
            jail.escalate(now, (&self.friends, &mut self.past), notices);
        }
    }

    fn escalate_all(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        for jail in self.jails.iter_mut() {
            jail.escalate(now, (&self.friends, &mut self.past), notices);
        }
    }

    fn due_changes(&mut self, now: Timestamp) -> Vec<Change> {
        self.due = false;
        if self.retry.is_some_and(|retry| now < retry.at) {
            return Vec::new();
        }
        while let Some((at, id, network)) = self.refused.first().copied()
            && at <= now
        {
            self.refused.pop_first();
            if let Some(jail) = self.jails.get_mut(id)
                && (jail.ledger.get(network).is_some() || jail.lifting.contains_key(&network))
            {
                jail.pending.insert(network);
            }
        }
        let mut changes = Vec::new();
        for jail in self.jails.iter().filter(|jail| !jail.pending.is_empty()) {
            changes.extend(changes_of(jail));
        }
        if changes.is_empty() {
            // What was to be tried again is no longer wanted.
            self.retry = None;
        }
        changes
    }

    fn postpone(
        &mut self,
        now: Timestamp,
        changes: &[Change],
        reason: &str,
        settled: &mut Settled,
    ) {
        let since = self.retry.map_or(now, |last| last.since);
        self.retry = Some(Retry { since, at: now.plus(pause(now.since(since))) });
        let reason = &format!("{reason}; it is tried again");
        for change in changes {
            let (Change::Ban { jail, network, .. } | Change::Lift { jail, network }) = *change;
            settled.replies.extend(self.calls.settle((jail, network), Err(reason)));
        }
    }

    fn settle_one(
        &mut self,
        now: Timestamp,
        change: Change,
        outcome: Result<(), &str>,
        settled: &mut Settled,
    ) {
        let (Change::Ban { jail: id, network, .. } | Change::Lift { jail: id, network }) = change;
        settled.replies.extend(self.calls.settle((id, network), outcome));
        let Some(jail) = self.jails.get_mut(id) else { return };
        jail.pending.remove(&network);
        if let Err(reason) = outcome {
            self.refused.insert((now.plus(REFUSED_RETRY), id, network));
            jail.ledger.note_refused(network);
            let reason = reason.to_owned();
            settled.notices.push(Notice::Refused { jail: id, network, reason });
            return;
        }
        settled.notices.extend(match change {
            Change::Ban { .. } => note_banned(jail, network),
            Change::Lift { .. } => {
                let why = jail.lifting.remove(&network).flatten();
                why.map(|why| Notice::Unbanned { jail: id, network, why })
            }
        });
    }
}
