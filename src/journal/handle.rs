//! The handle of sd-journal: opened, placed, and told what to return.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use systemd::Journal;
use systemd::journal::{OpenDirectoryOptions, OpenOptions};

use super::error::{JournalError, Trouble};
use crate::keeper::Timestamp;
use crate::record::{Fields, MESSAGE_BYTES_MAX, Matches, Origin, is_namespace};

/// sd-journal decompresses this much of a field: a message that is not too long, whole, and one
/// byte more, by which one that is too long is known.
const DATA_THRESHOLD: usize = "MESSAGE=".len() + MESSAGE_BYTES_MAX + 1;

/// The least size of a file's header, in bytes ("Header" in "Journal File Format" of systemd's
/// documentation).
const HEADER_SIZE: u64 = 208;

/// Opens the journal. Changes from here on are noticed.
pub(super) fn open(origin: &Origin) -> Result<Journal, JournalError> {
    if let Origin::Namespace(name) = origin
        && !is_namespace(name)
    {
        return Err(JournalError::NotANamespace { name: name.clone() });
    }
    let opened = match origin {
        // The machine's own: journals of containers lie beside it, and theirs are not our attackers.
        Origin::System => OpenOptions::default().local_only(true).open(),
        Origin::Namespace(name) => {
            OpenOptions::default().local_only(true).open_namespace(name.as_str())
        }
        Origin::Directory(path) => {
            OpenDirectoryOptions::default().open_directory(path.as_os_str().as_encoded_bytes())
        }
    };
    let ready = opened.and_then(|mut journal| {
        journal.set_data_threshold(DATA_THRESHOLD)?;
        // The first call makes the inotify and looks at the directories once more.
        journal.fd()?;
        Ok(journal)
    });
    ready.map_err(|e| JournalError::Open { journal: name_of(origin), source: e.into() })
}

fn name_of(origin: &Origin) -> String {
    match origin {
        Origin::System => "the system's journal".to_owned(),
        Origin::Namespace(name) => format!("the journal of the namespace \"{name}\""),
        Origin::Directory(path) => format!("the journal in {}", path.display()),
    }
}

/// Finds out whether the journal's files may be read: sd-journal passes over those that may not.
///
/// # Errors
///
/// When none may be read though there are some.
pub(super) fn check_access<'a>(
    directories: impl Iterator<Item = &'a Path>,
) -> Result<Option<Trouble>, JournalError> {
    let mut denied: Option<PathBuf> = None;
    let mut readable = false;
    for path in directories.flat_map(files_in) {
        match path.and_then(|path| File::open(&path).map_err(|e| (path, e))) {
            Ok(_) => readable = true,
            Err((path, e)) if e.kind() == io::ErrorKind::PermissionDenied => {
                denied.get_or_insert(path);
            }
            // It was deleted meanwhile; anything worse sd-journal tells when it reads.
            Err(_) => {}
        }
    }
    match denied {
        Some(path) if !readable => Err(JournalError::Denied { path }),
        denied => Ok(denied.map(|path| Trouble::Denied { path })),
    }
}

type Found = Result<PathBuf, (PathBuf, io::Error)>;

/// The files of a journal in a directory; the directory itself where it cannot be listed.
pub(super) fn files_in(directory: &Path) -> Vec<Found> {
    match fs::read_dir(directory) {
        Err(e) => vec![Err((directory.to_owned(), e))],
        Ok(entries) => entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "journal"))
            .map(Ok)
            .collect(),
    }
}

/// The files that sd-journal does not read although it may: it passes over those that are damaged
/// or of a format that it does not know, at the start or when it comes upon the damage, and says
/// nothing. Those that it reads it holds open.
pub(super) fn files_left_out<'a>(
    directories: impl Iterator<Item = &'a Path>,
) -> io::Result<BTreeSet<PathBuf>> {
    let mut held = BTreeSet::new();
    for descriptor in fs::read_dir("/proc/self/fd")? {
        // The one of this listing is gone by now, as those that other threads have closed.
        if let Ok(file) = fs::metadata(descriptor?.path()) {
            held.insert((file.dev(), file.ino()));
        }
    }
    let left_out = |path: &PathBuf| {
        let Ok(file) = File::open(path).and_then(|file| file.metadata()) else { return false };
        // journald has just made it and writes the header next.
        let is_begun = file.len() >= HEADER_SIZE;
        is_begun && !held.contains(&(file.dev(), file.ino()))
    };
    Ok(directories.flat_map(files_in).flatten().filter(left_out).collect())
}

