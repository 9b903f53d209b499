//! Jails whose attempts are the bans of other jails.

use super::decide::Keeper;
use super::event::{Attempt, Notice, Place, SourceId};
use super::jail::Jail;
use super::roster::JailId;
use super::time::Timestamp;

impl Keeper {
    /// Has the jails that hear bans hear these, and adds what comes of it.
    ///
    /// A jail that does not enforce hears what would be bans as well, or a trial of all jails would
    /// not show what it does. Restored bans were heard when they were made.
    pub(super) fn hear_bans(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        if !self.jails.values().any(|jail| jail.policy.hears_bans) {
            return;
        }
        let news: Vec<Notice> = notices.clone();
        for notice in news {
            let (made_by, network, enforced) = match notice {
                Notice::Banned { jail, network, restored: false, .. } => (jail, network, true),
                Notice::WouldBan { jail, network, .. } => (jail, network, false),
                _ => continue,
            };
            if self.jails.get(&made_by).is_none_or(|jail| jail.policy.hears_bans) {
                continue;
            }
            let listeners = self.jails.values_mut().filter(|jail| hears(jail, enforced));
            for jail in listeners {
                let place = Place { source: SourceId::BANS, sequence: 0 };
                let id: JailId = jail.id;
                let attempt = Attempt { jail: id, offender: network, user: None, time: now, place };
                notices.push(jail.attempt(now, attempt, &self.own, &mut self.past));
                notices.append(&mut jail.told);
                self.due |= !jail.pending.is_empty();
            }
        }
    }
}

fn hears(jail: &Jail, enforced: bool) -> bool {
    jail.policy.hears_bans && (enforced || !jail.policy.enforce)
}
