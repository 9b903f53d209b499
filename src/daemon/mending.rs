//! What the loop does when the world around it has changed: the firewall, the addresses, the
//! sources, the configuration.

use std::time::Duration;

use tracing::{error, info, warn};

use super::inbox::Control;
use super::lineup::Lineup;
use super::readers::Readers;
use super::service::{RETRY, Service};
use super::sources::is_file;
use super::{clock, status};
use crate::bus::{BusAnswer, Failure};
use crate::keeper::{Decisions, JailId, Timestamp};
use crate::nft::NftError;
use crate::systemd::catalog;
use crate::{confdir, host, rules};

/// A reader that was told to stop and has not by then hangs.
const HALT_AT_MOST: Duration = Duration::from_secs(2);

/// How long the loop waits at a time for it.
const A_MOMENT: Duration = Duration::from_millis(10);

impl Service {
    /// Makes the table what it should be, after somebody else has changed it or the last try has
    /// failed.
    pub(super) fn mend(&mut self, disturbance: Option<&str>) {
        if let Some(put_right) = self.put_table_right() {
            let what = disturbance.unwrap_or("the table was not as it should be");
            warn!(
                message_id = catalog::MENDED,
                "{what}: the table is mended, with {put_right} elements put right"
            );
        }
    }

    /// Makes the table what it should be; how many elements were not. If that fails it is tried
    /// again later.
    fn put_table_right(&mut self) -> Option<usize> {
        let now = clock::now();
        match self.audit(now) {
            Ok(decisions) => {
                let put_right = decisions.changes.len();
                self.troubles.firewall = None;
                self.mend_at = None;
                self.carry_out(now, decisions);
                self.troubles.firewall.is_none().then_some(put_right)
            }
            Err(error) => {
                self.mend_at = Some(clock::monotonic() + RETRY);
                self.troubles.firewall = Some(error.to_string());
                error!("the firewall cannot be set right: {error}; it is tried again");
                None
            }
        }
    }

    /// Raises the table and holds its elements against what is wanted.
    fn audit(&mut self, now: Timestamp) -> Result<Decisions, NftError> {
        self.firewall.raise(&self.lineup.gates())?;
        let installed = self.firewall.elements(now)?;
        Ok(self.keeper.audit(now, &installed, false))
    }

    /// Learns this host's addresses again.
    pub(super) fn learn_addresses(&mut self, now: Timestamp) {
        match host::addresses() {
            Ok(own) => {
                self.keeper.set_own_addresses(own.into_iter().collect());
                let decisions = self.keeper.decide(now, []);
                self.carry_out(now, decisions);
            }
            Err(error) => warn!("this host's addresses cannot be read: {error}; the old ones stay"),
        }
    }

    /// Asks the readers whether they move. One that was lost cannot answer, and the service manager
    /// will notice; where nothing is to be read, the loop answers for itself.
    pub(super) fn ask_readers(&mut self) {
        let number = self.pulse.beat();
        if self.read_at.is_some() {
            return;
        }
        if self.readers.is_empty() {
            status::told(self.notifier.watchdog());
        } else {
            self.readers.ping(number);
        }
    }

    pub(super) fn reader_ended(&mut self, name: &str, ended: Result<(), String>) {
        self.readers.ended(name);
        if let Err(error) = ended {
            error!(
                message_id = catalog::SOURCE_TROUBLE,
                "{name} cannot be read any more: {error}; it is opened again"
            );
            self.lineup.note_source_error(name, &error);
            self.troubles.sources = Some(format!("{name}: {error}"));
            self.read_at = Some(clock::monotonic() + RETRY);
        }
    }

    /// Opens what is not being read where the last reader left it.
    pub(super) fn read_on(&mut self) {
        let sources = (&self.records, &mut self.register, &self.names);
        let now = clock::now();
        let Err(failed) = self.readers.start_missing(&self.lineup, sources, now, &self.outbox)
        else {
            self.read_at = None;
            self.troubles.sources = None;
            return;
        };
        for (name, why) in &failed {
            self.lineup.note_source_error(name, why);
        }
        let told: Vec<String> = failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        self.troubles.sources = Some(told.join("; "));
        self.read_at = Some(clock::monotonic() + RETRY);
    }

