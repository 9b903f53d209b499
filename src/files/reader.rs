//! The reader: follows names and files, hands over lines, and sleeps.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::encoding::Encoding;
use super::error::{FilesError, Trouble};
use super::log::{Inode, Log, TURN_BYTES};
use super::names::{self, FILES_MAX, Found, Search, Wanted};
use super::position::Position;
use super::rotation;
use super::trail::{Trail, Turned};
use super::want::{From, Want};
use super::watch::Watch;
use crate::control::Control;

/// At most so often directories are looked at again at once because they changed meanwhile.
const LOOKS_AT_ONCE: usize = 8;

const CONTROL: Token = Token(0);
const WATCH: Token = Token(1);

/// One line of a log file.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The number of the file's name in this run. Those of the positions that were given to
    /// [`Reader::open`] come first, in their order; no number is given twice.
    pub file: usize,
    /// The file's name, with all symbolic links followed.
    pub path: &'a Path,
    /// The line's number among all of files of this name; the first has 1. What is left out has a
    /// number too.
    pub sequence: u64,
    /// Whether it was written after the file had been read to its end, or to a file that came after
    /// the start: it has come just now.
    pub is_fresh: bool,
    /// The text, without its end, of at most
    /// [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX) bytes. It may have NUL characters in it.
    pub text: &'a str,
}

/// Whom the reader hands things to, in its own thread.
pub trait Sink {
    /// One line, and the wants that want it, by their index. Where wants disagree about the
    /// encoding, it comes once for each encoding.
    fn line(&mut self, line: Line<'_>, wanted_by: &[usize]);

    /// Everything up to here has been handed over, of the file with this number ([`Line::file`]). It
    /// may block, since the files are the buffer. `Break` ends the run.
    fn reached(&mut self, file: usize, position: Position) -> ControlFlow<()>;

    /// The answer to [`Control::ping`]: since it was asked, all files were looked at, and what there
    /// was, or a part of it, was handed over. `Break` ends the run.
    fn pong(&mut self, number: u64) -> ControlFlow<()>;

    /// Lines may have been lost; reading goes on.
    fn trouble(&mut self, trouble: Trouble);

    /// The file of this name is gone for good, so its position is of no use any more. If there is
    /// one again, it has another number, and its lines are counted anew.
    fn gone(&mut self, path: &Path);
}

/// Follows log files for everybody.
#[derive(Debug)]
pub struct Reader {
    searches: Vec<Search>,
    encodings: Vec<Encoding>,
    tails: Vec<bool>,
    positions: Vec<Position>,
    /// The names that another reader had read to their end.
    caught_up: BTreeSet<PathBuf>,
    trails: BTreeMap<usize, Trail>,
    by_path: HashMap<PathBuf, usize>,
    by_watch: HashMap<i32, usize>,
    /// Whose turn it is.
    ready: VecDeque<usize>,
    next_number: usize,
    /// Whether names are to be looked for.
    unlooked: bool,
    /// Whether the kernel has more to tell.
    unheard: bool,
    /// What was wrong when names were last looked for.
    told: BTreeSet<String>,
    control: Control,
    watch: Watch,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
}

impl Reader {
    /// Makes a reader for `wants` that goes on at `positions`. No file need be there yet.
    ///
    /// # Errors
    ///
    /// When a path is not absolute, or the kernel has no inotify(7) or epoll(7) left.
    pub fn open(
        wants: &[Want],
        positions: Vec<Position>,
        control: Control,
    ) -> Result<Self, FilesError> {
        let mut searches = Vec::new();
        for (index, want) in wants.iter().enumerate() {
            for path in &want.paths {
                let not_absolute = || FilesError::NotAbsolute { path: path.clone() };
                searches.push(Search::new(index, path).ok_or_else(not_absolute)?);
            }
        }
        let poll =
            Poll::new().map_err(|source| FilesError::Wait { doing: "making an epoll", source })?;
        let watch = Watch::new()?;
        for (fd, token) in [(control.fd(), CONTROL), (watch.fd(), WATCH)] {
            poll.registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE)
                .map_err(|source| FilesError::Wait { doing: "adding to the epoll", source })?;
        }
        Ok(Self {
            searches,
            encodings: wants.iter().map(|want| want.encoding).collect(),
            tails: wants.iter().map(|want| want.from == From::Tail).collect(),
            next_number: positions.len(),
            positions,
            caught_up: BTreeSet::new(),
            trails: BTreeMap::new(),
            by_path: HashMap::new(),
            by_watch: HashMap::new(),
            ready: VecDeque::new(),
            unlooked: true,
            unheard: false,
            told: BTreeSet::new(),
            control,
            watch,
            poll,
            events: Events::with_capacity(2),
            buffer: vec![0; TURN_BYTES],
        })
    }

