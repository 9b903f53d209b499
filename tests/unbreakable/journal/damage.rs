//! Files of the journal that are damaged, in every place and at every time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::tempdir_in;

use super::super::attempts::{Seen, await_rest, line};
use super::PATIENT;
use crate::support::chance::Chance;
use crate::support::house::{House, await_that};
use crate::support::journald::{fixture, of_sshd};
use crate::support::soak::{figure, rounds};

/// So many attempts are in each file.
const ATTEMPTS: u32 = 150;

/// Attempts that are to be damaged come from numbers behind this one.
const DAMAGED: u32 = 0x80_0000;

/// So many files lie there at once, as many as journald leaves on a small machine.
const FILES: u32 = 40;

/// The size of a file's header, in bytes.
const HEADER: u64 = 272;

/// How a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    Truncated,
    Header,
    Flipped,
    Overwritten,
}

/// When it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    BeforeItIsThere,
    WhileItIsRead,
    BetweenRuns,
}

const DAMAGES: [Damage; 4] =
    [Damage::Truncated, Damage::Header, Damage::Flipped, Damage::Overwritten];
const TIMES: [When; 3] = [When::BeforeItIsThere, When::WhileItIsRead, When::BetweenRuns];

impl Damage {
    /// Does it, in the file as it is.
    fn strike(self, file: &File, chance: &mut Chance) {
        let length = file.metadata().expect("a file").len();
        let write = |bytes: &[u8], at| file.write_all_at(bytes, at).expect("the file is ours");
        match self {
            Self::Truncated => file.set_len(chance.next() % length).expect("the file is ours"),
            Self::Header => {
                for byte in chance.bytes(4) {
                    write(&[byte], chance.next() % HEADER);
                }
            }
            Self::Flipped => {
                for byte in chance.bytes(64) {
                    write(&[byte], chance.next() % length);
                }
            }
            Self::Overwritten => write(&chance.bytes(4096), chance.next() % (length - 4096)),
        }
    }
}

/// A house into whose journal files are put.
struct Ruin {
    house: House,
    seen: Seen,
    chance: Chance,
    files: u32,
    deaths: u32,
}

impl Ruin {
    /// Puts a file with attempts beside journald's own; its handle, for who damages it.
    fn put(&mut self, first: u32, damage: Option<Damage>) -> File {
        self.files += 1;
        let lines: Vec<String> = (first..first + ATTEMPTS).map(line).collect();
        // On the same file system, so that it is there at once and whole.
        let directory = self.house.journald.directory();
        let made =
            tempdir_in(directory.parent().expect("a root of journals")).expect("a directory");
        let name = |number: u32| format!("put{number}.journal");
        if let Some(old) = self.files.checked_sub(FILES).filter(|old| *old > 0) {
            fs::remove_file(directory.join(name(old))).expect("an old file");
        }
        let name = name(self.files);
        let path = made.path().join(&name);
        fixture(&path, &of_sshd(&lines, 2));
        let file = File::options().read(true).write(true).open(&path).expect("a file");
        if let Some(damage) = damage {
            damage.strike(&file, &mut self.chance);
        }
        fs::rename(path, directory.join(name)).expect("it can be moved");
        file
    }

    /// One file that is damaged, and one that is not, whose attempts count once.
    fn round(&mut self, number: u32) {
        let damage = self.chance.one_of(&DAMAGES);
        let when = self.chance.one_of(&TIMES);
        let (sound, damaged) = (number * ATTEMPTS, DAMAGED + number * ATTEMPTS);
        match when {
            When::BeforeItIsThere => drop(self.put(damaged, Some(damage))),
            When::WhileItIsRead => {
                let file = self.put(damaged, None);
                thread::sleep(Duration::from_millis(self.chance.next() % 40));
                damage.strike(&file, &mut self.chance);
            }
            When::BetweenRuns => {
                let file = self.put(damaged, None);
                self.end(Signal::SIGTERM);
                damage.strike(&file, &mut self.chance);
            }
        }
        self.put(sound, None);
        if self.house.service.is_none() {
            self.house.start();
        }
        await_that(&format!("round {number}, {damage:?} {when:?}"), || {
            self.revive(damage);
            self.seen.look().range(sound..sound + ATTEMPTS).count() == ATTEMPTS as usize
        });
    }

    /// What systemd does with a service that was killed: only a truncated file may do that.
    fn revive(&mut self, damage: Damage) {
        let service = self.house.service.as_mut().expect("it runs");
        let Some(status) = service.try_wait().expect("a child") else { return };
        assert_eq!(status.signal(), Some(Signal::SIGBUS as i32), "{damage:?}: {status}");
        assert_eq!(damage, Damage::Truncated, "{status}");
        self.deaths += 1;
        self.house.service = None;
        self.house.start();
    }

    fn end(&mut self, signal: Signal) {
        self.house.end(signal);
    }
}

#[test]
fn damage_costs_no_attempt_that_is_in_a_sound_file() {
    let house = House::guarded(PATIENT);
    let seen = Seen::by(&house);
    let mut ruin = Ruin { house, seen, chance: Chance::from_seed(7), files: 0, deaths: 0 };
    let rounds = rounds(30, 1000);
    for number in 0..rounds {
        ruin.round(number);
    }
    let sound = |it: &(u32, u32)| it.0 < DAMAGED;
    let repeated: Vec<_> = ruin.seen.repeated().into_iter().filter(sound).collect();
    assert_eq!(repeated, [], "found more than once");
    assert!(ruin.house.times_logged("it is damaged") > 0, "the trouble is told");
    await_rest(&ruin.house);
    figure(
        "damaged files",
        format!(
            "{rounds} files, {} sound attempts, all found once, {} deaths",
            rounds * ATTEMPTS,
            ruin.deaths
        ),
    );
}
