//! The edge of the lists of those who are never banned: their files, and when these change.

mod watch;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::rules::{self, List, TooLong};

pub use watch::Watch;

/// A larger file is not read: the longest list with long lines is smaller.
const BYTES_MAX: u64 = 16 << 20;

/// Why a list cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file is not there, or may not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is a directory, device or pipe.
    #[error("it is no file")]
    NotAFile,
    /// It is too large.
    #[error("it is larger than {} MiB", BYTES_MAX >> 20)]
    TooLarge,
    /// It is not UTF-8.
    #[error("it is not UTF-8 text: {0}")]
    NotText(#[source] std::str::Utf8Error),
    /// It has too many entries.
    #[error("{0}")]
    TooLong(TooLong),
}

/// Reads the list that stands in a file.
///
/// # Errors
///
/// When it cannot be read, or is no list.
pub fn read(path: &Path) -> Result<List, ListError> {
    // Opening a pipe must not wait for whoever writes to it.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(ListError::Unreadable)?;
    let metadata = file.metadata().map_err(ListError::Unreadable)?;
    if !metadata.is_file() {
        return Err(ListError::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(ListError::Unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(ListError::TooLarge);
    }
    let text = std::str::from_utf8(&bytes).map_err(ListError::NotText)?;
    rules::parse_list(text).map_err(ListError::TooLong)
}
