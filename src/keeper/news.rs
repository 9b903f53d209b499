//! What the firewall is to be told of a jail, and what is told of it when the firewall has it.

use super::event::{BanRecord, Change, Notice};
use super::jail::{Charge, Jail};
use super::ledger::Standing;
use super::network::Network;

pub(super) fn changes_of(jail: &Jail) -> impl Iterator<Item = Change> {
    jail.pending.iter().map(|network| match jail.ledger.enforced(*network) {
        Some(ban) => Change::Ban { jail: jail.id, network: *network, until: ban.record.until },
        None => Change::Lift { jail: jail.id, network: *network },
    })
}

/// The firewall has this ban now. It is news unless it had been there before.
pub(super) fn note_banned(jail: &mut Jail, network: Network) -> Option<Notice> {
    let record = jail.ledger.enforced(network)?.record;
    let restored = match jail.ledger.note(network, Standing::Installed)? {
        Standing::Installed => return None,
        Standing::WantedAgain => true,
        Standing::Wanted | Standing::Refused | Standing::Trial => false,
    };
    jail.bans_in_all += u64::from(!restored);
    let BanRecord { until, attempts, nth, .. } = record;
    let members = jail.escalation.take_members(network);
    let Charge { user, counted_by } = jail.charges.remove(&network).unwrap_or_default();
    let lines = jail.evidence.of(network).filter(|_| !restored);
    let matches = lines.cloned().collect();
    let jail = jail.id;
    Some(Notice::Banned {
        jail,
        network,
        until,
        attempts,
        members,
        restored,
        nth,
        user,
        counted_by,
        matches,
    })
}

/// Bans that the firewall had all along need no change: they are noted here.
pub(super) fn note_installed(jail: &mut Jail) -> Vec<Notice> {
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
