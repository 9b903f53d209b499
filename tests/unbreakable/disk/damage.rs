//! The state file with damage at any byte, of the file itself and of its log.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jailkeeper::keeper::Roster;
use jailkeeper::store::{Store, StoreError, Whole};

use super::sample::{self, NOW};
use crate::support::soak::{figure, rounds};

const FILES: [&str; 2] = ["state.db", "state.db-wal"];

/// What becomes of a byte.
const DAMAGES: [fn(u8) -> u8; 3] = [|byte| byte ^ 0x10, |_| 0, |_| 0xff];

/// How often damage was noticed, and how.
#[derive(Debug, Default)]
struct Tally {
    harmless: u32,
    rows_left_out: u32,
    set_aside: u32,
    refused: u32,
}

#[test]
fn damage_at_any_byte_is_noticed_and_nobody_is_banned_for_it() {
    let mut tally = Tally::default();
    let place = memory_directory();
    drop(sample::filled(place.path(), 0..40));
    damage_everywhere(&FILES[..1], place.path(), &mut tally);
    // With a log behind it, as a crash leaves it.
    let (store, _) = sample::filled(place.path(), 40..42);
    damage_everywhere(&FILES, place.path(), &mut tally);
    drop(store);
    let Tally { harmless, rows_left_out, set_aside, refused } = tally;
    eprintln!("{tally:?}");
    assert!(rows_left_out > 0 && set_aside > 0, "{tally:?}");
    figure(
        "damaged bytes of the state file, none a wrong ban",
        harmless + rows_left_out + set_aside + refused,
    );
}

/// Each byte of these files for each kind of damage; or every 97th, with another kind each time.
fn damage_everywhere(names: &[&str], sound: &Path, tally: &mut Tally) {
    let files: Vec<Vec<u8>> =
        names.iter().map(|name| fs::read(sound.join(name)).expect("a file")).collect();
    let place = memory_directory();
    lay_out(place.path(), &files);
    let truth = sample::lines(&Store::open(place.path(), NOW).expect("it opens").saved);
    let step = rounds(97 * 3 + 1, 1) as usize;
    for (name, bytes) in names.iter().zip(&files) {
        for case in (0..bytes.len() * DAMAGES.len()).step_by(step) {
            let (at, damage) = (case / DAMAGES.len(), DAMAGES[case % DAMAGES.len()]);
            let mut damaged = bytes.clone();
            damaged[at] = damage(bytes[at]);
            if damaged[at] != bytes[at] {
                lay_out(place.path(), &files);
                fs::write(place.path().join(name), &damaged).expect("damage");
                judge(place.path(), &truth, (name, at), tally);
            }
        }
    }
}

/// Opens what is damaged. What it says was true, and what was counted of a source that is read again
/// is forgotten; it can be written to, or it is refused with a word.
fn judge(place: &Path, truth: &BTreeSet<String>, at: (&str, usize), tally: &mut Tally) {
    let mut opened = match Store::open(place, NOW) {
        Ok(opened) => opened,
        // The four bytes of the header that tell the layout, and nothing else.
        Err(StoreError::Newer { .. }) => {
            assert!(at.0 == "state.db" && (60..64).contains(&at.1), "refused: {at:?}");
            tally.refused += 1;
            return;
        }
        Err(error) => panic!("{at:?}: {error}"),
    };
    assert!(opened.trouble.is_none(), "{at:?}: {:?}", opened.trouble);
    let lines = sample::lines(&opened.saved);
    // The log's commits behind the damage are not there: the position is an earlier one.
    let wrong: Vec<_> = lines
        .difference(truth)
        .filter(|line| at.0 == "state.db" || !line.starts_with("position "))
        .collect();
    assert!(wrong.is_empty(), "{at:?}: {wrong:?}");
    if opened.saved.positions.is_empty() {
        assert_eq!(opened.saved.windows, [], "{at:?}");
    }
    match (&opened.set_aside, &opened.saved.nonsense) {
        (Some(_), _) => tally.set_aside += 1,
        (None, Some(_)) => tally.rows_left_out += 1,
        (None, None) => tally.harmless += 1,
    }
    if at.0 == "state.db" && opened.set_aside.is_none() && opened.saved.nonsense.is_none() {
        assert_eq!(&lines, truth, "{at:?}: something is missing and nobody was told");
    }
    let whole = Whole { now: NOW, jails: &[], writes: &[], positions: &[] };
    opened.store.rewrite(&Roster::default(), whole).expect("it is writable");
}

/// Puts the files of a state into a directory, and nothing else.
fn lay_out(place: &Path, files: &[Vec<u8>]) {
    for entry in fs::read_dir(place).expect("a directory").flatten() {
        fs::remove_file(entry.path()).expect("a file");
    }
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(place.join(name), bytes).expect("a file");
    }
}

/// In memory: what is to be tried here is content, and there is much of it.
pub(super) fn memory_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").expect("a directory")
}
