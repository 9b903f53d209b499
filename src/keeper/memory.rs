//! What the state file has of a jail: putting it back, and writing it down.

use std::sync::Arc;

use super::event::{BanRecord, Write};
use super::friends::Friends;
use super::jail::Jail;
use super::ledger::{Ban, Standing};
use super::network::Network;
use super::notice::{Lifted, News, Notice};
use super::policy::CountBy;
use super::sentencing::Past;
use super::time::{Timestamp, Until};

impl Jail {
    /// Puts back a ban from the state file, unless it is over or no longer right.
    pub(super) fn restore_ban(
        &mut self,
        now: Timestamp,
        (network, record): (Network, BanRecord),
        friends: &Friends,
    ) {
        let enforce = self.policy.enforce;
        let outlived = match (record.enforced, enforce) {
            (true, false) => Some(Lifted::NotEnforced),
            (false, true) => Some(Lifted::TrialOver),
            _ => self.unfit(network, friends),
        };
        let standing =
            if record.enforced { Standing::Wanted(News::Restored) } else { Standing::Trial };
        if record.until.is_over(now) {
            self.unsaved_bans.note(network);
        } else if let Some(why) = outlived {
            self.struck((network, Ban { record, standing }), why);
        } else if self.ban(network, record, standing) {
            self.unsaved_bans.take_back(&network);
        }
    }

    /// Puts back a window from the state file, unless it no longer fits.
    pub(super) fn restore_window(
        &mut self,
        now: Timestamp,
        network: Network,
        times: Vec<Timestamp>,
    ) {
        if self.policy.allows(network) {
            self.windows.restore(network, times, now);
        } else {
            self.unsaved_windows.note(network);
        }
    }

    /// Puts back an account's attempts from the state file, unless accounts no longer count.
    pub(super) fn restore_account(
        &mut self,
        now: Timestamp,
        account: Arc<str>,
        times: Vec<Timestamp>,
    ) {
        match self.policy.count_by {
            CountBy::User => self.accounts.restore(account, times, now),
            CountBy::Address => self.accounts.forget_saved(account),
        }
    }

    /// Puts back an offender's lines from the state file, after his ban or window.
    pub(super) fn restore_evidence(
        &mut self,
        network: Network,
        last_attempt: Timestamp,
        text: &str,
    ) {
        let known = self.ledger.get(network).is_some() || self.windows.of(&network).is_some();
        let at_most = if known { self.policy.matches_kept() } else { 0 };
        self.evidence.restore(network, last_attempt, text, at_most);
    }

    /// Takes over an element that the firewall has and the state file does not: a ban from the
    /// last moments of a service that did not live to write it down.
    pub(super) fn adopt(
        &mut self,
        now: Timestamp,
        (network, until): (Network, Until),
        friends: &Friends,
        past: &mut Past,
    ) {
        let fits =
            self.policy.enforce && self.unfit(network, friends).is_none() && !until.is_over(now);
        if fits && self.ledger.get(network).is_none() && !self.ledger.covers(network, until) {
            let nth = self.remember(now, network, until, past);
            let record = BanRecord { since: now, until, attempts: 0, nth, enforced: true };
            self.ban(network, record, Standing::Wanted(News::Adopted));
        }
    }

    /// What has changed since the last time this was asked, for the state file, but for the lines.
    pub(super) fn take_unsaved(&mut self) -> impl Iterator<Item = Write> {
        let jail = self.id;
        let bans = self.unsaved_bans.take();
        let windows = self.unsaved_windows.take();
        let accounts = self.accounts.take_unsaved(jail);
        let (ledger, counted) = (&self.ledger, &self.windows);
        let bans = bans.map(move |network| match ledger.get(network) {
            Some(ban) => Write::Ban(jail, network, ban.record),
            None => Write::NoBan(jail, network),
        });
        let windows = windows.map(move |network| match counted.of(&network) {
            Some(times) => Write::Window(jail, network, times.to_vec()),
            None => Write::NoWindow(jail, network),
        });
        bans.chain(windows).chain(accounts)
    }

    /// Whether there is anything to save but lines.
    pub(super) fn has_unsaved(&self) -> bool {
        !(self.unsaved_bans.is_empty() && self.unsaved_windows.is_empty())
            || self.accounts.has_unsaved()
    }

    /// Everything that the state file is to remember of this jail.
    pub(super) fn everything(&self) -> impl Iterator<Item = Write> {
        let bans =
            self.ledger.iter().map(|(network, ban)| Write::Ban(self.id, network, ban.record));
        let windows = self
            .windows
            .iter()
            .map(|(network, times)| Write::Window(self.id, *network, times.to_vec()));
        let accounts = self.accounts.everything(self.id);
        bans.chain(windows).chain(accounts).chain(self.evidence.everything(self.id))
    }

    /// Everything that the state file is to forget when the jail goes.
    pub(super) fn farewell(self) -> (Vec<Notice>, Vec<Write>) {
        let (jail, why) = (self.id, Lifted::JailGone);
        let over = self.ledger.iter().filter_map(|(network, ban)| match ban.standing {
            Standing::Trial => Some(Notice::WouldUnban { jail, network, why }),
            standing => standing.was_in_force().then_some(Notice::Unbanned { jail, network, why }),
        });
        let lifting = self.lifting.iter();
        let lifted = lifting
            .filter_map(|(&network, why)| Some(Notice::Unbanned { jail, network, why: (*why)? }));
        let notices = self.told.iter().cloned().chain(lifted).chain(over).collect();
        let bans = self.ledger.iter().map(|(network, _)| Write::NoBan(self.id, network));
        let windows = self.windows.iter().map(|(network, _)| Write::NoWindow(self.id, *network));
        let accounts = self.accounts.farewell(self.id);
        let evidence = self.evidence.farewell(self.id);
        (notices, bans.chain(windows).chain(accounts).chain(evidence).collect())
    }
}
