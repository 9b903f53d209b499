//! What ends a verb early: a sentence for people, and an exit code.

use std::io;

use zbus::fdo;

use crate::bus::Error;
use crate::bus::client::Unreachable;
use crate::journal::JournalError;

use super::{exit, words};

/// Why the verb did not do its work.
#[derive(Debug)]
pub(super) enum CliError {
    /// The service is not there.
    Unreachable(Unreachable),
    /// The service does not let this caller do that; its reason.
    NotPermitted(String),
    /// The bus does not let this caller read.
    MayNotRead,
    /// This user may not read it; what, and who may.
    Unreadable(String),
    /// No jail of that name is switched on; these are, if the caller may know.
    NoSuchJail { name: String, jails: Option<Vec<String>> },
    /// No jail has that name, be it on or off; these are all.
    UnknownJail { name: String, jails: Vec<String> },
    /// The jail is switched on and cannot run.
    BrokenJail { name: String, why: String },
    /// The configuration has errors; what became of it, and the diagnostics.
    Config(String),
    /// The arguments do not fit together or name something that is not there.
    Usage(String),
    /// What the arguments name, such as `jail sshd`, has mistakes; the diagnostics.
    Mistakes(String, String),
    /// The service said no, or something broke on the way.
    Failed(String),
    /// The output cannot be written.
    Output(io::Error),
}

impl CliError {
    /// This error, of a call that only reads: the bus says that it is not permitted in words for its
    /// own developers.
    pub(super) fn of_reading(self) -> Self {
        match self {
            Self::NotPermitted(_) => Self::MayNotRead,
            error => error,
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable(_) => exit::NOT_RUNNING,
            Self::NotPermitted(_) | Self::MayNotRead | Self::Unreadable(_) => exit::NOT_PERMITTED,
            Self::NoSuchJail { .. } | Self::UnknownJail { .. } => exit::NO_SUCH_JAIL,
            Self::BrokenJail { .. } | Self::Config(_) | Self::Mistakes(..) => exit::CONFIG,
            Self::Usage(_) => exit::USAGE,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::DONE,
            Self::Failed(_) | Self::Output(_) => exit::FAILED,
        }
    }

    /// The error's name for programs, as jailkeeper(1) tables it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(Unreachable::NotRunning) => "not-running",
            Self::Unreachable(Unreachable::NoBus(_)) => "no-bus",
            Self::NotPermitted(_) | Self::MayNotRead | Self::Unreadable(_) => "not-permitted",
            Self::NoSuchJail { .. } | Self::UnknownJail { .. } => "no-such-jail",
            Self::BrokenJail { .. } => "broken-jail",
            Self::Config(_) => "configuration",
            Self::Usage(_) => "usage",
            Self::Mistakes(..) => "mistakes",
            Self::Failed(_) => "failed",
            Self::Output(_) => "output",
        }
    }

    /// What to tell; nothing to a reader who has seen enough.
    pub(super) fn text(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable(Unreachable::NotRunning) => "the service is not running\n\
                 start it now and at every boot with: systemctl enable --now jailkeeper\n\
                 if it does not stay: journalctl -u jailkeeper -e"
                .to_owned(),
            Self::Unreachable(error @ Unreachable::NoBus(_)) => {
                format!("{error}\nsee how it is with: systemctl status dbus.service")
            }
            Self::NotPermitted(reason) => format!(
                "you are not permitted to do that; run it as root, for example with sudo\n\
                 the reason: {}",
                words::clean(reason)
            ),
            Self::MayNotRead => {
                "only root and the group adm may see bans and jails, since they hold \
                 names of users and lines of logs\n\
                 run it as root, for example with sudo, or let yourself in and log in again: \
                 sudo usermod --append --groups adm \"$USER\""
                    .to_owned()
            }
            Self::NoSuchJail { name, jails: None } => not_on(name),
            Self::NoSuchJail { name, jails: Some(jails) } => format!(
                "{}{}\nthose that are off: jailkeeper show; to switch one on: jailkeeper set JAIL \
                 enabled true --save",
                not_on(name),
                known(name, jails)
            ),
            Self::UnknownJail { name, jails } => {
                format!("there is no jail {name:?}{}", known(name, jails))
            }
            Self::BrokenJail { name, why } => format!(
                "the jail {name} has mistakes: {}\nsee all of them with: jailkeeper check",
                words::clean(why)
            ),
            Self::Config(told) => words::clean_lines(told),
            Self::Mistakes(what, diagnostics) => format!("the {what} has mistakes\n{diagnostics}"),
            Self::Usage(reason) | Self::Failed(reason) | Self::Unreadable(reason) => {
                words::clean_lines(reason)
            }
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return None,
            Self::Output(error) => format!("cannot write the output: {error}"),
        })
    }
}

fn not_on(name: &str) -> String {
    format!("there is no jail {name:?} that is switched on")
}

/// The jails that there are, and which of them may be meant.
fn known(name: &str, jails: &[String]) -> String {
    let distance = |jail: &&String| strsim::damerau_levenshtein(jail, name);
    let near = jails.iter().min_by_key(distance);
    let near = near.filter(|jail| distance(jail) <= (jail.chars().count() / 3).max(1));
    let guess = near.map(|jail| format!("; did you mean {jail}?")).unwrap_or_default();
    if jails.is_empty() {
        return format!("{guess}\nno jail is");
    }
    format!("{guess}\nthe jails are: {}", jails.join(", "))
}

impl From<Unreachable> for CliError {
    fn from(error: Unreachable) -> Self {
        Self::Unreachable(error)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Denied { .. } => Self::Unreadable(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::Bus(error) => of_the_bus(&error),
            Error::NoSuchJail(text)
            | Error::InvalidAddress(text)
            | Error::InvalidTime(text)
            | Error::InvalidComment(text)
            | Error::TooManyAllowed(text)
            | Error::Ignored(text)
            | Error::TooWide(text)
            | Error::NotEnforced(text)
            | Error::Refused(text)
            | Error::Busy(text)
            | Error::TooMany(text)
            | Error::Stopping(text) => Self::Failed(text),
            Error::ReloadFailed(told) | Error::InvalidSetting(told) => Self::Config(told),
            Error::JailBroken(told) => {
                Self::Config(format!("{told}\nsee all mistakes with: jailkeeper check"))
            }
        }
    }
}

fn of_the_bus(error: &zbus::Error) -> CliError {
    match error {
        zbus::Error::FDO(standard) => match **standard {
            fdo::Error::AccessDenied(ref reason)
            | fdo::Error::AuthFailed(ref reason)
            | fdo::Error::InteractiveAuthorizationRequired(ref reason) => {
                CliError::NotPermitted(reason.clone())
            }
            fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
            | fdo::Error::Disconnected(_)
            | fdo::Error::NoReply(_) => Unreachable::NotRunning.into(),
            _ => CliError::Failed(error.to_string()),
        },
        zbus::Error::InputOutput(io) if io.kind() == io::ErrorKind::TimedOut => CliError::Failed(
            "the service does not answer; see how it is with: systemctl status jailkeeper"
                .to_owned(),
        ),
        _ => CliError::Failed(error.to_string()),
    }
}
