//! A source of records, and its reader: it reads ahead, and begins anew where it is told to.

use std::collections::VecDeque;

use crate::keeper::{Attempt, Event, JailId, Network, Place, SourceId, Timestamp};
use crate::store::SavedPosition;

/// So many batches wait at most, as in the service.
const MAX_BATCHES: usize = 8;

/// One failed login.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) jail: JailId,
    pub(super) offender: Network,
    pub(super) time: Timestamp,
}

/// What the reader has found: records, each with its number, and where it is now.
#[derive(Debug)]
pub(super) struct Batch {
    records: Vec<(u64, Record)>,
    pub(super) reached: SavedPosition,
}

impl Batch {
    pub(super) fn events(&self, source: SourceId) -> impl Iterator<Item = Event> {
        self.records.iter().map(move |(sequence, record)| {
            Event::Attempt(Attempt {
                jail: record.jail,
                offender: record.offender,
                user: None,
                time: record.time,
                place: Place { source, sequence: *sequence },
                text: Some("failed".into()),
            })
        })
    }
}

/// Where a reader is behind the record of this number.
pub(super) fn position(number: u64) -> SavedPosition {
    SavedPosition { cursor: number.to_string(), sequence: number }
}

/// A source and its reader.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) name: &'static str,
    /// All that was ever written; the first has the number 1.
    pub(super) records: Vec<Record>,
    /// The number of the record that was read last.
    read: u64,
    pub(super) batches: VecDeque<Batch>,
}

impl Journal {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, records: Vec::new(), read: 0, batches: VecDeque::new() }
    }

    /// The number of the last record.
    pub(super) fn end(&self) -> u64 {
        self.records.len() as u64
    }

    /// Reads up to so many records, if there is room for them.
    pub(super) fn read(&mut self, at_most: u64) {
        let last = self.end().min(self.read + at_most);
        if self.batches.len() == MAX_BATCHES || last == self.read {
            return;
        }
        let numbers = self.read + 1..=last;
        let record = |number: u64| self.records[usize::try_from(number - 1).expect("an index")];
        let records = numbers.map(|number| (number, record(number))).collect();
        self.batches.push_back(Batch { records, reached: position(last) });
        self.read = last;
    }

    /// Another reader begins behind this position, or at the beginning; what the one before has
    /// found is still on its way.
    pub(super) fn open(&mut self, position: Option<&SavedPosition>) {
        self.read = position.map_or(0, |position| position.sequence);
    }

    /// The process is gone.
    pub(super) fn abandon(&mut self) {
        self.batches.clear();
    }

    /// Whether all has been read and taken.
    pub(super) fn is_exhausted(&self) -> bool {
        self.batches.is_empty() && self.read == self.end()
    }
}
