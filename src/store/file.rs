//! The state file among others: the lock, and what becomes of one that is damaged.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::database::{Sound, Unfit, connect, look, with_end};
use super::error::StoreError;
use super::saved::Saved;
use super::{DAMAGED_KEPT, OpenFile, Opened, SetAside, Store};
use crate::keeper::Timestamp;

/// The state file's name in its directory.
const NAME: &str = "state.db";

/// What SQLite appends to the name for the files beside it.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// More than the damaged files that are kept, in case some were put there by hand.
const NAMES_TRIED: i64 = 100;

/// See [`Store::open`].
pub(super) fn open(directory: &Path, now: Timestamp) -> Result<Opened, StoreError> {
    let directory = directory
        .canonicalize()
        .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
    let lock = lock(&directory)?;
    let path = directory.join(NAME);
    match open_sound(&path, lock, now) {
        Ok((open, saved, set_aside)) => {
            let store = Store { directory, open: Some(open), damage: None };
            Ok(Opened { store, saved, set_aside, trouble: None })
        }
        Err(trouble) if trouble.is_of_the_disk() => {
            let saved = look(&path).unwrap_or_default();
            let store = Store { directory, open: None, damage: None };
            Ok(Opened { store, saved, set_aside: None, trouble: Some(trouble) })
        }
        Err(error) => Err(error),
    }
}

/// Opens the file again that could not be used, or a new one if it was damaged.
pub(super) fn reopen(store: &mut Store, now: Timestamp) -> Result<Option<SetAside>, StoreError> {
    let lock = lock(&store.directory)?;
    let path = store.directory.join(NAME);
    let mut set_aside = None;
    if let Some(reason) = store.damage.clone() {
        if fs::exists(&path).map_err(|e| StoreError::io("look at", &path, e))? {
            set_aside = Some(SetAside { path: move_aside(&path, now)?, reason });
        }
        store.damage = None;
    }
    let (open, _, found_damaged) = open_sound(&path, lock, now)?;
    store.open = Some(open);
    Ok(set_aside.or(found_damaged))
}

/// Opens the file, or a new one in its place when it is damaged.
fn open_sound(
    path: &Path,
    lock: Lock,
    now: Timestamp,
) -> Result<(OpenFile, Saved, Option<SetAside>), StoreError> {
    let mut set_aside = None;
    let Sound { connection, saved, counts } = match attempt(path) {
        Ok(sound) => sound,
        Err(Unfit::Error(error)) => return Err(error),
        Err(Unfit::Damaged(reason)) => {
            set_aside = Some(SetAside { path: move_aside(path, now)?, reason });
            attempt(path).map_err(|unfit| match unfit {
                Unfit::Error(error) => error,
                Unfit::Damaged(reason) => StoreError::Io {
                    doing: "make a sound state file",
                    path: path.to_owned(),
                    source: io::Error::other(reason),
                },
            })?
        }
    };
    let identity = identity(path).map_err(|source| StoreError::io("look at", path, source))?;
    let path = path.to_owned();
    Ok((
        OpenFile { connection, path, identity, counts, folding: None, _directory: lock },
        saved,
        set_aside,
    ))
}

/// Which file a path leads to: device and inode.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Whether the path still leads to this file. Where that cannot be seen, writing will show.
pub(super) fn is_in_place(path: &Path, file: (u64, u64)) -> bool {
    match identity(path) {
        Ok(found) => found == file,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// That nobody else opens a directory, for as long as this value is there.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Closing the file would not do: a process that another thread is about to start has a copy of
    /// the descriptor until it runs its program, and the lock would last as long.
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked when the last copy is closed, right after this.
        let _ = self.0.unlock();
    }
}

/// A lock on the directory itself leaves nothing behind, and holds while the file is replaced.
fn lock(directory: &Path) -> Result<Lock, StoreError> {
    let unusable = |source| StoreError::Directory { path: directory.to_owned(), source };
    let file = File::open(directory).map_err(unusable)?;
    if !file.metadata().map_err(unusable)?.is_dir() {
        return Err(unusable(io::ErrorKind::NotADirectory.into()));
    }
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

fn attempt(path: &Path) -> Result<Sound, Unfit> {
    let fresh = make_private(path).map_err(Unfit::Error)?;
    let result = connect(path, fresh);
    if fresh && result.is_err() {
        // An empty file would look like a damaged one at the next start. That it stays when it
        // cannot be removed is seen there.
        let _ = fs::remove_file(path);
    }
    result
}

/// Makes sure that the file is there and nobody else can read it. Whether it is new.
fn make_private(path: &Path) -> Result<bool, StoreError> {
    let failed = |doing, source| StoreError::io(doing, path, source);
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {
            if found.permissions().mode() & 0o7777 != 0o600 {
                fs::set_permissions(path, Permissions::from_mode(0o600))
                    .map_err(|e| failed("set the mode of", e))?;
            }
            Ok(false)
        }
        Ok(found) => {
            let kind = match found.file_type() {
                kind if kind.is_dir() => "a directory",
                kind if kind.is_symlink() => "a symbolic link",
                kind if kind.is_socket() => "a socket",
                kind if kind.is_fifo() => "a named pipe",
                _ => "a device",
            };
            Err(StoreError::NotAFile { path: path.to_owned(), kind })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(|e| failed("make", e))?;
            // A log without its database belongs to a file that is gone: SQLite must not apply it.
            for beside in BESIDE.map(|end| with_end(path, end)) {
                remove_if_there(&beside).map_err(|e| StoreError::io("remove", &beside, e))?;
            }
            Ok(true)
        }
        Err(error) => Err(failed("look at", error)),
    }
}

fn move_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let failed = |source| StoreError::io("set aside", path, source);
    // Of the names, only those of the files that are kept can be taken.
    let aside = (0..=NAMES_TRIED)
        .map(|n| with_end(path, &format!(".damaged-{}", now.seconds().saturating_add(n))))
        .find(|aside| fs::symlink_metadata(aside).is_err())
        .ok_or_else(|| failed(io::ErrorKind::AlreadyExists.into()))?;
    fs::rename(path, &aside).map_err(failed)?;
    for end in BESIDE {
        match fs::rename(with_end(path, end), with_end(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    forget_oldest(path).map_err(failed)?;
    Ok(aside)
}

fn forget_oldest(path: &Path) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(path.parent().unwrap_or(Path::new("/")))? {
        let name = entry?.file_name();
        let seconds = name
            .to_str()
            .and_then(|name| name.strip_prefix(NAME)?.strip_prefix(".damaged-")?.parse().ok());
        kept.extend(seconds.map(|seconds: i64| (seconds, path.with_file_name(name))));
    }
    kept.sort_unstable();
    for (_, oldest) in kept.iter().rev().skip(DAMAGED_KEPT) {
        remove_if_there(oldest)?;
        for end in BESIDE {
            remove_if_there(&with_end(oldest, end))?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
