//! What can go wrong: for a caller by name, and for the service as a whole.

use zbus::DBusError;

use crate::keeper::{Entry, MAX_ALLOWED, Network, NotANetwork, Spared, SparedBy};

use super::access::MAX_ARGUMENTS;
use super::call::{Failure, MAX_ADDRESSES};
use super::text::clean;

/// A call's error, under its name on the bus (`org.jailkeeper1.Error.NoSuchJail` and so on). The
/// text says what is wrong and what to do.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.jailkeeper1.Error")]
pub enum Error {
    /// An error of the bus itself, or one that has another's name.
    #[zbus(error)]
    Bus(zbus::Error),
    /// The jail is not there.
    NoSuchJail(String),
    /// A text is no address or network, or none was given.
    InvalidAddress(String),
    /// A time is none that can be served.
    InvalidTime(String),
    /// The address is on the jail's ignore list, or this host's own.
    Ignored(String),
    /// The network is wider than what the jail may ban (`max_prefix`).
    TooWide(String),
    /// The jail does not enforce.
    NotEnforced(String),
    /// The comment is too long, or not one line.
    InvalidComment(String),
    /// Too many are allowed by hand already.
    TooManyAllowed(String),
    /// The firewall refused.
    Refused(String),
    /// The configuration has mistakes; jails with mistakes keep their old rules.
    ReloadFailed(String),
    /// The jail is switched on and does not run.
    JailBroken(String),
    /// A setting has a mistake, and was not changed.
    InvalidSetting(String),
    /// Too many calls wait already.
    Busy(String),
    /// The call names too many addresses, or is too long.
    TooMany(String),
    /// The service stops and does no more.
    Stopping(String),
}

/// What a text of a caller is cut to before it is repeated.
const QUOTED_CHARS: usize = 80;

impl Error {
    /// What a failure of a call about `jail` is on the bus.
    pub(super) fn failed(jail: &str, failure: Failure) -> Self {
        let jail = quoted(jail);
        match failure {
            Failure::NoSuchJail => Self::NoSuchJail(format!(
                "there is no jail {jail} that is switched on; `jailkeeper status` lists the jails"
            )),
            Failure::NotEnforced => Self::NotEnforced(format!(
                "jail {jail} does not enforce, so it bans nobody; set enforce = true in its \
                 configuration and reload"
            )),
            Failure::Ignored(network, why) => Self::Ignored(clean(&ignored(network, &why))),
            Failure::TooWide(network, bound) => Self::TooWide(format!(
                "{network} is wider than the /{bound} that max_prefix of jail {jail} allows; name \
                 narrower networks, or change max_prefix"
            )),
            Failure::TooManyAllowed => Self::TooManyAllowed(format!(
                "no more than {MAX_ALLOWED} can be allowed by hand; put them into a file and name \
                 it in ignoreip, as \"file:/path\""
            )),
            Failure::Refused(reason) => {
                Self::Refused(clean(&format!("the firewall refused: {reason}")))
            }
            Failure::ReloadFailed(diagnostics) => Self::ReloadFailed(clean(&diagnostics)),
            Failure::JailBroken(why) => Self::JailBroken(clean(&format!(
                "jail {jail} is switched on and does not run: {why}"
            ))),
            Failure::InvalidSetting(why) => Self::InvalidSetting(clean(&why)),
        }
    }

    pub(super) fn not_an_address(text: &str, why: &NotANetwork) -> Self {
        Self::InvalidAddress(format!("{}: {why}", quoted(text)))
    }

    pub(super) fn no_address() -> Self {
        Self::InvalidAddress("no address is given; name at least one".to_owned())
    }

    pub(super) fn invalid_time(seconds: i64, longest: i64) -> Self {
        Self::InvalidTime(format!(
            "{seconds} is no time to ban for: give 1 to {longest} seconds, 0 for the jail's own \
             time, or -1 for ever"
        ))
    }

    pub(super) fn invalid_allowance(seconds: i64, longest: i64) -> Self {
        Self::InvalidTime(format!(
            "{seconds} is no time to be allowed for: give 1 to {longest} seconds, or -1 for ever"
        ))
    }

    pub(super) fn invalid_comment(longest: usize) -> Self {
        Self::InvalidComment(format!(
            "a comment is one line of at most {longest} characters; make it shorter"
        ))
    }

