//! All bans of one jail that are in force.

use std::collections::{BTreeMap, BTreeSet};

use super::event::BanRecord;
use super::network::{Network, Prefix};
use super::time::{Timestamp, Until};

/// So many bans one jail holds. When another comes, the one that ends first is lifted. At some 120
/// bytes each this is 120 MiB, and as much again in the kernel.
pub(super) const MAX_BANS: usize = 1 << 20;

/// The bans of one jail, by offender and by end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    bans: BTreeMap<Network, Ban>,
    by_end: BTreeSet<(Until, Network)>,
    installed: usize,
}

/// One ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ban {
    pub(super) record: BanRecord,
    pub(super) standing: Standing,
}

/// What is known of a ban in the firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is to come about.
    Wanted,
    /// It is to come about again, after a start.
    WantedAgain,
    /// The firewall has it.
    Installed,
    /// The firewall refused it the last time.
    Refused,
    /// The firewall never hears of it: the jail does not enforce.
    Trial,
}

impl Ledger {
    /// Enters a ban in place of any other of this offender. When the ledger is full, this takes
    /// out and returns the ban that ends first.
    pub(super) fn enter(&mut self, offender: Network, ban: Ban) -> Option<Network> {
        self.strike(offender);
        let full = self.bans.len() >= MAX_BANS;
        let evicted = if full { self.by_end.first().map(|(_, network)| *network) } else { None };
        if let Some(evicted) = evicted {
            self.strike(evicted);
        }
        self.by_end.insert((ban.record.until, offender));
        self.installed += usize::from(ban.standing == Standing::Installed);
        self.bans.insert(offender, ban);
        evicted
    }

    /// Strikes a ban out.
    pub(super) fn strike(&mut self, offender: Network) -> Option<Ban> {
        let ban = self.bans.remove(&offender)?;
        self.by_end.remove(&(ban.record.until, offender));
        self.installed -= usize::from(ban.standing == Standing::Installed);
        Some(ban)
    }

    /// The ban of this offender.
    pub(super) fn get(&self, offender: Network) -> Option<&Ban> {
        self.bans.get(&offender)
    }

    /// The ban of this offender that the firewall is to have.
    pub(super) fn enforced(&self, offender: Network) -> Option<&Ban> {
        self.get(offender).filter(|ban| ban.standing != Standing::Trial)
    }

    /// Notes what is known of a ban in the firewall; what was known before.
    pub(super) fn note(&mut self, offender: Network, standing: Standing) -> Option<Standing> {
        let ban = self.bans.get_mut(&offender).filter(|ban| ban.standing != Standing::Trial)?;
        let before = std::mem::replace(&mut ban.standing, standing);
        self.installed -= usize::from(before == Standing::Installed);
        self.installed += usize::from(standing == Standing::Installed);
        Some(before)
    }

    /// Strikes out one ban that is over at `now`.
    pub(super) fn strike_one_over(&mut self, now: Timestamp) -> Option<Network> {
        let (until, offender) = *self.by_end.first()?;
        until.is_over(now).then(|| self.strike(offender))?;
        Some(offender)
    }

    /// When the next ban ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        match self.by_end.first()?.0 {
            Until::At(end) => Some(end),
            Until::Forever => None,
        }
    }

    /// The banned networks that `asked` overlaps, given that all have the length of `prefix`.
    pub(super) fn overlapping(&self, asked: Network, prefix: Prefix) -> Vec<Network> {
        let widened = asked.widened(prefix);
        if widened.fits(prefix) {
            return self.bans.get_key_value(&widened).map(|(key, _)| *key).into_iter().collect();
        }
        self.bans
            .range(asked..)
            .map(|(network, _)| *network)
            .take_while(|network| asked.holds(*network))
            .collect()
    }

    /// The bans that the firewall is to have, sorted by network.
    pub(super) fn iter_enforced(&self) -> impl Iterator<Item = (Network, &Ban)> {
        self.iter().filter(|(_, ban)| ban.standing != Standing::Trial)
    }

    /// All bans, sorted by network.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Network, &Ban)> {
        self.bans.iter().map(|(network, ban)| (*network, ban))
    }

    /// How many bans there are, whatever the firewall has.
    pub(super) fn len(&self) -> usize {
        self.bans.len()
    }

    /// How many bans the firewall has.
    pub(super) fn installed(&self) -> usize {
        self.installed
    }
}
