//! What a jail decides by.

use std::num::NonZeroU32;
use std::time::Duration;

use super::exempt::Exempt;
use super::growth::Growth;
use super::network::{Network, Prefix};
use super::notice::Spared;
use super::rule::IgnoreRule;
use super::time::Sentence;

const MAXRETRY: NonZeroU32 = NonZeroU32::new(5).expect("5 is not 0");
/// Nothing wider is banned where a jail does not say how wide it may be (`max_prefix`): what a
/// provider, and not its customer, is given.
pub const MAX_PREFIX: Prefix = Prefix { ipv4: 16, ipv6: 32 };
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
    /// Nothing wider is banned, however it came about (`max_prefix`).
    pub max_prefix: Prefix,
    /// When so many neighbours are banned that all of their network is.
    pub escalate: Option<Escalate>,
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
    /// What attempts are counted by, beside the address.
    pub count_by: CountBy,
    /// How many of the last lines behind an offender are kept; none is as many as `maxretry`.
    pub maxmatches: Option<u32>,
    /// Whether somebody is really banned, or it is only said who would be.
    pub enforce: bool,
    /// Whether the bans of other jails are this jail's attempts.
    pub hears_bans: bool,
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
    /// Why an attempt does not count, whoever its offender is.
    pub(super) fn excuses(&self, user: Option<&str>, offender: Network) -> Option<Spared> {
        let rule = self.rules.iter().find(|rule| rule.fits(user, offender))?;
        Some(Spared::Rule(rule.to_string()))
    }

    /// Whether it matters as whom somebody has tried.
    #[must_use]
    pub fn asks_for_users(&self) -> bool {
        self.count_by == CountBy::User || !self.rules.is_empty()
    }

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
            growth: None,
            prefix: Prefix::default(),
            max_prefix: MAX_PREFIX,
            escalate: None,
            ignore: Exempt::default(),
            proxies: Exempt::default(),
            rules: Vec::new(),
            ignoreself: true,
            ignoresessions: true,
            count_by: CountBy::default(),
            maxmatches: None,
            enforce: true,
            hears_bans: false,
        }
    }
}

impl Policy {
    /// Whether a network is as narrow and as wide as the jail's bans may be.
    #[must_use]
    pub fn allows(&self, network: Network) -> bool {
        network.fits(self.max_prefix, self.prefix)
    }

    /// The length that an offender is wider than what may be banned, if it is.
    #[must_use]
    pub fn exceeded_by(&self, offender: Network) -> Option<u8> {
        let bound = self.max_prefix.of(offender.family());
        (offender.length() < bound).then_some(bound)
    }
}

/// When a network is banned instead of its members (`escalate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalate {
    /// This many different offenders of it are banned at the same time; at least 2.
    pub after: u32,
    /// How wide the network is.
    pub prefix: Prefix,
}
