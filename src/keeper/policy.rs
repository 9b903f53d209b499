//! What a jail decides by.

use std::num::NonZeroU32;
use std::time::Duration;

use super::growth::Growth;
use super::ignore::IgnoreList;
use super::network::Prefix;
use super::time::Sentence;

const MAXRETRY: NonZeroU32 = NonZeroU32::new(5).expect("5 is not 0");
const TEN_MINUTES: Duration = Duration::from_mins(10);

/// The rules by which one jail counts and sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// This many attempts within `findtime` are a ban.
    pub maxretry: NonZeroU32,
    /// The length of the window; two attempts exactly this far apart are still within it.
    pub findtime: Duration,
    /// For how long, unless bans grow.
    pub bantime: Sentence,
    /// By what bans grow, if they do.
    pub growth: Option<Growth>,
    /// Which neighbours count and are banned together.
    pub prefix: Prefix,
    /// Who is never banned (`ignoreip`).
    pub ignore: IgnoreList,
    /// Whether this host's own addresses are never banned (`ignoreself`).
    pub ignoreself: bool,
    /// Whether somebody is really banned, or it is only said who would be.
    pub enforce: bool,
    /// Whether the bans of other jails are this jail's attempts.
    pub hears_bans: bool,
}

impl Default for Policy {
    /// fail2ban's, which its users know; IPv6 by the /64.
    fn default() -> Self {
        Self {
            maxretry: MAXRETRY,
            findtime: TEN_MINUTES,
            bantime: Sentence::For(TEN_MINUTES),
            growth: None,
            prefix: Prefix::default(),
            ignore: IgnoreList::default(),
            ignoreself: true,
            enforce: true,
            hears_bans: false,
        }
    }
}
