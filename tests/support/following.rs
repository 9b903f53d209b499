//! A reader of log files in a thread of its own, and what it has handed over.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jailkeeper::files::{
    Control, Encoding, FilesError, From, Line, Position, Reader, Sink, Trouble, Want,
};

/// How long a test waits for what must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) enum Seen {
    Thread(u32),
    Line(Taken),
    Reached(Position),
    Pong(u64),
    Trouble(Trouble),
    Gone(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) file: usize,
    pub(crate) path: PathBuf,
    pub(crate) sequence: u64,
    pub(crate) text: String,
    pub(crate) wanted_by: Vec<usize>,
}

struct Collector(Sender<Seen>);

impl Collector {
    fn put(&self, seen: Seen) -> ControlFlow<()> {
        if self.0.send(seen).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Sink for Collector {
    fn line(&mut self, line: Line<'_>, wanted_by: &[usize]) {
        let _ended = self.put(Seen::Line(Taken {
            file: line.file,
            path: line.path.to_owned(),
            sequence: line.sequence,
            text: line.text.to_owned(),
            wanted_by: wanted_by.to_owned(),
        }));
    }

    fn reached(&mut self, _file: usize, position: Position) -> ControlFlow<()> {
        self.put(Seen::Reached(position))
    }

    fn pong(&mut self, number: u64) -> ControlFlow<()> {
        self.put(Seen::Pong(number))
    }

    fn trouble(&mut self, trouble: Trouble) {
        let _ended = self.put(Seen::Trouble(trouble));
    }

    fn gone(&mut self, path: &Path) {
        let _ended = self.put(Seen::Gone(path.to_owned()));
    }
}

/// A reader that runs in a thread of its own.
pub(crate) struct Following {
    pub(crate) control: Control,
    seen: Receiver<Seen>,
    thread: Option<JoinHandle<Result<(), FilesError>>>,
    positions: BTreeMap<PathBuf, Position>,
    pings: u64,
}

impl Following {
    pub(crate) fn new(wants: &[Want], positions: Vec<Position>) -> Self {
        Self::prepared(wants, positions, || {})
    }

    /// One whose thread first does something else.
    pub(crate) fn prepared(
        wants: &[Want],
        positions: Vec<Position>,
        prepare: impl FnOnce() + Send + 'static,
    ) -> Self {
        let control = Control::new().unwrap();
        let (sender, seen) = channel();
        let thread = thread::spawn({
            let (wants, control) = (wants.to_owned(), control.clone());
            move || {
                prepare();
                let thread = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
                sender.send(Seen::Thread(thread)).unwrap();
                Reader::open(&wants, positions, control)?.run(&mut Collector(sender)).map(drop)
            }
        });
        Self { control, seen, thread: Some(thread), positions: BTreeMap::new(), pings: 0 }
    }

    pub(crate) fn next(&mut self) -> Seen {
        let seen = self.seen.recv_timeout(DEADLINE).expect("the reader has something to say");
        match &seen {
            Seen::Reached(position) => {
                self.positions.insert(position.path().to_owned(), position.clone());
            }
            Seen::Gone(path) => drop(self.positions.remove(path)),
            _ => {}
        }
        seen
    }

    pub(crate) fn line(&mut self) -> Taken {
        loop {
            match self.next() {
                Seen::Line(line) => return line,
                Seen::Trouble(trouble) => panic!("{trouble}"),
                _ => {}
            }
        }
    }

    pub(crate) fn text(&mut self) -> String {
        self.line().text
    }

    pub(crate) fn texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.text()).collect()
    }

    pub(crate) fn trouble(&mut self) -> Trouble {
        loop {
            if let Seen::Trouble(trouble) = self.next() {
                return trouble;
            }
        }
    }

    /// What was still to be seen when all that is in small files had been read.
    pub(crate) fn settle(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            self.pings += 1;
            self.control.ping(self.pings);
            let before = seen.len();
            loop {
                match self.next() {
                    Seen::Pong(number) if number == self.pings => break,
                    other => seen.push(other),
                }
            }
            if seen.len() == before {
                return seen;
            }
        }
    }

    /// The lines that were still to be seen.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let line = |seen| if let Seen::Line(line) = seen { Some(line.text) } else { None };
        self.settle().into_iter().filter_map(line).collect()
    }

    /// The troubles that were still to be seen.
    pub(crate) fn troubles(&mut self) -> Vec<Trouble> {
        let trouble = |seen| if let Seen::Trouble(trouble) = seen { Some(trouble) } else { None };
        self.settle().into_iter().filter_map(trouble).collect()
    }

    /// How often the thread has gone to sleep by itself; the first that is seen is its number.
    pub(crate) fn sleeps(thread: u32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.unwrap().trim().parse().unwrap()
    }

    /// Listens no more, and returns how that has ended it.
    pub(crate) fn deafen(mut self) -> Result<(), FilesError> {
        assert!(matches!(self.next(), Seen::Thread(_)));
        let (_, nothing) = channel();
        self.seen = nothing;
        // It notices when it next has something to say.
        self.control.ping(1);
        self.thread.take().unwrap().join().unwrap()
    }

    /// Ends it, and returns what was reached, over the text that would be saved.
    pub(crate) fn stop(mut self) -> Vec<Position> {
        self.settle();
        self.control.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
        let saved = self.positions.values().map(Position::to_string);
        saved.map(|text| text.parse().unwrap()).collect()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// A want for these paths, from the beginning.
pub(crate) fn want(paths: &[&Path]) -> Want {
    let paths = paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect();
    Want { paths, encoding: Encoding::AUTO, from: From::Head }
}
