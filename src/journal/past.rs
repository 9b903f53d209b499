//! The journal as it is now, from a point in time to its end, for the offline tools.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::slice;

use systemd::Journal;
use systemd::journal::OpenFilesOptions;

use super::error::{JournalError, Trouble};
use super::handle;
use super::intake::{Intake, Taken};
use super::watch::Watch;
use crate::keeper::{Place, SourceId, Timestamp};
use crate::record::{Origin, Record, Want};

/// Which entries are read.
#[derive(Clone, Debug)]
pub enum Past {
    /// Those of a journal.
    Journal(Origin),
    /// Those of these files.
    Files(Vec<PathBuf>),
}

/// Hands over the entries from `since` on that `want` wants, in the journal's order, until there are
/// no more or `take` breaks. Those whose message is too long are left out.
///
/// # Errors
///
/// When the journal cannot be opened or read, or not all of it may be.
pub fn read_past(
    past: &Past,
    want: &Want,
    since: Timestamp,
    mut take: impl FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<(), JournalError> {
    let read = |e: systemd::Error| JournalError::Read(e.into());
    check_access(past)?;
    let mut journal = open(past)?;
    let mut intake = Intake::new(slice::from_ref(want));
    handle::restrict(&mut journal, intake.told())?;
    handle::seek_time(&mut journal, since).map_err(read)?;
    let mut sequence = 0;
    while journal.next().map_err(read)? > 0 {
        let taken = intake.take(&mut journal).map_err(read)?;
        sequence += u64::from(taken != Taken::Unwanted);
        if taken != Taken::Whole {
            continue;
        }
        let time = handle::time_of(&journal).map_err(read)?;
        let place = Place { source: SourceId(0), sequence };
        let message = &intake.message();
        if take(Record { time, place, message, fields: intake.fields() }).is_break() {
            break;
        }
    }
    Ok(())
}

/// Whether all of it may be read: sd-journal passes over files that may not, and what it then finds
/// would be taken for the whole.
fn check_access(past: &Past) -> Result<(), JournalError> {
    let denied = match past {
        Past::Journal(origin) => {
            let watch = Watch::new(origin)?;
            match handle::check_access(watch.directories())? {
                Some(Trouble::Denied { path }) => Some(path),
                _ => None,
            }
        }
        Past::Files(paths) => {
            let is_denied = |path: &&PathBuf| {
                File::open(path).is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
            };
            paths.iter().find(is_denied).cloned()
        }
    };
    denied.map_or(Ok(()), |path| Err(JournalError::Denied { path }))
}

fn open(past: &Past) -> Result<Journal, JournalError> {
    let paths = match past {
        Past::Journal(origin) => return handle::open(origin),
        Past::Files(paths) => paths,
    };
    let opened = OpenFilesOptions::default()
        .open_files(paths.iter().map(|path| path.as_os_str().as_encoded_bytes()));
    opened.map_err(|e| JournalError::Open {
        journal: format!("the journal in {} files", paths.len()),
        source: e.into(),
    })
}
