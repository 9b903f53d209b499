//! The reader: takes entries in batches, hands them over, and sleeps.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::mem::{Discriminant, discriminant, take};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use systemd::Journal;
use systemd::journal::JournalWaitResult;

use super::error::{JournalError, Trouble};
use super::handle;
use super::intake::{Intake, Taken};
use super::sink::{Position, Sink, Start};
use super::vigil::Vigil;
use super::watch::Watch;
use crate::control::Control;
use crate::keeper::{Place, SourceId, Timestamp};
use crate::record::{MESSAGE_BYTES_MAX, Origin, Record, Want};

/// At most so many entries are read before the sink is told how far they reach: enough for one
/// position to cost little, few enough to answer a ping at once.
pub const BATCH: usize = 256;

const JOURNAL: Token = Token(0);
const CONTROL: Token = Token(1);
const WATCH: Token = Token(2);

/// Why the reader looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cue {
    /// Somebody called, journald told of something, or there was more than one batch.
    #[default]
    Called,
    /// There are more entries than there were.
    Counted,
    /// There were, and none was found: what was counted can be found by its fields a moment later
    /// ([`handle::look_anew`]).
    Doubted,
}

/// What was found in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    looked_at: usize,
    has_wanted: bool,
}

/// Reads one journal for everybody.
///
/// It is bound to the thread that opens it, since sd-journal is.
pub struct Reader {
    journal: Journal,
    origin: Origin,
    source: SourceId,
    intake: Intake,
    since: Timestamp,
    position: Option<Position>,
    /// How many entries somebody wanted.
    sequence: u64,
    /// How many have been looked at since the sink was told how far they reach.
    passed: usize,
    vigil: Vigil,
    cue: Cue,
    /// The time of the last entry that was taken.
    time: Option<Timestamp>,
    /// Whether the handle stands on an entry that is still to be taken.
    on_unread: bool,
    control: Control,
    watch: Watch,
    poll: Poll,
    events: Events,
    /// What was found at the opening and is still to be told.
    denied: Option<Trouble>,
    /// The files that were passed over when that was last looked at.
    left_out: BTreeSet<PathBuf>,
    /// Whether files have come or gone since it was checked that all are read.
    unchecked: bool,
    told: HashSet<Discriminant<Trouble>>,
}

impl Reader {
    /// Opens the journal for `wants`. The journal of a namespace need not exist yet.
    ///
    /// # Errors
    ///
    /// When there is no want, the journal cannot be opened, or its files may not be read.
    pub fn open(
        origin: &Origin,
        source: SourceId,
        wants: &[Want],
        start: Start,
        control: Control,
    ) -> Result<Self, JournalError> {
        if wants.is_empty() {
            return Err(JournalError::NothingWanted);
        }
        let wait = |doing| move |source| JournalError::Wait { doing, source };
        let poll = Poll::new().map_err(wait("making an epoll"))?;
        let watch = Watch::new(origin)?;
        let denied = handle::check_access(watch.directories())?;
        let reader = Self {
            journal: handle::open(origin)?,
            origin: origin.clone(),
            source,
            intake: Intake::new(wants),
            since: start.since,
            sequence: start.position.as_ref().map_or(0, |position| position.sequence),
            position: start.position,
            passed: 0,
            vigil: Vigil::default(),
            cue: Cue::Called,
            time: None,
            on_unread: false,
            control,
            watch,
            poll,
            events: Events::with_capacity(3),
            left_out: BTreeSet::new(),
            unchecked: true,
            denied,
            told: HashSet::new(),
        };
        reader.listen(reader.control.fd(), CONTROL)?;
        reader.listen(reader.watch.fd(), WATCH)?;
        reader.listen(reader.journal_fd()?, JOURNAL)?;
        Ok(reader)
    }