    /// Takes the place of a reader that had read these names to their end ([`Reader::run`]): what is
    /// behind their positions has come just now.
    #[must_use]
    pub fn following(self, caught_up: BTreeSet<PathBuf>) -> Self {
        Self { caught_up, ..self }
    }

    /// Reads until [`Control::stop`] or the sink ends it, and returns the names that it has read to
    /// their end.
    ///
    /// # Errors
    ///
    /// When it cannot wait any longer. The sink knows what was reached before.
    pub fn run(mut self, sink: &mut impl Sink) -> Result<BTreeSet<PathBuf>, FilesError> {
        self.look(true, sink);
        let mut answered = 0;
        while !self.control.is_stopped() {
            let asked = self.control.asked();
            self.hear()?;
            if self.unlooked {
                self.look(false, sink);
            }
            if self.round(sink).is_break() {
                break;
            }
            if asked > answered {
                answered = asked;
                if sink.pong(asked).is_break() {
                    break;
                }
            }
            self.rest()?;
        }
        let read = self.trails.values().filter(|trail| trail.is_fresh);
        Ok(read.map(|trail| trail.path().to_owned()).collect())
    }

    /// Takes what the kernel has to tell.
    fn hear(&mut self) -> Result<(), FilesError> {
        let news = self.watch.drain()?;
        self.unlooked |= news.names || news.anything;
        self.unheard = news.more;
        if news.anything {
            for trail in self.trails.values_mut() {
                trail.logs().for_each(|log| log.dirty = true);
            }
            let all: Vec<usize> = self.trails.keys().copied().collect();
            for number in all {
                self.queue(number);
            }
        }
        for id in news.files {
            let Some(number) = self.by_watch.get(&id).copied() else { continue };
            if let Some(trail) = self.trails.get_mut(&number) {
                let changed = trail.logs().filter(|log| log.watch == Some(id));
                changed.for_each(|log| log.dirty = true);
            }
            self.queue(number);
        }
        Ok(())
    }

    fn queue(&mut self, number: usize) {
        if let Some(trail) = self.trails.get_mut(&number)
            && !std::mem::replace(&mut trail.is_queued, true)
        {
            self.ready.push_back(number);
        }
    }

    /// Gives each that has something a turn.
    fn round(&mut self, sink: &mut impl Sink) -> ControlFlow<()> {
        for _ in 0..self.ready.len() {
            if self.control.is_stopped() {
                break;
            }
            let Some(number) = self.ready.pop_front() else { break };
            let Some(trail) = self.trails.get_mut(&number) else { continue };
            trail.is_queued = false;
            let Turned { more, moved, stale } = trail.turn(&mut self.buffer, sink);
            let position = moved.then(|| trail.position());
            // A file that rotation brought back has its watch to come.
            self.watch_logs(number, sink);
            for id in stale {
                self.by_watch.remove(&id);
                self.watch.remove(id);
            }
            if more {
                self.queue(number);
            }
            if let Some(position) = position {
                sink.reached(number, position)?;
            }
            self.forget_if_gone(number, sink);
        }
        ControlFlow::Continue(())
    }

    /// Looks for all names, until nothing changes meanwhile.
    fn look(&mut self, first: bool, sink: &mut impl Sink) {
        self.unlooked = false;
        let mut found = Found::default();
        let mut troubles = Vec::new();
        for _ in 0..LOOKS_AT_ONCE {
            found = names::find(&self.searches);
            troubles.clear();
            let directories = std::mem::take(&mut found.directories);
            self.unlooked = self.watch.arm(directories, &mut troubles);
            if !self.unlooked {
                break;
            }
        }
        troubles.append(&mut found.troubles);
        if first {
            self.resume(&found, &mut troubles);
        }
        // What is a file's own past is read as such, with the place that was reached in it.
        let names: HashSet<PathBuf> =
            found.files.keys().chain(self.by_path.keys()).cloned().collect();
        found.files.retain(|path, (_, wanted)| {
            let is_packed = !wanted.by_name && rotation::is_packed(path);
            !is_packed && !rotation::is_past_of_another(path, &names)
        });
        let known: Vec<usize> = self.trails.keys().copied().collect();
        for (path, there) in found.files {
            troubles.extend(self.see(path, there, first));
        }
        for number in known {
            self.forget_if_gone(number, sink);
        }
        let numbers: Vec<usize> = self.trails.keys().copied().collect();
        for number in numbers {
            self.watch_logs(number, sink);
        }
        let before = std::mem::take(&mut self.told);
        for trouble in troubles {
            let text = trouble.to_string();
            let known = before.contains(&text);
            if self.told.insert(text) && !known {
                sink.trouble(trouble);
            }
        }
    }

