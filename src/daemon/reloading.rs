//! A new configuration in the place of the old one, while everything goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::inbox::Control;
use super::lineup::Lineup;
use super::service::Service;
use super::sources::is_file;
use super::start::tell_nonsense;
use super::{clock, status};
use crate::bus::{BusAnswer, Failure};
use crate::keeper::{JailId, Timestamp};
use crate::rules::Loaded;
use crate::systemd::catalog;
use crate::{confdir, rules};

/// A reader that was told to stop and has not by then hangs.
const HALT_AT_MOST: Duration = Duration::from_secs(2);

/// A disk that has not said by then what it has of a jail hangs.
const READ_AT_MOST: Duration = Duration::from_secs(2);

/// How long the loop waits at a time for it.
const A_MOMENT: Duration = Duration::from_millis(10);

impl Service {
    /// Stops these readers and takes in all that they have read; whether they have ended in time.
    /// Controls that come meanwhile stay for the next turn.
    pub(super) fn halt_readers(&mut self, names: &BTreeSet<Arc<str>>) -> bool {
        if names.is_empty() {
            return true;
        }
        self.readers.stop(names);
        let patience = clock::monotonic() + HALT_AT_MOST;
        let mut events = Vec::new();
        let mut kept = Vec::new();
        let is_theirs = |control: &Control| matches!(control, Control::ReaderEnded(name, _) if names.contains(name));
        let halted = loop {
            // Whatever they have sent is in the queues once their threads are over.
            let over = self.readers.are_over(names);
            let (controls, batches) = self.inbox.wait(Some(A_MOMENT));
            kept.extend(controls.into_iter().filter(|control| !is_theirs(control)));
            self.take_batches(batches, &mut events);
            if over {
                let rest = self.inbox.waiting();
                self.take_batches(rest, &mut events);
            }
            if over || clock::monotonic() > patience {
                break over;
            }
        };
        self.inbox.put_back(kept);
        self.decide(events);
        if halted {
            self.readers.retire(names);
        }
        halted
    }

    /// Reads the configuration again. A jail with mistakes keeps its old rules.
    pub(super) fn reload(&mut self) -> BusAnswer {
        status::told(self.notifier.reloading());
        let (texts, needs) = confdir::read_needed(&self.directories);
        let loaded = rules::load_needed(&texts, needs);
        let mistakes = rules::render(&loaded.diagnostics, false).trim_end().to_owned();
        let has_errors = loaded.has_errors();
        let mut outcome = self.take_up(loaded);
        if let Err(Failure::ReloadFailed(reason)) = &outcome {
            error!(message_id = catalog::RELOAD_FAILED, "not reloaded: {reason}");
        } else {
            self.texts = texts;
            self.loaded = clock::now();
            self.forget_settings();
            let in_part = self.tell_reloaded(has_errors, &mistakes);
            outcome = outcome.and(in_part);
        }
        status::told(self.notifier.ready(&self.sentence()));
        match outcome {
            Ok(()) => BusAnswer::Done(u32::try_from(self.lineup.len()).unwrap_or(u32::MAX)),
            Err(failure) => BusAnswer::Failed(failure),
        }
    }

    /// Logs how the reload went; with errors it is a failure.
    fn tell_reloaded(&self, has_errors: bool, mistakes: &str) -> Result<(), Failure> {
        if has_errors {
            let reason = format!("{}\n\n{mistakes}", self.lineup.held_back());
            error!(message_id = catalog::RELOAD_FAILED, "reloaded in part: {reason}");
            return Err(Failure::ReloadFailed(reason));
        }
        if !mistakes.is_empty() {
            warn!("the configuration may not mean what it should:\n{mistakes}");
        }
        info!(message_id = catalog::RELOADED, "reloaded: {}", self.sentence());
        Ok(())
    }

    /// Puts what was loaded into force. Only readers that have other things to do now notice.
    pub(super) fn take_up(&mut self, loaded: Loaded) -> Result<(), Failure> {
        let now = clock::now();
        let lineup = Lineup::new(loaded, &mut self.warden.roster, Some(&self.lineup));
        let ran: Vec<JailId> = self.lineup.ids().collect();
        let newcomers: Vec<JailId> = lineup.ids().filter(|id| !ran.contains(id)).collect();
        self.ask_for_newcomers(&newcomers)?;
        let sources = (&self.warden.records, &mut self.register, &self.names);
        let outdated = self.readers.outdated(&lineup, sources, now);
        if !self.halt_readers(&outdated) {
            let reason =
                "a reader does not stop; nothing was changed, and the old rules are in force";
            return Err(Failure::ReloadFailed(reason.to_owned()));
        }
        let before = std::mem::replace(&mut self.lineup, lineup);
        self.lineup.inherit(&before);
        let gone = self.lineup.enlist(&mut self.warden.keeper);
        self.friends.take_up(&self.lineup.policies(), &mut self.warden.keeper);
        self.restore_newcomers(now, newcomers);
        self.put_table_right();
        let told = self.warden.save_and_tell(clock::moment(), gone);
        self.deliver(told);
        self.forget_journals();
        self.read_on();
        match self.warden.table_trouble().or(self.troubles.sources.as_ref()) {
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
        let unread = self.warden.records.positions().map(|(name, _)| name.to_owned());
        let unread = unread.filter(|name| !is_file(name) && !read.contains(name));
        for name in unread.collect::<Vec<_>>() {
            self.warden.records.forget(&name);
            if let Some(source) = self.register.forget(&name) {
                self.warden.keeper.forget_place(source);
            }
        }
    }

    /// What the state file has of jails that were not there before can be read when it has all that was
    /// to be saved of them. Where it cannot be written it may still be read.
    fn ask_for_newcomers(&mut self, newcomers: &[JailId]) -> Result<(), Failure> {
        if newcomers.is_empty() {
            return Ok(());
        }
        match self.warden.save_all(clock::moment()) {
            Err(reason) if self.warden.records.is_busy() => {
                let consequence = "nothing was changed, and the old rules are in force";
                Err(Failure::ReloadFailed(format!("{reason}; {consequence}")))
            }
            Err(reason) => {
                warn!("the state cannot be saved: {reason}; of jails that are new it may be old");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// A jail that was not there before may have bans in the state file from another time.
    fn restore_newcomers(&mut self, now: Timestamp, newcomers: Vec<JailId>) {
        for id in newcomers {
            let name = self.warden.roster.name(id);
            match self.warden.records.disk.jail(name, READ_AT_MOST) {
                Ok(saved) => {
                    saved.nonsense.iter().for_each(tell_nonsense);
                    self.warden.readmit(now, id, saved);
                }
                Err(reason) => warn!("[{name}] its saved bans cannot be read: {reason}"),
            }
        }
    }
}
