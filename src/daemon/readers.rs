//! All readers: one for each journal, and one for all log files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::inbox::Outbox;
use super::judge::{Legacy, Tried};
use super::lineup::Lineup;
use super::reading::{Errand, FILES, Reading};
use super::records::Records;
use super::scribe::Scribe;
use super::sources::{Register, is_file};
use crate::journal::{Position, Start};
use crate::keeper::Timestamp;
use crate::names::Resolver;

/// The readers at work.
#[derive(Default)]
pub(super) struct Readers {
    running: Vec<Reading>,
    /// What those that were told to stop have left to their successors.
    legacies: BTreeMap<String, Legacy>,
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
        (records, register, names): (&Records<Scribe>, &mut Register, &Resolver<Tried>),
        now: Timestamp,
        outbox: &Outbox,
    ) -> Result<(), Vec<(String, String)>> {
        let mut failed = Vec::new();
        for (name, errand) in errands(lineup, (records, register, names), now) {
            if self.running.iter().any(|reading| **reading.name() == *name) {
                continue;
            }
            let legacy = self.legacies.remove(&name).unwrap_or_default();
            let called = name.as_str().into();
            match Reading::start(called, (errand, legacy), outbox, &register.numbers) {
                Ok(reading) => self.running.push(reading),
                Err(why) => failed.push((name, why)),
            }
        }
        if !failed.is_empty() {
            return Err(failed);
        }
        self.legacies.clear();
        Ok(())
    }

    /// The readers that do not do what `lineup` needs; the others need not notice that it is new.
    pub(super) fn outdated(
        &self,
        lineup: &Lineup,
        sources: (&Records<Scribe>, &mut Register, &Resolver<Tried>),
        now: Timestamp,
    ) -> BTreeSet<Arc<str>> {
        let needed: BTreeMap<String, Errand> = errands(lineup, sources, now).into_iter().collect();
        let meets =
            |reading: &Reading, errand: &Errand| errand.orders().are_met_by(reading.orders());
        let outdated = self.running.iter().filter(|reading| {
            !needed.get(&**reading.name()).is_some_and(|errand| meets(reading, errand))
        });
        outdated.map(|reading| Arc::clone(reading.name())).collect()
    }

    /// All readers.
    pub(super) fn all(&self) -> BTreeSet<Arc<str>> {
        self.running.iter().map(|reading| Arc::clone(reading.name())).collect()
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

    /// Tells these readers to stop.
    pub(super) fn stop(&self, names: &BTreeSet<Arc<str>>) {
        self.running.iter().filter(|it| names.contains(it.name())).for_each(Reading::stop);
    }

    /// Whether the threads of all of these have ended.
    pub(super) fn are_over(&self, names: &BTreeSet<Arc<str>>) -> bool {
        self.running.iter().filter(|it| names.contains(it.name())).all(Reading::is_over)
    }

    /// Takes these out, whose threads have ended; what they know is for those who take their place.
    pub(super) fn retire(&mut self, names: &BTreeSet<Arc<str>>) {
        let (over, running) =
            self.running.drain(..).partition(|reading| names.contains(reading.name()));
        self.running = running;
        let over: Vec<Reading> = over;
        for reading in over {
            self.silent.remove(reading.name());
            self.legacies.insert(reading.name().to_string(), reading.into_legacy());
        }
    }
}

/// What there is to read, by the readers' names.
fn errands(
    lineup: &Lineup,
    (records, register, names): (&Records<Scribe>, &mut Register, &Resolver<Tried>),
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
