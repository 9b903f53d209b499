//! What is known of one offender.

use std::sync::Arc;

use super::decide::Keeper;
use super::event::Element;
use super::event::{BanRecord, Spared};
use super::ledger::Standing;
use super::network::Network;
use super::plan::plan;
use super::roster::JailId;
use super::time::Timestamp;

/// What one jail knows of an offender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The bans in force that concern it.
    pub bans: Vec<(Network, BanRecord)>,
    /// The attempts in its window, oldest first.
    pub attempts: Vec<Timestamp>,
    /// The last lines that tell of them, the newest last.
    pub lines: Vec<Arc<str>>,
    /// Why it is never banned, if it is not.
    pub spared: Option<Spared>,
}

impl Keeper {
    /// What the jail `id` knows of `asked`; nothing if there is no such jail.
    pub fn view(&self, id: JailId, asked: Network) -> Option<View> {
        let jail = self.jails.get(&id)?;
        let counted = asked.widened(jail.policy.prefix);
        let bans = jail.ledger.holding(counted).chain(jail.ledger.within(asked));
        let installed = bans.filter(|(_, ban)| ban.standing == Standing::Installed);
        Some(View {
            bans: installed.map(|(network, ban)| (network, ban.record)).collect(),
            attempts: jail.windows.of(&counted).unwrap_or_default().to_vec(),
            lines: self.evidence(id, asked).cloned().collect(),
            spared: jail.spares(asked, counted, &self.own),
        })
    }

    /// How many of the firewall's elements are not as they should be; none of them is changed.
    pub fn deviations(&self, installed: &[Element]) -> usize {
        plan(self.wanted(), installed.iter().copied()).len()
    }
}
