//! What the loop does when the world around it has changed: the firewall, the addresses, the
//! sources.

use tracing::{error, warn};

use super::clock::Step;
use super::service::{RETRY, Service};
use super::{clock, status};
use crate::host;
use crate::systemd::catalog;

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

    /// Has the kernel, which counts the time that the machine runs, let go of each offender at the time
    /// of day that he was given.
    pub(super) fn keep_time(&mut self, step: Step) {
        let how = match step {
            Step::Forward(by) => {
                format!("is {} s ahead: it was set, or the machine was suspended", by.as_secs())
            }
            Step::Back(by) => format!("was set back by {} s", by.as_secs()),
        };
        if let Some(put_right) = self.put_table_right() {
            warn!("the time of day {how}; elements that are timed anew: {put_right}");
        }
    }

    /// Makes the table what it should be; how many elements were not. If that fails it is tried
    /// again later.
    pub(super) fn put_table_right(&mut self) -> Option<usize> {
        let gates = self.lineup.gates();
        let (put_right, told) = self.warden.put_table_right(clock::moment(), &gates);
        self.deliver(told);
        put_right
    }

    /// Learns this host's addresses again.
    pub(super) fn learn_addresses(&mut self) {
        match host::addresses() {
            Ok(own) => {
                self.warden.keeper.set_own_addresses(own.into_iter().collect());
                self.decide(Vec::new());
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
            self.lineup.note_source_error(name, None, &error);
            self.troubles.sources = Some(format!("{name}: {error}"));
            self.read_at = Some(clock::monotonic() + RETRY);
        }
    }

    /// Opens what is not being read where the last reader left it.
    pub(super) fn read_on(&mut self) {
        // What the last one has sent may still wait: its successor must not begin before that.
        let mut events = Vec::new();
        let rest = self.inbox.waiting();
        self.take_batches(rest, &mut events);
        self.decide(events);
        let sources = (&self.warden.records, &mut self.register, &self.names);
        let now = clock::now();
        let Err(failed) = self.readers.start_missing(&self.lineup, sources, now, &self.outbox)
        else {
            self.read_at = None;
            self.troubles.sources = None;
            return;
        };
        for (name, why) in &failed {
            self.lineup.note_source_error(name, None, why);
        }
        let told: Vec<String> = failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        self.troubles.sources = Some(told.join("; "));
        self.read_at = Some(clock::monotonic() + RETRY);
    }
}
