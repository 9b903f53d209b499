//! A journal that is killed, rotated, emptied, full, damaged and gone: each attempt that is in it counts
//! once, and the service goes on.

mod damage;
mod flood;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use super::attempts::{Seen, await_rest, line};
use crate::support::house::{House, await_that};
use crate::support::journald::Journald;
use crate::support::soak::{figure, rounds};

/// So many attempts come in each round.
const ATTEMPTS: u32 = 20;

/// Nobody is banned, so that each attempt is told in the same words.
const PATIENT: &str = "[default]\nmaxretry = 100\n";

/// A house and the attempts in its journal.
struct Siege {
    house: House,
    seen: Seen,
    sent: u32,
}

impl Siege {
    fn new() -> Self {
        let house = House::guarded(PATIENT);
        let seen = Seen::by(&house);
        Self { house, seen, sent: 0 }
    }

    fn attack(&mut self) {
        for number in self.sent..self.sent + ATTEMPTS {
            self.house.journald.send_as("sshd", &line(number));
        }
        self.sent += ATTEMPTS;
    }

    fn await_all(&mut self) {
        self.seen.await_all(self.sent - ATTEMPTS..self.sent);
    }

    /// Ends it with the figure of the claim, if each attempt has counted once.
    fn end(mut self, claim: &str, rounds: u32) {
        assert_eq!(self.seen.repeated(), [], "found more than once");
        assert_eq!(self.seen.count(), self.sent as usize, "found at all");
        let service = self.house.service.as_mut().expect("it runs");
        assert!(service.try_wait().expect("a child").is_none(), "the service has ended");
        await_rest(&self.house);
        figure(claim, format!("{rounds} rounds, {0} attempts sent, {0} found once", self.sent));
    }
}

/// Has journald delete what it need not keep.
fn vacuum(journald: &Journald, how: &str) {
    let done = Command::new("journalctl")
        .args(["--quiet", how, "--namespace", journald.namespace()])
        .status();
    assert!(done.expect("journalctl runs").success());
}

#[test]
fn a_journald_that_is_killed_rotated_and_vacuumed_all_the_time_loses_no_attempt() {
    let mut siege = Siege::new();
    let rounds = rounds(24, 600);
    for round in 0..rounds {
        siege.attack();
        let journald = &mut siege.house.journald;
        match round % 6 {
            0 => journald.rotate(),
            1 => {
                // What it has not taken from its socket goes with it.
                siege.seen.await_all(siege.sent - ATTEMPTS..siege.sent);
                journald.restart();
            }
            2 => {
                journald.rotate();
                journald.rotate();
            }
            number => {
                siege.seen.await_all(siege.sent - ATTEMPTS..siege.sent);
                journald.rotate();
                let how = ["--vacuum-size=1", "--vacuum-time=1s", "--vacuum-files=1"];
                vacuum(journald, how[number as usize - 3]);
            }
        }
        siege.attack();
        siege.await_all();
    }
    siege.end("journald killed, rotated and vacuumed", rounds);
}

/// Nothing comes behind it that would have the service look again.
#[test]
fn an_attempt_that_is_alone_is_seen() {
    let mut siege = Siege::new();
    let rounds = rounds(1500, 30_000);
    for number in 0..rounds {
        siege.house.journald.send_as("sshd", &line(number));
        siege.sent += 1;
        siege.seen.await_all(number..number + 1);
    }
    siege.end("attempts that nothing followed", rounds);
}

#[test]
fn a_service_whose_place_in_the_journal_is_vacuumed_away_reads_on_behind_it() {
    let mut siege = Siege::new();
    let rounds = rounds(4, 100);
    for round in 1..=rounds {
        siege.attack();
        siege.await_all();
        let signal = if round % 2 == 0 { Signal::SIGTERM } else { Signal::SIGKILL };
        siege.house.end(signal);
        siege.house.journald.rotate();
        siege.house.journald.vacuum();
        siege.attack();
        siege.house.journald.sync();
        siege.house.start();
        siege.await_all();
        let told = siege.house.times_logged("the journal has no entry at the saved position");
        assert_eq!(told, round as usize, "it is told each time");
    }
    siege.end("the place in the journal is vacuumed away", rounds);
}

#[test]
fn a_namespace_that_vanishes_is_read_again_when_it_is_back() {
    let mut siege = Siege::new();
    let rounds = rounds(5, 200);
    for _ in 0..rounds {
        siege.attack();
        siege.await_all();
        fs::remove_dir_all(siege.house.journald.directory()).expect("a directory of files");
        siege.house.journald.restart();
        siege.attack();
        siege.await_all();
    }
    siege.end("the journal's namespace vanishes", rounds);
}

/// In a thread with mounts of its own, which go with it and with what it has started.
fn with_a_small_disk<T: Send>(bytes: &str, work: impl FnOnce() -> T + Send) -> T {
    let here = || {
        unshare(CloneFlags::CLONE_NEWNS).expect("mounts of its own");
        let none: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none).expect("mounts that nobody else sees");
        for root in ["/run/log/journal", "/var/log/journal"] {
            fs::create_dir_all(root).expect("a place for the journal");
            let size = format!("size={bytes},mode=0755");
            mount(Some("tmpfs"), root, Some("tmpfs"), MsFlags::empty(), Some(size.as_str()))
                .expect("a disk in memory");
        }
        work()
    };
    thread::scope(|scope| match scope.spawn(here).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Takes what is left of a disk.
fn fill(directory: &Path) -> PathBuf {
    let path = directory.join("others");
    let mut file = File::create(&path).expect("a file");
    while file.write_all(&[0; 4096]).is_ok() {}
    path
}

#[test]
fn a_full_disk_loses_nothing_that_journald_could_write() {
    let rounds = rounds(3, 60);
    with_a_small_disk("32m", || {
        let mut siege = Siege::new();
        for _ in 0..rounds {
            siege.attack();
            siege.await_all();
            let mut filled = Vec::new();
            for root in ["/run/log/journal", "/var/log/journal"] {
                filled.push(fill(Path::new(root)));
            }
            siege.house.journald.rotate();
            // Nobody can see what is not written; but what is written counts once.
            siege.attack();
            siege.house.journald.sync();
            for path in filled {
                fs::remove_file(path).expect("the disk is not full any more");
            }
            siege.house.journald.restart();
            siege.attack();
            siege.await_all();
        }
        assert_eq!(siege.seen.repeated(), [], "found more than once");
        let written = written(&siege.house);
        await_that("all that is there is found", || siege.seen.count() >= written);
        let written = siege.seen.count();
        await_rest(&siege.house);
        figure(
            "the journal's disk is full",
            format!("{rounds} rounds, {written} written, all found"),
        );
    });
}

/// How many attempts have ever come to the disk.
fn written(house: &House) -> usize {
    let all = Command::new("journalctl")
        .args(["--quiet", "--output=cat", "--namespace", house.journald.namespace()])
        .output()
        .expect("journalctl runs");
    String::from_utf8_lossy(&all.stdout)
        .lines()
        .filter(|it| it.starts_with("Failed password"))
        .count()
}
