//! What has happened, told to the journal and to the bus.

use tracing::{info, warn};

use crate::bus::Announcement;
use crate::keeper::{JailId, Lifted, Notice, Roster, Spared};
use crate::systemd::catalog;

/// Writes one notice to the log, in the words that users of fail2ban know.
pub(super) fn log(roster: &Roster, notice: &Notice) {
    match notice {
        Notice::Found { jail, offender, user, time, banned } => info!(
            message_id = catalog::FOUND,
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %offender,
            jailkeeper_user = user.as_deref(),
            jailkeeper_time = time.micros(),
            "[{}] Found {offender}{}",
            roster.name(*jail),
            if *banned { " (already banned)" } else { "" },
        ),
        Notice::Ignored { jail, network, why } => info!(
            message_id = catalog::IGNORED,
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            "[{}] Ignore {network}: {}",
            roster.name(*jail),
            spared(*why),
        ),
        Notice::Banned { jail, network, until, attempts, restored } => info!(
            message_id = if *restored { catalog::RESTORED } else { catalog::BANNED },
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            jailkeeper_until = %until,
            jailkeeper_attempts = attempts,
            "[{}] {} {network}",
            roster.name(*jail),
            if *restored { "Restore Ban" } else { "Ban" },
        ),
        Notice::Unbanned { jail, network, why } => info!(
            message_id = catalog::UNBANNED,
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            jailkeeper_why = why.word(),
            "[{}] Unban {network}{}",
            roster.name(*jail),
            lifted(*why),
        ),
        Notice::Refused { jail, network, reason } => warn!(
            message_id = catalog::REFUSED,
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            jailkeeper_reason = reason,
            "[{}] The kernel refused the ban of {network}: {reason}; it is tried again in a minute",
            roster.name(*jail),
        ),
    }
}

/// A user's name on the bus is cut to this: an attacker chooses it, and thousands may wait.
const USER_CHARS_MAX: usize = 256;

/// What the bus is to signal of a notice.
pub(super) fn signal(roster: &Roster, notice: &Notice) -> Announcement {
    let name = |jail: &JailId| roster.name(*jail).clone();
    match notice {
        Notice::Found { jail, offender, user, time, banned } => Announcement::Found {
            jail: name(jail),
            offender: *offender,
            user: user.as_deref().unwrap_or("").chars().take(USER_CHARS_MAX).collect(),
            time: *time,
            banned: *banned,
        },
        Notice::Ignored { jail, network, why } => {
            Announcement::Ignored { jail: name(jail), offender: *network, why: spared(*why) }
        }
        Notice::Banned { jail, network, until, attempts, .. } => Announcement::Banned {
            jail: name(jail),
            offender: *network,
            until: *until,
            attempts: *attempts,
        },
        Notice::Unbanned { jail, network, why } => {
            Announcement::Unbanned { jail: name(jail), offender: *network, why: *why }
        }
        Notice::Refused { jail, network, reason } => {
            Announcement::Refused { jail: name(jail), offender: *network, reason: reason.clone() }
        }
    }
}

/// Why an offender is spared, as a clause.
pub(super) fn spared(why: Spared) -> String {
    match why {
        Spared::OwnAddress => "this host's own address (ignoreself)".to_owned(),
        Spared::IgnoreIp(entry) => format!("within {entry} of ignoreip"),
        Spared::HoldsIgnoreIp(entry) => format!("its network holds {entry} of ignoreip"),
        Spared::LinkLocal => "all link-local neighbours share its network".to_owned(),
    }
}

fn lifted(why: Lifted) -> &'static str {
    match why {
        Lifted::Expired | Lifted::ByHand => "",
        Lifted::Ignored => " (it is ignored now)",
        Lifted::JailGone => " (the jail is gone)",
        Lifted::PrefixChanged => " (the jail's prefix has changed)",
        Lifted::MadeRoom => " (the jail is full; this ban would have ended first)",
    }
}
