//! What can go wrong with the state file.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the state file cannot be opened, read or written. None of these changes what is stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory is not there, or may not be looked into.
    #[error(
        "the state directory {} cannot be used: {source}; \
         it must exist and belong to the user that the service runs as", path.display()
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another jailkeeperd holds the directory.
    #[error(
        "another jailkeeperd is using the state directory {}; stop it first", path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Another program has the file open.
    #[error(
        "another program holds the state file {} locked; close it, then start again",
        path.display()
    )]
    Locked {
        /// The state file.
        path: PathBuf,
    },
    /// Something that is no file has the state file's name.
    #[error("{} is {kind}, not a state file; move it out of the way", path.display())]
    NotAFile {
        /// The state file.
        path: PathBuf,
        /// What it is, with an article.
        kind: &'static str,
    },
    /// The file was written by a newer jailkeeper.
    #[error(
        "the state file {} has the layout {found} of a newer jailkeeper, this one knows layouts \
         up to {known}; install the newer jailkeeper again, or move the file away to start \
         without saved bans", path.display()
    )]
    Newer {
        /// The state file.
        path: PathBuf,
        /// Its layout.
        found: u32,
        /// The newest layout that is known.
        known: u32,
    },
    /// There is no room for what is to be written.
    #[error(
        "the state file {} cannot grow because the disk is full; free some space", path.display()
    )]
    Full {
        /// The state file.
        path: PathBuf,
    },
    /// The file, or its file system, may only be read.
    #[error(
        "the state file {} may only be read; make its directory writable for the service's user",
        path.display()
    )]
    ReadOnly {
        /// The state file.
        path: PathBuf,
    },
    /// The file is damaged, and that was seen only after it was opened.
    #[error("the state file {} is damaged: {source}; a new one is tried", path.display())]
    Damaged {
        /// The state file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Somebody has removed the file, or put another one in its place.
    #[error("the state file {} was removed or replaced; a new one is tried", path.display())]
    Gone {
        /// The state file.
        path: PathBuf,
    },
    /// The file could not be used before, and was not tried again.
    #[error("the state file in {} is not open", directory.display())]
    Shut {
        /// The directory.
        directory: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that SQLite reports.
    #[error("cannot {doing} the state file {}: {source}", path.display())]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// The state file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Whether the disk is to blame, which may mend by itself.
    pub(super) fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Full { .. } | Self::ReadOnly { .. } | Self::Io { .. } => true,
            Self::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
            ),
            _ => false,
        }
    }

    /// What is wrong with the file's content.
    pub(super) fn damage(&self) -> Option<String> {
        if let Self::Damaged { source, .. } = self { Some(source.to_string()) } else { None }
    }

    /// Whether the file that is open can go on to be used.
    pub(super) fn leaves_it_open(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Locked { .. })
    }

    pub(super) fn sqlite(doing: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            _ if means_damage(&source) => Self::Damaged { path, source },
            _ => Self::Sqlite { doing, path, source },
        }
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            _ => Self::Io { doing, path, source },
        }
    }
}

/// Whether SQLite's error tells of the file's content, not of its surroundings.
pub(super) fn means_damage(error: &rusqlite::Error) -> bool {
    match error {
        // Columns of another type, or text that is not UTF-8, in a table that forbids them.
        rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        // Our own statements do not fit the file's tables; so does `Unknown`, which is SQLITE_ERROR.
        | rusqlite::Error::SqlInputError { .. } => true,
        _ => matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::Unknown
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::TypeMismatch
            )
        ),
    }
}
