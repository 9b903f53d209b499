//! What people order: attempts, bans, and their end.

use std::collections::BTreeSet;

use super::decide::{Decisions, Keeper};
use super::event::{Answer, Attempt, AttemptOrder, BanOrder, Place, Reply, Ticket, UnbanOrder};
use super::friends::Friends;
use super::jail::Jail;
use super::network::Network;
use super::notice::{Lifted, Notice, Spared};
use super::roster::JailId;
use super::sentencing::Past;
use super::time::Timestamp;

impl Keeper {
    pub(super) fn attempts(
        &mut self,
        now: Timestamp,
        order: &AttemptOrder,
        decisions: &mut Decisions,
    ) {
        let answer = match self.jails.get_mut(order.jail) {
            Some(jail) => {
                jail.attempts(now, order, (&self.friends, &mut self.past), &mut decisions.notices)
            }
            None => Answer::NoSuchJail,
        };
        decisions.replies.push(Reply { ticket: order.ticket, answer });
    }

    pub(super) fn ban(&mut self, now: Timestamp, order: &BanOrder) -> Option<Reply> {
        let id = order.jail;
        let reply = |answer| Some(Reply { ticket: order.ticket, answer });
        let Some(jail) = self.jails.get_mut(id) else { return reply(Answer::NoSuchJail) };
        if !jail.policy.enforce {
            return reply(Answer::NotEnforced);
        }
        let mut offenders = BTreeSet::new();
        for asked in &order.networks {
            let network = asked.widened(jail.policy.prefix);
            if let Some(bound) = jail.policy.exceeded_by(network) {
                return reply(Answer::TooWide(*asked, bound));
            }
            if let Some(why) = jail.spares(*asked, network, &self.friends) {
                return reply(Answer::Spared(*asked, why));
            }
            if let Some(session) = self.friends.session(&jail.policy, network) {
                return reply(Answer::Spared(*asked, Spared::Session(session.clone())));
            }
            offenders.insert(network);
        }
        // Whoever is kept out as long already, as part of a network, needs no element.
        let said = (0, order.sentence);
        offenders.retain(|network| jail.convict(now, *network, said, &mut self.past));
        let elements: Vec<_> = offenders.into_iter().map(|network| (id, network)).collect();
        self.await_firewall(order.ticket, &elements)
    }

    pub(super) fn unban(&mut self, order: &UnbanOrder) -> Option<Reply> {
        let UnbanOrder { ticket, jail, ref networks } = *order;
        let networks = networks.as_deref();
        if jail.is_some_and(|jail| !self.jails.has(jail)) {
            return Some(Reply { ticket, answer: Answer::NoSuchJail });
        }
        let mut lifted = Vec::new();
        for jail in self.jails.iter_mut().filter(|it| jail.is_none_or(|asked| asked == it.id)) {
            let bans: Vec<Network> = match networks {
                None => jail.ledger.iter().map(|(network, _)| network).collect(),
                Some(networks) => networks.iter().flat_map(|it| jail.overlapping(*it)).collect(),
            };
            for network in networks.unwrap_or_default() {
                jail.forgive_all(*network);
                self.past.priors.forgive_all(network.widened(jail.policy.prefix), jail.id);
            }
            for network in bans {
                self.past.priors.forgive(network, jail.id);
                if jail.lift(network, Lifted::ByHand) && jail.policy.enforce {
                    lifted.push((jail.id, network));
                }
            }
        }
        self.await_firewall(ticket, &lifted)
    }

    /// The call is answered when the firewall has dealt with these.
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
}

impl Jail {
    /// Counts attempts that somebody tells of, all of them or none.
    pub(super) fn attempts(
        &mut self,
        now: Timestamp,
        order: &AttemptOrder,
        (friends, past): (&Friends, &mut Past),
        notices: &mut Vec<Notice>,
    ) -> Answer {
        for offender in &order.offenders {
            let network = offender.widened(self.policy.prefix);
            if let Some(bound) = self.policy.exceeded_by(network) {
                return Answer::TooWide(*offender, bound);
            }
            if let Some(why) = self.spares(*offender, network, friends) {
                return Answer::Spared(*offender, why);
            }
        }
        let mut counted = 0;
        for offender in &order.offenders {
            for _ in 0..order.times {
                counted += 1;
                let place = Place { source: order.source, sequence: u64::from(counted) };
                let user = order.user.clone();
                let (jail, text) = (self.id, None);
                let attempt = Attempt { jail, offender: *offender, user, text, time: now, place };
                self.attempt(now, attempt, (friends, &mut *past), notices);
            }
        }
        Answer::Done(counted)
    }
}
