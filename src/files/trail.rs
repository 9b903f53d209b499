//! All files that have one name, one after the other, as rotation makes them.

use std::collections::{HashSet, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};

use super::encoding::{Encoding, decode};
use super::error::Trouble;
use super::log::{Inode, Log, Outcome, Piece};
use super::names::{self, Wanted};
use super::position::{Mark, Position};
use super::reader::{Line, Sink};
use super::rotation;
use super::split::LINE_BYTES_MAX;
use super::watch::Watch;

/// The files of one name.
#[derive(Debug)]
pub(super) struct Trail {
    number: usize,
    path: PathBuf,
    pub(super) wanted: Wanted,
    /// Who wants which encoding.
    readers: Vec<(Encoding, Vec<usize>)>,
    encodings: Vec<Encoding>,
    /// Oldest first: one whose turn is over but that may still grow, and those that are still to be
    /// read.
    logs: VecDeque<Log>,
    sequence: u64,
    /// Lines that were too long.
    too_long: u64,
    /// What has been told of the file that has the name.
    told: HashSet<Discriminant<Trouble>>,
    /// Whether what is read has come just now.
    pub(super) is_fresh: bool,
    /// Whether it waits for its turn.
    pub(super) is_queued: bool,
    /// Whether anybody knows its position: without one, who begins anew does not look for the rest
    /// of a file that was rotated away meanwhile.
    is_placed: bool,
}

/// What a turn of a trail has come to.
#[derive(Debug, Default)]
pub(super) struct Turned {
    /// Whether there may be more.
    pub(super) more: bool,
    /// Whether there is another position.
    pub(super) moved: bool,
    /// The watches that nobody needs any more.
    pub(super) stale: Vec<i32>,
}

impl Trail {
    pub(super) fn new(
        number: usize,
        path: PathBuf,
        encodings: &[Encoding],
        wanted: Wanted,
    ) -> Self {
        let mut trail = Self {
            number,
            path,
            wanted: Wanted::default(),
            readers: Vec::new(),
            encodings: Vec::new(),
            logs: VecDeque::new(),
            sequence: 0,
            too_long: 0,
            told: HashSet::new(),
            is_fresh: false,
            is_queued: false,
            is_placed: false,
        };
        trail.set_wanted(wanted, encodings);
        trail
    }

