//! Everybody who is not banned, and for which reason; what the keeper learns of them.

use std::collections::{BTreeMap, BTreeSet};

use super::allowed::{Allowance, Allowed, MAX_ALLOWED, Where};
use super::decide::{Decisions, Keeper};
use super::event::{AllowOrder, Answer, DisallowOrder, Reply, Write};
use super::exempt::{Entry, Exempt, ListId, SparedBy};
use super::ignore::{IgnoreList, OwnAddresses};
use super::network::Network;
use super::notice::{Disallowed, Lifted, Notice, Spared};
use super::policy::Policy;
use super::roster::JailId;
use super::sessions::{Session, Sessions};
use super::time::Timestamp;

/// Everybody whom the keeper knows as a friend, beside what stands in the jails' policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Friends {
    pub(super) own: OwnAddresses,
    pub(super) lists: BTreeMap<ListId, IgnoreList>,
    pub(super) allowed: Allowed,
    pub(super) sessions: Sessions,
}

impl Friends {
    /// Why a jail must not ban `network` for what `culprit` did.
    pub(super) fn spares(
        &self,
        (jail, policy): (JailId, &Policy),
        culprit: Network,
        network: Network,
    ) -> Option<Spared> {
        if policy.ignoreself && self.own.contains(culprit) {
            return Some(Spared::OwnAddress);
        }
        if matches!(network, Network::V6(address, ..=127) if address.is_unicast_link_local()) {
            return Some(Spared::LinkLocal);
        }
        let around = |list: &IgnoreList| list.around(culprit);
        let within = |list: &IgnoreList| list.within(network);
        let entry = |find: &dyn Fn(&IgnoreList) -> Option<Found>| {
            self.listed(&policy.ignore, SparedBy::IgnoreIp, find)
                .or_else(|| self.listed(&policy.proxies, SparedBy::TrustedProxies, find))
                .or_else(|| self.allowed_entry(jail, find))
        };
        let listed = || {
            // Most jails list nobody, and are asked at each attempt.
            let somebody = !policy.ignore.is_empty() || !policy.proxies.is_empty();
            if !somebody && self.allowed.is_empty() {
                return None;
            }
            let within = || entry(&within).map(Spared::Holds);
            entry(&around).map(Spared::Within).or_else(within)
        };
        let ruled_out = || {
            let rule = policy.rules.iter().find(|rule| rule.spares(culprit, network))?;
            Some(Spared::Rule(rule.to_string()))
        };
        listed().or_else(ruled_out)
    }

    /// The session that a ban of `network` would cut off, if the jail heeds sessions.
    pub(super) fn session(&self, policy: &Policy, network: Network) -> Option<&Session> {
        if policy.ignoresessions { self.sessions.within(network) } else { None }
    }

    fn listed(
        &self,
        exempt: &Exempt,
        by: SparedBy,
        find: &dyn Fn(&IgnoreList) -> Option<Found>,
    ) -> Option<Entry> {
        if let Some((network, name)) = find(&exempt.networks) {
            return Some(Entry { network, name, file: None, by });
        }
        exempt.lists.iter().find_map(|id| {
            let (network, name) = find(self.lists.get(id)?)?;
            let file = match id {
                ListId::Host(_) => None,
                ListId::File(path) => Some(path.clone()),
            };
            Some(Entry { network, name, file, by })
        })
    }

    fn allowed_entry(
        &self,
        jail: JailId,
        find: &dyn Fn(&IgnoreList) -> Option<Found>,
    ) -> Option<Entry> {
        let (network, name) = self.allowed.lists(jail).find_map(find)?;
        Some(Entry { network, name, file: None, by: SparedBy::Hand })
    }
}

type Found = (Network, super::ignore::HostName);

impl Keeper {
    /// Learns this host's own addresses; bans of them are lifted at the next decision.
    pub fn set_own_addresses(&mut self, own: OwnAddresses) {
        self.friends.own = own;
        self.review();
    }

    /// Learns what a list holds; bans of it are lifted at the next decision.
    pub fn set_list(&mut self, id: ListId, list: IgnoreList) {
        self.friends.lists.insert(id, list);
        self.review();
    }

