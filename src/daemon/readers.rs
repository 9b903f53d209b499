//! All readers: one for each journal, and one for all log files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::inbox::Outbox;
use super::judge::Tried;
use super::lineup::Lineup;
use super::reading::{Errand, FILES, Reading};
use super::records::Records;
use super::sources::{Register, is_file};
use crate::journal::{Position, Start};
use crate::keeper::Timestamp;
use crate::names::Resolver;

/// The readers at work.
#[derive(Default)]
pub(super) struct Readers {
    running: Vec<Reading>,
    /// Those that have not answered the last question.
    silent: BTreeSet<Arc<str>>,
    asked: u64,
}

impl Readers {
    /// Starts every reader that `lineup` needs and that is not at work. What could not be opened is
    /// told; the others read.
    ///
    /// # Errors
    ///
    /// The name of each source that cannot be opened, and why.
    pub(super) fn start_missing(
        &mut self,
        lineup: &Lineup,
        (records, register, names): (&Records, &mut Register, &Resolver<Tried>),
        now: Timestamp,
        outbox: &Outbox,
    ) -> Result<(), Vec<(String, String)>> {
        let mut failed = Vec::new();
        for (name, errand) in errands(lineup, (records, register, names), now) {
            if self.running.iter().any(|reading| **reading.name() == *name) {
                continue;
            }
            match Reading::start(name.as_str().into(), errand, outbox, &register.numbers) {
                Ok(reading) => self.running.push(reading),
                Err(why) => failed.push((name, why)),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    /// Whether nobody reads.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Asks every reader whether it moves.
    pub(super) fn ping(&mut self, number: u64) {
        self.asked = number;
        self.silent = self.running.iter().map(|reading| Arc::clone(reading.name())).collect();
        self.running.iter().for_each(|reading| reading.ping(number));
    }

    /// A reader has answered; whether that was the last of them.
    pub(super) fn answered(&mut self, name: &Arc<str>, number: u64) -> bool {
        number == self.asked && self.silent.remove(name) && self.silent.is_empty()
    }

    /// A reader has ended.
    pub(super) fn ended(&mut self, name: &str) {
        self.running.retain(|reading| **reading.name() != *name);
    }

    /// Tells all readers to stop.
    pub(super) fn stop(&self) {
        self.running.iter().for_each(Reading::stop);
    }

    /// Whether the threads of all have ended.
    pub(super) fn are_over(&self) -> bool {
        self.running.iter().all(Reading::is_over)
    }
}

/// What there is to read, by the readers' names.
fn errands(
    lineup: &Lineup,
    (records, register, names): (&Records, &mut Register, &Resolver<Tried>),
    now: Timestamp,
) -> Vec<(String, Errand)> {
    let positions: BTreeMap<&str, _> = records.positions().collect();
    let since = now.minus(lineup.longest_findtime());
    let mut errands = Vec::new();
    for (name, (origin, watches)) in lineup.journals(names) {
        let position = positions
            .get(name.as_str())
            .map(|saved| Position { cursor: saved.cursor.clone(), sequence: saved.sequence });
        let start = Start { position, since };
        let source = register.enter(&name);
        errands.push((name, Errand::Journal { origin, source, start, watches }));
    }
    let watches = lineup.file_watches(names);
    if !watches.is_empty() {
        let files = positions.iter().filter(|(name, _)| is_file(name));
        // What cannot be read was written by another release; its file is read from its beginning.
        let files = files
            .filter_map(|(name, saved)| Some((register.enter(name), saved.cursor.parse().ok()?)));
        let positions = files.collect();
        errands.push((FILES.to_owned(), Errand::Files { positions, watches }));
    }
    errands
}
