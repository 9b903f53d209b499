//! Power loss: the service's own writes to the state file, as the kernel was asked for them, up to
//! any of them, and of what was not forced to the disk any sectors.

mod tape;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use jailkeeper::keeper::Timestamp;
use jailkeeper::store::{Opened, Saved, Store};
use nix::sys::signal::Signal;

use super::damage::memory_directory;
use super::sample;
use crate::support::chance::Chance;
use crate::support::house::{House, await_that};
use crate::support::netns::Netns;
use crate::support::soak::{figure, rounds};
use tape::{Disk, FILES, Operation, Tape};

const MAXRETRY: usize = 3;

/// Enough for the log to be worked into the file while the service runs, and begun anew.
const OFFENDERS: u32 = 600;

/// Every third one fails once less than is a ban.
fn is_guilty(offender: u32) -> bool {
    offender % 3 != 1
}

fn address(offender: u32) -> String {
    format!("10.0.{}.{}", offender / 100, offender % 100)
}

#[test]
fn after_a_power_loss_the_state_is_that_of_one_commit_and_the_rest_is_read_again() {
    let mut house =
        House::guarded("[default]\nmaxretry = 3\nfindtime = \"1d\"\nbantime = \"1d\"\n");
    let (before, tape) = recorded(&mut house);
    let mut chance = Chance::new();
    let commits = commits(&before, &tape);
    let bans = bans_are_forced(&tape, &commits);
    figure("commits with a ban, each forced to the disk before anybody is told", bans);
    let mut wholes = BTreeMap::new();
    let cases = rounds(80, 5_000);
    for _ in 0..cases {
        let at = chance.below(tape.operations.len() + 1);
        let disk = tape.up_to(at, &before);
        let opened = open(&disk.after_power_loss(&mut chance));
        assert_eq!((opened.set_aside, &opened.saved.nonsense), (None, &None), "operation {at}");
        nothing_is_lost_or_counted_twice(&opened.saved);
        let commit = commits.iter().position(|commit| commit.read == read_in(&opened.saved));
        let Some(commit) = commit else { panic!("operation {at}: that was never saved") };
        let made = commits[commit].made;
        assert!(made <= at, "operation {at}: that commit was not made yet");
        let next = commits.get(commit + 1).map_or(usize::MAX, |commit| commit.made);
        assert!(next > disk.log_synced_at(), "operation {at}: what was synced is not there");
        let whole = wholes
            .entry(commit)
            .or_insert_with(|| sample::lines(&open(&tape.up_to(made, &before).whole()).saved));
        assert_eq!(&sample::lines(&opened.saved), whole, "operation {at}: commit {commit}");
    }
    assert!(wholes.len() > 10, "they differ: {:?}", wholes.keys());
    figure("power losses at any write, each with the state of one commit", cases);

    let starts = rounds(3, 50);
    for _ in 0..starts {
        let at = chance.below(tape.operations.len() + 1);
        let left = tape.up_to(at, &before).after_power_loss(&mut chance);
        starts_again(&mut house, &left);
    }
    figure("starts after a power loss, everybody banned who should be and nobody else", starts);
}

/// The files before, and what the service did to them while all offenders tried.
fn recorded(house: &mut House) -> ([Vec<u8>; 2], Tape) {
    // So that the file is there, and nothing is under way.
    house.end(Signal::SIGTERM);
    house.start();
    let recorder = tape::Recorder::attach(house);
    let before = FILES.map(|name| fs::read(house.path("state").join(name)).unwrap_or_default());
    for offender in 0..OFFENDERS {
        let tries = if is_guilty(offender) { MAXRETRY } else { MAXRETRY - 1 };
        house.fails(&address(offender), tries);
        thread::sleep(Duration::from_millis(13));
    }
    house.await_log(&format!("[sshd] Ban {}", address(OFFENDERS - 1)), 1);
    house.end(Signal::SIGTERM);
    (before, recorder.finish())
}

/// What the state file has from some operation on.
struct Commit {
    /// So many operations make it.
    made: usize,
    /// How many attempts were read.
    read: u64,
    bans: usize,
}

fn commits(before: &[Vec<u8>; 2], tape: &Tape) -> Vec<Commit> {
    let mut disk = Disk::new(before);
    let mut commits: Vec<Commit> = Vec::new();
    for (made, operation) in (0..).zip(&tape.operations) {
        if made == 0 || tape.commits.contains(&made) {
            let saved = open(&disk.whole()).saved;
            let (read, bans) = (read_in(&saved), saved.bans.len());
            // What was saved before is worked into its tables by a transaction of its own.
            if commits.last().is_none_or(|last| (last.read, last.bans) != (read, bans)) {
                commits.push(Commit { made, read, bans });
            }
        }
        disk.take(operation);
    }
    commits
}

/// How many commits have a ban more than the one before. What comes next of each is that it is forced
/// to the disk.
fn bans_are_forced(tape: &Tape, commits: &[Commit]) -> usize {
    let with_bans = commits.windows(2).filter(|pair| pair[1].bans > pair[0].bans);
    let forced = |pair: &[Commit]| {
        let next = tape.operations.get(pair[1].made);
        assert!(next.is_some_and(Operation::forces_the_log), "operation {}", pair[1].made);
    };
    let count = with_bans.map(forced).count();
    assert!(count > 20, "{count}");
    count
}

fn read_in(saved: &Saved) -> u64 {
    saved.positions.iter().map(|(_, at)| at.sequence).max().unwrap_or(0)
}

/// What is counted is just what was read: the position moves by one with each attempt.
fn nothing_is_lost_or_counted_twice(saved: &Saved) {
    let windows: usize = saved.windows.iter().map(|(_, _, times)| times.len()).sum();
    let banned: usize = saved.bans.iter().map(|(_, _, ban)| ban.attempts as usize).sum();
    assert_eq!((windows + banned) as u64, read_in(saved), "{saved:#?}");
}

fn open(files: &[Vec<u8>; 2]) -> Opened {
    let place = memory_directory();
    lay_out(place.path(), files);
    let now = Timestamp::from_seconds(1_700_000_000);
    Store::open(place.path(), now).expect("the state file opens")
}

fn lay_out(place: &Path, files: &[Vec<u8>; 2]) {
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(place.join(name), bytes).expect("a file");
    }
}

/// The host comes back, with an empty kernel and the journal.
fn starts_again(house: &mut House, files: &[Vec<u8>; 2]) {
    house.network = Netns::new();
    fs::remove_dir_all(house.path("state")).expect("the state");
    fs::create_dir(house.path("state")).expect("a directory");
    lay_out(&house.path("state"), files);
    house.start();
    await_that("everybody is banned who should be", || {
        let set = house.set("sshd4");
        (0..OFFENDERS).all(|it| !is_guilty(it) || set.contains(&format!("{} ", address(it))))
    });
    let set = house.set("sshd4");
    for innocent in (0..OFFENDERS).filter(|it| !is_guilty(*it)) {
        assert!(!set.contains(&format!("{} ", address(innocent))), "{innocent} is banned:\n{set}");
    }
    house.end(Signal::SIGKILL);
}
