//! Jails whose attempts are the bans of other jails.

use super::decide::Keeper;
use super::event::{Attempt, Place, SourceId};
use super::jail::Jail;
use super::network::Network;
use super::notice::{Banned, News, Notice};
use super::roster::JailId;
use super::time::Timestamp;

/// A ban that other jails may hear of.
struct Made {
    jail: JailId,
    network: Network,
    enforced: bool,
}

impl Made {
    /// Restored bans are not made now: they were heard when they were. One that nobody remembers
    /// was not, since what is heard is saved with the ban.
    fn of(notice: &Notice) -> Option<Self> {
        match *notice {
            Notice::Banned(Banned { jail, network, news: News::New | News::Adopted, .. }) => {
                Some(Self { jail, network, enforced: true })
            }
            Notice::WouldBan { jail, network, .. } => Some(Self { jail, network, enforced: false }),
            _ => None,
        }
    }
}

impl Keeper {
    /// Has the jails that hear bans hear these, and adds what comes of it.
    pub(super) fn hear_bans(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        if !self.jails.iter().any(|jail| jail.policy.hears_bans) {
            return;
        }
        let made: Vec<Made> = notices.iter().filter_map(Made::of).collect();
        for Made { jail: made_by, network, enforced } in made {
            if self.jails.get(made_by).is_none_or(|jail| jail.policy.hears_bans) {
                continue;
            }
            for jail in self.jails.iter_mut().filter(|jail| hears(jail, enforced)) {
                let place = Place { source: SourceId::BANS, sequence: 0 };
                let jail_id = jail.id;
                let attempt = Attempt {
                    jail: jail_id,
                    offender: network,
                    user: None,
                    text: None,
                    time: now,
                    place,
                };
                jail.attempt(now, attempt, (&self.friends, &mut self.past), notices);
                jail.escalate(now, (&self.friends, &mut self.past), notices);
                notices.append(&mut jail.told);
                self.due |= !jail.pending.is_empty();
            }
        }
    }
}

/// A jail that does not enforce hears what would be bans as well, or a trial of all jails would not
/// show what it does.
fn hears(jail: &Jail, enforced: bool) -> bool {
    jail.policy.hears_bans && (enforced || !jail.policy.enforce)
}
