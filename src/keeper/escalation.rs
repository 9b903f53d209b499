//! From many banned neighbours to their network.

use std::collections::{BTreeMap, BTreeSet};

use super::friends::Friends;
use super::jail::Jail;
use super::network::Network;
use super::notice::{Notice, Spared};
use super::policy::Escalate;
use super::sentencing::Past;
use super::time::Timestamp;

/// What a jail knows of the networks that its offenders belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Escalation {
    /// Networks in which somebody was banned since they were last looked at.
    touched: BTreeSet<Network>,
    /// Networks that ought to be banned and are spared, which has been told. Each holds an address
    /// that is never banned, so there are no more of them than of those.
    spared: BTreeSet<Network>,
    /// Networks that are banned instead of so many members, until the firewall has them.
    members: BTreeMap<Network, u32>,
}

impl Escalation {
    /// Somebody was banned.
    pub(super) fn touch(&mut self, offender: Network, rule: Option<Escalate>) {
        let Some(rule) = rule else { return };
        let network = offender.widened(rule.prefix);
        if network != offender {
            self.touched.insert(network);
        }
    }

    /// The rule has changed: all is looked at again.
    pub(super) fn begin_anew(
        &mut self,
        banned: impl Iterator<Item = Network>,
        rule: Option<Escalate>,
    ) {
        self.touched.clear();
        self.spared.clear();
        for offender in banned {
            self.touch(offender, rule);
        }
    }

    /// Who is spared has changed: what was not banned for somebody's sake is looked at again. A
    /// restart looks at everything, and must not come to another end than the process that lives on.
    pub(super) fn look_again(&mut self) {
        self.touched.extend(self.spared.iter().copied());
    }

    /// How many members were banned before this network was, if that is still to be told.
    pub(super) fn take_members(&mut self, network: Network) -> u32 {
        self.members.remove(&network).unwrap_or(0)
    }
}

impl Jail {
    /// Bans the networks of which enough members are banned; told is who ought to be and is spared.
    pub(super) fn escalate(
        &mut self,
        now: Timestamp,
        (friends, past): (&Friends, &mut Past),
        notices: &mut Vec<Notice>,
    ) {
        let touched = std::mem::take(&mut self.escalation.touched);
        let Some(Escalate { after, .. }) = self.policy.escalate else { return };
        for network in touched {
            let enough = usize::try_from(after).unwrap_or(usize::MAX);
            if self.ledger.within(network).take(enough).count() < enough {
                self.escalation.spared.remove(&network);
            } else if let Some(why) = self.spares_all_of(network, friends) {
                if self.escalation.spared.insert(network) {
                    notices.push(Notice::Ignored { jail: self.id, network, why });
                }
            } else {
                self.escalation.spared.remove(&network);
                self.ban_instead_of_members(now, network, past);
            }
        }
    }

    /// Why not all of a network must be banned for what some of its members did.
    pub(super) fn spares_all_of(&self, network: Network, friends: &Friends) -> Option<Spared> {
        let own = || {
            let own = friends.own.within(network).filter(|_| self.policy.ignoreself);
            own.map(Spared::HoldsOwnAddress)
        };
        let session = || friends.session(&self.policy, network).cloned().map(Spared::Session);
        self.spares(network, network, friends).or_else(own).or_else(session)
    }

    /// Bans a network for as long as any of its members, and at least for the jail's time.
    fn ban_instead_of_members(&mut self, now: Timestamp, network: Network, past: &mut Past) {
        let mut until = self.sentence(now, network, past).ends(now);
        let (mut attempts, mut members) = (0_u32, 0_u32);
        for (_, member) in self.ledger.within(network) {
            until = until.max(member.record.until);
            attempts = attempts.saturating_add(member.record.attempts);
            members = members.saturating_add(1);
        }
        if self.impose(now, network, (attempts, until), past) && self.policy.enforce {
            self.escalation.members.insert(network, members);
        }
    }
}
