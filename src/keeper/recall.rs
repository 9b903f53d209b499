//! What is known of attempts beside their number: which accounts were meant, and which lines tell.

use std::sync::Arc;

use super::decide::Keeper;
use super::network::Network;
use super::roster::JailId;
use super::time::Timestamp;

impl Keeper {
    /// Puts back what the state file remembers of a jail's accounts.
    pub fn restore_accounts(
        &mut self,
        now: Timestamp,
        id: JailId,
        accounts: impl IntoIterator<Item = (Arc<str>, Vec<Timestamp>)>,
    ) {
        let Some(jail) = self.jails.get_mut(id) else { return };
        for (account, times) in accounts {
            jail.restore_account(now, account, times);
        }
    }

    /// Puts back the lines behind a jail's offenders, each with a newline between them, after their bans
    /// and windows.
    pub fn restore_evidence(
        &mut self,
        id: JailId,
        evidence: impl IntoIterator<Item = (Network, Timestamp, Arc<str>)>,
    ) {
        let Some(jail) = self.jails.get_mut(id) else { return };
        for (network, last_attempt, text) in evidence {
            jail.restore_evidence(network, last_attempt, &text);
        }
    }

    /// The last lines behind the jail's offender who has this address, banned or not; the newest
    /// last.
    pub fn evidence(&self, id: JailId, network: Network) -> impl Iterator<Item = &str> {
        let jail = self.jails.get(id).into_iter();
        jail.flat_map(move |jail| jail.evidence.of(network.widened(jail.policy.prefix)))
    }
}
