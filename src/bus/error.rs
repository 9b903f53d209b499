//! What can go wrong: for a caller by name, and for the service as a whole.

use zbus::DBusError;

use crate::keeper::{Network, NotANetwork, Spared};

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
    /// The network is wider than what the jail bans.
    TooWide(String),
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
    /// The call names too many addresses.
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
            Failure::Ignored(network, why) => Self::Ignored(ignored(network, why)),
            Failure::TooWide(network) => Self::TooWide(format!(
                "{network} is wider than what jail {jail} bans at once; name narrower networks"
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
        Self::InvalidAddress("no address is given; name whom to ban".to_owned())
    }

    pub(super) fn invalid_time(seconds: i64, longest: i64) -> Self {
        Self::InvalidTime(format!(
            "{seconds} is no time to ban for: give 1 to {longest} seconds, 0 for the jail's own \
             time, or -1 for ever"
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

    /// The loop has answered another question than was asked.
    pub(super) fn another_answer() -> Self {
        let text = "jailkeeperd mixed up its answers; please report this".to_owned();
        Self::Bus(zbus::Error::Failure(text))
    }

    pub(super) fn stopping() -> Self {
        Self::Stopping("the service is stopping, and this was not done".to_owned())
    }
}

fn ignored(network: Network, why: Spared) -> String {
    match why {
        Spared::OwnAddress => format!(
            "{network} is an address of this host itself, which is never banned (ignoreself)"
        ),
        Spared::IgnoreIp(entry) if entry == network => {
            format!("{network} is in ignoreip, so it is never banned")
        }
        Spared::IgnoreIp(entry) => {
            format!("{network} lies within {entry} of ignoreip, so it is never banned")
        }
        Spared::LinkLocal => {
            format!("{network} is link-local: a ban would hit all neighbours on the link")
        }
        Spared::HoldsIgnoreIp(entry) => {
            format!("a ban of {network} would also hit {entry}, which is in ignoreip")
        }
    }
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
