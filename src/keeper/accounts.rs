//! What is counted by account beside by address (`count_by = "user"`).

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::event::Write;
use super::roster::JailId;
use super::time::Timestamp;
use super::window::Windows;

/// A longer name is nobody's account, and does not count by account. It is not cut: two names that
/// begin alike are two accounts. Linux ends a login at 256 bytes (`LOGIN_NAME_MAX`).
pub(super) const NAME_BYTES_MAX: usize = 256;

/// So many attempts on one account are kept, or `maxretry` if that is more: an account that a botnet
/// tries must not cost more the longer it is tried. Beyond it an attempt's number is not known.
pub const ACCOUNT_ATTEMPTS_MAX: u32 = 100;

/// The attempts on one jail's accounts, from whatever address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    windows: Windows<Arc<str>>,
    unsaved: BTreeSet<Arc<str>>,
}

impl Accounts {
    /// Counts an attempt on an account: how many are kept, if that is too many. The window goes
    /// on: each further attempt is too many as well, until enough of them have become too old.
    pub(super) fn count(
        &mut self,
        account: &Arc<str>,
        time: Timestamp,
        (findtime, maxretry): (Duration, NonZeroU32),
    ) -> Option<u32> {
        if !is_countable(account) {
            return None;
        }
        self.windows.tick(time, findtime, &mut self.unsaved);
        self.unsaved.insert(Arc::clone(account));
        let limits = (findtime, ACCOUNT_ATTEMPTS_MAX.max(maxretry.get()) as usize);
        let attempts = self.windows.count_on(Arc::clone(account), time, limits, &mut self.unsaved);
        (attempts >= maxretry.get()).then_some(attempts)
    }

    /// Learns what time it is, see [`Windows::set_back`].
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.windows.set_back(now);
    }

    /// Puts an account's attempts back as they were saved.
    pub(super) fn restore(&mut self, account: Arc<str>, times: Vec<Timestamp>, now: Timestamp) {
        self.windows.restore(account, times, now);
    }

    /// Forgets an account that is only in the state file.
    pub(super) fn forget_saved(&mut self, account: Arc<str>) {
        self.unsaved.insert(account);
    }

    /// Forgets all accounts.
    pub(super) fn clear(&mut self) {
        self.unsaved.extend(self.windows.iter().map(|(account, _)| Arc::clone(account)));
        self.windows = Windows::default();
    }

    /// What has changed since the last time this was asked, for the state file.
    pub(super) fn take_unsaved(&mut self, jail: JailId) -> impl Iterator<Item = Write> {
        let unsaved = std::mem::take(&mut self.unsaved);
        unsaved.into_iter().map(move |account| match self.windows.of(&account) {
            Some(times) => Write::Account(jail, account, times.to_vec()),
            None => Write::NoAccount(jail, account),
        })
    }

    /// Whether there is anything to save.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Everything that the state file is to remember.
    pub(super) fn everything(&self, jail: JailId) -> impl Iterator<Item = Write> {
        let windows = self.windows.iter();
        windows
            .map(move |(account, times)| Write::Account(jail, Arc::clone(account), times.to_vec()))
    }

    /// What the state file is to forget when the jail goes.
    pub(super) fn farewell(&self, jail: JailId) -> impl Iterator<Item = Write> {
        self.windows.iter().map(move |(account, _)| Write::NoAccount(jail, Arc::clone(account)))
    }
}

/// Whether an account of this name can be counted.
fn is_countable(account: &str) -> bool {
    !account.is_empty() && account.len() <= NAME_BYTES_MAX
}
