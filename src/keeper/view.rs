//! What the keeper shows of itself.

use std::sync::Arc;

use super::decide::Keeper;
use super::event::{BanRecord, Element};
use super::ledger::Standing;
use super::network::Network;
use super::notice::Spared;
use super::plan::plan;
use super::roster::JailId;
use super::time::{Timestamp, Until};

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
    /// Bans that would be in force if the jail enforced.
    pub would_be_now: u64,
    /// The latest attempt since the start of the service.
    pub last_attempt: Option<Timestamp>,
}

/// What one jail knows of an offender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The bans in force that concern it.
    pub bans: Vec<(Network, BanRecord)>,
    /// Those that would if the jail enforced.
    pub would_be: Vec<(Network, BanRecord)>,
    /// The attempts in its window, oldest first.
    pub attempts: Vec<Timestamp>,
    /// The last lines that tell of them, the newest last.
    pub lines: Vec<Arc<str>>,
    /// Why it is never banned, if it is not.
    pub spared: Option<Spared>,
}

impl Keeper {
    /// When the last of the bans of this network ends that the firewall is to have.
    pub fn last_end(&self, network: Network) -> Option<Until> {
        let bans = self.jails.iter().filter_map(|jail| jail.ledger.enforced(network));
        bans.map(|ban| ban.record.until).max()
    }

    /// What the jail `id` knows of `asked`; nothing if there is no such jail.
    pub fn view(&self, id: JailId, asked: Network) -> Option<View> {
        let jail = self.jails.get(id)?;
        let counted = asked.widened(jail.policy.prefix);
        let bans_that_are = |standing| {
            let bans = jail.ledger.holding(counted).chain(jail.ledger.within(asked));
            let bans = bans.filter(|(_, ban)| ban.standing == standing);
            bans.map(|(network, ban)| (network, ban.record)).collect()
        };
        let session = || {
            let session = self.friends.session(&jail.policy, counted);
            session.cloned().map(Spared::Session)
        };
        Some(View {
            bans: bans_that_are(Standing::Installed),
            would_be: bans_that_are(Standing::Trial),
            attempts: jail.windows.of(&counted).unwrap_or_default().to_vec(),
            lines: self.evidence(id, asked).map(Arc::from).collect(),
            spared: jail.spares(asked, counted, &self.friends).or_else(session),
        })
    }

    /// How many of the firewall's elements are not as they should be; none of them is changed.
    pub fn deviations(&self, installed: &[Element]) -> usize {
        plan(self.wanted(), installed.iter().copied()).len()
    }

    /// The bans that the firewall has, of one jail or of all.
    pub fn bans(&self, jail: Option<JailId>) -> impl Iterator<Item = (JailId, Network, BanRecord)> {
        self.bans_that_are(Standing::Installed, jail)
    }

    /// The bans that would be in force if their jails enforced, of one jail or of all.
    pub fn would_be_bans(
        &self,
        jail: Option<JailId>,
    ) -> impl Iterator<Item = (JailId, Network, BanRecord)> {
        self.bans_that_are(Standing::Trial, jail)
    }

    fn bans_that_are(
        &self,
        standing: Standing,
        jail: Option<JailId>,
    ) -> impl Iterator<Item = (JailId, Network, BanRecord)> {
        let asked = self.jails.iter().filter(move |it| jail.is_none_or(|jail| jail == it.id));
        asked.flat_map(move |jail| {
            let bans = jail.ledger.iter().filter(move |(_, ban)| ban.standing == standing);
            bans.map(|(network, ban)| (jail.id, network, ban.record))
        })
    }

    /// How many bans the firewall has, of all jails.
    pub fn banned(&self) -> usize {
        self.jails.iter().map(|jail| jail.ledger.installed()).sum()
    }

    /// What a jail has counted.
    pub fn tally(&self, id: JailId, now: Timestamp) -> Tally {
        let Some(jail) = self.jails.get(id) else { return Tally::default() };
        let oldest = now.minus(jail.policy.findtime);
        Tally {
            attempts_now: jail.windows.attempts_since(oldest) as u64,
            attempts_in_all: jail.attempts_in_all,
            bans_now: jail.ledger.installed() as u64,
            bans_in_all: jail.bans_in_all,
            would_be_now: if jail.policy.enforce { 0 } else { jail.ledger.len() as u64 },
            last_attempt: jail.last_attempt,
        }
    }
}
