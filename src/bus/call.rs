//! What callers ask of the service, and what they may be answered.

use std::sync::Arc;

use crate::keeper::{Allowance, Answer, Network, Sentence, Spared, Timestamp, Until};

use super::answer::AnswerSender;
use super::inquiry::{Diagnosis, JailView};

/// A call names at most this many addresses: a whole blocklist, and yet only some milliseconds of
/// parsing, during which no other call is served.
pub const MAX_ADDRESSES: usize = 100_000;

/// What somebody asks of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Keep these out.
    Ban {
        /// The jail's name.
        jail: String,
        /// Whom, never empty.
        networks: Vec<Network>,
        /// For how long; none is the jail's own time.
        sentence: Option<Sentence>,
    },
    /// Let these in again.
    Unban {
        /// The jail's name; none is every jail.
        jail: Option<String>,
        /// Whom, never empty; none is everybody.
        networks: Option<Vec<Network>>,
    },
    /// Count attempts, as if a filter had found them.
    Attempt {
        /// The jail's name.
        jail: String,
        /// By whom, never empty.
        networks: Vec<Network>,
        /// As whom; empty for nobody.
        user: String,
        /// How often each, at least once.
        times: u32,
    },
    /// Tell who is kept out.
    ListBans {
        /// The jail's name; none is every jail.
        jail: Option<String>,
    },
    /// Tell the last lines behind an offender.
    Matches {
        /// The jail's name.
        jail: String,
        /// Whose.
        network: Network,
    },
    /// Tell who would be kept out if all jails enforced.
    ListWouldBeBans {
        /// The jail's name; none is every jail.
        jail: Option<String>,
    },
    /// Do not ban these; lift their bans.
    Allow {
        /// The jail's name; none is every jail.
        jail: Option<String>,
        /// Whom, never empty.
        networks: Vec<Network>,
        /// For how long.
        sentence: Sentence,
        /// Why; may be empty.
        comment: String,
    },
    /// End what was allowed.
    Disallow {
        /// The jail's name; none is every jail.
        jail: Option<String>,
        /// Whom, never empty.
        networks: Vec<Network>,
    },
    /// Tell who is allowed by hand.
    ListAllowed,
    /// Read the configuration again.
    Reload,
    /// Tell what each jail knows of this.
    Why {
        /// An address or network.
        network: Network,
    },
    /// Tell how the service and the firewall are.
    Diagnose,
    /// Tell all settings of a jail, or of all jails.
    Settings {
        /// The jail's name, or `default`.
        jail: String,
    },
    /// Change a setting until the next reload.
    Set {
        /// The jail's name, or `default` for all jails.
        jail: String,
        /// Which.
        option: String,
        /// To what, in TOML or as people write it on a command line.
        value: String,
    },
}

/// A call, and where its answer goes.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub call: Call,
    /// Where the answer goes.
    pub answer: AnswerSender,
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusAnswer {
    /// It is done, for this many bans.
    Done(u32),
    /// The bans in force, to [`Call::ListBans`]; those that would be, to [`Call::ListWouldBeBans`].
    Bans(Vec<BanRow>),
    /// What the jails know, to [`Call::Why`].
    Views(Vec<JailView>),
    /// How all is, to [`Call::Diagnose`].
    Diagnosis(Diagnosis),
    /// The last lines behind an offender, the newest last, to [`Call::Matches`].
    Matches(Vec<Arc<str>>),
    /// Who is allowed by hand, to [`Call::ListAllowed`].
    Allowed(Vec<AllowedRow>),
    /// The settings, to [`Call::Settings`].
    Settings(Vec<SettingRow>),
    /// A setting is another one now, to [`Call::Set`]. Both values are in TOML.
    Set {
        /// What it was; empty when it was none, or the jail did not run.
        before: String,
        /// What it is.
        now: String,
    },
    /// It is not done.
    Failed(Failure),
}

impl From<Answer> for BusAnswer {
    fn from(answer: Answer) -> Self {
        Self::Failed(match answer {
            Answer::Done(bans) => return Self::Done(bans),
            Answer::Spared(network, why) => Failure::Ignored(network, why),
            Answer::TooWide(network, bound) => Failure::TooWide(network, bound),
            Answer::TooManyAllowed => Failure::TooManyAllowed,
            Answer::NoSuchJail => Failure::NoSuchJail,
            Answer::NotEnforced => Failure::NotEnforced,
            Answer::Refused(reason) => Failure::Refused(reason),
        })
    }
}

/// Why a call was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The call names a jail that is not there.
    NoSuchJail,
    /// Nobody was banned, because the jail does not enforce.
    NotEnforced,
    /// Nobody was banned, because this network is spared.
    Ignored(Network, Spared),
    /// Nobody was banned, because this network is wider than one of this length (`max_prefix`).
    TooWide(Network, u8),
    /// Nobody was allowed, because too many are already.
    TooManyAllowed,
    /// The firewall refused; what it said.
    Refused(String),
    /// The configuration has mistakes; what became of it, and all diagnostics, as one text.
    ReloadFailed(String),
    /// The jail is switched on and does not run, for this reason.
    JailBroken(String),
    /// The setting was not changed; what is wrong with it, as one text.
    InvalidSetting(String),
}

/// One setting of a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// Its key; `filter.KEY` is what the jail's filter says itself.
    pub key: String,
    /// Its value in TOML; empty when it has none.
    pub value: String,
    /// The file that says so; empty when it is built in.
    pub path: String,
    /// The line in that file, from 1; 0 without a file.
    pub line: u32,
}

/// One ban in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanRow {
    /// In this jail.
    pub jail: Arc<str>,
    /// This network.
    pub network: Network,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Until,
    /// For this many attempts; zero for a ban by hand.
    pub attempts: u32,
    /// The how manieth ban of this offender it is, from 1.
    pub nth: u32,
}

/// Somebody who is allowed by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedRow {
    /// In this jail; none is every jail.
    pub jail: Option<Arc<str>>,
    /// This network.
    pub network: Network,
    /// From when to when, and why.
    pub allowance: Allowance,
}

/// The receiver of what the bus brings. Its functions run on the bus's own thread and must not
/// wait.
pub trait Calls: Send + Sync + 'static {
    /// Takes a request in.
    ///
    /// # Errors
    ///
    /// Gives the request back when there is no room for it; the caller is told to come again.
    fn request(&self, request: Request) -> Result<(), Request>;

    /// The connection to the bus was lost, or has come back. Meanwhile the bus tries again by
    /// itself.
    fn link(&self, link: Link);
}

/// What became of the connection to the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is lost, or could not be had again, for this reason.
    Lost(String),
    /// It stands, and the name is ours again.
    Restored,
}