    /// Reads until [`Control::stop`] or the sink ends it, and returns how far it came: none if
    /// there has never been an entry.
    ///
    /// # Errors
    ///
    /// When a match is refused, or the journal cannot be read on at all. The sink knows what was
    /// reached before.
    pub fn run(mut self, sink: &mut impl Sink) -> Result<Option<Position>, JournalError> {
        if let Some(trouble) = self.denied.take() {
            sink.trouble(trouble);
        }
        self.place(sink)?;
        let mut answered = 0;
        let mut behind = false;
        while !self.control.is_stopped() {
            let asked = self.control.asked();
            self.vigil.begin_look(Instant::now());
            let cue = take(&mut self.cue);
            let is_told = match cue {
                Cue::Called => self.process()?,
                Cue::Counted => false,
                Cue::Doubted => true,
            };
            if behind && self.has_lost_its_place() {
                // Most often a rotation; but if the file was deleted, so may be what is unread.
                self.reopen(sink)?;
            }
            let mut batch = self.take_batch(sink)?;
            if is_told && batch.looked_at == 0 {
                self.on_unread = handle::look_anew(&mut self.journal)?;
                batch = self.take_batch(sink)?;
            }
            behind = batch.looked_at == BATCH;
            self.passed += batch.looked_at;
            if (batch.has_wanted || self.passed >= BATCH) && self.reached(sink).is_break() {
                break;
            }
            // What sd-journal is told by that would wake nobody any more.
            let looks_again = !behind && take(&mut self.unchecked) && self.check_files(sink)?;
            if asked > answered {
                answered = asked;
                if sink.pong(asked).is_break() {
                    break;
                }
            }
            if behind || looks_again {
                self.poll(sink, Some(Duration::ZERO))?;
            } else {
                self.rest(sink, cue == Cue::Counted && batch.looked_at == 0)?;
            }
        }
        Ok(self.position)
    }

    /// Lets sd-journal see what has changed; whether anything has.
    fn process(&mut self) -> Result<bool, JournalError> {
        let change = self.journal.process().map_err(|e| JournalError::Read(e.into()))?;
        if matches!(change, JournalWaitResult::Invalidate) {
            self.unchecked = true;
            self.vigil.forget_files();
        }
        Ok(!matches!(change, JournalWaitResult::Nop))
    }

    /// Whether the file of the last entry is gone from the handle.
    fn has_lost_its_place(&self) -> bool {
        self.journal.cursor().is_err()
    }

    /// Looks at what there is, at most a [`BATCH`], and hands over what is wanted.
    fn take_batch(&mut self, sink: &mut impl Sink) -> Result<Batch, JournalError> {
        let mut batch = Batch::default();
        let mut stumbled = false;
        while batch.looked_at < BATCH {
            if !take(&mut self.on_unread) {
                match self.journal.next() {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(e) if stumbled => return Err(JournalError::Read(e.into())),
                    Err(e) => {
                        stumbled = true;
                        self.step_over(sink, e.into())?;
                        continue;
                    }
                }
            }
            stumbled = false;
            batch.looked_at += 1;
            match self.hand_over(sink) {
                Ok(is_wanted) => batch.has_wanted |= is_wanted,
                Err(trouble) => {
                    batch.has_wanted = true;
                    self.tell_once(sink, trouble);
                }
            }
        }
        Ok(batch)
    }

    /// Hands over the entry at which the handle stands, if somebody wants it; whether that is so.
    fn hand_over(&mut self, sink: &mut impl Sink) -> Result<bool, Trouble> {
        let sequence = self.sequence + 1;
        let unreadable = |e: systemd::Error| Trouble::Unreadable { sequence, source: e.into() };
        let time = handle::time_of(&self.journal);
        let taken = time.and_then(|time| Ok((time, self.intake.take(&mut self.journal)?)));
        if !matches!(taken, Ok((_, Taken::Unwanted))) {
            self.sequence = sequence;
        }
        let (time, taken) = taken.map_err(unreadable)?;
        self.time = Some(time);
        match taken {
            Taken::Unwanted => return Ok(false),
            Taken::Silent => {}
            Taken::TooLong => return Err(Trouble::TooLong { sequence, limit: MESSAGE_BYTES_MAX }),
            Taken::Whole => {
                let place = Place { source: self.source, sequence };
                let message = &self.intake.message();
                let record = Record { time, place, message, fields: self.intake.fields() };
                if sink.entry(record, self.intake.wanted_by()) {
                    self.vigil.keep(Instant::now());
                }
            }
        }
        Ok(true)
    }

    /// Tells of files that sd-journal passes over; whether it has seen what has changed once more.
    fn check_files(&mut self, sink: &mut impl Sink) -> Result<bool, JournalError> {
        let wait = |source| JournalError::Wait { doing: "listing the files that it reads", source };
        let first = handle::files_left_out(self.watch.directories()).map_err(wait)?;
        let mut left_out = BTreeSet::new();
        let looks_again = !first.is_empty();
        if looks_again {
            // One that was made just now is read as soon as sd-journal is told of it.
            self.process()?;
            left_out = handle::files_left_out(self.watch.directories()).map_err(wait)?;
            left_out.retain(|path| first.contains(path));
        }
        if let Some(path) = left_out.difference(&self.left_out).next() {
            sink.trouble(Trouble::FileLeftOut { path: path.clone(), count: left_out.len() });
        }
        self.left_out = left_out;
        Ok(looks_again)
    }

