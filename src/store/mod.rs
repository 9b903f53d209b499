//! The disk's edge: the state file.
//!
//! `state.db` remembers the bans in force, past bans, the attempts that have not led to a ban yet,
//! and how far each source was read. It is an SQLite database with a write-ahead log. A commit with a
//! decision in it, such as a ban, is forced to the disk at once (`synchronous=FULL`). One without is not:
//! after a power loss the file is as it was at some earlier commit, positions and windows together, so
//! the records behind that position are read again and lead to the same.
//!
//! A commit is a row of one table (changes.rs); when there is time its parts are worked into the others
//! ([`Store::fold`]).

mod allowed;
mod attempts;
mod changes;
mod coding;
mod database;
mod error;
mod file;
pub mod fuzzing;
mod rows;
mod saved;
mod schema;
mod statements;
mod sum;
mod write;

pub use allowed::SavedAllowance;
use changes::Gathered;
pub use error::StoreError;
pub use saved::{JailSaved, Nonsense, Saved, SavedPosition};
use write::Counts;
pub use write::{Purge, Whole};

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::keeper::{BanRecord, Network, Timestamp};

/// So many past bans are kept; the oldest make room. About 100 bytes each.
pub const HISTORY_MOST: u32 = 200_000;

/// So many past bans of one offender are told.
pub const HISTORY_TOLD: u32 = 100;

/// So many damaged files are kept for a person to look at; the oldest make room.
pub const DAMAGED_KEPT: usize = 3;

/// The state file. As long as this lives, no other process can open it.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// Nothing while it cannot be used.
    open: Option<OpenFile>,
    /// What was found wrong with it since it was opened.
    damage: Option<String>,
}

/// The file, while it can be used.
#[derive(Debug)]
struct OpenFile {
    connection: Connection,
    path: PathBuf,
    /// Which file it is, whatever has its name by now.
    identity: (u64, u64),
    counts: Counts,
    /// What is being worked into the tables.
    folding: Option<Gathered>,
    /// Holds the lock on the directory.
    _directory: file::Lock,
}

/// What [`Store::open`] found.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub store: Store,
    /// What it remembers.
    pub saved: Saved,
    /// Whether a damaged file had to make way.
    pub set_aside: Option<SetAside>,
    /// Why nothing can be written for now, until [`Store::rewrite`] has come through.
    pub trouble: Option<StoreError>,
}

/// A damaged state file that was moved out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Store {
    /// Opens `state.db` in `directory`, or makes it.
    ///
    /// A damaged file is set aside as `state.db.damaged-SECONDS` (`now` in Unix seconds) together
    /// with its write-ahead log, and a fresh one takes its place; the newest [`DAMAGED_KEPT`] such
    /// files stay.
    ///
    /// A disk that is full, that may only be read or that fails is a trouble and no error: who starts
    /// with it knows what can be read.
    ///
    /// # Errors
    ///
    /// When the directory cannot be used, another process uses it, something that is no file has the
    /// file's name, or it is of a newer jailkeeper; it is left as it is then.
    pub fn open(directory: &Path, now: Timestamp) -> Result<Opened, StoreError> {
        file::open(directory, now)
    }

    /// The past and present bans of exactly this network, the newest first, at most
    /// [`HISTORY_TOLD`]: jail and ban. A ban that was lifted early still has its
    /// first end.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or what was committed last not be worked into its tables.
    pub fn history(&mut self, network: Network) -> Result<Vec<(String, BanRecord)>, StoreError> {
        self.fold_all()?;
        let open = self.file()?;
        saved::history(&open.connection, network).map_err(|e| open.error("read", e))
    }

    /// What the file remembers of one jail, such as one that a reload brings back.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or what was committed last not be worked into its tables.
    pub fn jail(&mut self, name: &str) -> Result<JailSaved, StoreError> {
        self.fold_all()?;
        let open = self.file()?;
        saved::of_jail(&open.connection, name).map_err(|e| open.error("read", e))
    }

    fn file(&self) -> Result<&OpenFile, StoreError> {
        self.open.as_ref().ok_or_else(|| StoreError::Shut { directory: self.directory.clone() })
    }
}

impl OpenFile {
    fn error(&self, doing: &'static str, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(doing, &self.path, source)
    }
}
