//! What rotation makes of a file's name, and where the rest of what was read from it is now.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::log::{Inode, Log};
use super::mark::Cursor;
use super::names::base;
use super::position::Mark;

/// At most so many files are taken for a file's past: logrotate(8) keeps a year of weeks.
const PAST_MAX: usize = 64;

/// Rotations come minutes apart at the least, so that this is never reached by accident.
const LOOKS_MAX: usize = 16;

/// Names that compressed files have, behind what rotation adds.
const COMPRESSED: [&[u8]; 6] = [b".gz", b".xz", b".zst", b".bz2", b".lz4", b".Z"];

/// What rotation added to a name. What is less is older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suffix {
    /// `-20261121`, `.2026-11-21` …
    Date(Vec<u8>),
    /// `.1`, `.2` …: the greater, the older.
    Number(Reverse<u32>),
}

impl Suffix {
    /// Whether both are numbers or both are dates of one form.
    fn is_kin(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Date(one), Self::Date(other)) => one.len() == other.len(),
            (Self::Number(_), Self::Number(_)) => true,
            _ => false,
        }
    }
}

/// What rotation added to `name`, if `old` is that: a dot and a number of at most four digits, or a
/// dot or hyphen and a date of at least eight digits (`dateext` of logrotate(8)).
pub(super) fn suffix(name: &[u8], old: &[u8]) -> Option<Suffix> {
    let [separator @ (b'.' | b'-'), number @ ..] = old.strip_prefix(name)? else { return None };
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_number = digits == number.len() && (1..=4).contains(&digits);
    if *separator == b'.' && is_number {
        return std::str::from_utf8(number)
            .ok()?
            .parse()
            .ok()
            .map(|number| Suffix::Number(Reverse(number)));
    }
    let is_date = number.iter().all(|byte| byte.is_ascii_digit() || b"-_.T".contains(byte));
    (is_date && digits >= 8).then(|| Suffix::Date(number.to_owned()))
}

/// Whether a file is by its name what rotation has made of another of `files`.
pub(super) fn is_past_of_another(path: &Path, files: &HashSet<PathBuf>) -> bool {
    let name = base(path);
    let plain = COMPRESSED.iter().find_map(|ending| name.strip_suffix(*ending)).unwrap_or(name);
    let cuts = plain.iter().enumerate().filter(|(_, byte)| b".-".contains(byte));
    cuts.into_iter().any(|(at, _)| {
        let Some(other) = plain.get(..at).filter(|other| !other.is_empty()) else { return false };
        suffix(other, plain).is_some()
            && files.contains(&path.with_file_name(OsStr::from_bytes(other)))
    })
}

/// Whether a file is by its name compressed.
pub(super) fn is_packed(path: &Path) -> bool {
    COMPRESSED.iter().any(|ending| base(path).ends_with(ending))
}

/// A file that is by its name the past of another.
#[derive(Debug)]
struct Old {
    suffix: Suffix,
    log: Log,
}

/// The past of `path`, open, without those that are held already.
///
/// A rotation in the middle of looking moves a file to a name that was passed already, or that there
/// was not yet. So it is looked until nothing has changed meanwhile.
fn past(path: &Path, held: &[Inode]) -> Vec<Old> {
    let place = |old: &Old| (old.suffix.clone(), old.log.inode());
    let mut found = look(path, held);
    for _ in 0..LOOKS_MAX {
        let before: Vec<_> = found.iter().map(place).collect();
        found = look(path, held);
        if found.iter().map(place).eq(before) {
            break;
        }
    }
    found
}

fn look(path: &Path, held: &[Inode]) -> Vec<Old> {
    let Some(listed) = path.parent().and_then(|directory| fs::read_dir(directory).ok()) else {
        return Vec::new();
    };
    let mut named: Vec<(Suffix, PathBuf)> = listed
        .flatten()
        .filter_map(|entry| {
            let old = suffix(base(path), entry.file_name().as_bytes())?;
            Some((old, entry.path()))
        })
        .collect();
    // The youngest first.
    named.sort_by(|one, other| other.cmp(one));
    let mut past: Vec<Old> = Vec::new();
    for (suffix, old) in named.into_iter().take(PAST_MAX) {
        // What cannot be opened, or is compressed, has no rest for us.
        if let Ok(log) = Log::open(&old)
            && !held.contains(&log.inode())
            && !past.iter().any(|other| other.log.inode() == log.inode())
            && !log.is_compressed()
        {
            past.push(Old { suffix, log });
        }
    }
    past
}

/// The file in which a place is, wherever its name is now: its own, or in the past of `path`.
pub(super) fn holder_of(path: &Path, mark: &Mark, held: &[Inode]) -> Option<Log> {
    let mut candidates: Vec<Log> = past(path, held).into_iter().map(|old| old.log).collect();
    candidates.extend(Log::open(path).ok().filter(|log| !held.contains(&log.inode())));
    let inode = (mark.device, mark.inode);
    // The file itself; or one that has what it had: a copy, or the same from a backup.
    candidates.sort_by_key(|log| log.inode() != inode);
    let cursor = Cursor::of(mark);
    candidates
        .into_iter()
        .find(|log| (cursor.offset > 0 || log.inode() == inode) && log.has(cursor))
        .map(|log| log.placed(cursor))
}

/// The copy that was made of a file before it was emptied, if it has more than was read.
pub(super) fn copy_of(path: &Path, cursor: Cursor, held: &[Inode]) -> Option<Log> {
    if cursor.offset == 0 {
        return None;
    }
    let found = past(path, held).into_iter().find(|old| old.log.has(cursor));
    found.map(|old| old.log.placed(cursor))
}

/// The files that had the name after `last` and before `current`, oldest first; without `current`,
/// before now.
pub(super) fn missed(path: &Path, last: &Log, current: Option<&Log>, held: &[Inode]) -> Vec<Log> {
    let mut held = held.to_owned();
    held.retain(|inode| *inode != last.inode());
    let past = past(path, &held);
    let cursor = last.cursor();
    let suffix_of = |log: &Log| {
        past.iter().find(|old| old.log.inode() == log.inode()).map(|old| old.suffix.clone())
    };
    let (first, end) = (suffix_of(last), current.and_then(suffix_of));
    let time = last.changed();
    // By their names; by their times, where these are of different kinds or unknown.
    let is_later = |old: &Old| match &first {
        Some(first) if first.is_kin(&old.suffix) => *first < old.suffix,
        _ => old.log.changed() > time,
    };
    let is_earlier = |old: &Old| match &end {
        Some(end) if end.is_kin(&old.suffix) => old.suffix < *end,
        _ => true,
    };
    let ends = [Some(last.inode()), current.map(Log::inode)];
    let is_other = |old: &Old| !ends.contains(&Some(old.log.inode()));
    let is_copy = |old: &Old| cursor.offset > 0 && old.log.has(cursor);
    let mut missed: Vec<Old> = past
        .into_iter()
        .filter(|old| is_other(old) && is_later(old) && is_earlier(old) && !is_copy(old))
        .collect();
    missed.sort_by(|one, other| one.suffix.cmp(&other.suffix));
    missed.into_iter().map(|old| old.log).collect()
}
