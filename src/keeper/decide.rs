//! The keeper: events in, changes and answers out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::calls::Calls;
use super::event::{
    Answer, Attempt, BanOrder, BanRecord, Change, Element, Event, Lifted, Notice, Outcome, Reply,
    SourceId, Spared, Ticket, UnbanOrder, Write,
};
use super::friends::Friends;
use super::jail::Jail;
use super::ledger::Standing;
use super::network::Network;
use super::plan::plan;
use super::policy::Policy;
use super::roster::JailId;
use super::time::Timestamp;

/// When the firewall has failed altogether it is asked again after this; then after twice as
/// long, up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(16);

/// An element that the firewall refused is offered again after this.
const REFUSED_RETRY: Duration = Duration::from_mins(1);

/// All jails, their offenders, and what the firewall is still to be told.
///
/// A ban is *wanted* from the decision on, and *installed* once [`Keeper::settle`] has heard that
/// the firewall has it; only then is it called a ban to anybody.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    pub(super) jails: BTreeMap<JailId, Jail>,
    pub(super) friends: Friends,
    calls: Calls,
    counted: BTreeMap<SourceId, u64>,
    retry: Option<Retry>,
    refused: BTreeSet<(Timestamp, JailId, Network)>,
    farewells: Vec<Write>,
}

#[derive(Clone, Copy, Debug)]
struct Retry {
    at: Timestamp,
    after: Duration,
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

/// What a jail has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts that are in a window now.
    pub attempts_now: u64,
    /// Attempts since the start of the service.
    pub attempts_in_all: u64,
    /// Bans that the firewall has.
    pub bans_now: u64,
    /// Bans made since the start of the service.
    pub bans_in_all: u64,
    /// The latest attempt since the start of the service.
    pub last_attempt: Option<Timestamp>,
}

impl Keeper {
    /// Takes in a jail, or gives one another policy. Its bans and windows stay, as far as they fit.
    pub fn admit(&mut self, id: JailId, policy: Policy) {
        match self.jails.get_mut(&id) {
            Some(jail) => jail.reform(policy, &self.friends),
            None => {
                self.jails.insert(id, Jail::new(id, policy));
            }
        }
    }

    /// Lets a jail go with all its bans; whoever calls this removes its sets from the firewall, and
    /// tells of it then.
    pub fn dismiss(&mut self, id: JailId) -> Settled {
        let Some(jail) = self.jails.remove(&id) else { return Settled::default() };
        let (notices, writes) = jail.farewell();
        self.farewells.extend(writes);
        let replies = self.calls.settle_where(|(jail, _)| *jail == id, Err("the jail is gone"));
        Settled { notices, replies }
    }

    /// Which jails there are.
    pub fn jails(&self) -> impl Iterator<Item = JailId> {
        self.jails.keys().copied()
    }

    /// Puts back what the state file remembers of a jail.
    pub fn restore(
        &mut self,
        now: Timestamp,
        id: JailId,
        bans: impl IntoIterator<Item = (Network, BanRecord)>,
        windows: impl IntoIterator<Item = (Network, Vec<Timestamp>)>,
    ) {
        let Some(jail) = self.jails.get_mut(&id) else { return };
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
        for jail in self.jails.values_mut() {
            jail.forget_place(source);
        }
    }

    /// Records of `source` up to `sequence` have been counted; they are not counted again.
    pub fn restore_place(&mut self, source: SourceId, sequence: u64) {
        self.counted.insert(source, sequence);
    }

    /// Decides about events, in their order, and about everything that is due at `now`.
    pub fn decide(&mut self, now: Timestamp, events: impl IntoIterator<Item = Event>) -> Decisions {
        let mut decisions = Decisions::default();
        self.jails.values_mut().for_each(|jail| jail.expire(now));
        self.expire_allowed(now, &mut decisions);
        for event in events {
            match event {
                Event::Attempt(attempt) => decisions.notices.extend(self.attempt(now, attempt)),
                Event::Ban(order) => decisions.replies.extend(self.ban(now, &order)),
                Event::Unban(order) => decisions.replies.extend(self.unban(&order)),
                Event::Allow(order) => {
                    decisions.replies.extend(self.allow(now, order, &mut decisions.notices));
                }
                Event::Disallow(order) => {
                    decisions.replies.push(self.disallow(&order, &mut decisions.notices));
                }
            }
        }
        decisions.changes = self.due_changes(now);
        decisions
    }

