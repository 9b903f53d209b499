//! What has happened, told to the journal and to the bus.

use tracing::{info, warn};

use crate::bus::Announcement;
use crate::keeper::{
    Allowance, Disallowed, Entry, Lifted, Network, Notice, Roster, Spared, SparedBy, Until, Where,
};
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
            spared(why),
        ),
        Notice::NotBanned { jail, network, why, attempts } => warn!(
            message_id = catalog::NOT_BANNED,
            jailkeeper_jail = %roster.name(*jail),
            jailkeeper_offender = %network,
            jailkeeper_attempts = attempts,
            "[{}] Not banned: {}",
            roster.name(*jail),
            not_banned(*network, why, *attempts),
        ),
        Notice::Allowed { .. } | Notice::Disallowed { .. } => log_allowing(roster, notice),
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

/// Writes a notice of who is allowed by hand.
fn log_allowing(roster: &Roster, notice: &Notice) {
    match notice {
        Notice::Allowed { jail, network, allowance } => info!(
            message_id = catalog::ALLOWED,
            jailkeeper_jail = jail.map(|jail| roster.name(jail).as_ref()),
            jailkeeper_offender = %network,
            jailkeeper_until = %allowance.until,
            "[{}] Allow {network}{}",
            place(roster, *jail),
            terms(allowance),
        ),
        Notice::Disallowed { jail, network, why } => info!(
            message_id = catalog::DISALLOWED,
            jailkeeper_jail = jail.map(|jail| roster.name(jail).as_ref()),
            jailkeeper_offender = %network,
            "[{}] Disallow {network}{}",
            place(roster, *jail),
            match why {
                Disallowed::Expired => " (its time is up)",
                Disallowed::ByHand => "",
            },
        ),
        _ => {}
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
        | Notice::NotBanned { .. }
        | Notice::Allowed { .. }
        | Notice::Disallowed { .. }
        | Notice::Refused { .. } => None,
    }
}

/// Why an offender is spared, as a clause.
fn spared(why: &Spared) -> String {
    match why {
        Spared::OwnAddress => "this host's own address (ignoreself)".to_owned(),
        Spared::Within(entry @ Entry { by: SparedBy::TrustedProxies, .. }) => {
            format!("within {entry}: let the service log its client's address (X-Forwarded-For)")
        }
        Spared::Within(entry) => format!("within {entry}"),
        Spared::Holds(entry) => format!("its network holds {entry}"),
        Spared::LinkLocal => "all link-local neighbours share its network".to_owned(),
        Spared::Rule(rule) => format!("by a rule of ignore: {rule}"),
        Spared::Session(session) => format!("it has a session that is logged in ({session})"),
    }
}

/// A ban that was not made, as one sentence without a full stop.
pub(super) fn not_banned(network: Network, why: &Spared, attempts: u32) -> String {
    match why {
        Spared::Session(session) => {
            format!("{network} has a session that is logged in ({session}); {attempts} attempts")
        }
        why => format!("{network}: {}; {attempts} attempts", spared(why)),
    }
}

fn place(roster: &Roster, jail: Where) -> &str {
    jail.map_or("every jail", |jail| roster.name(jail))
}

fn terms(Allowance { until, comment, .. }: &Allowance) -> String {
    let time = match until {
        Until::At(_) => format!(" until {until}"),
        Until::Forever => String::new(),
    };
    if comment.is_empty() { time } else { format!("{time}: {comment}") }
}

fn lifted(why: Lifted) -> &'static str {
    match why {
        Lifted::Expired | Lifted::ByHand => "",
        Lifted::Ignored => " (it is ignored now)",
        Lifted::LoggedIn => " (somebody has logged in from there)",
        Lifted::JailGone => " (the jail is gone)",
        Lifted::PrefixChanged => " (the jail's prefix has changed)",
        Lifted::MadeRoom => " (the jail is full; this ban would have ended first)",
    }
}
