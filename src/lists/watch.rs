//! When lists change: inotify(7) on the directories that they stand in, so that a list is seen that
//! appears later, or is replaced by another file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::control::Control;

/// Symbolic links behind one another that are followed, as the kernel does.
const LINKS_MAX: usize = 40;

/// Waits for changes of lists.
pub struct Watch {
    inotify: OwnedFd,
    control: Control,
    paths: BTreeSet<PathBuf>,
    /// By the kernel's number: the names in that directory that matter, and to which lists.
    directories: BTreeMap<i32, BTreeMap<OsString, BTreeSet<PathBuf>>>,
}

impl Watch {
    /// Begins to watch these files; until `control` says stop. Read them after this, so that no
    /// change is missed.
    ///
    /// # Errors
    ///
    /// When the kernel has no inotify left.
    pub fn open(paths: BTreeSet<PathBuf>, control: Control) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut watch = Self { inotify, control, paths, directories: BTreeMap::new() };
        watch.arm();
        Ok(watch)
    }

    /// Waits until lists may have changed: which. None when it is told to stop.
    ///
    /// # Errors
    ///
    /// When the kernel's news cannot be read.
    pub fn wait(&mut self) -> io::Result<Option<BTreeSet<PathBuf>>> {
        loop {
            let stop = self.control.descriptor();
            let mut ready = [
                PollFd::new(&self.inotify, PollFlags::IN),
                PollFd::from_borrowed_fd(stop, PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if self.control.is_stopped() {
                return Ok(None);
            }
            let changed = self.drain()?;
            if !changed.is_empty() {
                self.arm();
                return Ok(Some(changed));
            }
        }
    }

    /// The lists that the kernel's news are about.
    fn drain(&self) -> io::Result<BTreeSet<PathBuf>> {
        let mut changed = BTreeSet::new();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            match events.next() {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                    changed.clone_from(&self.paths);
                }
                Ok(event) => {
                    let Some(names) = self.directories.get(&event.wd()) else { continue };
                    match event.file_name() {
                        Some(name) => {
                            let name = std::ffi::OsStr::from_bytes(name.to_bytes());
                            changed.extend(names.get(name).into_iter().flatten().cloned());
                        }
                        // It is the directory itself that has gone or changed.
                        None => changed.extend(names.values().flatten().cloned()),
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(changed),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Watches every directory on the ways to the lists, as these lead now.
    fn arm(&mut self) {
        let mut directories: BTreeMap<i32, BTreeMap<OsString, BTreeSet<PathBuf>>> = BTreeMap::new();
        for path in &self.paths {
            for (directory, name) in steps(path) {
                let flags = WatchFlags::CREATE
                    | WatchFlags::CLOSE_WRITE
                    | WatchFlags::MOVED_TO
                    | WatchFlags::MOVED_FROM
                    | WatchFlags::DELETE
                    | WatchFlags::ATTRIB
                    | WatchFlags::DELETE_SELF
                    | WatchFlags::MOVE_SELF
                    | WatchFlags::ONLYDIR;
                // What is not there yet is seen from the directory above it.
                if let Ok(id) = inotify::add_watch(&self.inotify, &directory, flags) {
                    let names = directories.entry(id).or_default();
                    names.entry(name).or_default().insert(path.clone());
                }
            }
        }
        for stale in self.directories.keys().filter(|id| !directories.contains_key(id)) {
            // A directory that is gone has taken its watch along.
            let _gone = inotify::remove_watch(&self.inotify, *stale);
        }
        self.directories = directories;
    }
}

/// The directories on the way to a file, each with the name in it that matters: those of the path
/// itself, and of where symbolic links lead.
fn steps(path: &Path) -> BTreeSet<(PathBuf, OsString)> {
    let mut steps = BTreeSet::new();
    let mut left = LINKS_MAX;
    follow(path, &mut left, &mut steps);
    steps
}

fn follow(path: &Path, left: &mut usize, steps: &mut BTreeSet<(PathBuf, OsString)>) {
    let mut at = PathBuf::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        let name = part.as_os_str().to_owned();
        let within = at.clone();
        at.push(part);
        if within.as_os_str().is_empty() {
            continue;
        }
        steps.insert((within.clone(), name));
        if let Ok(target) = fs::read_link(&at)
            && *left > 0
        {
            *left -= 1;
            return follow(&within.join(target).join(parts.as_path()), left, steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_on_the_way_is_watched_where_links_lead_too() {
        let place = tempfile::TempDir::new().expect("a directory");
        let root = place.path().canonicalize().expect("a path");
        fs::create_dir(root.join("real")).expect("a directory");
        std::os::unix::fs::symlink("real", root.join("link")).expect("a link");
        let steps = steps(&root.join("link/friends"));
        for (directory, name) in
            [(root.clone(), "link"), (root.clone(), "real"), (root.join("real"), "friends")]
        {
            assert!(steps.contains(&(directory, name.into())), "{name}: {steps:?}");
        }
    }
}
