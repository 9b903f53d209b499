//! The last lines behind an offender (`maxmatches`): what people ask for when they wonder why
//! somebody is out.

use std::collections::BTreeMap;

use super::event::Write;
use super::network::Network;
use super::noted::Noted;
use super::roster::JailId;
use super::time::Timestamp;

/// So many bytes one jail's lines may take, with all that they cost. When there are more, the
/// offenders whose last attempts are the oldest lose theirs.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// Room is made for more than one: to find the oldest, all are looked at.
const ROOM: usize = MAX_BYTES / 16;

/// What an offender costs beside his lines: the entry with his network, and the allocator's part.
const OFFENDER_OVERHEAD: usize = 96;

/// What stands between two lines, of which none has it inside.
const BETWEEN: char = '\n';

/// The lines of one jail's offenders, banned or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    lines: BTreeMap<Network, Lines>,
    bytes: usize,
    unsaved: Noted<Network>,
}

/// One offender's lines in one text, the newest last: there are many offenders.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lines {
    last_attempt: Timestamp,
    text: String,
    /// How many they are.
    count: usize,
}

impl Lines {
    /// The newest `at_most` lines of a text; nothing if that is none.
    fn of(last_attempt: Timestamp, text: &str, at_most: usize) -> Option<Self> {
        let count = text.split(BETWEEN).count();
        let mut lines = Self { last_attempt, text: text.to_owned(), count };
        lines.drop_but(at_most);
        (at_most > 0).then_some(lines)
    }

    /// Adds the line of an attempt, and keeps the newest `at_most`, which is not zero.
    fn add(&mut self, time: Timestamp, text: &str, at_most: usize) {
        self.last_attempt = self.last_attempt.max(time);
        self.drop_but(at_most - 1);
        if self.count == 0 {
            self.text.clear();
        }
        // Room for just this one, but for a quarter more where there are many.
        let more = text.len() + 1;
        self.text.reserve_exact(more.max(self.text.len() / 4));
        if self.count > 0 {
            self.text.push(BETWEEN);
        }
        self.text.push_str(text);
        self.count += 1;
    }

    fn drop_but(&mut self, at_most: usize) {
        let Some(spare) = self.count.checked_sub(at_most).filter(|spare| *spare > 0) else {
            return;
        };
        let kept = self.text.splitn(spare + 1, BETWEEN).nth(spare).map_or(0, str::len);
        self.text.drain(..self.text.len() - kept);
        self.count = at_most;
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.text.split(BETWEEN)
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + OFFENDER_OVERHEAD
    }
}

impl Evidence {
    /// Adds the line of an attempt, and keeps the newest `at_most` of its offender.
    pub(super) fn add(&mut self, offender: Network, time: Timestamp, text: &str, at_most: usize) {
        if at_most == 0 {
            return;
        }
        self.unsaved.note(offender);
        let Some(lines) = self.lines.get_mut(&offender) else {
            self.put(offender, Lines::of(time, text, at_most));
            return;
        };
        self.bytes -= lines.bytes();
        lines.add(time, text, at_most);
        self.bytes += lines.bytes();
        self.keep_bound();
    }

    /// Puts an offender's lines back as they were saved, the newest `at_most` of them.
    pub(super) fn restore(
        &mut self,
        offender: Network,
        last_attempt: Timestamp,
        text: &str,
        at_most: usize,
    ) {
        self.take(offender);
        let lines = Lines::of(last_attempt, text, at_most);
        if lines.as_ref().is_none_or(|lines| lines.text != text) {
            self.unsaved.note(offender);
        }
        self.put(offender, lines);
    }

    /// Keeps the newest `at_most` lines of each offender.
    pub(super) fn cut(&mut self, at_most: usize) {
        let longer = self.lines.iter().filter(|(_, lines)| lines.count > at_most);
        for offender in longer.map(|(offender, _)| *offender).collect::<Vec<_>>() {
            let Some(lines) = self.take(offender) else { continue };
            self.unsaved.note(offender);
            self.put(offender, Lines::of(lines.last_attempt, &lines.text, at_most));
        }
    }

    /// Forgets an offender's lines, here and in the state file.
    pub(super) fn forget(&mut self, offender: Network) {
        if self.take(offender).is_some() {
            self.unsaved.note(offender);
        }
    }

    /// An offender's lines, the newest last.
    pub(super) fn of(&self, offender: Network) -> impl Iterator<Item = &str> {
        self.lines.get(&offender).into_iter().flat_map(Lines::iter)
    }

    /// What has changed since the last time this was asked, for the state file, of at most
    /// so many offenders.
    pub(super) fn take_unsaved(
        &mut self,
        jail: JailId,
        at_most: usize,
    ) -> impl Iterator<Item = Write> {
        let unsaved = self.unsaved.take_some(at_most);
        unsaved.map(move |offender| match self.lines.get(&offender) {
            Some(lines) => written(jail, offender, lines),
            None => Write::NoEvidence(jail, offender),
        })
    }

    /// Whether there is anything to save.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Everything that the state file is to remember.
    pub(super) fn everything(&self, jail: JailId) -> impl Iterator<Item = Write> {
        self.lines.iter().map(move |(offender, lines)| written(jail, *offender, lines))
    }

    /// What the state file is to forget when the jail goes.
    pub(super) fn farewell(&self, jail: JailId) -> impl Iterator<Item = Write> {
        self.lines.keys().map(move |offender| Write::NoEvidence(jail, *offender))
    }

    fn take(&mut self, offender: Network) -> Option<Lines> {
        let lines = self.lines.remove(&offender)?;
        self.bytes -= lines.bytes();
        Some(lines)
    }

    fn put(&mut self, offender: Network, lines: Option<Lines>) {
        let Some(lines) = lines else { return };
        self.bytes += lines.bytes();
        self.lines.insert(offender, lines);
        self.keep_bound();
    }

    fn keep_bound(&mut self) {
        if self.bytes > MAX_BYTES {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        let mut by_age: Vec<(Timestamp, Network)> =
            self.lines.iter().map(|(offender, lines)| (lines.last_attempt, *offender)).collect();
        // Who goes is among the oldest, and to sort all of them takes longer than all else here.
        let mut rest = by_age.as_mut_slice();
        while !rest.is_empty() {
            let (oldest, others) = split_oldest(rest);
            oldest.sort_unstable();
            for (_, oldest) in oldest {
                if self.bytes <= MAX_BYTES - ROOM {
                    return;
                }
                self.forget(*oldest);
            }
            rest = others;
        }
    }
}

/// The oldest eighth, in any order, and the others.
fn split_oldest<T: Ord>(all: &mut [T]) -> (&mut [T], &mut [T]) {
    let eighth = all.len().div_ceil(8);
    if eighth < all.len() {
        all.select_nth_unstable(eighth);
    }
    all.split_at_mut(eighth)
}

fn written(jail: JailId, offender: Network, lines: &Lines) -> Write {
    Write::Evidence(jail, offender, lines.last_attempt, lines.text.as_str().into())
}
