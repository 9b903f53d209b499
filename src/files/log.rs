//! One open file: the place in it, and the lines behind that.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::encoding::{Encoding, form_of};
use super::mark::{Cursor, PRINT_BYTES};
use super::offline::Packing;
use super::position::Mark;
use super::split::{Form, Splitter, Step, WINDOW_BYTES};

/// At most so many bytes are read of a file before others have their turn: enough for any line and
/// the fingerprint before it, few enough to answer a ping at once.
pub(super) const TURN_BYTES: usize = 2 * WINDOW_BYTES;

/// Unless a line is longer, so many are read: what is in them is judged, decided and told at once, and
/// whoever calls meanwhile waits for that.
const USUAL_BYTES: usize = 64 << 10;

/// A file's device and its number there.
pub(super) type Inode = (u64, u64);

/// An open file.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    inode: Inode,
    /// Behind the last whole line.
    line: Cursor,
    /// Within a line that is too long, where its end is not yet known.
    skipped: Option<Cursor>,
    /// Unknown until there is a line.
    form: Option<Form>,
    /// Where the kernel tells that it has changed.
    pub(super) watch: Option<i32>,
    /// Whether it may have changed since it was read to its end.
    pub(super) dirty: bool,
    /// Whether what was left without an end has been handed over too, since another took its name.
    pub(super) finished: bool,
}

/// What a turn has come to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There may be more.
    More,
    /// That was all.
    End,
    /// It is not the file any more that it was: what was read of it is not in it.
    Changed,
    /// There are no lines in it, but compressed bytes.
    Compressed,
}

/// What is found in a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    Line(Form, &'a [u8]),
    TooLong,
}

