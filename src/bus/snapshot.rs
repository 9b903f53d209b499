//! What the service shows: everything that the properties and signals are made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::keeper::{
    Action, CountBy, Lifted, Network, Ports, Prefix, Protocols, Scope, Sentence, Timestamp, Until,
};

/// The service at one moment. Parts that did not change are shared with the snapshot before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The program's version.
    pub version: String,
    /// How the service is, as one sentence for people.
    pub state: String,
    /// The jails that are switched on, by name.
    pub jails: BTreeMap<Arc<str>, Arc<JailSnapshot>>,
}

/// One jail at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailSnapshot {
    /// What it goes by.
    pub settings: Arc<JailSettings>,
    /// What it has counted.
    pub tally: Tally,
    /// How it is.
    pub health: Health,
}

/// What a jail goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailSettings {
    /// One line for people.
    pub description: String,
    /// The filter's name.
    pub filter: String,
    /// The filter's mode, such as `normal` or `aggressive`.
    pub mode: String,
    /// This many attempts are a ban.
    pub maxretry: u32,
    /// Within this time.
    pub findtime: Duration,
    /// For how long.
    pub bantime: Sentence,
    /// The ports that are closed to an offender.
    pub ports: Ports,
    /// The protocols that are closed to an offender.
    pub protocols: Protocols,
    /// What becomes of an offender's packet.
    pub action: Action,
    /// Which packets are looked at.
    pub scope: Scope,
    /// Who is never banned, as it may stand in the configuration.
    pub ignoreip: Vec<String>,
    /// Whether this host's own addresses are never banned.
    pub ignoreself: bool,
    /// Whether nobody is banned who is logged in.
    pub ignoresessions: bool,
    /// The proxies, which are never banned.
    pub proxies: Vec<String>,
    /// The attempts that do not count, one rule each.
    pub ignore: Vec<String>,
    /// Which neighbours count and are banned together.
    pub prefix: Prefix,
    /// What attempts are counted by, beside the address.
    pub count_by: CountBy,
    /// How many of the last lines behind an offender are kept.
    pub maxmatches: usize,
    /// Whether anybody is really banned.
    pub enforce: bool,
    /// Whether bans grow (`bantime.increment`).
    pub grows: bool,
}

/// What a jail has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The attempts that are in the windows now.
    pub attempts: u64,
    /// All attempts since the service started.
    pub attempts_in_all: u64,
    /// The bans in force.
    pub bans: u64,
    /// All bans since the service started.
    pub bans_in_all: u64,
    /// The bans that would be in force if the jail enforced.
    pub would_be: u64,
}

/// How a jail is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether it works.
    pub state: JailState,
    /// What it reads, such as `journal` or a file's path.
    pub sources: Vec<String>,
    /// The time of the last record that it was given.
    pub last_record: Option<Timestamp>,
    /// The time of the last attempt that it recognised.
    pub last_attempt: Option<Timestamp>,
    /// The last thing that went wrong; empty if nothing did.
    pub last_error: String,
    /// The last ban that was due and was not made; empty if there was none.
    pub last_refusal: String,
    /// What is not as it should be now, each as a sentence without a full stop.
    pub warnings: Vec<String>,
}

/// Whether a jail works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JailState {
    /// It does.
    #[default]
    Running,
    /// It does, by the rules from before a reload, since the new ones have this mistake.
    HeldBack(String),
    /// It does not, for this reason.
    Broken(String),
}

/// Something that has happened, for everybody who listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// The firewall keeps an offender out.
    Banned {
        /// In this jail.
        jail: Arc<str>,
        /// This network.
        offender: Network,
        /// Until then.
        until: Until,
        /// For this many attempts; zero for a ban by hand.
        attempts: u32,
    },
    /// An offender's ban is over.
    Unbanned {
        /// In this jail.
        jail: Arc<str>,
        /// This network.
        offender: Network,
        /// For this reason.
        why: Lifted,
    },
    /// The firewall refused an offender's ban; it is tried again later.
    Refused {
        /// In this jail.
        jail: Arc<str>,
        /// This network.
        offender: Network,
        /// What the firewall said.
        reason: String,
    },
    /// An attempt counts.
    Found {
        /// In this jail.
        jail: Arc<str>,
        /// By this address, or network.
        offender: Network,
        /// As whom; empty if the record does not say.
        user: String,
        /// At this time, by the record.
        time: Timestamp,
        /// Whether its network is banned already.
        banned: bool,
    },
    /// An attempt does not count, since its offender is spared.
    Ignored {
        /// In this jail.
        jail: Arc<str>,
        /// This address, or network.
        offender: Network,
        /// For this reason, as a clause.
        why: String,
    },
    /// This many signals before this one were not sent, because too many waited.
    Missed {
        /// How many.
        signals: u64,
    },
}

impl Announcement {
    /// Whether it is one of those that an attacker can have as many of as he likes. They give way.
    pub(super) const fn is_aside(&self) -> bool {
        matches!(self, Self::Found { .. } | Self::Ignored { .. })
    }
}
