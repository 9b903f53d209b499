//! Who was allowed by hand while the service runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::Write;
use super::ignore::IgnoreList;
use super::network::Network;
use super::roster::JailId;
use super::time::{Timestamp, Until};

/// So many may be allowed by hand at once; whoever has more writes a list, see `ignoreip`.
pub const MAX_ALLOWED: usize = 10_000;

/// Where somebody is allowed: in one jail, or in every one.
pub type Where = Option<JailId>;

/// Somebody is not banned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Until,
    /// Why, in the words of whoever allowed it; may be empty.
    pub comment: Arc<str>,
}

/// Everybody who was allowed by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    entries: BTreeMap<(Where, Network), Allowance>,
    by_end: BTreeSet<(Until, Where, Network)>,
    lists: BTreeMap<Where, IgnoreList>,
    unsaved: BTreeSet<(Where, Network)>,
}

impl Allowed {
    /// Whether nobody is allowed anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many would be allowed if these were, too.
    pub(super) fn count_with(&self, jail: Where, networks: &BTreeSet<Network>) -> usize {
        let new = networks.iter().filter(|new| !self.entries.contains_key(&(jail, **new)));
        self.entries.len() + new.count()
    }

    /// Enters an allowance in place of any other of this network there.
    pub(super) fn enter(&mut self, jail: Where, network: Network, allowance: Allowance) {
        self.strike(jail, network);
        self.by_end.insert((allowance.until, jail, network));
        self.lists.entry(jail).or_default().insert(network, None);
        self.entries.insert((jail, network), allowance);
        self.unsaved.insert((jail, network));
    }

    /// Takes in what the state file has, unless it is over; there it is to be forgotten then.
    pub(super) fn restore(
        &mut self,
        now: Timestamp,
        (jail, network): (Where, Network),
        allowance: Allowance,
    ) {
        if allowance.until.is_over(now) {
            self.unsaved.insert((jail, network));
        } else {
            self.enter(jail, network, allowance);
            self.unsaved.remove(&(jail, network));
        }
    }

    /// Strikes an allowance; whether there was one.
    pub(super) fn strike(&mut self, jail: Where, network: Network) -> bool {
        let Some(allowance) = self.entries.remove(&(jail, network)) else { return false };
        self.by_end.remove(&(allowance.until, jail, network));
        if let Some(list) = self.lists.get_mut(&jail) {
            list.remove(network);
        }
        self.unsaved.insert((jail, network));
        true
    }

    /// What lies in `asked`, in this jail; without one in any, and of every one.
    pub(super) fn inside(&self, jail: Where, asked: Network) -> Vec<(Where, Network)> {
        let there = self
            .entries
            .keys()
            .filter(|(place, network)| (jail.is_none() || *place == jail) && asked.holds(*network));
        there.copied().collect()
    }

    /// Strikes one allowance that is over.
    pub(super) fn strike_one_over(&mut self, now: Timestamp) -> Option<(Where, Network)> {
        let (until, jail, network) = *self.by_end.first()?;
        until.is_over(now).then(|| self.strike(jail, network))?;
        Some((jail, network))
    }

    /// When the next allowance ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        match self.by_end.first()?.0 {
            Until::At(end) => Some(end),
            Until::Forever => None,
        }
    }

    /// The lists that count in a jail.
    pub(super) fn lists(&self, jail: JailId) -> impl Iterator<Item = &IgnoreList> {
        [None, Some(jail)].into_iter().filter_map(|place| self.lists.get(&place))
    }

    /// All of them, those of every jail first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Where, Network, &Allowance)> {
        self.entries.iter().map(|((jail, network), allowance)| (*jail, *network, allowance))
    }

    /// What has changed since the last time this was asked, for the state file.
    pub(super) fn take_unsaved(&mut self) -> impl Iterator<Item = Write> {
        let changed = std::mem::take(&mut self.unsaved).into_iter();
        changed.map(|(jail, network)| match self.entries.get(&(jail, network)) {
            Some(allowance) => Write::Allowed(jail, network, allowance.clone()),
            None => Write::NotAllowed(jail, network),
        })
    }

    /// Whether there is anything to save.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Everything that the state file is to remember.
    pub(super) fn everything(&self) -> impl Iterator<Item = Write> {
        self.iter().map(|(jail, network, allowed)| Write::Allowed(jail, network, allowed.clone()))
    }
}
