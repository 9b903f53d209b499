//! A hundred thousand entries a second, and attempts among them.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::tempdir_in;

use super::super::attempts::{Seen, line};
use super::PATIENT;
use crate::support::house::{House, PATIENCE, await_that, text};
use crate::support::journald::{Entry, fixture, present};
use crate::support::soak::{figure, rounds};

/// What a second brings, and how many of them are attempts.
const ENTRIES: u32 = 100_000;
const ATTEMPTS: u32 = 100;

/// How long a service may be silent before it is killed.
const WATCHDOG: Duration = Duration::from_secs(10);

/// The most that the unit grants it, in KiB, is 512 MiB; more than half of that is a leak.
const MEMORY_KIB: u64 = 256 << 10;

/// Makes the file of one second that begins at this microsecond since the epoch.
fn second(file: &Path, begin: u64, number: u32) {
    let every = ENTRIES / ATTEMPTS;
    let texts: Vec<String> = (0..ENTRIES)
        .map(|entry| {
            if entry % every == 0 {
                line(number * ATTEMPTS + entry / every)
            } else {
                format!("(root) CMD (a job of the hour, number {number}/{entry})")
            }
        })
        .collect();
    let gap = 1_000_000 / u64::from(ENTRIES);
    let entries: Vec<Entry<'_>> = (begin..)
        .step_by(usize::try_from(gap).expect("small"))
        .zip(&texts)
        .map(|(time, text)| {
            let comm: &[u8] = if text.starts_with("Failed") { b"sshd" } else { b"cron" };
            (time, vec![("MESSAGE", text.as_bytes()), ("_COMM", comm), ("_UID", b"0")])
        })
        .collect();
    fixture(file, &entries);
}

/// The longest time between two beats for the watchdog, while `stop` is not set.
fn longest_silence(socket: &UnixDatagram, stop: &AtomicBool) -> Duration {
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let heard = socket.recv(&mut buffer).map(|length| text(&buffer[..length]));
        longest = longest.max(last.elapsed());
        if heard.is_ok_and(|it| it.contains("WATCHDOG=1")) {
            last = Instant::now();
        }
    }
    longest
}

/// The longest time that a call took, while `stop` is not set.
fn slowest_call(house: &House, stop: &AtomicBool) -> Duration {
    let mut slowest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        assert!(house.client(&["status"]).status.success(), "it answers");
        slowest = slowest.max(start.elapsed());
        thread::sleep(Duration::from_millis(200));
    }
    slowest
}

/// The most memory that it has ever had, in KiB.
fn memory(house: &House) -> u64 {
    let pid = house.service.as_ref().expect("it runs").id();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    most.split_ascii_whitespace().next().and_then(|it| it.parse().ok()).expect("a number")
}

#[test]
fn a_hundred_thousand_entries_a_second_hide_no_attempt() {
    let mut house = House::new(PATIENT);
    let path = house.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket for the service manager");
    house.environment = vec![
        ("NOTIFY_SOCKET", path.to_string_lossy().into_owned()),
        ("WATCHDOG_USEC", WATCHDOG.as_micros().to_string()),
    ];
    let seconds = rounds(5, 60);
    let directory = house.journald.directory();
    // On the same file system, so that a file is there at once and whole.
    let made = tempdir_in(directory.parent().expect("a root of journals")).expect("a directory");
    let begin = present();
    let file = |number: u32| format!("second{number}.journal");
    for number in 0..seconds {
        second(&made.path().join(file(number)), begin + u64::from(number) * 1_000_000, number);
    }
    house.start();
    let mut seen = Seen::by(&house);
    let stop = AtomicBool::new(false);
    let (silence, call, late) = thread::scope(|scope| {
        let silence = scope.spawn(|| longest_silence(&socket, &stop));
        let call = scope.spawn(|| slowest_call(&house, &stop));
        let start = Instant::now();
        for number in 0..seconds {
            let due = Duration::from_secs(number.into());
            thread::sleep(due.saturating_sub(start.elapsed()));
            fs::rename(made.path().join(file(number)), directory.join(file(number)))
                .expect("a file");
        }
        let all = (seconds * ATTEMPTS) as usize;
        // Who cannot keep up has the journal as the buffer.
        let deadline = Instant::now() + PATIENCE * seconds;
        while seen.look().len() < all && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        let late = start.elapsed().saturating_sub(Duration::from_secs(seconds.into()));
        stop.store(true, Ordering::Relaxed);
        (silence.join().expect("it listens"), call.join().expect("it calls"), late)
    });
    assert_eq!(seen.repeated(), [], "found more than once");
    assert_eq!(seen.count(), (seconds * ATTEMPTS) as usize, "found at all");
    assert!(silence < WATCHDOG, "the watchdog would have killed it after {silence:?}");
    let memory = memory(&house);
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    await_that("it still hears journald", || {
        house.fails("198.51.100.1", 1);
        house.times_logged("Found 198.51.100.1") > 0
    });
    figure(
        "100,000 entries a second",
        format!(
            "{seconds} s, {0} attempts sent, {0} found once, {late:.1?} late, calls within \
             {call:.1?}, the watchdog fed within {silence:.1?}, {1} MiB",
            seconds * ATTEMPTS,
            memory >> 10
        ),
    );
}
