//! Notices directories of the journal that come into being after it was opened.
//!
//! sd-journal watches the directories that are there when it is opened, and does not see it when
//! one is made later: at the first entry of a namespace, when journald begins to write to `/var`,
//! or when somebody has removed the directory. So their parents are watched here, or where these
//! are missing too, the nearest parent that exists.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use systemd::id128::Id128;

use super::error::JournalError;
use crate::record::Origin;

/// Where journald keeps its files (systemd-journald.service(8), "FILES").
const ROOTS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// The watch for the directories of one journal.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
    layout: Layout,
    watched: BTreeMap<PathBuf, i32>,
    known: BTreeSet<Directory>,
}

/// How the directories of a journal lie.
#[derive(Debug)]
enum Layout {
    /// One of this name in each of the [`ROOTS`].
    Named(String),
    /// This one, and those within it that are named by a machine ID.
    Tree(PathBuf),
}

/// A directory that is there; one that is made anew is another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Directory {
    path: PathBuf,
    inode: (u64, u64),
}

impl Watch {
    /// Begins to watch. What is made from here on is noticed.
    pub(super) fn new(origin: &Origin) -> Result<Self, JournalError> {
        let layout = match origin {
            Origin::System => Layout::Named(machine_id()?),
            Origin::Namespace(namespace) => Layout::Named(format!("{}.{namespace}", machine_id()?)),
            Origin::Directory(path) => Layout::Tree(path.clone()),
        };
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(|e| JournalError::Wait { doing: "making an inotify", source: e.into() })?;
        let mut watch = Self { inotify, layout, watched: BTreeMap::new(), known: BTreeSet::new() };
        watch.arm()?;
        watch.known = watch.layout.directories();
        Ok(watch)
    }

    /// The descriptor that becomes readable when [`Watch::news`] should be asked.
    pub(super) fn fd(&self) -> RawFd {
        self.inotify.as_raw_fd()
    }

    /// The journal's directories that are there.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.known.iter().map(|directory| directory.path.as_path())
    }

    /// Whether there is a directory that was not there when this was last asked.
    pub(super) fn news(&mut self) -> Result<bool, JournalError> {
        if self.drain()? {
            self.known.clear();
        }
        self.arm()?;
        let known = self.layout.directories();
        let news = !known.is_subset(&self.known);
        self.known = known;
        Ok(news)
    }

    /// Takes what inotify has to tell. Whether a directory was made, or one that was watched is
    /// gone: what is there now may be new then although it looks the same, since file systems give
    /// the number of an inode again.
    fn drain(&self) -> Result<bool, JournalError> {
        let mut remade = false;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    let kind = event.events();
                    let made = kind.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
                    let name = event.file_name().map(CStr::to_bytes).unwrap_or_default();
                    remade |= made && self.layout.is_named(name);
                    remade |= kind.intersects(
                        ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::QUEUE_OVERFLOW,
                    );
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(remade),
                Err(e) => {
                    let doing = "reading from inotify";
                    return Err(JournalError::Wait { doing, source: e.into() });
                }
            }
        }
    }

    /// Watches where the next directory would appear.
    fn arm(&mut self) -> Result<(), JournalError> {
        let mut watched = BTreeMap::new();
        for root in self.layout.roots() {
            let (path, id) = self.watch_nearest(&root).map_err(|source| JournalError::Wait {
                doing: "watching its directories by inotify",
                source,
            })?;
            watched.insert(path, id);
        }
        for stale in self.watched.values().filter(|id| !watched.values().any(|new| new == *id)) {
            // A directory that is gone has taken its watch along.
            let _gone = inotify::remove_watch(&self.inotify, *stale);
        }
        self.watched = watched;
        Ok(())
    }

    fn watch_nearest(&self, root: &Path) -> io::Result<(PathBuf, i32)> {
        let flags = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let nearest = || root.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
        loop {
            let path = nearest();
            match inotify::add_watch(&self.inotify, path, flags) {
                // If it is not the nearest any more, the news came before the watch.
                Ok(id) if path == nearest() => return Ok((path.to_owned(), id)),
                Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl Layout {
    fn roots(&self) -> Vec<PathBuf> {
        match self {
            Self::Named(_) => ROOTS.iter().map(PathBuf::from).collect(),
            Self::Tree(path) => vec![path.clone()],
        }
    }

    fn directories(&self) -> BTreeSet<Directory> {
        let paths = match self {
            Self::Named(name) => ROOTS.iter().map(|root| Path::new(root).join(name)).collect(),
            Self::Tree(path) => {
                let mut paths = machine_directories(path);
                paths.push(path.clone());
                paths
            }
        };
        paths.into_iter().filter_map(Directory::at).collect()
    }

    /// Whether a directory of this name within one of the roots is one of the journal's.
    fn is_named(&self, name: &[u8]) -> bool {
        match self {
            Self::Named(own) => own.as_bytes() == name,
            Self::Tree(_) => is_machine_name(name),
        }
    }
}

impl Directory {
    fn at(path: PathBuf) -> Option<Self> {
        let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_dir)?;
        Some(Self { inode: (meta.dev(), meta.ino()), path })
    }
}

fn machine_directories(path: &Path) -> Vec<PathBuf> {
    // A directory that cannot be listed has nothing that sd-journal could read.
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| is_machine_name(entry.file_name().as_bytes()))
        .map(|entry| entry.path())
        .collect()
}

/// Whether a directory is named by a machine ID, or one and a namespace.
fn is_machine_name(name: &[u8]) -> bool {
    let id = name.split(|byte| *byte == b'.').next().unwrap_or_default();
    id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit)
}

fn machine_id() -> Result<String, JournalError> {
    Id128::from_machine().map(|id| id.to_string()).map_err(|e| JournalError::MachineId(e.into()))
}
