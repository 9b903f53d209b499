//! The state file as a database: opened, checked and read.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::changes::{self, Folded};
use super::error::{StoreError, means_damage};
use super::saved::{self, Saved};
use super::schema;
use super::statements::{TABLES, Table};
use super::write::{Counts, bound_history};

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

/// How SQLite opens a file that nobody changes meanwhile: without a lock.
const UNCHANGED: &str = "immutable=1";

/// A file that is taken.
pub(super) struct Sound {
    pub(super) connection: Connection,
    pub(super) saved: Saved,
    pub(super) counts: Counts,
}

/// Why a file is not taken.
pub(super) enum Unfit {
    Damaged(String),
    Error(StoreError),
}

impl Unfit {
    /// What it means that SQLite could not do this with the file.
    fn when(doing: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        move |source| {
            if means_damage(&source) {
                Self::Damaged(source.to_string())
            } else {
                Self::Error(StoreError::sqlite(doing, path, source))
            }
        }
    }
}

/// Opens the file, finds out whether it is ours and sound, and reads it; `fresh` is one that is empty.
pub(super) fn connect(path: &Path, fresh: bool) -> Result<Sound, Unfit> {
    let has_log = has_log(path);
    let mut connection = open_unchanged(path)?;
    let found = if fresh { 0 } else { layout(path, &connection)? };
    let is_settled = found == schema::newest()
        && !has_log
        && is_as_prepared(&connection).map_err(Unfit::when("read", path))?;
    let (counts, saved) = if is_settled {
        // To read it nothing has to be written first: what is damaged is found out meanwhile.
        thread::scope(|scope| {
            let sound = scope.spawn(|| check_apart(path));
            let all = read(path, &mut connection, found);
            sound.join().expect("it does not panic")?;
            all
        })?
    } else {
        if !fresh {
            check(path, &connection, has_log)?;
        }
        read(path, &mut connection, found)?
    };
    let leave = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(leave, false).map_err(Unfit::when("open", path))?;
    Ok(Sound { connection, saved, counts })
}

/// Opens it so that nothing is changed in it yet.
fn open_unchanged(path: &Path) -> Result<Connection, Unfit> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        // SQLite is content with a file that it may only read, and fails later in obscure ways.
        if connection.is_readonly("main")? {
            return Ok(None);
        }
        // Until it is clear that the file is ours and sound, closing it must not change it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.busy_timeout(PATIENCE)?;
        // Nobody else may use the file, so the log's index need not be shared memory.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Some(connection))
    };
    let opened = open().map_err(Unfit::when("open", path))?;
    opened.ok_or_else(|| Unfit::Error(StoreError::ReadOnly { path: path.to_owned() }))
}

/// The layout of a file that is ours and of which we know the layout.
fn layout(path: &Path, connection: &Connection) -> Result<u32, Unfit> {
    let (application, found) = schema::identity(connection).map_err(Unfit::when("read", path))?;
    if application != schema::APPLICATION || found == 0 {
        return Err(Unfit::Damaged("it is no state file of jailkeeper".into()));
    }
    // The file was read by now, and says so itself.
    if connection.is_readonly("main").map_err(Unfit::when("read", path))? {
        return Err(Unfit::Damaged("it is in a format that cannot be written".into()));
    }
    let known = schema::newest();
    if found > known {
        let path = path.to_owned();
        return Err(Unfit::Error(StoreError::Newer { path, found, known }));
    }
    Ok(found)
}

/// Reads everything, after what there is to do before.
fn read(path: &Path, connection: &mut Connection, layout: u32) -> Result<(Counts, Saved), Unfit> {
    prepare(connection, layout).map_err(Unfit::when("prepare", path))?;
    let history = saved::history_rows(connection).map_err(Unfit::when("read", path))?;
    let mut counts = Counts { history, ..Counts::default() };
    let lost = fold(connection, &mut counts).map_err(Unfit::when("prepare", path))?;
    Ok((counts, saved::all(connection, lost).map_err(Unfit::when("read", path))?))
}

/// Finds out whether the file is damaged, while another connection reads it and nobody writes.
fn check_apart(path: &Path) -> Result<(), Unfit> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let open = || {
        let connection = Connection::open_with_flags(uri(path, UNCHANGED), flags)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(connection)
    };
    check(path, &open().map_err(Unfit::when("open", path))?, false)
}

/// Finds out whether the file is damaged.
fn check(path: &Path, connection: &Connection, has_log: bool) -> Result<(), Unfit> {
    let wrong = wrong_with(connection, "main", has_log).map_err(Unfit::when("check", path))?;
    wrong.map_or(Ok(()), |wrong| Err(Unfit::Damaged(wrong)))
}

/// What can be read of a file that cannot be written: of a copy of it in memory, into which what was
/// committed last is worked.
pub(super) fn look(path: &Path) -> rusqlite::Result<Saved> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut copy = Connection::open_with_flags(":memory:", flags)?;
    schema::migrate(&mut copy)?;
    // Locks would be writes for SQLite; we hold the directory's. Without a log it would make one,
    // unless the file cannot change.
    let how = if has_log(path) { "mode=ro&vfs=unix-none" } else { UNCHANGED };
    copy.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    copy.execute("ATTACH ?1 AS disk", [uri(path, how)])?;
    if wrong_with(&copy, "disk", true)?.is_some() {
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

/// What SQLite finds wrong with the file's structure. Behind a log that was not worked in, since the
/// service died, an index may lack rows of a file that was cut off, which only the longer check sees.
fn wrong_with(
    connection: &Connection,
    database: &str,
    has_log: bool,
) -> rusqlite::Result<Option<String>> {
    let check = if has_log { "integrity_check" } else { "quick_check" };
    let sql = format!("PRAGMA {database}.{check}(1)");
    let verdict: String = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok((verdict != "ok").then_some(verdict))
}

/// Whether a file of the newest layout is as [`prepare`] and [`fold`] would leave it.
fn is_as_prepared(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode == "wal" && changes::are_all_folded(connection)?)
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

/// The name of a file for SQLite that is to be opened in this way.
fn uri(path: &Path, how: &str) -> String {
    let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{name}?{how}")
}

/// Whether there is a log that was not worked in.
fn has_log(path: &Path) -> bool {
    fs::metadata(with_end(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// A path with this behind its name.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
