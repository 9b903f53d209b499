//! What goes into the keeper and what comes out: plain values.

use std::sync::Arc;

use super::allowed::{Allowance, Where};
use super::excerpt::Excerpt;
use super::network::Network;
use super::notice::Spared;
use super::priors::Prior;
use super::roster::JailId;
use super::time::{Sentence, Timestamp, Until};

/// Where a record stands: in which source, and as which record of it.
///
/// Within one source the sequence grows from record to record and survives a restart together with
/// the source's position, so a record that is handed in twice is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The source.
    pub source: SourceId,
    /// The record's number in the source; the first has 1.
    pub sequence: u64,
}

/// A source of records, such as the journal or one log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

impl SourceId {
    /// The bans themselves, which are the attempts of some jails. No other source has this number.
    pub const BANS: Self = Self(u32::MAX);
}

/// A call that waits for an answer; the number is the caller's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One recognised failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The jail whose filter recognised it.
    pub jail: JailId,
    /// Who is to blame: an address, or the network that a record names.
    pub offender: Network,
    /// As whom, if the record says so.
    pub user: Option<Arc<str>>,
    /// When it happened, by the record.
    pub time: Timestamp,
    /// The record that tells of it.
    pub place: Place,
    /// The record's text, fit to be kept and shown; none where nobody wants to keep it.
    pub text: Option<Excerpt>,
}

/// Something that the keeper is to decide about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A filter has recognised a failure.
    Attempt(Attempt),
    /// Somebody says that there were attempts.
    Attempts(AttemptOrder),
    /// Somebody wants to have offenders banned.
    Ban(BanOrder),
    /// Somebody wants to have offenders free.
    Unban(UnbanOrder),
    /// Somebody wants others not to be banned.
    Allow(AllowOrder),
    /// Somebody wants that to end.
    Disallow(DisallowOrder),
}

/// Attempts by hand: all of them count, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOrder {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// Where.
    pub jail: JailId,
    /// By whom.
    pub offenders: Vec<Network>,
    /// As whom.
    pub user: Option<Arc<str>>,
    /// How often each.
    pub times: u32,
    /// A source of the order's own.
    pub source: SourceId,
}

/// A ban by hand: of all these networks, or of none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanOrder {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// Where.
    pub jail: JailId,
    /// Whom; what is narrower than the jail's prefix is widened to it.
    pub networks: Vec<Network>,
    /// For how long; none is the jail's own time.
    pub sentence: Option<Sentence>,
}

/// The lifting of bans by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnbanOrder {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// Where; none is every jail.
    pub jail: Option<JailId>,
    /// Whom: each ban that overlaps one of these is lifted; none is everybody.
    pub networks: Option<Vec<Network>>,
}

/// Networks that are not to be banned from now on; their bans are lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowOrder {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// Where; none is every jail, those that come later too.
    pub jail: Where,
    /// Whom.
    pub networks: Vec<Network>,
    /// For how long.
    pub sentence: Sentence,
    /// Why, in the caller's words; may be empty.
    pub comment: Arc<str>,
}

/// The end of what was allowed by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisallowOrder {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// Where; none is every jail, and what was allowed for all of them.
    pub jail: Where,
    /// Whom: what was allowed and lies in one of these.
    pub networks: Vec<Network>,
}

/// A change to the firewall's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep this network out until then, whatever the firewall has of it now.
    Ban {
        /// In the jail's set.
        jail: JailId,
        /// The banned network.
        network: Network,
        /// The end of the ban.
        until: Until,
    },
    /// Let this network in again, if it is kept out.
    Lift {
        /// From the jail's set.
        jail: JailId,
        /// The network.
        network: Network,
    },
}

/// An element as the firewall has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The jail in whose set it is.
    pub jail: JailId,
    /// The network that is kept out.
    pub network: Network,
    /// When the kernel will let it in again by itself.
    pub until: Until,
}

/// What became of a batch of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The firewall has all of them but those refused: their index in the batch, and the reason.
    Applied {
        /// Sorted by index.
        refused: Vec<(usize, String)>,
    },
    /// The firewall has none of them.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whose call it answers.
    pub ticket: Ticket,
    /// What became of it.
    pub answer: Answer,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The firewall has done it, for this many bans.
    Done(u32),
    /// Nobody was banned, because this network is spared.
    Spared(Network, Spared),
    /// Nobody was banned, because this network is wider than one of this length, the widest that the
    /// jail bans.
    TooWide(Network, u8),
    /// Nobody was allowed, because too many are already.
    TooManyAllowed,
    /// There is no such jail.
    NoSuchJail,
    /// Nobody was banned, because the jail does not enforce.
    NotEnforced,
    /// The firewall refused, wholly or in part; what it said.
    Refused(String),
}

/// What the state file is to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// This ban is in force.
    Ban(JailId, Network, BanRecord),
    /// This ban is over.
    NoBan(JailId, Network),
    /// These attempts are in this offender's window, oldest first.
    Window(JailId, Network, Vec<Timestamp>),
    /// This offender's window is empty.
    NoWindow(JailId, Network),
    /// These attempts are in this account's window, oldest first.
    Account(JailId, Arc<str>, Vec<Timestamp>),
    /// This account's window is empty.
    NoAccount(JailId, Arc<str>),
    /// When this offender's last attempt was, and the last lines behind it, the newest last, with a
    /// newline between them.
    Evidence(JailId, Network, Timestamp, Arc<str>),
    /// No lines of this offender are kept.
    NoEvidence(JailId, Network),
    /// So often was this offender banned.
    Prior {
        /// In this jail.
        jail: JailId,
        /// This network.
        network: Network,
        /// In earnest, or only so that it would have been.
        enforced: bool,
        /// How often, and until when.
        prior: Prior,
    },
    /// This offender's earlier bans are forgotten.
    NoPrior {
        /// In this jail.
        jail: JailId,
        /// This network.
        network: Network,
        /// As above.
        enforced: bool,
    },
    /// This network is allowed by hand.
    Allowed(Where, Network, Allowance),
    /// This network is not allowed by hand any longer.
    NotAllowed(Where, Network),
}

impl Write {
    /// Whether it is what was decided, and not what leads to it or comes of it.
    pub fn is_decision(&self) -> bool {
        matches!(self, Self::Ban(..) | Self::NoBan(..) | Self::Allowed(..) | Self::NotAllowed(..))
    }

    /// The jail whose state it is a part of; who is allowed by hand is no jail's.
    pub fn jail(&self) -> Option<JailId> {
        match self {
            Self::Ban(jail, ..)
            | Self::NoBan(jail, _)
            | Self::Window(jail, ..)
            | Self::NoWindow(jail, _)
            | Self::Account(jail, ..)
            | Self::NoAccount(jail, _)
            | Self::Evidence(jail, ..)
            | Self::NoEvidence(jail, _)
            | Self::Prior { jail, .. }
            | Self::NoPrior { jail, .. } => Some(*jail),
            Self::Allowed(..) | Self::NotAllowed(..) => None,
        }
    }
}

/// A ban as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BanRecord {
    /// When it was decided.
    pub since: Timestamp,
    /// When it ends.
    pub until: Until,
    /// For how many attempts; zero for a ban by hand.
    pub attempts: u32,
    /// The how manieth ban of this offender it is, from 1.
    pub nth: u32,
    /// Whether it is a ban, or only would be one if the jail enforced.
    pub enforced: bool,
}