/// Where a handle stands.
pub(super) struct Standing {
    /// Whether the handle is on an entry that has not been read.
    pub(super) on_unread: bool,
    /// What went wrong with the cursor.
    pub(super) trouble: Option<Trouble>,
}

/// Places a fresh handle behind the entry at `cursor`, or where there is none, at the first entry
/// from `since` on; from here on it returns only what `wanted` wants.
pub(super) fn place(
    journal: &mut Journal,
    wanted: &Matches,
    cursor: Option<&str>,
    since: Timestamp,
) -> Result<Standing, JournalError> {
    let read = |e: systemd::Error| JournalError::Read(e.into());
    let Some(cursor) = cursor else {
        restrict(journal, wanted)?;
        seek_time(journal, since).map_err(read)?;
        return Ok(Standing { on_unread: false, trouble: None });
    };
    // Looked for among all entries: the one at the cursor may be there and not wanted any more.
    let is_there = match seek(journal, cursor) {
        Ok(found) => found == Landing::Itself,
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            restrict(journal, wanted)?;
            seek_time(journal, since).map_err(read)?;
            let trouble = Trouble::CursorRefused { cursor: cursor.to_owned() };
            return Ok(Standing { on_unread: false, trouble: Some(trouble) });
        }
        Err(e) => return Err(read(e)),
    };
    restrict(journal, wanted)?;
    let found = seek(journal, cursor).map_err(read)?;
    let next = (found == Landing::Later).then(|| time_of(journal)).transpose().map_err(read)?;
    let trouble = (!is_there).then_some(Trouble::CursorGone { next });
    Ok(Standing { on_unread: found == Landing::Later, trouble })
}

/// Has a handle that has come to the end forget that; whether it stands on an entry now that has not
/// been read.
///
/// sd-journal looks for more in a file when that has more entries than it had at the end, and journald
/// counts an entry before it can be found by its fields (seen with systemd 252): who looks between the
/// two passes over that entry for as long as it is the last.
pub(super) fn look_anew(journal: &mut Journal) -> Result<bool, JournalError> {
    let Ok(cursor) = journal.cursor() else { return Ok(false) };
    let landing = seek(journal, &cursor).map_err(|e| JournalError::Read(e.into()))?;
    Ok(landing == Landing::Later)
}

/// Where a seek has led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Landing {
    Nothing,
    Itself,
    Later,
}

fn seek(journal: &mut Journal, cursor: &str) -> systemd::Result<Landing> {
    journal.seek_cursor(cursor)?;
    if journal.next()? == 0 {
        return Ok(Landing::Nothing);
    }
    let itself = journal.test_cursor(cursor)? || is_copy(&journal.cursor()?, cursor);
    Ok(if itself { Landing::Itself } else { Landing::Later })
}

/// Whether two cursors are of one entry that journald has copied from `/run` to `/var`: it has
/// another number in another sequence (`i=` and `s=`), and the same boot, times and content.
pub(super) fn is_copy(one: &str, other: &str) -> bool {
    fn essence(cursor: &str) -> impl Iterator<Item = &str> {
        cursor.split(';').filter(|part| !part.starts_with("s=") && !part.starts_with("i="))
    }
    essence(one).eq(essence(other))
}

pub(super) fn seek_time(journal: &mut Journal, time: Timestamp) -> systemd::Result<()> {
    journal.seek_realtime_usec(u64::try_from(time.micros()).unwrap_or(0))
}

/// When the entry at which the handle stands was written.
pub(super) fn time_of(journal: &Journal) -> systemd::Result<Timestamp> {
    let micros = journal.timestamp_usec()?;
    Ok(Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
}

/// Fills `fields` from the entry at which the handle stands.
pub(super) fn read_fields(journal: &mut Journal, fields: &mut Fields) -> systemd::Result<()> {
    for (name, value) in fields.slots() {
        let field = journal.get_data(name)?;
        *value = field.and_then(|field| Some(String::from_utf8_lossy(field.value()?).into_owned()));
    }
    Ok(())
}

/// Matches on different fields in a row are a conjunction, those on one field a disjunction.
pub(super) fn restrict(journal: &mut Journal, wanted: &Matches) -> Result<(), JournalError> {
    for (index, alternative) in wanted.alternatives().iter().enumerate() {
        if index > 0 {
            journal.match_or().map_err(|e| JournalError::Read(e.into()))?;
        }
        for (field, values) in alternative {
            for value in values {
                journal.match_add(field, value.as_bytes()).map_err(|e| JournalError::Match {
                    field: field.clone(),
                    value: value.clone(),
                    source: e.into(),
                })?;
            }
        }
    }
    Ok(())
}
