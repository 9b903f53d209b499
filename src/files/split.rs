//! Where lines end.

use crate::record::MESSAGE_BYTES_MAX;

/// A longer line is skipped, in bytes without its end. It is not cut, because who chooses a part of
/// the text could choose where it is cut.
pub const LINE_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

/// So many bytes are enough to tell a line that ends from one that is too long.
pub(super) const WINDOW_BYTES: usize = LINE_BYTES_MAX + 4;

/// How the characters lie in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A byte 0x0a is an end of line, in whatever encoding.
    Bytes,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

/// What stands next in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A line without its end; `used` bytes are behind us with it.
    Line { text: &'a [u8], used: usize },
    /// The end of a line that was too long.
    TooLong { used: usize },
    /// No end yet. `skipped` bytes are of a line that is too long already and need not be shown
    /// again; the others must.
    More { skipped: usize },
}

/// Splits bytes into lines, however they come in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Splitter {
    form: Form,
    skipping: bool,
}

impl Splitter {
    /// One that begins at a line's beginning; with `skipping` in the midst of one that is too long.
    pub(super) fn new(form: Form, skipping: bool) -> Self {
        Self { form, skipping }
    }

    pub(super) fn is_skipping(self) -> bool {
        self.skipping
    }

    /// Looks at the bytes behind the last that were used or skipped.
    pub(super) fn step<'a>(&mut self, bytes: &'a [u8]) -> Step<'a> {
        let width = self.form.width();
        if let Some(end) = self.form.find_end(bytes) {
            return self.end(bytes.get(..end).unwrap_or_default(), end + width);
        }
        // Even if the last that there is were part of the end.
        self.skipping |= bytes.len() > LINE_BYTES_MAX + width;
        let skipped = if self.skipping { bytes.len() - bytes.len() % width } else { 0 };
        Step::More { skipped }
    }

    /// What is left where nothing follows any more.
    pub(super) fn rest<'a>(&mut self, bytes: &'a [u8]) -> Step<'a> {
        if bytes.is_empty() && !self.skipping {
            return Step::More { skipped: 0 };
        }
        self.end(bytes, bytes.len())
    }

    fn end<'a>(&mut self, line: &'a [u8], used: usize) -> Step<'a> {
        let text = match (self.form, line) {
            (Form::Bytes, [text @ .., b'\r'])
            | (Form::Utf16Le, [text @ .., b'\r', 0])
            | (Form::Utf16Be, [text @ .., 0, b'\r']) => text,
            _ => line,
        };
        let too_long = std::mem::take(&mut self.skipping) || text.len() > LINE_BYTES_MAX;
        if too_long { Step::TooLong { used } } else { Step::Line { text, used } }
    }
}

impl Form {
    /// Bytes a unit.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
        }
    }

    /// Where the first end of line begins.
    fn find_end(self, bytes: &[u8]) -> Option<usize> {
        let end: [u8; 2] = match self {
            Self::Bytes => return memchr::memchr(b'\n', bytes),
            Self::Utf16Le => *b"\n\0",
            Self::Utf16Be => *b"\0\n",
        };
        bytes.as_chunks().0.iter().position(|unit| *unit == end).map(|units| units * 2)
    }

    /// Where what follows the last end of line begins; none if there is no end.
    pub(super) fn behind_last_end(self, bytes: &[u8]) -> Option<usize> {
        let end: [u8; 2] = match self {
            Self::Bytes => return memchr::memrchr(b'\n', bytes).map(|at| at + 1),
            Self::Utf16Le => *b"\n\0",
            Self::Utf16Be => *b"\0\n",
        };
        bytes.as_chunks().0.iter().rposition(|unit| *unit == end).map(|units| (units + 1) * 2)
    }
}
