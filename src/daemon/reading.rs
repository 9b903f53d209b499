//! A reader at work, in a thread of its own.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::bounded;

use super::inbox::{Control, Outbox};
use super::judge::{Judge, Watch};
use super::sources::Numbers;
use crate::keeper::SourceId;
use crate::record::{LogFiles, Origin, Want};
use crate::{control, files, journal};

/// The name of the reader of log files.
pub(super) const FILES: &str = "files";

/// What a reader is to read.
pub(super) enum Errand {
    /// A journal, under this number, from there on, for these jails.
    Journal { origin: Origin, source: SourceId, start: journal::Start, watches: Vec<(Watch, Want)> },
    /// Log files, from their positions on, for these jails. Each position has its number.
    Files { positions: Vec<(SourceId, files::Position)>, watches: Vec<(Watch, LogFiles)> },
}

/// A reader at work.
pub(super) struct Reading {
    name: Arc<str>,
    reader: control::Control,
    thread: JoinHandle<()>,
}

impl Reading {
    /// Starts to read; returns once the source is open.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(super) fn start(
        name: Arc<str>,
        errand: Errand,
        outbox: &Outbox,
        numbers: &Numbers,
    ) -> Result<Self, String> {
        match errand {
            Errand::Journal { origin, source, start, watches } => {
                let (watches, wants): (Vec<Watch>, Vec<Want>) = watches.into_iter().unzip();
                let judge =
                    Judge::new(Arc::clone(&name), watches, outbox, Vec::new(), numbers.clone());
                read_journal(name, (origin, source, start), (wants, judge), outbox)
            }
            Errand::Files { positions, watches } => {
                let (watches, logs): (Vec<Watch>, Vec<LogFiles>) = watches.into_iter().unzip();
                let (known, positions) = positions.into_iter().unzip();
                let judge = Judge::new(Arc::clone(&name), watches, outbox, known, numbers.clone());
                let wants = logs.iter().map(file_want).collect::<Result<Vec<_>, _>>()?;
                read_files(name, (wants, positions), judge, outbox)
            }
        }
    }

    /// Which reader it is.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Asks whether the reader moves; the answer is [`Control::ReaderAlive`].
    pub(super) fn ping(&self, number: u64) {
        self.reader.ping(number);
    }

    /// Tells the reader to stop. What it has read is in the queue when [`Reading::is_over`] says so.
    pub(super) fn stop(&self) {
        self.reader.stop();
    }

    /// Whether the thread has ended.
    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }
}

fn read_journal(
    name: Arc<str>,
    (origin, source, start): (Origin, SourceId, journal::Start),
    (wants, mut judge): (Vec<Want>, Judge),
    outbox: &Outbox,
) -> Result<Reading, String> {
    // sd-journal is bound to the thread that opens it.
    let open = move |control| journal::Reader::open(&origin, source, &wants, start, control);
    spawn(name, outbox, move |control, opened| match open(control) {
        Ok(reader) => {
            opened(Ok(()));
            Some(reader.run(&mut judge).map(drop).map_err(|error| error.to_string()))
        }
        Err(error) => {
            opened(Err(error.to_string()));
            None
        }
    })
}

fn read_files(
    name: Arc<str>,
    (wants, positions): (Vec<files::Want>, Vec<files::Position>),
    mut judge: Judge,
    outbox: &Outbox,
) -> Result<Reading, String> {
    spawn(name, outbox, move |control, opened| {
        match files::Reader::open(&wants, positions, control) {
            Ok(reader) => {
                opened(Ok(()));
                Some(reader.run(&mut judge).map_err(|error| error.to_string()))
            }
            Err(error) => {
                opened(Err(error.to_string()));
                None
            }
        }
    })
}

/// Runs `body` in a thread. It says whether the source is open, and then how reading has ended.
fn spawn(
    name: Arc<str>,
    outbox: &Outbox,
    body: impl FnOnce(control::Control, &dyn Fn(Result<(), String>)) -> Option<Result<(), String>>
    + Send
    + 'static,
) -> Result<Reading, String> {
    let reader = control::Control::new().map_err(|error| format!("making an eventfd: {error}"))?;
    let (sender, opened) = bounded(1);
    let controls = outbox.controls.clone();
    let thread = {
        let (name, control) = (Arc::clone(&name), reader.clone());
        // A thread's name has at most 15 bytes.
        let short: String = name.chars().take(15).collect();
        let told = move |result| drop(sender.send(result));
        thread::Builder::new().name(short).spawn(move || {
            if let Some(ended) = body(control, &told) {
                let _ = controls.send(Control::ReaderEnded(name, ended));
            }
        })
    };
    let thread = thread.expect("the system can start a thread");
    opened.recv().expect("the thread tells how opening went")?;
    Ok(Reading { name, reader, thread })
}

fn file_want(logs: &LogFiles) -> Result<files::Want, String> {
    let encoding = logs.encoding.as_deref().unwrap_or("auto");
    let from_end = !logs.paths.is_empty() && logs.paths.iter().all(|path| path.from_end);
    Ok(files::Want {
        paths: logs.paths.iter().map(|path| path.path.clone()).collect(),
        encoding: encoding.parse().map_err(|error: files::FilesError| error.to_string())?,
        from: if from_end { files::From::Tail } else { files::From::Head },
    })
}
