//! What is told: what has happened, and why.

use std::sync::Arc;

use super::allowed::{Allowance, Where};
use super::exempt::Entry;
use super::network::Network;
use super::policy::CountBy;
use super::roster::JailId;
use super::sessions::Session;
use super::time::{Timestamp, Until};

/// Something that has happened, for the log and for everybody who listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An attempt counts.
    Found {
        /// By this jail's filter.
        jail: JailId,
        /// By this address, or network.
        offender: Network,
        /// As whom, if the record says so.
        user: Option<Arc<str>>,
        /// At this time, by the record.
        time: Timestamp,
        /// Whether it, or a network around it, is banned already.
        banned: bool,
    },
    /// An attempt does not count, or a ban was not made.
    Ignored {
        /// In this jail.
        jail: JailId,
        /// From this network or address.
        network: Network,
        /// For this reason.
        why: Spared,
    },
    /// A ban was due and was not made; the offender's window starts anew.
    NotBanned {
        /// In this jail.
        jail: JailId,
        /// This network.
        network: Network,
        /// For this reason.
        why: Spared,
        /// After so many attempts.
        attempts: u32,
    },
    /// Somebody was allowed by hand.
    Allowed {
        /// In this jail; none is every jail.
        jail: Where,
        /// This network.
        network: Network,
        /// From when to when, and why.
        allowance: Allowance,
    },
    /// Somebody is allowed no longer.
    Disallowed {
        /// In this jail; none is every jail.
        jail: Where,
        /// This network.
        network: Network,
        /// For this reason.
        why: Disallowed,
    },
    /// The firewall keeps an offender out.
    Banned(Banned),
    /// A jail that does not enforce would keep an offender out now.
    WouldBan {
        /// This jail.
        jail: JailId,
        /// This network.
        network: Network,
        /// Until then.
        until: Until,
        /// For this many attempts.
        attempts: u32,
        /// The how manieth ban of this offender it would be, from 1.
        nth: u32,
    },
    /// A ban that never was would be over now.
    WouldUnban {
        /// In this jail.
        jail: JailId,
        /// This network.
        network: Network,
        /// For this reason.
        why: Lifted,
    },
    /// An offender's ban is over.
    Unbanned {
        /// In this jail.
        jail: JailId,
        /// This network.
        network: Network,
        /// For this reason.
        why: Lifted,
    },
    /// The firewall refused an element; it is tried again later.
    Refused {
        /// In this jail.
        jail: JailId,
        /// This network.
        network: Network,
        /// What the firewall said.
        reason: String,
    },
}

/// The firewall keeps an offender out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banned {
    /// In this jail.
    pub jail: JailId,
    /// This network.
    pub network: Network,
    /// Until then.
    pub until: Until,
    /// For this many attempts; zero for a ban by hand.
    pub attempts: u32,
    /// The how manieth ban of this offender it is, from 1.
    pub nth: u32,
    /// What is new of it.
    pub news: News,
    /// So many offenders within it were banned before it was; zero unless the jail escalated.
    pub members: u32,
    /// As whom the offender made the attempt that was one too many, if that is known.
    pub user: Option<Arc<str>>,
    /// Whether the attempts are the address's, or those on the user's account from wherever.
    pub counted_by: CountBy,
    /// The last lines behind the ban, the newest last; none of a ban that was put back.
    pub matches: Vec<Arc<str>>,
}

/// What is new of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// There was none of this offender before.
    New,
    /// It was in force already and has another end now.
    Changed,
    /// It was put back after a start.
    Restored,
    /// It was found in the firewall at the start, and nobody remembered it.
    Adopted,
}

impl News {
    /// Whether it was in force before the service started.
    #[must_use]
    pub const fn is_old(self) -> bool {
        matches!(self, Self::Restored | Self::Adopted)
    }
}

/// Why an offender is spared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spared {
    /// It is one of this host's own addresses (`ignoreself`).
    OwnAddress,
    /// Its network would take this address of the host itself along.
    HoldsOwnAddress(Network),
    /// It is wider than a network of this length, the widest that the jail bans (`max_prefix`).
    TooWide(u8),
    /// It lies within this entry.
    Within(Entry),
    /// Its network would take this entry along.
    Holds(Entry),
    /// It is a neighbour on a link, and all of them share one network (RFC 4291, 2.5.6).
    LinkLocal,
    /// This rule of `ignore` fits.
    Rule(String),
    /// Somebody is logged in from there (`ignoresessions`).
    Session(Session),
}

/// Why somebody is allowed no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disallowed {
    /// The time is up.
    Expired,
    /// Somebody ended it.
    ByHand,
}

/// Why a ban is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifted {
    /// Its time is up.
    Expired,
    /// Somebody lifted it.
    ByHand,
    /// The ignore list spares the offender now.
    Ignored,
    /// Somebody has logged in from there.
    LoggedIn,
    /// The jail is gone.
    JailGone,
    /// The jail bans networks of other lengths now.
    PrefixChanged,
    /// A network that holds it is banned, for at least as long.
    Escalated,
    /// The jail holds as many bans as it may; this one would have ended first.
    MadeRoom,
    /// The jail does not enforce any longer.
    NotEnforced,
    /// The jail enforces from now on; whom it would have banned is free.
    TrialOver,
}

impl Lifted {
    /// The reason as one word, as D-Bus and the log have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::ByHand => "by-hand",
            Self::Ignored => "ignored",
            Self::LoggedIn => "logged-in",
            Self::JailGone => "jail-gone",
            Self::PrefixChanged => "prefix-changed",
            Self::Escalated => "escalated",
            Self::MadeRoom => "made-room",
            Self::NotEnforced => "not-enforced",
            Self::TrialOver => "trial-over",
        }
    }
}
