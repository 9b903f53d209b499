//! What the kernel tells of files and directories, by one inotify(7).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::error::{FilesError, Trouble};
use super::names::{Name, Names};

/// At most so many changes are taken before something is read; the others wait in the kernel.
const CHANGES_MAX: usize = 4096;

/// What has changed.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The watches of files that have changed.
    pub(super) files: BTreeSet<i32>,
    /// Whether names may lead elsewhere than before.
    pub(super) names: bool,
    /// Whether there is more to tell.
    pub(super) more: bool,
    /// Whether the kernel has lost count, so that anything may have changed.
    pub(super) anything: bool,
}

/// The inotify for all log files.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
    directories: HashMap<i32, Names>,
}

impl Watch {
    pub(super) fn new() -> Result<Self, FilesError> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(|e| FilesError::Wait { doing: "making an inotify", source: e.into() })?;
        Ok(Self { inotify, directories: HashMap::new() })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.inotify.as_raw_fd()
    }

    /// Watches a file by the path of its descriptor. Watching it again changes nothing.
    pub(super) fn add_file(&self, handle: &str) -> io::Result<i32> {
        let flags = WatchFlags::MODIFY | WatchFlags::ATTRIB;
        Ok(inotify::add_watch(&self.inotify, handle, flags)?)
    }

    pub(super) fn remove(&self, watch: i32) {
        // A file or directory that is gone has taken its watch along.
        let _gone = inotify::remove_watch(&self.inotify, watch);
    }

    /// Watches these directories, and no others any more. Returns whether one is new: what has
    /// happened there before is not told.
    pub(super) fn arm(
        &mut self,
        directories: BTreeMap<PathBuf, Names>,
        troubles: &mut Vec<Trouble>,
    ) -> bool {
        let mut watched: HashMap<i32, Names> = HashMap::new();
        let mut is_new = false;
        let mut denied = Vec::new();
        for (path, names) in directories {
            match self.add_directory(&path, !names.is_empty()) {
                Ok(id) => {
                    is_new |= self.directories.get(&id).is_none_or(|old| !names.is_subset(old));
                    watched.entry(id).or_default().extend(names);
                }
                // The next look sees it.
                Err(Errno::NOENT | Errno::NOTDIR) => is_new = true,
                Err(Errno::ACCESS) => denied.push(path),
                Err(e) => troubles.push(Trouble::Unwatched { path, source: e.into() }),
            }
        }
        for path in denied {
            // The directory above tells when the rights change.
            if let (Some(above), Some(name)) = (path.parent(), path.file_name())
                && let Ok(id) = self.add_directory(above, true)
            {
                let name = Name::Exact(name.to_owned());
                is_new |= self.directories.get(&id).is_none_or(|old| !old.contains(&name));
                watched.entry(id).or_default().insert(name);
            }
            troubles.push(Trouble::Denied { path });
        }
        for stale in self.directories.keys().filter(|id| !watched.contains_key(id)) {
            self.remove(*stale);
        }
        self.directories = watched;
        is_new
    }

    fn add_directory(&self, path: &Path, has_names: bool) -> Result<i32, Errno> {
        let mut flags = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        if has_names {
            flags |= WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::ATTRIB;
        }
        inotify::add_watch(&self.inotify, path, flags)
    }

    /// Takes what the kernel has to tell, or a part of it.
    pub(super) fn drain(&self) -> Result<News, FilesError> {
        let mut news = News::default();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        for _ in 0..CHANGES_MAX {
            match events.next() {
                Ok(event) => {
                    let kind = event.events();
                    if kind.contains(ReadFlags::QUEUE_OVERFLOW) {
                        news.anything = true;
                    } else if let Some(names) = self.directories.get(&event.wd()) {
                        let name = event.file_name().map(CStr::to_bytes).map(OsStr::from_bytes);
                        // Without a name it is the directory itself.
                        news.names |=
                            name.is_none_or(|name| names.iter().any(|own| own.matches(name)));
                    } else {
                        news.files.insert(event.wd());
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(news),
                Err(e) => {
                    let doing = "reading from inotify";
                    return Err(FilesError::Wait { doing, source: e.into() });
                }
            }
        }
        news.more = true;
        Ok(news)
    }
}