    /// Who wants it now; `encodings` are those of all wants.
    pub(super) fn set_wanted(&mut self, wanted: Wanted, encodings: &[Encoding]) {
        self.readers.clear();
        for want in &wanted.by {
            let encoding = encodings.get(*want).copied().unwrap_or(Encoding::AUTO);
            match self.readers.iter_mut().find(|(other, _)| *other == encoding) {
                Some((_, wants)) => wants.push(*want),
                None => self.readers.push((encoding, vec![*want])),
            }
        }
        self.encodings = self.readers.iter().map(|(encoding, _)| *encoding).collect();
        self.wanted = wanted;
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn logs(&mut self) -> impl Iterator<Item = &mut Log> {
        self.logs.iter_mut()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.logs.is_empty()
    }

    pub(super) fn holds(&self, inode: Inode) -> bool {
        self.logs.iter().any(|log| log.inode() == inode)
    }

    fn held(&self) -> Vec<Inode> {
        self.logs.iter().map(Log::inode).collect()
    }

    /// Goes on at a saved position: in the file that was read then, wherever it is now.
    pub(super) fn resume(&mut self, position: &Position) -> Option<Trouble> {
        self.sequence = position.sequence;
        let is_later = position.current.is_some();
        let mut is_lost = false;
        for (mark, finished) in [(position.earlier, is_later), (position.current, false)] {
            let Some(mark) = mark else { continue };
            let log = rotation::holder_of(&self.path, &mark, &self.held());
            // What was read to its end may go.
            is_lost |= log.is_none() && !finished;
            self.logs.extend(log.map(|log| log.finished(finished)));
        }
        // What has the name now is seen next; without one, nobody else asks for what was between.
        if let Some(last) = self.logs.back().filter(|_| !self.path.exists()) {
            self.logs.extend(rotation::missed(&self.path, last, None, &self.held()));
        }
        is_lost.then(|| Trouble::PositionGone { path: self.path.clone() })
    }

    /// Watches those files that are not watched yet. Returns the new watches.
    pub(super) fn watch(&mut self, watch: &Watch) -> (Vec<i32>, Option<Trouble>) {
        let (mut added, mut trouble) = (Vec::new(), None);
        for log in self.logs.iter_mut().filter(|log| log.watch.is_none()) {
            match watch.add_file(&log.handle()) {
                Ok(id) => {
                    log.watch = Some(id);
                    log.dirty = true;
                    added.push(id);
                }
                Err(source) => {
                    let new = Trouble::Unwatched { path: self.path.clone(), source };
                    trouble = self.told.insert(discriminant(&new)).then_some(new).or(trouble);
                }
            }
        }
        (added, trouble)
    }

    /// Takes the file that has the name now, and what had it since the last one that is known.
    /// With `from_end` what is in it is passed over.
    pub(super) fn take(&mut self, mut log: Log, from_end: bool) -> Option<Trouble> {
        if from_end && let Err(e) = log.skip_to_end(&self.encodings) {
            return names::trouble(&self.path, e);
        }
        if let Some(last) = self.logs.back() {
            let missed = rotation::missed(&self.path, last, Some(&log), &self.held());
            self.logs.extend(missed);
        }
        self.told.clear();
        self.logs.push_back(log);
        None
    }

    /// Reads on: the oldest file first, and the next one when that is at its end and the next has
    /// something in it.
    pub(super) fn turn(&mut self, buffer: &mut [u8], sink: &mut impl Sink) -> Turned {
        let is_new = !self.is_idle() && !std::mem::replace(&mut self.is_placed, true);
        let mut turned = Turned { moved: is_new, ..Turned::default() };
        let mut at = 0;
        while at < self.logs.len() {
            // Asked before reading: what is written to the old file before the new one has
            // something in it belongs before that.
            let followed = self.logs.iter().skip(at + 1).any(|log| !log.is_empty());
            let Some(log) = self.logs.get(at) else { break };
            let removed = log.is_removed();
            if log.dirty || !log.finished {
                let ends = (removed || followed) && !log.finished;
                let before = self.place();
                turned.more = self.read(at, ends, buffer, sink);
                turned.moved |= self.place() != before;
                if turned.more {
                    return turned;
                }
            }
            if removed {
                turned.stale.extend(self.logs.remove(at).and_then(|log| log.watch));
                turned.moved = true;
            } else if followed {
                for old in self.logs.drain(..at) {
                    turned.stale.extend(old.watch);
                }
                if let Some(log) = self.logs.front_mut() {
                    turned.moved |= !std::mem::replace(&mut log.finished, true);
                }
                at = 1;
            } else {
                break;
            }
        }
        self.is_fresh = true;
        turned
    }

    /// Reads a turn of one file. Returns whether there may be more.
    fn read(&mut self, at: usize, ends: bool, buffer: &mut [u8], sink: &mut impl Sink) -> bool {
        let Some(log) = self.logs.get_mut(at) else { return false };
        log.dirty = false;
        let mut hand = Hand {
            line: Line {
                file: self.number,
                path: &self.path,
                sequence: 0,
                is_fresh: self.is_fresh,
                text: "",
            },
            readers: &self.readers,
            sequence: &mut self.sequence,
            too_long: &mut self.too_long,
            told: &mut self.told,
            sink,
        };
        let outcome = log.turn(&self.encodings, buffer, ends, |piece| hand.over(piece));
        match outcome {
            Ok(Outcome::More) => {
                log.dirty = true;
                true
            }
            Ok(Outcome::End) => false,
            Ok(Outcome::Changed) => {
                let cursor = log.cursor();
                log.reset();
                let held = self.held();
                if let Some(copy) = rotation::copy_of(&self.path, cursor, &held) {
                    self.logs.insert(at, copy);
                }
                true
            }
            Ok(Outcome::Compressed) => {
                let kind = "a compressed file";
                self.tell_once(sink, Trouble::NotAFile { path: self.path.clone(), kind });
                false
            }
            Err(source) => {
                self.tell_once(sink, Trouble::Unreadable { path: self.path.clone(), source });
                false
            }
        }
    }

    fn tell_once(&mut self, sink: &mut impl Sink, trouble: Trouble) {
        if self.told.insert(discriminant(&trouble)) {
            sink.trouble(trouble);
        }
    }

    /// The places in the file that is being read, and in the one before.
    fn place(&self) -> (Option<Mark>, Option<Mark>) {
        let unfinished = self.logs.iter().position(|log| !log.finished);
        let at = unfinished.unwrap_or(self.logs.len().saturating_sub(1));
        let mark = |at: usize| self.logs.get(at).map(Log::mark);
        (mark(at), at.checked_sub(1).and_then(mark))
    }

    pub(super) fn position(&self) -> Position {
        let (current, earlier) = self.place();
        Position { path: self.path.clone(), sequence: self.sequence, current, earlier }
    }
}

/// Hands pieces of a file to the sink.
struct Hand<'a, S> {
    line: Line<'a>,
    readers: &'a [(Encoding, Vec<usize>)],
    sequence: &'a mut u64,
    too_long: &'a mut u64,
    told: &'a mut HashSet<Discriminant<Trouble>>,
    sink: &'a mut S,
}

impl<S: Sink> Hand<'_, S> {
    fn over(&mut self, piece: Piece<'_>) {
        *self.sequence += 1;
        let Piece::Line(form, bytes) = piece else { return self.tell_too_long() };
        let readers = self.readers;
        let mut too_long = false;
        for (encoding, wanted_by) in readers {
            let (text, replaced) = decode(*encoding, form, bytes);
            if replaced {
                let path = self.line.path.to_owned();
                let trouble = Trouble::Replaced { path, encoding: *encoding };
                if self.told.insert(discriminant(&trouble)) {
                    self.sink.trouble(trouble);
                }
            }
            if text.len() > LINE_BYTES_MAX {
                too_long = true;
                continue;
            }
            let line = Line { sequence: *self.sequence, text: &text, ..self.line };
            self.sink.line(line, wanted_by);
        }
        if too_long {
            self.tell_too_long();
        }
    }

    /// Tells at the first, the tenth, the hundredth …: there could be as many as lines.
    fn tell_too_long(&mut self) {
        *self.too_long += 1;
        let count = *self.too_long;
        if 10_u64.pow(count.ilog10()) == count {
            let path = self.line.path.to_owned();
            self.sink.trouble(Trouble::TooLong { path, count, limit: LINE_BYTES_MAX });
        }
    }
}
