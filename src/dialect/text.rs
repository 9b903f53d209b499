//! Text that knows, character by character, where it was written.
//!
//! An interpolated value is put together from several files. Each piece keeps its place, so that a
//! mistake in a pattern is shown where somebody wrote it, not where it came to be used.

use std::ops::Range;

/// A position in one of the tree's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The index of the file in its tree.
    pub(super) file: usize,
    /// Bytes from the start of the file.
    pub(super) at: usize,
}

/// A stretch of one of the tree's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) file: usize,
    pub(super) range: Range<usize>,
}

/// From `at` on, up to the next mark, the text was written at `place` and behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: usize,
    place: Option<Place>,
}

/// A string with the places of its pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    string: String,
    marks: Vec<Mark>,
}

impl Text {
    /// Text that stands in no file.
    pub(super) fn plain(string: &str) -> Self {
        let mut text = Self::default();
        text.push(string, None);
        text
    }

    pub(super) fn as_str(&self) -> &str {
        &self.string
    }

    pub(super) fn len(&self) -> usize {
        self.string.len()
    }

    /// Appends what was written at `place`. An empty piece still tells where the text stands.
    pub(super) fn push(&mut self, piece: &str, place: Option<Place>) {
        let at = self.string.len();
        let continues = self.marks.last().is_some_and(|last| shifted(last, at) == place);
        if !continues {
            if self.marks.last().is_some_and(|last| last.at == at) {
                self.marks.pop();
            }
            self.marks.push(Mark { at, place });
        }
        self.string.push_str(piece);
    }

    /// Appends a part of another text, places and all.
    pub(super) fn push_part(&mut self, other: &Self, range: Range<usize>) {
        let Some(part) = other.string.get(range.clone()) else { return };
        let first = other.marks.partition_point(|mark| mark.at <= range.start).saturating_sub(1);
        let marks = other.marks.get(first..).unwrap_or_default();
        for (index, mark) in marks.iter().enumerate() {
            let start = mark.at.max(range.start);
            if start > range.end || (start == range.end && start > range.start) {
                break;
            }
            let next = marks.get(index + 1).map_or(range.end, |next| next.at.min(range.end));
            let piece = part.get(start - range.start..next - range.start).unwrap_or_default();
            self.push(piece, shifted(mark, start));
        }
    }

    /// Drops the end, from byte `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.string.truncate(len);
        self.marks.retain(|mark| mark.at <= len);
    }

    /// A part of it as a text of its own.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        part.push_part(self, range);
        part
    }

    /// Its lines, split at `\n` alone.
    pub(super) fn lines(&self) -> Vec<Self> {
        let mut at = 0;
        let line = |line: &str| {
            let start = at;
            at += line.len() + 1;
            self.part(start..start + line.len())
        };
        self.string.split('\n').map(line).collect()
    }

    /// Each occurrence of `what` replaced.
    pub(super) fn replaced(&self, what: &str, with: &Self) -> Self {
        let mut out = Self::default();
        let mut done = 0;
        for (at, _) in self.string.match_indices(what) {
            out.push_part(self, done..at);
            out.push_part(with, 0..with.len());
            done = at + what.len();
        }
        out.push_part(self, done..self.len());
        out
    }

    /// Where a part of it was written: from its first character that stands in a file, as far as it
    /// goes on in the same file.
    pub(super) fn span(&self, range: Range<usize>) -> Option<Span> {
        let first = self.marks.partition_point(|mark| mark.at <= range.start).saturating_sub(1);
        let mark = self.marks.get(first)?;
        let known = |mark: &&Mark| mark.place.is_some();
        let later = || self.marks.get(first..)?.iter().find(known);
        let earlier = || self.marks.get(..first)?.iter().rfind(known);
        let (mark, from) = match mark.place {
            Some(_) => (mark, range.start),
            None => later().or_else(earlier).map(|mark| (mark, mark.at))?,
        };
        let start = shifted(mark, from)?;
        let last = self.marks.iter().rfind(|mark| mark.at < range.end)?;
        let end = shifted(last, range.end).filter(|end| end.file == start.file);
        let end = end.map_or(start.at, |end| end.at).max(start.at);
        Some(Span { file: start.file, range: start.at..end })
    }
}

fn shifted(mark: &Mark, at: usize) -> Option<Place> {
    let place = mark.place?;
    Some(Place { at: place.at + at.saturating_sub(mark.at), ..place })
}

/// What Python takes for a blank, which is more than Unicode says.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}
