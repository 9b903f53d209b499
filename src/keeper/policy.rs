//! What a jail decides by.

use std::num::NonZeroU32;
use std::time::Duration;

use super::ignore::IgnoreList;
use super::network::Prefix;
use super::time::Sentence;

const MAXRETRY: NonZeroU32 = NonZeroU32::new(5).expect("5 is not 0");
const TEN_MINUTES: Duration = Duration::from_mins(10);

/// The rules by which one jail counts and sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// This many attempts within `findtime` are a ban.
    pub maxretry: NonZeroU32,
    /// The length of the window; two attempts exactly this far apart are still within it.
    pub findtime: Duration,
    /// For how long.
    pub bantime: Sentence,
    /// Which neighbours count and are banned together.
    pub prefix: Prefix,
    /// Who is never banned (`ignoreip`).
    pub ignore: IgnoreList,
    /// Whether this host's own addresses are never banned (`ignoreself`).
    pub ignoreself: bool,
    /// What attempts are counted by, beside the address.
    pub count_by: CountBy,
    /// How many of the last lines behind an offender are kept; none is as many as `maxretry`.
    pub maxmatches: Option<u32>,
}

/// What attempts are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountBy {
    /// The address, or its network.
    #[default]
    Address,
    /// The account too, whatever address it is tried from.
    User,
}

/// So many lines of one offender are kept at most.
pub const MAXMATCHES_MAX: u32 = 100;

impl Policy {
    /// How many lines of each offender are kept.
    #[must_use]
    pub fn matches_kept(&self) -> usize {
        self.maxmatches.unwrap_or(self.maxretry.get()).min(MAXMATCHES_MAX) as usize
    }
}

impl Default for Policy {
    /// fail2ban's, which its users know; IPv6 by the /64.
    fn default() -> Self {
        Self {
            maxretry: MAXRETRY,
            findtime: TEN_MINUTES,
            bantime: Sentence::For(TEN_MINUTES),
            prefix: Prefix::default(),
            ignore: IgnoreList::default(),
            ignoreself: true,
            count_by: CountBy::default(),
            maxmatches: None,
        }
    }
}
