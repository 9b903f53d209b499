//! A reader at work, in a thread of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::bounded;

use super::inbox::{Control, Outbox};
use super::judge::{Judge, Legacy, Watch};
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

/// For whom a reader reads what.
pub(super) enum Orders {
    Journal(Origin, Vec<(Watch, Want)>),
    Files(Vec<(Watch, LogFiles)>),
}

impl Errand {
    /// What is to be read, wherever from.
    pub(super) fn orders(&self) -> Orders {
        match self {
            Self::Journal { origin, watches, .. } => {
                Orders::Journal(origin.clone(), watches.clone())
            }
            Self::Files { watches, .. } => Orders::Files(watches.clone()),
        }
    }
}

impl Orders {
    /// Whether a reader that has these does what the others want.
    pub(super) fn are_met_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Journal(this, watches), Self::Journal(that, others)) => {
                let alike = |((a, x), (b, y)): (&(Watch, Want), &(Watch, Want))| {
                    a.judges_entries_as(b) && x == y
                };
                this == that
                    && watches.len() == others.len()
                    && watches.iter().zip(others).all(alike)
            }
            (Self::Files(watches), Self::Files(others)) => {
                let alike = |((a, x), (b, y)): (&(Watch, LogFiles), &(Watch, LogFiles))| {
                    a.judges_lines_as(b) && x == y
                };
                watches.len() == others.len() && watches.iter().zip(others).all(alike)
            }
            _ => false,
        }
    }
}

/// A reader at work.
pub(super) struct Reading {
    name: Arc<str>,
    orders: Orders,
    reader: control::Control,
    thread: JoinHandle<Option<Legacy>>,
}

impl Reading {
    /// Starts to read, with what the reader before has left; returns once the source is open.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(super) fn start(
        name: Arc<str>,
        (errand, mut legacy): (Errand, Legacy),
        outbox: &Outbox,
        numbers: &Numbers,
    ) -> Result<Self, String> {
        let (orders, called) = (errand.orders(), Arc::clone(&name));
        let (reader, thread) = match errand {
            Errand::Journal { origin, source, start, watches } => {
                let (watches, wants): (Vec<Watch>, Vec<Want>) = watches.into_iter().unzip();
                let watches = (watches, &mut legacy);
                let judge = Judge::new(called, watches, outbox, Vec::new(), numbers.clone());
                read_journal(&name, (origin, source, start), (wants, judge), outbox)?
            }
            Errand::Files { positions, watches } => {
                let (watches, logs): (Vec<Watch>, Vec<LogFiles>) = watches.into_iter().unzip();
                let (known, positions) = positions.into_iter().unzip();
                let watches = (watches, &mut legacy);
                let judge = Judge::new(called, watches, outbox, known, numbers.clone());
                let wants = logs.iter().map(file_want).collect::<Result<Vec<_>, _>>()?;
                read_files(&name, (wants, positions, legacy.caught_up), judge, outbox)?
            }
        };
        Ok(Self { name, orders, reader, thread })
    }

    /// Which reader it is.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// For whom it reads what.
    pub(super) fn orders(&self) -> &Orders {
        &self.orders
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

    /// What the reader leaves behind; waits for the end of its thread.
    pub(super) fn into_legacy(self) -> Legacy {
        self.thread.join().ok().flatten().unwrap_or_default()
    }
}

/// A reader's thread, and how to speak to it.
type Started = (control::Control, JoinHandle<Option<Legacy>>);

fn read_journal(
    name: &Arc<str>,
    (origin, source, start): (Origin, SourceId, journal::Start),
    (wants, mut judge): (Vec<Want>, Judge),
    outbox: &Outbox,
) -> Result<Started, String> {
    // sd-journal is bound to the thread that opens it.
    let open = move |control| journal::Reader::open(&origin, source, &wants, start, control);
    spawn(name, outbox, move |control, opened| match open(control) {
        Ok(reader) => {
            opened(Ok(()));
            let ended = reader.run(&mut judge).map(drop).map_err(|error| error.to_string());
            Some((ended, judge.into_legacy(BTreeSet::new())))
        }
        Err(error) => {
            opened(Err(error.to_string()));
            None
        }
    })
}

fn read_files(
    name: &Arc<str>,
    (wants, positions, caught_up): (Vec<files::Want>, Vec<files::Position>, BTreeSet<PathBuf>),
    mut judge: Judge,
    outbox: &Outbox,
) -> Result<Started, String> {
    spawn(name, outbox, move |control, opened| {
        match files::Reader::open(&wants, positions, control) {
            Ok(reader) => {
                opened(Ok(()));
                let ended = reader.following(caught_up).run(&mut judge);
                Some(match ended {
                    Ok(caught_up) => (Ok(()), judge.into_legacy(caught_up)),
                    Err(error) => (Err(error.to_string()), judge.into_legacy(BTreeSet::new())),
                })
            }
            Err(error) => {
                opened(Err(error.to_string()));
                None
            }
        }
    })
}

/// How reading has ended, and what is left of it.
type Ended = (Result<(), String>, Legacy);

/// Runs `body` in a thread. It says whether the source is open, and then how reading has ended.
fn spawn(
    name: &Arc<str>,
    outbox: &Outbox,
    body: impl FnOnce(control::Control, &dyn Fn(Result<(), String>)) -> Option<Ended> + Send + 'static,
) -> Result<Started, String> {
    let reader = control::Control::new().map_err(|error| format!("making an eventfd: {error}"))?;
    let (sender, opened) = bounded(1);
    let controls = outbox.controls.clone();
    let thread = {
        let (name, control) = (Arc::clone(name), reader.clone());
        // A thread's name has at most 15 bytes.
        let short: String = name.chars().take(15).collect();
        let told = move |result| drop(sender.send(result));
        thread::Builder::new().name(short).spawn(move || {
            let (ended, legacy) = body(control, &told)?;
            let _ = controls.send(Control::ReaderEnded(name, ended));
            Some(legacy)
        })
    };
    let thread = thread.expect("the system can start a thread");
    opened.recv().expect("the thread tells how opening went")?;
    Ok((reader, thread))
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