    pub(super) fn busy() -> Self {
        Self::Busy("too many calls wait for an answer already; try again in a moment".to_owned())
    }

    pub(super) fn too_many(addresses: usize) -> Self {
        Self::TooMany(format!(
            "{addresses} addresses are too many for one call; name at most {MAX_ADDRESSES}"
        ))
    }

    pub(super) fn too_long(bytes: usize) -> Self {
        Self::TooMany(format!(
            "{bytes} bytes are too much for one call, and were not read; give at most \
             {MAX_ARGUMENTS}, such as {MAX_ADDRESSES} addresses"
        ))
    }

    pub(super) fn wrong_times(times: u32, addresses: usize) -> Self {
        Self::TooMany(format!(
            "{times} attempts of each of {addresses} addresses cannot be counted: one call is for 1 \
             to {MAX_ADDRESSES} in all"
        ))
    }

    /// The loop has answered another question than was asked.
    pub(super) fn another_answer() -> Self {
        let text = "jailkeeperd mixed up its answers; please report this".to_owned();
        Self::Bus(zbus::Error::Failure(text))
    }

    pub(super) fn stopping() -> Self {
        Self::Stopping("the service is stopping, and this was not done".to_owned())
    }
}

fn ignored(network: Network, why: &Spared) -> String {
    match why {
        Spared::OwnAddress => format!(
            "{network} is an address of this host itself, which is never banned (ignoreself)"
        ),
        Spared::Within(entry) if entry.network == network && entry.name.is_none() => match entry {
            Entry { by: SparedBy::Hand, .. } => format!(
                "{network} is allowed by hand, so it is not banned; `jailkeeper disallow {network}` \
                 ends that"
            ),
            _ => format!("{network} is in {}, so it is never banned", option(entry)),
        },
        Spared::Within(entry) => {
            format!("{network} lies within {entry}, so it is {} banned", term(entry))
        }
        Spared::Holds(entry) => format!("a ban of {network} would also hit {entry}"),
        Spared::LinkLocal => {
            format!("{network} is link-local: a ban would hit all neighbours on the link")
        }
        Spared::Rule(rule) => {
            format!("{network} is in a rule of ignore, so it is never banned: {rule}")
        }
        Spared::HoldsOwnAddress(own) => {
            format!("a ban of {network} would also hit {own}, an address of this host itself")
        }
        Spared::TooWide(bound) => {
            format!("{network} is wider than the /{bound} that max_prefix allows")
        }
        Spared::Session(session) => format!(
            "a ban of {network} would cut off {}, who is logged in from there ({session}); end that \
             session first (loginctl terminate-session {}), or set ignoresessions = false",
            session.user, session.id
        ),
    }
}

/// The option of an entry, with its file.
fn option(entry: &Entry) -> String {
    let option = match entry.by {
        SparedBy::IgnoreIp => "ignoreip",
        SparedBy::TrustedProxies => "trusted_proxies",
        SparedBy::Hand => "what is allowed by hand",
    };
    match &entry.file {
        Some(file) => format!("{option} (file {file})"),
        None => option.to_owned(),
    }
}

fn term(entry: &Entry) -> &'static str {
    if entry.by == SparedBy::Hand { "not" } else { "never" }
}

/// `text` as it can stand in a sentence: in quotes, escaped, and not longer than it needs to be.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// Why the service is not on the bus.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// There is no bus to be had.
    #[error("cannot reach the system bus: {0}; is dbus.service running?")]
    Connect(#[source] zbus::Error),
    /// Another process has the name.
    #[error("the bus name {name} belongs to another process; is another jailkeeperd running?", name = super::NAME)]
    NameTaken,
    /// The bus does not let this process have the name.
    #[error(
        "the bus does not let this process own the name {name}: {0}; is the D-Bus policy file \
         org.jailkeeper1.conf installed, and does this process run as the user that it names?",
        name = super::NAME
    )]
    NameDenied(#[source] zbus::Error),
    /// The bus has answered with an error.
    #[error("the system bus refused a request: {0}")]
    Refused(#[source] zbus::Error),
    /// The bus has closed the connection.
    #[error("the connection to the system bus was closed")]
    Closed,
    /// There is no thread for it.
    #[error("cannot start the thread of the bus: {0}")]
    Thread(#[source] std::io::Error),
}