    fn reached(&mut self, sink: &mut impl Sink) -> ControlFlow<()> {
        self.passed = 0;
        match self.journal.cursor() {
            Ok(cursor) => {
                let position = Position { cursor, sequence: self.sequence };
                self.position = Some(position.clone());
                sink.reached(position)
            }
            Err(e) => {
                let source = e.into();
                self.tell_once(sink, Trouble::Unreadable { sequence: self.sequence, source });
                ControlFlow::Continue(())
            }
        }
    }

    /// Goes on behind an entry that sd-journal cannot move to.
    fn step_over(&mut self, sink: &mut impl Sink, source: io::Error) -> Result<(), JournalError> {
        self.tell_once(sink, Trouble::Unreadable { sequence: self.sequence, source });
        let time = self.time.map_or(self.since, |time| time.plus(Duration::from_micros(1)));
        handle::seek_time(&mut self.journal, time).map_err(|e| JournalError::Read(e.into()))
    }

    /// Sleeps until there is something to do, or while the vigil lasts, until there is more or what
    /// was found is in doubt.
    fn rest(&mut self, sink: &mut impl Sink, doubts: bool) -> Result<(), JournalError> {
        while let Some(pause) = self.vigil.pause(Instant::now()) {
            if self.hears_within(pause)? {
                return self.poll(sink, Some(Duration::ZERO));
            }
            if doubts {
                self.cue = Cue::Doubted;
                return Ok(());
            }
            if self.vigil.sees_more(self.watch.directories()) {
                self.cue = Cue::Counted;
                return Ok(());
            }
        }
        self.poll(sink, None)
    }

    /// Sleeps until there is something to do, at most so long.
    fn poll(
        &mut self,
        sink: &mut impl Sink,
        patience: Option<Duration>,
    ) -> Result<(), JournalError> {
        match self.poll.poll(&mut self.events, patience) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                return Err(JournalError::Wait { doing: "polling", source: e });
            }
            _ => {}
        }
        if self.events.iter().any(|event| event.token() == WATCH) && self.watch.news()? {
            self.reopen(sink)?;
        }
        Ok(())
    }

    /// Sleeps for so long; whether there is something to do before. (epoll_wait(2) counts in
    /// milliseconds.)
    fn hears_within(&self, pause: Duration) -> Result<bool, JournalError> {
        let pause = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
        let mut all = [PollFd::new(self.poll.registry(), PollFlags::IN)];
        match event::poll(&mut all, Some(&pause)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(true),
            Err(e) => Err(JournalError::Wait { doing: "polling", source: e.into() }),
        }
    }

    /// Takes a new handle, which knows the directories that are new.
    fn reopen(&mut self, sink: &mut impl Sink) -> Result<(), JournalError> {
        let journal = handle::open(&self.origin)?;
        let old = self.journal_fd()?;
        self.poll
            .registry()
            .deregister(&mut SourceFd(&old))
            .map_err(|source| JournalError::Wait { doing: "changing the journal", source })?;
        self.journal = journal;
        self.unchecked = true;
        self.vigil.forget_files();
        self.listen(self.journal_fd()?, JOURNAL)?;
        self.place(sink)
    }

    fn place(&mut self, sink: &mut impl Sink) -> Result<(), JournalError> {
        // What is read again has the numbers that it had.
        self.sequence = self.position.as_ref().map_or(0, |position| position.sequence);
        let cursor = self.position.as_ref().map(|position| position.cursor.as_str());
        let standing = handle::place(&mut self.journal, self.intake.told(), cursor, self.since)?;
        self.on_unread = standing.on_unread;
        if let Some(trouble) = standing.trouble {
            sink.trouble(trouble);
        }
        Ok(())
    }

    /// Tells what may befall every entry, but not for every entry.
    fn tell_once(&mut self, sink: &mut impl Sink, trouble: Trouble) {
        if self.told.insert(discriminant(&trouble)) {
            sink.trouble(trouble);
        }
    }

    fn journal_fd(&self) -> Result<i32, JournalError> {
        self.journal.fd().map_err(|e| JournalError::Wait {
            doing: "asking it for its inotify",
            source: e.into(),
        })
    }

    fn listen(&self, fd: i32, token: Token) -> Result<(), JournalError> {
        self.poll
            .registry()
            .register(&mut SourceFd(&fd), token, Interest::READABLE)
            .map_err(|source| JournalError::Wait { doing: "adding to the epoll", source })
    }
}
