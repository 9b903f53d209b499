//! Sees at little cost that journald has written entries of which it has not told yet.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::handle;

/// Where a file's header has its state, one byte, and the number of its entries, 64 bits with the
/// lowest byte first ("Header" in "Journal File Format" of systemd's documentation).
const STATE: u64 = 16;
const ENTRIES: u64 = 152;

/// The state of a file into which nothing is written any more.
const ARCHIVED: u8 = 2;

/// The files into which entries may be written. (They are mapped where they are written: the time of
/// their last change, or inotify, tells nothing of it.)
#[derive(Debug)]
pub(super) struct Glance {
    files: Vec<Counted>,
}

/// A file, and how many entries it had at the last glance; none before the first.
#[derive(Debug)]
struct Counted {
    file: File,
    entries: Option<u64>,
}

impl Glance {
    /// A glance at the files that there are in these directories now.
    pub(super) fn at<'a>(directories: impl Iterator<Item = &'a Path>) -> Self {
        // What cannot be opened sd-journal does not read either, and that is told.
        let open = |path| Some(Counted { file: File::open(path).ok()?, entries: None });
        let files = directories.flat_map(handle::files_in).flatten().filter_map(open);
        Self { files: files.filter(Counted::is_written).collect() }
    }

    /// Whether a file has more entries than at the last glance. At the first it is so, and where that
    /// cannot be told.
    pub(super) fn shows_more(&mut self) -> bool {
        // Each is counted: one that is left out would have grown at the next glance, too.
        self.files.iter_mut().map(Counted::has_grown).filter(|has_grown| *has_grown).count() > 0
    }
}

impl Counted {
    fn is_written(&self) -> bool {
        let mut state = [0];
        self.file.read_exact_at(&mut state, STATE).is_ok() && state != [ARCHIVED]
    }

    fn has_grown(&mut self) -> bool {
        let mut entries = [0; 8];
        let read = self.file.read_exact_at(&mut entries, ENTRIES).ok();
        let now = read.map(|()| u64::from_le_bytes(entries));
        std::mem::replace(&mut self.entries, now) != now || now.is_none()
    }
}
