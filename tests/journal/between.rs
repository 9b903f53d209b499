//! An entry at which a reader looks while journald is writing it down.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use jailkeeper::record::Origin;

use super::{Running, from_the_beginning, wants};
use crate::support::journald::{Entry, fixture};

/// Where the header of a journal's file has the number of its entries, 64 bits with the lowest byte
/// first (systemd's JOURNAL_FILE_FORMAT).
const ENTRIES: u64 = 152;

/// journald raises the number of entries first, and puts the entry where it is found by its fields
/// then.
#[test]
fn an_entry_that_was_counted_before_it_could_be_found_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("it.journal");
    let elsewhere = tempfile::tempdir().unwrap();
    let made = elsewhere.path().join("it.journal");
    let entry = |time: u64, text: &'static str| -> Entry<'static> {
        (1_700_000_000_000_000 + time, vec![("MESSAGE", text.as_bytes()), ("TAG", b"a")])
    };
    fixture(&made, &[entry(0, "first")]);
    fs::copy(&made, &path).unwrap();
    fixture(&made, &[entry(1, "second")]);
    let whole = fs::read(&made).unwrap();

    let origin = Origin::Directory(directory.path().to_owned());
    let reader = Running::new(&origin, &wants(&["TAG=a"]), from_the_beginning());
    assert_eq!(reader.entry().message, "first");
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&2_u64.to_le_bytes(), ENTRIES).unwrap();
    reader.settle(1);
    file.write_all_at(&whole, 0).unwrap();
    assert_eq!(reader.entry().message, "second");
}

/// journald writes into files that are mapped, which wakes nobody, and tells of it by and by. Here nobody
/// ever does.
#[test]
fn behind_an_attempt_an_entry_is_read_of_which_nobody_tells() {
    const MAPPED: &str = "import mmap, sys
entries = open(sys.argv[1], 'rb').read()
with open(sys.argv[2], 'r+b') as file, mmap.mmap(file.fileno(), 0) as mapped:
    mapped[208:] = entries[208:]
    mapped[:208] = entries[:208]
";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("it.journal");
    let elsewhere = tempfile::tempdir().unwrap();
    let made = elsewhere.path().join("it.journal");
    let entry = |time: u64, text: &'static str| -> Entry<'static> {
        (1_700_000_000_000_000 + time, vec![("MESSAGE", text.as_bytes()), ("TAG", b"a")])
    };
    fixture(&made, &[entry(0, "failed once")]);
    fs::copy(&made, &path).unwrap();
    fixture(&made, &[entry(1, "failed twice")]);
    assert_eq!(fs::metadata(&made).unwrap().len(), fs::metadata(&path).unwrap().len());

    let origin = Origin::Directory(directory.path().to_owned());
    let reader = Running::new(&origin, &wants(&["TAG=a"]), from_the_beginning());
    assert_eq!(reader.entry().message, "failed once");
    reader.settle(1);
    let written = Command::new("python3").args(["-c", MAPPED]).args([&made, &path]).status();
    assert!(written.unwrap().success());
    assert_eq!(reader.entry().message, "failed twice");
}
