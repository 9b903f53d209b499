//! An entry at which a reader looks while journald is writing it down.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jailkeeper::record::Origin;
use tempfile::TempDir;

use super::{Running, from_the_beginning, wants};
use crate::support::journald::{Entry, fixture};

/// Where the header of a journal's file has the number of its entries, 64 bits with the lowest byte
/// first (systemd's JOURNAL_FILE_FORMAT).
const ENTRIES: u64 = 152;

/// A journal of one file with one entry, and what is in the file when it has another one.
struct Journal {
    directory: TempDir,
    path: PathBuf,
    with_both: Vec<u8>,
}

impl Journal {
    fn new(first: &'static str, second: &'static str) -> Self {
        let entry = |time: u64, text: &'static str| -> Entry<'static> {
            (1_700_000_000_000_000 + time, vec![("MESSAGE", text.as_bytes()), ("TAG", b"a")])
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("it.journal");
        let elsewhere = tempfile::tempdir().unwrap();
        let made = elsewhere.path().join("it.journal");
        fixture(&made, &[entry(0, first)]);
        fs::copy(&made, &path).unwrap();
        fixture(&made, &[entry(1, second)]);
        Self { directory, path, with_both: fs::read(&made).unwrap() }
    }

    fn reader(&self) -> Running {
        let origin = Origin::Directory(self.directory.path().to_owned());
        Running::new(&origin, &wants(&["TAG=a"]), from_the_beginning())
    }
}

/// journald raises the number of entries first, and puts the entry where it is found by its fields
/// then.
#[test]
fn an_entry_that_was_counted_before_it_could_be_found_is_read() {
    let journal = Journal::new("first", "second");
    let reader = journal.reader();
    assert_eq!(reader.entry().message, "first");
    let file = File::options().write(true).open(&journal.path).unwrap();
    file.write_all_at(&2_u64.to_le_bytes(), ENTRIES).unwrap();
    reader.settle(1);
    file.write_all_at(&journal.with_both, 0).unwrap();
    assert_eq!(reader.entry().message, "second");
}

/// journald writes into files that are mapped, which wakes nobody, and tells of it by and by. Here nobody
/// ever does.
#[test]
fn behind_an_attempt_an_entry_is_read_of_which_nobody_tells() {
    const MAPPED: &str = "import mmap, sys
entries = sys.stdin.buffer.read()
with open(sys.argv[1], 'r+b') as file, mmap.mmap(file.fileno(), len(entries)) as mapped:
    mapped[208:] = entries[208:]
    mapped[:208] = entries[:208]
";
    let journal = Journal::new("failed once", "failed twice");
    let reader = journal.reader();
    assert_eq!(reader.entry().message, "failed once");
    reader.settle(1);
    let mut writer = Command::new("python3");
    writer.args(["-c", MAPPED]).arg(&journal.path).stdin(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    writer.stdin.take().unwrap().write_all(&journal.with_both).unwrap();
    assert!(writer.wait().unwrap().success());
    assert_eq!(reader.entry().message, "failed twice");
}
