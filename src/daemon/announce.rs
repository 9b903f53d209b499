//! What has happened, told to the journal and to the bus.

use tracing::{info, warn};

use crate::bus::Announcement;
use crate::keeper::{Lifted, Notice, Roster, Spared};
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
        Notice::Banned { jail, network, until, attempts, restored, nth } => info!(
            message_id = if *restored { catalog::RESTORED } else { catalog::BANNED },
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            jailkeeper_until = %until,
            jailkeeper_attempts = attempts,
            jailkeeper_nth = nth,
            "[{}] {} {network}",
            roster.name(*jail),
            if *restored { "Restore Ban" } else { "Ban" },
        ),
        Notice::WouldBan { jail, network, until, attempts, nth } => info!(
            message_id = catalog::WOULD_BAN,
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            jailkeeper_until = %until,
            jailkeeper_attempts = attempts,
            jailkeeper_nth = nth,
            "[{}] Would ban {network}",
            roster.name(*jail),
        ),
        Notice::WouldUnban { jail, network, why } => info!(
            message_id = catalog::WOULD_UNBAN,
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            jailkeeper_why = why.word(),
            "[{}] Would unban {network}{}",
            roster.name(*jail),
            lifted(*why),
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

/// What the bus is to signal of a notice.
pub(super) fn signal(roster: &Roster, notice: &Notice) -> Option<Announcement> {
    match notice {
        Notice::Banned { jail, network, until, attempts, .. } => Some(Announcement::Banned {
            jail: roster.name(*jail).clone(),
            offender: *network,
            until: *until,
            attempts: *attempts,
        }),
        Notice::Unbanned { jail, network, why } => Some(Announcement::Unbanned {
            jail: roster.name(*jail).clone(),
            offender: *network,
            why: *why,
        }),
        Notice::Found { .. }
        | Notice::Ignored { .. }
        | Notice::WouldBan { .. }
        | Notice::WouldUnban { .. }
        | Notice::Refused { .. } => None,
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
        Lifted::NotEnforced => " (the jail does not enforce any longer)",
        Lifted::TrialOver => " (the jail enforces from now on)",
        Lifted::MadeRoom => " (the jail is full; this ban would have ended first)",
    }
}
