//! Opening the state file: the lock, the check, and what becomes of a damaged one.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::changes::{self, Folded};
use super::error::{StoreError, means_damage};
use super::saved::{self, Saved};
use super::statements::{TABLES, Table};
use super::write::{Counts, bound_history};
use super::{DAMAGED_KEPT, OpenFile, Opened, SetAside, Store, schema};
use crate::keeper::Timestamp;

/// The state file's name in its directory.
const NAME: &str = "state.db";

/// What SQLite appends to the name for the files beside it.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// For so long a commit waits for a program that reads the file, such as a backup.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many KiB of the file are kept in memory: what is worked into a table goes through it from
/// the beginning to the end, so that more would not be of use.
const CACHE_KIB: i64 = 512;

/// The write-ahead log shrinks to this after a great commit.
const LOG_BYTES_KEPT: i64 = 4 << 20;

/// So many pages of the write-ahead log, 64 MiB, and the commit that fills it has to work it into the
/// file, which takes a good part of a second; it is done before, when there is time ([`Store::fold`]).
const LOG_PAGES: u32 = 16_384;

/// Statements that are used again and again.
const STATEMENTS: usize = 32;

/// More than the damaged files that are kept, in case some were put there by hand.
const NAMES_TRIED: i64 = 100;

/// A file that is taken.
struct Sound {
    connection: Connection,
    saved: Saved,
    counts: Counts,
}

/// Why a file is not taken.
enum Unfit {
    Damaged(String),
    Error(StoreError),
}

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

/// What can be read of a file that cannot be written: of a copy of it in memory, into which what was
/// committed last is worked.
fn look(path: &Path) -> rusqlite::Result<Saved> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut copy = Connection::open_with_flags(":memory:", flags)?;
    schema::migrate(&mut copy)?;
    // Locks would be writes for SQLite; we hold the directory's. Without a log it would make one,
    // unless the file cannot change.
    let how = if has_log(path) { "mode=ro&vfs=unix-none" } else { "immutable=1" };
    let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    copy.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    copy.execute("ATTACH ?1 AS disk", [format!("file:{name}?{how}")])?;
    if check(&copy, "disk", true)?.is_some() {
        return Ok(Saved::default());
    }
    // What is past is not asked for as long as the file cannot be written.
    let tables = TABLES.iter().filter(|table| **table != Table::History).map(|table| table.name());
    for table in tables.chain(["changes"]) {
        copy.execute(&format!("INSERT INTO main.{table} SELECT * FROM disk.{table}"), [])?;
    }
    copy.execute("DETACH disk", [])?;
    let lost = fold(&mut copy, &mut Counts::default())?;
    saved::all(&copy, lost)
}

/// Whether there is a log that was not worked in.
fn has_log(path: &Path) -> bool {
    fs::metadata(with_end(path, "-wal")).is_ok_and(|log| log.len() > 0)
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

fn connect(path: &Path, fresh: bool) -> Result<Sound, Unfit> {
    let unfit = |doing| {
        move |source: rusqlite::Error| {
            if means_damage(&source) {
                Unfit::Damaged(source.to_string())
            } else {
                Unfit::Error(StoreError::sqlite(doing, path, source))
            }
        }
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let has_log = has_log(path);
    let mut connection = Connection::open_with_flags(path, flags).map_err(unfit("open"))?;
    // SQLite is content with a file that it may only read, and fails later in obscure ways.
    if connection.is_readonly("main").map_err(unfit("open"))? {
        return Err(Unfit::Error(StoreError::ReadOnly { path: path.to_owned() }));
    }
    // Until it is clear that the file is ours and sound, closing it must not change it.
    let leave = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(leave, true).map_err(unfit("open"))?;
    connection.busy_timeout(PATIENCE).map_err(unfit("open"))?;
    // Nobody else may use the file, so the log's index need not be shared memory.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(unfit("open"))?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(unfit("open"))?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(unfit("open"))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let (application, found) = schema::identity(&connection).map_err(unfit("read"))?;
    if !fresh {
        if application != schema::APPLICATION || found == 0 {
            return Err(Unfit::Damaged("it is no state file of jailkeeper".into()));
        }
        // The file was read by now, and says so itself.
        if connection.is_readonly("main").map_err(unfit("read"))? {
            return Err(Unfit::Damaged("it is in a format that cannot be written".into()));
        }
        let known = schema::newest();
        if found > known {
            let path = path.to_owned();
            return Err(Unfit::Error(StoreError::Newer { path, found, known }));
        }
        let wrong = check(&connection, "main", has_log).map_err(unfit("check"))?;
        wrong.map_or(Ok(()), |wrong| Err(Unfit::Damaged(wrong)))?;
    }
    prepare(&mut connection, found).map_err(unfit("prepare"))?;
    let history = saved::history_rows(&connection).map_err(unfit("read"))?;
    let mut counts = Counts { history, ..Counts::default() };
    let lost = fold(&mut connection, &mut counts).map_err(unfit("prepare"))?;
    let saved = saved::all(&connection, lost).map_err(unfit("read"))?;
    connection.set_db_config(leave, false).map_err(unfit("open"))?;
    Ok(Sound { connection, saved, counts })
}

/// What SQLite finds wrong with the file's structure. Behind a log that was not worked in, since the
/// service died, an index may lack rows of a file that was cut off, which only the longer check sees.
fn check(
    connection: &Connection,
    database: &str,
    has_log: bool,
) -> rusqlite::Result<Option<String>> {
    let check = if has_log { "integrity_check" } else { "quick_check" };
    let sql = format!("PRAGMA {database}.{check}(1)");
    let verdict: String = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok((verdict != "ok").then_some(verdict))
}

fn prepare(connection: &mut Connection, found: u32) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if found < schema::newest() {
        schema::migrate(connection)?;
        // Into the file itself at once: a database without its tables would look damaged.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}

/// Works into the tables what a process that was killed had committed last. How much of it is not as it
/// was written; that stays until all is written anew.
fn fold(connection: &mut Connection, counts: &mut Counts) -> rusqlite::Result<u32> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Folded { bans, damaged } = changes::fold_all(&transaction)?;
    counts.history = counts.history.saturating_add(bans);
    bound_history(&transaction, counts)?;
    transaction.commit()?;
    Ok(damaged)
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

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
