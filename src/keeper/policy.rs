//! What a jail decides by.

use std::num::NonZeroU32;
use std::time::Duration;

use super::event::Spared;
use super::exempt::Exempt;
use super::network::{Network, Prefix};
use super::rule::IgnoreRule;
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
    pub ignore: Exempt,
    /// Proxies, which are never banned, and whose clients the log should name (`trusted_proxies`).
    pub proxies: Exempt,
    /// Attempts that do not count (`ignore`).
    pub rules: Vec<IgnoreRule>,
    /// Whether this host's own addresses are never banned (`ignoreself`).
    pub ignoreself: bool,
    /// Whether nobody is banned who is logged in (`ignoresessions`).
    pub ignoresessions: bool,
}

impl Policy {
    /// Why an attempt does not count, whoever its offender is.
    pub(super) fn excuses(&self, user: Option<&str>, offender: Network) -> Option<Spared> {
        let rule = self.rules.iter().find(|rule| rule.fits(user, offender))?;
        Some(Spared::Rule(rule.to_string()))
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
            ignore: Exempt::default(),
            proxies: Exempt::default(),
            rules: Vec::new(),
            ignoreself: true,
            ignoresessions: true,
        }
    }
}
