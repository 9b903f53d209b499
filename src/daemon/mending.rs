//! What the loop does when the world around it has changed: the firewall, the addresses, the
//! journal, the configuration.

use std::time::Duration;

use tracing::{error, info, warn};

use super::inbox::Control;
use super::lineup::Lineup;
use super::reading::{JOURNAL, Reading};
use super::service::{RETRY, Service};
use super::{clock, start, status};
use crate::bus::{BusAnswer, Failure};
use crate::journal::JournalError;
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

    /// Asks the reader whether it moves. One that was lost cannot answer, and the service manager
    /// will notice; where nothing is to be read, the loop answers for itself.
    pub(super) fn ask_reader(&mut self) {
        let number = self.pulse.beat();
        match &self.reading {
            Some(reading) => reading.ping(number),
            None if self.lineup.len() == 0 => status::told(self.notifier.watchdog()),
            None => {}
        }
    }

    pub(super) fn reader_ended(&mut self, ended: Result<(), JournalError>) {
        self.reading = None;
        if let Err(error) = ended {
            error!(
                message_id = catalog::SOURCE_TROUBLE,
                "the journal cannot be read any more: {error}; it is opened again"
            );
            self.troubles.journal = Some(error.to_string());
            self.read_at = Some(clock::monotonic() + RETRY);
        }
    }

    /// Opens the journal again where the last reader left it.
    pub(super) fn read_on(&mut self) {
        let now = clock::now();
        let from = start::where_to_read(&self.lineup, self.records.position(), now);
        match Reading::start_if_watched(&self.lineup, from, &self.outbox) {
            Ok(reading) => {
                self.reading = reading;
                self.read_at = None;
                self.troubles.journal = None;
            }
            Err(error) => {
                self.troubles.journal = Some(error.to_string());
                self.read_at = Some(clock::monotonic() + RETRY);
            }
        }
    }

    /// Stops the reader and takes in all that it has read; whether it has ended in time. Controls
    /// that come meanwhile stay for the next turn.
    pub(super) fn halt_reader(&mut self) -> bool {
        let Some(reading) = self.reading.take() else { return true };
        reading.stop();
        let patience = clock::monotonic() + HALT_AT_MOST;
        let mut events = Vec::new();
        let mut kept = Vec::new();
        let halted = loop {
            // Whatever it has sent is in the queues once its thread is over.
            let over = reading.is_over();
            let (controls, batches) = self.inbox.wait(Some(A_MOMENT));
            kept.extend(controls.into_iter().filter(|c| !matches!(c, Control::ReaderEnded(_))));
            self.take_batches(batches, &mut events);
            if over || clock::monotonic() > patience {
                break over;
            }
        };
        self.inbox.put_back(kept);
        let now = clock::now();
        let decisions = self.keeper.decide(now, events);
        self.carry_out(now, decisions);
        if !halted {
            self.reading = Some(reading);
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
        if !self.halt_reader() {
            let reason = "the reader of the journal does not stop; nothing was changed";
            return Err(Failure::ReloadFailed(reason.to_owned()));
        }
        let now = clock::now();
        let before = std::mem::take(&mut self.lineup);
        let ran: Vec<_> = before.ids().collect();
        if before.origin != loaded.origin {
            self.records.forget_position();
            self.keeper.forget_place(JOURNAL);
        }
        self.lineup = Lineup::new(loaded, &mut self.roster, Some(before));
        let gone = self.lineup.enlist(&mut self.keeper);
        self.restore_newcomers(now, &ran);
        self.put_table_right();
        self.tell(&gone.notices);
        self.answer(gone.replies);
        self.read_on();
        match self.troubles.firewall.as_ref().or(self.troubles.journal.as_ref()) {
            None => Ok(()),
            Some(reason) => Err(Failure::Refused(format!(
                "{reason}; the new configuration is in force, and this is tried again"
            ))),
        }
    }

    /// A jail that was not there before may have bans in the state file from another time.
    fn restore_newcomers(&mut self, now: Timestamp, ran: &[JailId]) {
        for id in self.lineup.ids().filter(|id| !ran.contains(id)) {
            let name = self.roster.name(id);
            match self.records.store().jail(name) {
                Ok(saved) => self.keeper.restore(now, id, saved.bans, saved.windows),
                Err(error) => warn!("[{name}] its saved bans cannot be read: {error}"),
            }
        }
    }
}