    /// Forgets all lists but these.
    pub fn keep_lists(&mut self, wanted: &BTreeSet<ListId>) {
        self.friends.lists.retain(|id, _| wanted.contains(id));
        self.look_again();
    }

    /// Learns who is logged in; bans of their addresses are lifted at the next decision.
    pub fn set_sessions(&mut self, sessions: impl IntoIterator<Item = Session>) {
        self.friends.sessions = sessions.into_iter().collect();
        let addresses: Vec<Network> = self.friends.sessions.addresses().collect();
        for jail in self.jails.iter_mut().filter(|jail| jail.policy.ignoresessions) {
            for address in &addresses {
                for banned in jail.overlapping(*address) {
                    jail.lift(banned, Lifted::LoggedIn);
                }
            }
            jail.escalation.look_again();
        }
    }

    /// Puts back who was allowed, as the state file remembers.
    pub fn restore_allowed(
        &mut self,
        now: Timestamp,
        allowed: impl IntoIterator<Item = (Where, Network, Allowance)>,
    ) {
        for (jail, network, allowance) in allowed {
            self.friends.allowed.restore(now, (jail, network), allowance);
        }
    }

    /// Who is allowed by hand, and where.
    pub fn allowed(&self) -> impl Iterator<Item = (Where, Network, &Allowance)> {
        self.friends.allowed.iter()
    }

    fn review(&mut self) {
        for jail in self.jails.iter_mut() {
            jail.review(&self.friends);
            jail.escalation.look_again();
        }
    }

    fn look_again(&mut self) {
        self.jails.iter_mut().for_each(|jail| jail.escalation.look_again());
    }

    pub(super) fn allow(
        &mut self,
        now: Timestamp,
        order: AllowOrder,
        notices: &mut Vec<Notice>,
    ) -> Option<Reply> {
        let AllowOrder { ticket, jail, networks, sentence, comment } = order;
        let reply = |answer| Some(Reply { ticket, answer });
        if jail.is_some_and(|jail| !self.jails.has(jail)) {
            return reply(Answer::NoSuchJail);
        }
        let networks: BTreeSet<Network> = networks.into_iter().collect();
        if self.friends.allowed.count_with(jail, &networks) > MAX_ALLOWED {
            return reply(Answer::TooManyAllowed);
        }
        let allowance = Allowance { since: now, until: sentence.ends(now), comment };
        let mut lifted = Vec::new();
        for network in networks {
            self.friends.allowed.enter(jail, network, allowance.clone());
            notices.push(Notice::Allowed { jail, network, allowance: allowance.clone() });
            for post in self.jails.iter_mut().filter(|post| jail.is_none_or(|one| one == post.id)) {
                post.forgive_all(network);
                for banned in post.overlapping(network) {
                    if post.lift(banned, Lifted::Ignored) && post.policy.enforce {
                        lifted.push((post.id, banned));
                    }
                }
            }
        }
        self.await_firewall(ticket, &lifted)
    }

    pub(super) fn disallow(&mut self, order: &DisallowOrder, notices: &mut Vec<Notice>) -> Reply {
        let DisallowOrder { ticket, jail, ref networks } = *order;
        let mut struck = 0;
        for asked in networks {
            for (jail, network) in self.friends.allowed.inside(jail, *asked) {
                self.friends.allowed.strike(jail, network);
                notices.push(Notice::Disallowed { jail, network, why: Disallowed::ByHand });
                struck += 1;
            }
        }
        self.look_again();
        Reply { ticket, answer: Answer::Done(struck) }
    }

    /// Ends the allowances that are over.
    pub(super) fn expire_allowed(&mut self, now: Timestamp, decisions: &mut Decisions) {
        while let Some((jail, network)) = self.friends.allowed.strike_one_over(now) {
            decisions.notices.push(Notice::Disallowed { jail, network, why: Disallowed::Expired });
            self.look_again();
        }
    }

    pub(super) fn everything_allowed(&self) -> impl Iterator<Item = Write> {
        self.friends.allowed.everything()
    }
}
