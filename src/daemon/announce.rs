//! What has happened, told to the journal and to the bus.

use tracing::field::display;
use tracing::{info, warn};

use super::crowd::{More, Seen};
use crate::bus::Announcement;
use crate::keeper::{
    ACCOUNT_ATTEMPTS_MAX, Allowance, Banned, CountBy, Disallowed, Entry, JailId, Lifted, Network,
    News, Notice, Roster, Spared, SparedBy, Until, Where,
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
        Notice::Banned(banned) => log_banned(roster, banned),
        Notice::WouldBan { .. } | Notice::WouldUnban { .. } => log_trial(roster, notice),
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

/// Writes how many there were that have no entry of their own.
pub(super) fn log_more(roster: &Roster, More { jail, seen, offender, number }: &More) {
    let (message_id, seen, after) = match seen {
        Seen::Found => (catalog::FOUND, "Found", ""),
        Seen::FoundBanned => (catalog::FOUND, "Found", ", already banned"),
        Seen::Ignored => (catalog::IGNORED, "Ignore", ""),
        Seen::Restored => (catalog::RESTORED, "Restore Ban", ""),
    };
    let whom = offender.map_or("others".to_owned(), |offender| offender.to_string());
    let offender = offender.map(display);
    info!(
        message_id,
        jailkeeper_jail = %roster.name(*jail),
        jailkeeper_offender = offender,
        jailkeeper_number = number,
        "[{}] {seen} {whom} ({number} more{after})",
        roster.name(*jail),
    );
}

/// Writes what a jail would do that does not enforce.
fn log_trial(roster: &Roster, notice: &Notice) {
    match notice {
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
        _ => {}
    }
}

fn log_banned(roster: &Roster, ban: &Banned) {
    let Banned { jail, network, until, attempts, nth, news, user, .. } = ban;
    info!(
        message_id = if news.is_old() { catalog::RESTORED } else { catalog::BANNED },
        jailkeeper_jail = %roster.name(*jail),
        jailkeeper_offender = %network,
        jailkeeper_until = %until,
        jailkeeper_attempts = attempts,
        jailkeeper_nth = nth,
        jailkeeper_user = user.as_deref(),
        jailkeeper_matches = (!ban.matches.is_empty()).then(|| ban.matches.join("\n")),
        "[{}] {} {network}{}{}",
        roster.name(*jail),
        match news {
            News::New => "Ban",
            News::Changed => "Change Ban",
            News::Restored | News::Adopted => "Restore Ban",
        },
        instead_of(ban.members),
        on_account(ban.counted_by, *attempts, user.as_deref()),
    );
}

/// What of a ban is said when its offender was not alone to blame.
fn on_account(counted_by: CountBy, attempts: u32, user: Option<&str>) -> String {
    match (counted_by, user) {
        (CountBy::User, Some(user)) => {
            let later = if attempts < ACCOUNT_ATTEMPTS_MAX { "" } else { " or a later" };
            let number = ordinal(attempts);
            format!(" (the {number}{later} attempt on the account {})", user.escape_debug())
        }
        _ => String::new(),
    }
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// A user's name on the bus is cut to so many bytes: an attacker chooses it, and thousands may wait.
const USER_BYTES_MAX: usize = 256;

fn head(user: &str) -> &str {
    &user[..user.floor_char_boundary(USER_BYTES_MAX)]
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

/// What the bus is to signal of a notice; nothing of bans that only would be.
pub(super) fn signal(roster: &Roster, notice: &Notice) -> Option<Announcement> {
    let name = |jail: &JailId| roster.name(*jail).clone();
    Some(match notice {
        Notice::Found { jail, offender, user, time, banned } => Announcement::Found {
            jail: name(jail),
            offender: *offender,
            user: head(user.as_deref().unwrap_or_default()).to_owned(),
            time: *time,
            banned: *banned,
        },
        Notice::Ignored { jail, network, why } => {
            Announcement::Ignored { jail: name(jail), offender: *network, why: spared(why) }
        }
        Notice::Banned(Banned { jail, network, until, attempts, .. }) => Announcement::Banned {
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
        Notice::NotBanned { jail, network, why, attempts } => Announcement::Ignored {
            jail: name(jail),
            offender: *network,
            why: format!("not banned: {}", not_banned(*network, why, *attempts)),
        },
        Notice::WouldBan { .. }
        | Notice::WouldUnban { .. }
        | Notice::Allowed { .. }
        | Notice::Disallowed { .. } => return None,
    })
}

/// Why an offender is spared, as a clause.
pub(super) fn spared(why: &Spared) -> String {
    match why {
        Spared::OwnAddress => "this host's own address (ignoreself)".to_owned(),
        Spared::HoldsOwnAddress(own) => {
            format!("its network holds {own}, this host's own address (ignoreself)")
        }
        Spared::TooWide(bound) => format!("it is wider than a /{bound} (max_prefix)"),
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

fn instead_of(members: u32) -> String {
    match members {
        0 => String::new(),
        members => format!(" ({members} of its addresses were banned)"),
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
        Lifted::PrefixChanged => " (the jail's prefix or max_prefix has changed)",
        Lifted::Escalated => " (a network that holds it is banned)",
        Lifted::NotEnforced => " (the jail does not enforce any longer)",
        Lifted::TrialOver => " (the jail enforces from now on)",
        Lifted::MadeRoom => " (the jail is full; this ban would have ended first)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_numbered_as_people_do() {
        for (number, told) in [
            (1, "the 1st attempt"),
            (2, "the 2nd attempt"),
            (3, "the 3rd attempt"),
            (11, "the 11th attempt"),
            (21, "the 21st attempt"),
            (100, "the 100th or a later attempt"),
        ] {
            let said = on_account(CountBy::User, number, Some("bob"));
            assert_eq!(said, format!(" ({told} on the account bob)"));
        }
        assert_eq!(on_account(CountBy::Address, 5, Some("bob")), "");
    }
}
