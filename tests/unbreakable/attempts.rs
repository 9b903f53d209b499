//! Attempts that are told apart: each comes from an address of its own, so that one that is lost or
//! counted twice is seen.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::support::house::{House, await_that};

/// Before the number's address in the service's log.
const FOUND: &str = "[sshd] Found ";

/// The address from which the attempt of this number comes.
pub(crate) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 | number)
}

/// The number of the attempt from this address, if it is one of these.
fn number(address: Ipv4Addr) -> Option<u32> {
    let number = address.to_bits() & 0x00ff_ffff;
    (self::address(number) == address).then_some(number)
}

/// Whose attempts a line of the log is about, and how many they are: one, or as many as it says of a
/// crowd.
fn attempts(found: &str) -> Option<(u32, u32)> {
    let (address, times) = match found.split_once(" (") {
        Some((address, crowd)) => (address, crowd.split_once(" more")?.0.parse().ok()?),
        None => (found, 1),
    };
    Some((number(address.parse().ok()?)?, times))
}

/// What sshd writes of it.
pub(crate) fn line(number: u32) -> String {
    format!("Failed password for root from {} port 4711 ssh2", address(number))
}

/// How often the service has found each attempt.
pub(crate) struct Seen {
    log: PathBuf,
    read: u64,
    times: BTreeMap<u32, u32>,
}

impl Seen {
    pub(crate) fn by(house: &House) -> Self {
        Self { log: house.path("log"), read: 0, times: BTreeMap::new() }
    }

    /// Takes what the log has that is new.
    pub(crate) fn look(&mut self) -> &BTreeMap<u32, u32> {
        let mut log = BufReader::new(File::open(&self.log).expect("the service's log"));
        log.seek(SeekFrom::Start(self.read)).expect("a place in the log");
        let mut line = String::new();
        while log.read_line(&mut line).expect("text") > 0 && line.ends_with('\n') {
            self.read += line.len() as u64;
            let found = line.split_once(FOUND).map(|(_, rest)| rest.trim_end());
            if let Some((number, times)) = found.and_then(attempts) {
                *self.times.entry(number).or_default() += times;
            }
            line.clear();
        }
        &self.times
    }

    /// Waits until all of these have been found.
    pub(crate) fn await_all(&mut self, numbers: Range<u32>) {
        let mut next = numbers.start;
        await_that(&format!("attempts {numbers:?} are found"), || {
            let times = self.look();
            while next < numbers.end && times.contains_key(&next) {
                next += 1;
            }
            next == numbers.end
        });
    }

    /// Those that were found more than once.
    pub(crate) fn repeated(&mut self) -> Vec<(u32, u32)> {
        self.look().iter().map(|(number, times)| (*number, *times)).filter(|it| it.1 > 1).collect()
    }

    /// How many have been found.
    pub(crate) fn count(&mut self) -> usize {
        self.look().len()
    }
}

/// Waits until the service takes less than a tenth of a processor: it is not busy with nothing.
pub(crate) fn await_rest(house: &House) {
    const SAMPLE: Duration = Duration::from_millis(500);
    // proc_pid_stat(5) counts in hundredths of a second.
    const MOST: u64 = 5;
    let pid = house.service.as_ref().expect("it runs").id();
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        let behind_name = stat.rsplit_once(") ").expect("a name").1;
        let times = behind_name.split(' ').skip(11).take(2);
        times.map(|time| time.parse::<u64>().expect("a number")).sum::<u64>()
    };
    await_that("the service is at rest", || {
        let before = ticks();
        thread::sleep(SAMPLE);
        ticks() - before < MOST
    });
}