    /// Stops the readers and takes in all that they have read; whether they have ended in time.
    /// Controls that come meanwhile stay for the next turn.
    pub(super) fn halt_readers(&mut self) -> bool {
        self.readers.stop();
        let patience = clock::monotonic() + HALT_AT_MOST;
        let mut events = Vec::new();
        let mut kept = Vec::new();
        let halted = loop {
            // Whatever they have sent is in the queues once their threads are over.
            let over = self.readers.are_over();
            let (controls, batches) = self.inbox.wait(Some(A_MOMENT));
            kept.extend(controls.into_iter().filter(|c| !matches!(c, Control::ReaderEnded(..))));
            self.take_batches(batches, &mut events);
            if over || clock::monotonic() > patience {
                break over;
            }
        };
        self.inbox.put_back(kept);
        let now = clock::now();
        let decisions = self.keeper.decide(now, events);
        self.carry_out(now, decisions);
        if halted {
            self.readers = Readers::default();
        }
        halted
    }

    /// Reads the configuration again. With any error in it everything stays as it is.
    pub(super) fn reload(&mut self) -> BusAnswer {
        status::told(self.notifier.reloading());
        let answer = match self.take_up_configuration() {
            Ok(()) => {
                info!(message_id = catalog::RELOADED, "reloaded: {}", self.sentence());
                BusAnswer::Done(u32::try_from(self.lineup.len()).unwrap_or(u32::MAX))
            }
            Err(failure) => {
                if let Failure::ReloadFailed(reason) = &failure {
                    error!(
                        message_id = catalog::RELOAD_FAILED,
                        "the configuration was not taken up, the old one stays in force:\n{reason}"
                    );
                }
                BusAnswer::Failed(failure)
            }
        };
        status::told(self.notifier.ready(&self.sentence()));
        answer
    }

    fn take_up_configuration(&mut self) -> Result<(), Failure> {
        let texts = confdir::read(&self.directories);
        let loaded = rules::load(&texts);
        if loaded.has_errors() {
            let told = rules::render(&loaded.diagnostics, false);
            return Err(Failure::ReloadFailed(told.trim_end().to_owned()));
        }
        if !self.halt_readers() {
            let reason = "a reader does not stop; nothing was changed";
            return Err(Failure::ReloadFailed(reason.to_owned()));
        }
        let now = clock::now();
        self.loaded = now;
        let before = std::mem::take(&mut self.lineup);
        let ran: Vec<_> = before.ids().collect();
        self.lineup = Lineup::new(loaded, &mut self.roster, Some(before));
        let gone = self.lineup.enlist(&mut self.keeper);
        self.friends.take_up(&self.lineup.policies(), &mut self.keeper);
        self.restore_newcomers(now, &ran);
        self.put_table_right();
        self.tell(&gone.notices);
        self.answer(gone.replies);
        self.forget_journals();
        self.read_on();
        match self.troubles.firewall.as_ref().or(self.troubles.sources.as_ref()) {
            None => Ok(()),
            Some(reason) => Err(Failure::Refused(format!(
                "{reason}; the new configuration is in force, and this is tried again"
            ))),
        }
    }

    /// The position in a journal that nobody reads any more would, when somebody does again, lead
    /// back to long ago.
    pub(super) fn forget_journals(&mut self) {
        let read = self.lineup.journal_names();
        let unread = self.records.positions().map(|(name, _)| name.to_owned());
        let unread = unread.filter(|name| !is_file(name) && !read.contains(name));
        for name in unread.collect::<Vec<_>>() {
            self.records.forget(&name);
            if let Some(source) = self.register.forget(&name) {
                self.keeper.forget_place(source);
            }
        }
    }

    /// A jail that was not there before may have bans in the state file from another time.
    fn restore_newcomers(&mut self, now: Timestamp, ran: &[JailId]) {
        for id in self.lineup.ids().filter(|id| !ran.contains(id)) {
            let name = self.roster.name(id);
            match self.records.store().jail(name) {
                Ok(saved) => {
                    self.keeper.restore_priors(id, saved.priors);
                    self.keeper.restore(now, id, saved.bans, saved.windows);
                    self.keeper.restore_accounts(now, id, saved.accounts);
                    self.keeper.restore_evidence(id, saved.evidence);
                }
                Err(error) => warn!("[{name}] its saved bans cannot be read: {error}"),
            }
        }
    }
}
