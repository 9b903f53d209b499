//! What a jail decides by.

use std::num::NonZeroU32;
use std::time::Duration;

use super::ignore::IgnoreList;
use super::network::Prefix;
use super::time::Sentence;

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
}