    /// Holds what the firewall has against what is wanted; the difference comes with the decisions.
    /// With `adopt` unknown elements become bans, else they are lifted.
    pub fn audit(&mut self, now: Timestamp, installed: &[Element], adopt: bool) -> Decisions {
        if adopt {
            for element in installed {
                if let Some(jail) = self.jails.get_mut(&element.jail) {
                    jail.adopt(now, (element.network, element.until), &self.friends);
                }
            }
        }
        for jail in self.jails.values_mut() {
            jail.expire(now);
            jail.pending = jail.lifting.keys().copied().collect();
        }
        for change in plan(self.wanted(), installed.iter().copied()) {
            let (Change::Ban { jail, network, .. } | Change::Lift { jail, network }) = change;
            if let Some(jail) = self.jails.get_mut(&jail) {
                jail.pending.insert(network);
            }
        }
        self.retry = None;
        let notices = self.jails.values_mut().flat_map(note_installed).collect();
        let jails = &self.jails;
        let done = |(id, network): &(JailId, Network)| {
            jails.get(id).is_some_and(|jail| !jail.pending.contains(network))
        };
        let replies = self.calls.settle_where(done, Ok(()));
        Decisions { changes: self.due_changes(now), notices, replies }
    }

    /// What the firewall should have.
    fn wanted(&self) -> impl Iterator<Item = Element> {
        self.jails.values().flat_map(|jail| {
            jail.ledger.iter().map(|(network, ban)| Element {
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
        settled
    }

    /// When [`Keeper::decide`] must be called again, whatever happens.
    pub fn deadline(&self) -> Option<Timestamp> {
        let ends = self.jails.values().filter_map(|jail| jail.ledger.next_end());
        let retry = self.retry.map(|retry| retry.at);
        // While the firewall takes nothing at all, nothing else is offered to it either.
        let refused =
            self.refused.first().map(|(at, ..)| retry.map_or(*at, |retry| retry.max(*at)));
        ends.chain(retry).chain(refused).chain(self.friends.allowed.next_end()).min()
    }

    /// What has changed since the last time this was asked, for the state file.
    pub fn take_unsaved(&mut self) -> Vec<Write> {
        let mut writes = std::mem::take(&mut self.farewells);
        writes.extend(self.jails.values_mut().flat_map(Jail::take_unsaved));
        writes.extend(self.friends.allowed.take_unsaved());
        writes
    }

    /// Everything that the state file is to remember.
    pub fn everything(&self) -> Vec<Write> {
        self.jails.values().flat_map(Jail::everything).chain(self.everything_allowed()).collect()
    }

    /// The bans that the firewall has, of one jail or of all.
    pub fn bans(&self, jail: Option<JailId>) -> impl Iterator<Item = (JailId, Network, BanRecord)> {
        let asked = self.jails.iter().filter(move |(id, _)| jail.is_none_or(|jail| jail == **id));
        asked.flat_map(|(id, jail)| {
            let bans = jail.ledger.iter();
            let installed = bans.filter(|(_, ban)| ban.standing == Standing::Installed);
            installed.map(|(network, ban)| (*id, network, ban.record))
        })
    }

    /// How many bans the firewall has, of all jails.
    pub fn banned(&self) -> usize {
        self.jails.values().map(|jail| jail.ledger.installed()).sum()
    }

    /// What a jail has counted.
    pub fn tally(&self, id: JailId, now: Timestamp) -> Tally {
        let Some(jail) = self.jails.get(&id) else { return Tally::default() };
        let oldest = now.minus(jail.policy.findtime);
        Tally {
            attempts_now: jail.windows.attempts_since(oldest) as u64,
            attempts_in_all: jail.attempts_in_all,
            bans_now: jail.ledger.installed() as u64,
            bans_in_all: jail.bans_in_all,
            last_attempt: jail.last_attempt,
        }
    }

    fn attempt(&mut self, now: Timestamp, attempt: Attempt) -> Vec<Notice> {
        let before = self.counted.get(&attempt.place.source).copied().unwrap_or_default();
        let Some(jail) = self.jails.get_mut(&attempt.jail) else { return Vec::new() };
        if attempt.place.sequence <= before || !jail.sees_first(attempt.place) {
            return Vec::new();
        }
        jail.attempt(now, attempt, &self.friends)
    }

    fn ban(&mut self, now: Timestamp, order: &BanOrder) -> Option<Reply> {
        let id = order.jail;
        let reply = |answer| Some(Reply { ticket: order.ticket, answer });
        let Some(jail) = self.jails.get_mut(&id) else { return reply(Answer::NoSuchJail) };
        let mut offenders = BTreeSet::new();
        for asked in &order.networks {
            let network = asked.widened(jail.policy.prefix);
            if !network.fits(jail.policy.prefix) {
                return reply(Answer::TooWide(*asked));
            }
            if let Some(why) = jail.spares(*asked, network, &self.friends) {
                return reply(Answer::Spared(*asked, why));
            }
            if let Some(session) = self.friends.session(&jail.policy, network) {
                return reply(Answer::Spared(*asked, Spared::Session(session.clone())));
            }
            offenders.insert(network);
        }
        let until = order.sentence.unwrap_or(jail.policy.bantime).ends(now);
        for network in &offenders {
            let record = BanRecord { since: now, until, attempts: 0 };
            jail.ban(*network, record, Standing::Wanted);
        }
        let elements: Vec<_> = offenders.into_iter().map(|network| (id, network)).collect();
        self.await_firewall(order.ticket, &elements)
    }

    fn unban(&mut self, order: &UnbanOrder) -> Option<Reply> {
        let UnbanOrder { ticket, jail, ref networks } = *order;
        let networks = networks.as_deref();
        if jail.is_some_and(|jail| !self.jails.contains_key(&jail)) {
            return Some(Reply { ticket, answer: Answer::NoSuchJail });
        }
        let mut lifted = Vec::new();
        for (id, jail) in self.jails.iter_mut().filter(|(id, _)| jail.is_none_or(|j| j == **id)) {
            let bans: Vec<Network> = match networks {
                None => jail.ledger.iter().map(|(network, _)| network).collect(),
                Some(networks) => networks
                    .iter()
                    .flat_map(|asked| jail.ledger.overlapping(*asked, jail.policy.prefix))
                    .collect(),
            };
            for network in networks.unwrap_or_default() {
                jail.forgive(network.widened(jail.policy.prefix));
            }
            lifted.extend(
                bans.into_iter()
                    .filter(|network| jail.lift(*network, Lifted::ByHand))
                    .map(|network| (*id, network)),
            );
        }
        self.await_firewall(ticket, &lifted)
    }

    pub(super) fn await_firewall(
        &mut self,
        ticket: Ticket,
        elements: &[(JailId, Network)],
    ) -> Option<Reply> {
        if elements.is_empty() {
            return Some(Reply { ticket, answer: Answer::Done(0) });
        }
        self.calls.wait(ticket, elements);
        None
    }

    fn due_changes(&mut self, now: Timestamp) -> Vec<Change> {
        if self.retry.is_some_and(|retry| now < retry.at) {
            return Vec::new();
        }
        while let Some((at, id, network)) = self.refused.first().copied()
            && at <= now
        {
            self.refused.pop_first();
            if let Some(jail) = self.jails.get_mut(&id)
                && (jail.ledger.get(network).is_some() || jail.lifting.contains_key(&network))
            {
                jail.pending.insert(network);
            }
        }
        self.jails.values().flat_map(changes_of).collect()
    }

    fn postpone(
        &mut self,
        now: Timestamp,
        changes: &[Change],
        reason: &str,
        settled: &mut Settled,
    ) {
        let after = self.retry.map_or(FIRST_RETRY, |last| (last.after * 2).min(LAST_RETRY));
        self.retry = Some(Retry { at: now.plus(after), after });
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
        let Some(jail) = self.jails.get_mut(&id) else { return };
        jail.pending.remove(&network);
        if let Err(reason) = outcome {
            self.refused.insert((now.plus(REFUSED_RETRY), id, network));
            jail.ledger.note(network, Standing::Refused);
            let reason = reason.to_owned();
            settled.notices.push(Notice::Refused { jail: id, network, reason });
            return;
        }
        settled.notices.extend(match change {
            Change::Ban { .. } => note_banned(jail, network),
            Change::Lift { .. } => {
                jail.lifting.remove(&network).map(|why| Notice::Unbanned { jail: id, network, why })
            }
        });
    }
}

fn changes_of(jail: &Jail) -> impl Iterator<Item = Change> {
    jail.pending.iter().map(|network| match jail.ledger.get(*network) {
        Some(ban) => Change::Ban { jail: jail.id, network: *network, until: ban.record.until },
        None => Change::Lift { jail: jail.id, network: *network },
    })
}

/// The firewall has this ban now. It is news unless it had been there before.
fn note_banned(jail: &mut Jail, network: Network) -> Option<Notice> {
    let record = jail.ledger.get(network)?.record;
    let restored = match jail.ledger.note(network, Standing::Installed)? {
        Standing::Installed => return None,
        Standing::WantedAgain => true,
        Standing::Wanted | Standing::Refused => false,
    };
    jail.bans_in_all += u64::from(!restored);
    let BanRecord { until, attempts, .. } = record;
    Some(Notice::Banned { jail: jail.id, network, until, attempts, restored })
}

/// Bans that the firewall had all along need no change: they are noted here.
fn note_installed(jail: &mut Jail) -> Vec<Notice> {
    let already: Vec<Network> = jail
        .ledger
        .iter()
        .filter(|(network, ban)| {
            ban.standing != Standing::Installed && !jail.pending.contains(network)
        })
        .map(|(network, _)| network)
        .collect();
    already.into_iter().filter_map(|network| note_banned(jail, network)).collect()
}
