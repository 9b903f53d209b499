//! The reader's thread: from records to batches of attempts.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded};

use super::inbox::{Batch, Control, Outbox};
use super::lineup::Lineup;
use crate::filter::{Filter, Line, Memory, Offender, Verdict};
use crate::journal::{self, JournalError, Position, Reader, Sink, Start, Trouble};
use crate::keeper::{Attempt, JailId, SourceId, Timestamp};
use crate::record::{Origin, Record, Want};

/// The journal is the one source of records.
pub(super) const JOURNAL: SourceId = SourceId(0);

/// Its name in the state file and in the status.
pub(super) const JOURNAL_NAME: &str = "journal";

/// A jail as its reader knows it.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) jail: JailId,
    pub(super) want: Want,
    pub(super) filter: Arc<Filter>,
}

/// A reader at work.
pub(super) struct Reading {
    control: journal::Control,
    thread: JoinHandle<()>,
}

impl Reading {
    /// Starts to read in a thread of its own; returns once the journal is open. Without a jail
    /// there is nothing to read, and no reader.
    ///
    /// # Errors
    ///
    /// When the journal cannot be opened.
    pub(super) fn start_if_watched(
        lineup: &Lineup,
        start: Start,
        outbox: &Outbox,
    ) -> Result<Option<Self>, JournalError> {
        let watches = lineup.watches();
        if watches.is_empty() {
            return Ok(None);
        }
        Self::start(&lineup.origin, watches, start, outbox.clone()).map(Some)
    }

    fn start(
        origin: &Origin,
        watches: Vec<Watch>,
        start: Start,
        outbox: Outbox,
    ) -> Result<Self, JournalError> {
        let control = journal::Control::new()?;
        let (opened_sender, opened) = bounded(1);
        let read = {
            let (origin, control) = (origin.clone(), control.clone());
            let wants: Vec<Want> = watches.iter().map(|watch| watch.want.clone()).collect();
            move || match Reader::open(&origin, JOURNAL, &wants, start, control) {
                Ok(reader) => {
                    let _ = opened_sender.send(Ok(()));
                    let ended = reader.run(&mut Judge::new(watches, &outbox));
                    let _ = outbox.controls.send(Control::ReaderEnded(ended.map(|_| ())));
                }
                Err(error) => {
                    let _ = opened_sender.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new()
            .name(JOURNAL_NAME.to_owned())
            .spawn(read)
            .expect("the system can start a thread");
        opened.recv().expect("the thread tells how opening went")?;
        Ok(Self { control, thread })
    }

    /// Asks whether the reader moves; the answer is [`Control::ReaderAlive`].
    pub(super) fn ping(&self, number: u64) {
        self.control.ping(number);
    }

    /// Tells the reader to stop. What it has read is in the queue when
    /// [`Reading::is_over`] says so.
    pub(super) fn stop(&self) {
        self.control.stop();
    }

    /// Whether the thread has ended.
    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Has every record judged by the filters of the jails that want it.
struct Judge {
    watches: Vec<Watch>,
    memories: Vec<Memory>,
    controls: Sender<Control>,
    batches: Sender<Batch>,
    attempts: Vec<Attempt>,
    remarks: Vec<(JailId, &'static str)>,
    last_records: Vec<Option<Timestamp>>,
}

impl Judge {
    fn new(watches: Vec<Watch>, outbox: &Outbox) -> Self {
        Self {
            last_records: vec![None; watches.len()],
            memories: watches.iter().map(|_| Memory::default()).collect(),
            watches,
            controls: outbox.controls.clone(),
            batches: outbox.batches.clone(),
            attempts: Vec::new(),
            remarks: Vec::new(),
        }
    }
}

impl Sink for Judge {
    fn entry(&mut self, record: Record<'_>, wanted_by: &[usize]) {
        for index in wanted_by {
            let watch = &self.watches[*index];
            self.last_records[*index] = Some(record.time);
            let line = Line::plain(record.message);
            let remark = match watch.filter.judge(&mut self.memories[*index], line, record.time) {
                Verdict::Failure(failure) => match failure.offender {
                    Offender::Address(address) => {
                        let Watch { jail, .. } = *watch;
                        let Record { time, place, .. } = record;
                        self.attempts.push(Attempt { jail, address, time, place });
                        continue;
                    }
                    _ => "a record matched that names no usable address",
                },
                Verdict::NoAddress { .. } => "a record matched that names no usable address",
                Verdict::TooLong => "a record was too long to be judged",
                Verdict::GaveUp => "a record took a pattern more steps than it may take",
                Verdict::Helper { .. } | Verdict::Ignored { .. } | Verdict::Nothing => continue,
            };
            self.remarks.push((watch.jail, remark));
        }
    }

    fn reached(&mut self, position: Position) -> ControlFlow<()> {
        let records = self
            .watches
            .iter()
            .zip(&mut self.last_records)
            .filter_map(|(watch, last)| Some((watch.jail, last.take()?)))
            .collect();
        let batch = Batch {
            attempts: std::mem::take(&mut self.attempts),
            records,
            remarks: std::mem::take(&mut self.remarks),
            position,
        };
        flow(self.batches.send(batch).is_ok())
    }

    fn pong(&mut self, number: u64) -> ControlFlow<()> {
        flow(self.controls.send(Control::ReaderAlive(number)).is_ok())
    }

    fn trouble(&mut self, trouble: Trouble) {
        // When the loop is gone there is nobody left to tell.
        let _ = self.controls.send(Control::ReaderTrouble(trouble));
    }
}

fn flow(goes_on: bool) -> ControlFlow<()> {
    if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