impl Log {
    /// Opens the file of a name, if it is a file. It never blocks.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let mut options = OpenOptions::new();
        let flags = flags.bits().cast_signed();
        let file = options.read(true).custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self {
            file,
            inode: (meta.dev(), meta.ino()),
            line: Cursor::START,
            skipped: None,
            form: None,
            watch: None,
            dirty: true,
            finished: false,
        })
    }

    /// Where it lies for this process, whatever its name is now.
    pub(super) fn handle(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }

    pub(super) fn inode(&self) -> Inode {
        self.inode
    }

    pub(super) fn mark(&self) -> Mark {
        self.line.mark(self.inode)
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.line
    }

    /// With the place in it where reading goes on.
    pub(super) fn placed(mut self, cursor: Cursor) -> Self {
        self.line = cursor;
        self
    }

    /// As one whose turn is over, or not.
    pub(super) fn finished(mut self, finished: bool) -> Self {
        self.finished = finished;
        self
    }

    /// When its content last changed; the beginning of time if that is unknown.
    pub(super) fn changed(&self) -> (i64, i64) {
        self.file.metadata().map_or((0, 0), |meta| (meta.mtime(), meta.mtime_nsec()))
    }

    /// Whether no name leads to it any more.
    pub(super) fn is_removed(&self) -> bool {
        self.file.metadata().is_ok_and(|meta| meta.nlink() == 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.file.metadata().map_or(true, |meta| meta.len() == 0)
    }

    /// Whether it holds compressed bytes instead of lines.
    pub(super) fn is_compressed(&self) -> bool {
        let mut start = [0; 6];
        let count = read_at(&self.file, &mut start, 0).unwrap_or(0);
        is_compressed(start.get(..count).unwrap_or_default())
    }

    /// Whether a place is in it, by what stands before it; not if that cannot be read.
    pub(super) fn has(&self, cursor: Cursor) -> bool {
        self.fits(cursor).unwrap_or(false)
    }

    fn fits(&self, cursor: Cursor) -> io::Result<bool> {
        let mut print = [0; PRINT_BYTES];
        let covered = cursor.covered();
        let print = print.get_mut(..covered).unwrap_or_default();
        let before = cursor.offset - u64::try_from(covered).unwrap_or(0);
        let is_whole = read_at(&self.file, print, before)? == covered;
        if !is_whole || !cursor.fits_tail(print) {
            return Ok(false);
        }
        Ok(read_at(&self.file, print, 0)? == covered && cursor.fits_head(print))
    }

    /// Goes back to the beginning: the file was emptied.
    pub(super) fn reset(&mut self) {
        self.line = Cursor::START;
        self.skipped = None;
        self.form = None;
        self.dirty = true;
    }

    /// Goes to the end: behind the last whole line that is there now.
    pub(super) fn skip_to_end(&mut self, encodings: &[Encoding]) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let window = u64::try_from(WINDOW_BYTES).unwrap_or(u64::MAX);
        let mut buffer = vec![0; WINDOW_BYTES];
        let (form, bom) = self.form_at_start(encodings)?;
        let start = length.saturating_sub(window).next_multiple_of(2);
        let count = read_at(&self.file, &mut buffer, start)?;
        let seen = buffer.get(..count).unwrap_or_default();
        let behind = form.behind_last_end(seen);
        // Without an end in sight, the line is too long, or it is the first.
        let offset = match behind {
            Some(at) => start + u64::try_from(at).unwrap_or(0),
            None if start == 0 => u64::try_from(bom).unwrap_or(0),
            None => start,
        };
        let cursor = self.cursor_at(offset)?;
        self.skipped = (behind.is_none() && start > 0).then_some(cursor);
        self.line = cursor;
        self.form = Some(form);
        Ok(())
    }

    fn cursor_at(&self, offset: u64) -> io::Result<Cursor> {
        let covered = usize::try_from(offset).unwrap_or(usize::MAX).min(PRINT_BYTES);
        let (mut head, mut tail) = (vec![0; covered], vec![0; covered]);
        self.file.read_exact_at(&mut head, 0)?;
        let before = offset - u64::try_from(covered).unwrap_or(0);
        self.file.read_exact_at(&mut tail, before)?;
        Ok(Cursor::behind(offset, &head, &tail))
    }

    fn form_at_start(&self, encodings: &[Encoding]) -> io::Result<(Form, usize)> {
        let mut head = [0; 3];
        let count = read_at(&self.file, &mut head, 0)?;
        Ok(form_of(encodings, head.get(..count).unwrap_or_default()))
    }

    /// Hands over what stands behind the place, at most what fits into `buffer`, which has
    /// [`TURN_BYTES`]. With `last`, also what has no end.
    pub(super) fn turn(
        &mut self,
        encodings: &[Encoding],
        buffer: &mut [u8],
        last: bool,
        mut hand_over: impl FnMut(Piece<'_>),
    ) -> io::Result<Outcome> {
        let before = (self.line, self.skipped);
        let usual = buffer.get_mut(..USUAL_BYTES).unwrap_or_default();
        match self.turn_within(encodings, usual, last, &mut hand_over)? {
            Outcome::More if before == (self.line, self.skipped) => {
                self.turn_within(encodings, buffer, last, hand_over)
            }
            outcome => Ok(outcome),
        }
    }

    fn turn_within(
        &mut self,
        encodings: &[Encoding],
        buffer: &mut [u8],
        last: bool,
        mut hand_over: impl FnMut(Piece<'_>),
    ) -> io::Result<Outcome> {
        let from = self.skipped.unwrap_or(self.line);
        let covered = from.covered();
        let start = from.offset - u64::try_from(covered).unwrap_or(0);
        let count = read_at(&self.file, buffer, start)?;
        let is_full = count == buffer.len();
        let read = buffer.get(..count).unwrap_or_default();
        let Some((before, bytes)) = read.split_at_checked(covered) else {
            return Ok(Outcome::Changed);
        };
        // What was read is good only if the file was the same before and still is.
        if !from.fits_tail(before) || (covered == PRINT_BYTES && !self.fits(from)?) {
            return Ok(Outcome::Changed);
        }
        if from.offset == 0 && is_compressed(bytes) {
            return Ok(Outcome::Compressed);
        }
        let (form, bom) = match self.form {
            Some(form) => (form, 0),
            None if from.offset == 0 => form_of(encodings, bytes),
            None => (self.form_at_start(encodings)?.0, 0),
        };
        let mut splitter = Splitter::new(form, self.skipped.is_some());
        let mut used = 0;
        let mut at = bom.min(bytes.len());
        loop {
            let ahead = bytes.get(at..).unwrap_or_default();
            let mut step = splitter.step(ahead);
            if last && !is_full && matches!(step, Step::More { .. }) {
                step = splitter.rest(ahead);
            }
            match step {
                Step::Line { text, used } => {
                    at += used;
                    hand_over(Piece::Line(form, text));
                }
                Step::TooLong { used } => {
                    at += used;
                    hand_over(Piece::TooLong);
                }
                Step::More { skipped } => {
                    self.skipped =
                        splitter.is_skipping().then(|| from.advanced(read, at + skipped));
                    break;
                }
            }
            used = at;
            self.form = Some(form);
        }
        if used > 0 {
            self.line = from.advanced(read, used);
        }
        Ok(if is_full { Outcome::More } else { Outcome::End })
    }
}

/// Whether these bytes begin what gzip, xz, zstd or bzip2 has compressed.
pub(super) fn is_compressed(start: &[u8]) -> bool {
    Packing::of(start).is_some() || start.starts_with(b"BZh")
}

/// Reads until the buffer is full or nothing follows.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        let from = offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        match file.read_at(rest, from) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(count)
}
