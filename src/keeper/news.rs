//! What the firewall is to be told of a jail, and what is told of it when the firewall has it.

use std::sync::Arc;

use super::event::{BanRecord, Change};
use super::jail::{Charge, Jail};
use super::ledger::Standing;
use super::network::Network;
use super::notice::{Banned, News, Notice};

pub(super) fn changes_of(jail: &Jail) -> impl Iterator<Item = Change> {
    jail.pending.iter().map(|network| match jail.ledger.enforced(*network) {
        Some(ban) => Change::Ban { jail: jail.id, network: *network, until: ban.record.until },
        None => Change::Lift { jail: jail.id, network: *network },
    })
}

/// The firewall has this ban now. It is news unless it had been there before.
pub(super) fn note_banned(jail: &mut Jail, network: Network) -> Option<Notice> {
    let record = jail.ledger.enforced(network)?.record;
    let (Standing::Wanted(news) | Standing::Refused(news)) = jail.ledger.note_installed(network)?
    else {
        return None;
    };
    jail.bans_in_all += u64::from(news == News::New);
    let BanRecord { until, attempts, nth, .. } = record;
    let members = jail.escalation.take_members(network);
    let Charge { user, counted_by } = jail.charges.remove(&network).unwrap_or_default();
    let lines = jail.evidence.of(network).filter(|_| !news.is_old());
    let matches = lines.map(Arc::from).collect();
    let jail = jail.id;
    Some(Notice::Banned(Banned {
        jail,
        network,
        until,
        attempts,
        nth,
        news,
        members,
        user,
        counted_by,
        matches,
    }))
}

/// Bans that the firewall had all along need no change: they are noted here.
pub(super) fn note_installed(jail: &mut Jail) -> Vec<Notice> {
    let already: Vec<Network> = jail
        .ledger
        .iter_enforced()
        .filter(|(network, ban)| {
            ban.standing != Standing::Installed && !jail.pending.contains(network)
        })
        .map(|(network, _)| network)
        .collect();
    already.into_iter().filter_map(|network| note_banned(jail, network)).collect()
}
