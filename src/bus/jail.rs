//! One jail's object.

use std::sync::{Arc, Mutex, PoisonError};

use zbus::interface;

use super::snapshot::{JailSettings, JailSnapshot};
use super::text;

/// Shows one jail.
pub(super) struct Jail {
    shown: Mutex<Arc<JailSnapshot>>,
}

impl Jail {
    pub(super) fn new(shown: Arc<JailSnapshot>) -> Self {
        Self { shown: Mutex::new(shown) }
    }

    pub(super) fn show(&self, snapshot: Arc<JailSnapshot>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    fn shown(&self) -> Arc<JailSnapshot> {
        Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn settings(&self) -> Arc<JailSettings> {
        Arc::clone(&self.shown().settings)
    }
}

/// Times are unix seconds, 0 for never.
#[interface(name = "org.jailkeeper1.Jail")]
impl Jail {
    #[zbus(property)]
    fn description(&self) -> String {
        text::clean(&self.settings().description)
    }

    #[zbus(property)]
    fn filter(&self) -> String {
        text::clean(&self.settings().filter)
    }

    #[zbus(property)]
    fn mode(&self) -> String {
        text::clean(&self.settings().mode)
    }

    #[zbus(property)]
    fn max_retry(&self) -> u32 {
        self.settings().maxretry
    }

    /// In seconds.
    #[zbus(property)]
    fn find_time(&self) -> u64 {
        self.settings().findtime.as_secs()
    }

    /// In seconds, -1 for ever.
    #[zbus(property)]
    fn ban_time(&self) -> i64 {
        text::sentence(self.settings().bantime)
    }

    /// Ports and ranges of ports, or "all".
    #[zbus(property)]
    fn ports(&self) -> Vec<String> {
        text::ports(&self.settings().ports)
    }

    /// Names of protocols, or "all".
    #[zbus(property)]
    fn protocols(&self) -> Vec<&str> {
        text::protocols(&self.settings().protocols)
    }

    /// "drop" or "reject".
    #[zbus(property)]
    fn action(&self) -> &str {
        text::action(self.settings().action)
    }

    /// "host", "forward" or "all".
    #[zbus(property)]
    fn scope(&self) -> &str {
        text::scope(self.settings().scope)
    }

    #[zbus(property)]
    fn ignore_ip(&self) -> Vec<String> {
        self.settings().ignoreip.iter().map(|entry| text::clean(entry)).collect()
    }

    #[zbus(property)]
    fn ignore_self(&self) -> bool {
        self.settings().ignoreself
    }

    /// Whether nobody is banned who is logged in.
    #[zbus(property)]
    fn ignore_sessions(&self) -> bool {
        self.settings().ignoresessions
    }

    #[zbus(property)]
    fn trusted_proxies(&self) -> Vec<String> {
        self.settings().proxies.iter().map(|entry| text::clean(entry)).collect()
    }

    /// Rules for attempts that do not count.
    #[zbus(property)]
    fn ignore(&self) -> Vec<String> {
        self.settings().ignore.iter().map(|rule| text::clean(rule)).collect()
    }

    #[zbus(property, name = "PrefixIpv4")]
    fn prefix_ipv4(&self) -> u32 {
        self.settings().prefix.ipv4.into()
    }

    #[zbus(property, name = "PrefixIpv6")]
    fn prefix_ipv6(&self) -> u32 {
        self.settings().prefix.ipv6.into()
    }

    /// "address", or "user" where attempts on one account count together too.
    #[zbus(property)]
    fn count_by(&self) -> &str {
        text::count_by(self.settings().count_by)
    }

    /// How many of the last lines behind an offender are kept.
    #[zbus(property)]
    fn max_matches(&self) -> u32 {
        u32::try_from(self.settings().maxmatches).unwrap_or(u32::MAX)
    }

    /// Whether anybody is really banned.
    #[zbus(property)]
    fn enforce(&self) -> bool {
        self.settings().enforce
    }

    /// Whether bans of known offenders are longer than `BanTime`.
    #[zbus(property)]
    fn ban_time_grows(&self) -> bool {
        self.settings().grows
    }

    #[zbus(property)]
    fn current_attempts(&self) -> u64 {
        self.shown().tally.attempts
    }

    #[zbus(property)]
    fn total_attempts(&self) -> u64 {
        self.shown().tally.attempts_in_all
    }

    #[zbus(property)]
    fn current_bans(&self) -> u64 {
        self.shown().tally.bans
    }

    /// The bans that would be in force if the jail enforced.
    #[zbus(property)]
    fn would_be_bans(&self) -> u64 {
        self.shown().tally.would_be
    }

    #[zbus(property)]
    fn total_bans(&self) -> u64 {
        self.shown().tally.bans_in_all
    }

    /// "running", or "running with its old rules: " and the mistake in the new ones, or "broken: " and
    /// the reason.
    #[zbus(property)]
    fn state(&self) -> String {
        text::state(&self.shown().health.state)
    }

    #[zbus(property)]
    fn sources(&self) -> Vec<String> {
        self.shown().health.sources.iter().map(|source| text::clean(source)).collect()
    }

    #[zbus(property)]
    fn last_record(&self) -> i64 {
        text::seconds(self.shown().health.last_record)
    }

    #[zbus(property)]
    fn last_attempt(&self) -> i64 {
        text::seconds(self.shown().health.last_attempt)
    }

    /// Empty if there was none.
    #[zbus(property)]
    fn last_error(&self) -> String {
        text::clean(&self.shown().health.last_error)
    }

    /// The last ban that was due and was not made; empty if there was none.
    #[zbus(property)]
    fn last_refusal(&self) -> String {
        text::clean(&self.shown().health.last_refusal)
    }

    /// What is not as it should be now.
    #[zbus(property)]
    fn warnings(&self) -> Vec<String> {
        self.shown().health.warnings.iter().map(|warning| text::clean(warning)).collect()
    }
}