    /// Finds the files in which the saved positions are.
    fn resume(&mut self, found: &Found, troubles: &mut Vec<Trouble>) {
        for (number, position) in std::mem::take(&mut self.positions).into_iter().enumerate() {
            let path = &position.path;
            let there = found.files.get(path).map(|(_, wanted)| wanted.clone());
            let Some(wanted) = there.or_else(|| names::wanted(&self.searches, path)) else {
                continue;
            };
            if self.by_path.len() >= FILES_MAX || self.by_path.contains_key(path) {
                continue;
            }
            let mut trail = Trail::new(number, path.clone(), &self.encodings, wanted);
            troubles.extend(trail.resume(&position));
            trail.is_fresh = self.caught_up.contains(path);
            self.by_path.insert(path.clone(), number);
            self.trails.insert(number, trail);
            self.queue(number);
        }
    }

    /// Takes note of a file that is there. Returns what is wrong with it.
    fn see(&mut self, path: PathBuf, there: (Inode, Wanted), first: bool) -> Option<Trouble> {
        let (inode, wanted) = there;
        let known = self.by_path.get(&path).copied();
        if known.is_none() && self.by_path.len() >= FILES_MAX {
            return Some(Trouble::TooMany { path, limit: FILES_MAX });
        }
        if let Some(trail) = known.and_then(|number| self.trails.get_mut(&number)) {
            if trail.wanted != wanted {
                trail.set_wanted(wanted.clone(), &self.encodings);
            }
            if trail.holds(inode) {
                return None;
            }
        }
        let log = match Log::open(&path) {
            Ok(log) => log,
            Err(e) => return names::trouble(&path, e),
        };
        let number = known.unwrap_or(self.next_number);
        self.next_number += usize::from(known.is_none());
        let by_tail = |want: &usize| self.tails.get(*want) == Some(&true);
        let from_end = first && known.is_none() && wanted.by.iter().all(by_tail);
        let (encodings, name) = (&self.encodings, path.clone());
        let trail = self
            .trails
            .entry(number)
            .or_insert_with(|| Trail::new(number, name, encodings, wanted));
        trail.is_fresh |= !first;
        let trouble = trail.take(log, from_end);
        self.by_path.insert(path, number);
        self.queue(number);
        trouble
    }

    /// Watches those files of a trail that are not watched yet.
    fn watch_logs(&mut self, number: usize, sink: &mut impl Sink) {
        let Some(trail) = self.trails.get_mut(&number) else { return };
        let (added, trouble) = trail.watch(&self.watch);
        if let Some(trouble) = trouble {
            sink.trouble(trouble);
        }
        if !added.is_empty() {
            // They may have changed before they were watched.
            self.queue(number);
        }
        self.by_watch.extend(added.into_iter().map(|id| (id, number)));
    }

    /// Forgets a name that only globs have found, when its file is gone.
    fn forget_if_gone(&mut self, number: usize, sink: &mut impl Sink) {
        let Some(trail) = self.trails.get(&number) else { return };
        if trail.is_idle() && !trail.wanted.by_name {
            let path = trail.path().to_owned();
            self.by_path.remove(&path);
            self.trails.remove(&number);
            sink.gone(&path);
        }
    }

    /// Sleeps until there is something to do; if it is somebody's turn, only looks whether there is.
    fn rest(&mut self) -> Result<(), FilesError> {
        let at_once = self.unlooked || self.unheard || !self.ready.is_empty();
        match self.poll.poll(&mut self.events, at_once.then_some(Duration::ZERO)) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                Err(FilesError::Wait { doing: "polling", source: e })
            }
            _ => Ok(()),
        }
    }
}
