//! What the service tells of one address, and of the world around it: the same on both ends.

use serde::{Deserialize, Serialize};
use zbus::wire::Type;

/// One jail's view of an address. Times are unix seconds; an end of -1 is never.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Type)]
pub struct JailView {
    /// The jail.
    pub jail: String,
    /// The bans in force that the address is under.
    pub bans: Vec<PastBan>,
    /// Those that it would be under if the jail enforced.
    pub would_be: Vec<PastBan>,
    /// The attempts in its window.
    pub attempts: Vec<i64>,
    /// The last lines that tell of them, the newest last.
    pub lines: Vec<String>,
    /// This many attempts are a ban.
    pub maxretry: u32,
    /// Within this many seconds.
    pub findtime: u64,
    /// Why it is never banned here; empty if it may be.
    pub spared: String,
    /// The bans of the past, and those in force, the newest first; also those that only would have
    /// been.
    pub history: Vec<PastBan>,
    /// The packets that the kernel has stopped for this jail, of all its offenders.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A ban, in force or over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Type)]
pub struct PastBan {
    /// Whom it is against.
    pub offender: String,
    /// Since when.
    pub since: i64,
    /// Until when it was to last.
    pub until: i64,
    /// For this many attempts; 0 for a ban by hand.
    pub attempts: u32,
    /// The how manieth ban of its offender it is, from 1.
    pub nth: u32,
    /// Whether it is a ban, or only would be one if the jail enforced.
    pub enforced: bool,
}

/// What the service finds out about itself and the kernel's firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Type)]
pub struct Diagnosis {
    /// When the configuration in force was read, in unix seconds.
    pub loaded: i64,
    /// The directory of the stock configuration.
    pub vendor: String,
    /// The directories of what overrides it, the strongest last.
    pub overrides: Vec<String>,
    /// Why the kernel's firewall could not be looked at; empty if it could.
    pub trouble: String,
    /// How many elements of our table are not as they should be.
    pub deviations: u32,
    /// Others' filter chains that see packets before ours.
    pub ahead: Vec<String>,
    /// How many rules of others send arriving packets on to another address.
    pub redirecting_rules: u32,
    /// Others' flowtables.
    pub flowtables: Vec<String>,
}
