//! A million offenders over IPv6, each from a network of his own, in one log: the service stays within
//! the memory that its unit gives it, its bounds hold, and whoever calls is answered meanwhile.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::machine::scene::Scene;
use crate::machine::wait_for;
use crate::support::soak::{figure, rounds};

/// So many lines are appended at once.
const LINES: u32 = 100_000;

/// So many offenders a jail has windows of, and so many bans (ARCHITECTURE.md).
const WINDOWS_MAX: u64 = 1 << 17;
const BANS_MAX: u64 = 1 << 20;

/// How long all of it may take on a machine that does much else.
const LIMIT: Duration = Duration::from_mins(10);

const JAILS: &str = "\
[jail.once]
enabled = true
logpath = \"/var/log/flood.log\"
failregex = '^app: login failed from <ADDR>$'
maxretry = 1
bantime = \"1d\"

[jail.five]
enabled = true
logpath = \"/var/log/flood.log\"
failregex = '^app: login failed from <ADDR>$'
maxretry = 5
findtime = \"1d\"
";

#[test]
fn a_flood_of_offenders_stays_within_its_bounds() {
    let scene = Scene::installed();
    scene.configure("flood.toml", JAILS);
    let make = "umask 027; : > /var/log/flood.log; chgrp adm /var/log/flood.log";
    scene.machine.run(&["sh", "-c", make]);
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    let parts = rounds(1, 11);
    let offenders = u64::from(parts) * u64::from(LINES);
    let begin = Instant::now();
    for part in 0..parts {
        append(&scene, part * LINES);
    }
    let mut slowest = Duration::ZERO;
    let attempts = wait_until_all_count(&scene, offenders, &mut slowest);
    let took = begin.elapsed();
    assert_eq!(attempts, offenders);
    let bans = number(&scene, "once", "CurrentBans");
    assert_eq!(bans, offenders.min(BANS_MAX));
    assert!(number(&scene, "five", "CurrentAttempts") <= WINDOWS_MAX);
    let peak = memory(&scene);
    scene.machine.run(&["systemctl", "stop", "jailkeeper"]);
    assert_eq!(rows(&scene, "bans", "once"), bans);
    assert_eq!(rows(&scene, "windows", "five"), offenders.min(WINDOWS_MAX));
    figure("offenders over IPv6 in one flood", offenders);
    figure("seconds until all of them were banned", took.as_secs());
    figure("milliseconds that the slowest call took meanwhile", slowest.as_millis());
    figure("MiB that the service had in memory at most", peak >> 10);
}

/// Appends lines about offenders from this one on, each of whom is in a network of his own.
fn append(scene: &Scene, first: u32) {
    let mut text = String::new();
    for number in first..first + LINES {
        let network = 0x2a00_0000_u128 << 96 | u128::from(number) << 64;
        let _ = writeln!(text, "app: login failed from {}", Ipv6Addr::from_bits(network | 1));
    }
    let log = OpenOptions::new().append(true).open(scene.machine.path("/var/log/flood.log"));
    log.and_then(|mut log| log.write_all(text.as_bytes())).expect("the log");
}

/// Asks the service until it has counted all attempts; how many, and how long the slowest call took.
fn wait_until_all_count(scene: &Scene, offenders: u64, slowest: &mut Duration) -> u64 {
    wait_for("all attempts count", LIMIT, || {
        let asked = Instant::now();
        scene.call(&["ListAllowed"]);
        *slowest = asked.elapsed().max(*slowest);
        let counted = number(scene, "five", "TotalAttempts");
        let banned = number(scene, "once", "TotalBans");
        (counted >= offenders && banned >= offenders).then_some(counted)
    })
}

/// A number among the properties of a jail.
fn number(scene: &Scene, jail: &str, property: &str) -> u64 {
    let object = format!("/org/jailkeeper1/jail/{jail}");
    let get = ["busctl", "get-property", "org.jailkeeper1", &object, "org.jailkeeper1.Jail"];
    let told = scene.machine.run(&[&get[..], &[property]].concat());
    told.trim().trim_start_matches("t ").parse().expect("a number")
}

/// How many KiB the service had in memory at most, which is less than its unit allows.
fn memory(scene: &Scene) -> u64 {
    let show = ["systemctl", "show", "--value", "--property=MemoryMax", "jailkeeper"];
    let most: u64 = scene.machine.run(&show).trim().parse().expect("a number of bytes");
    let status = scene.machine.run(&["cat", &format!("/proc/{}/status", scene.main_pid())]);
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let peak: u64 = peak.expect("the peak").trim().parse().expect("a number of KiB");
    assert!(peak < most >> 10, "{peak} KiB of {most} bytes");
    peak
}

/// How many rows of a jail are in the state file.
fn rows(scene: &Scene, table: &str, jail: &str) -> u64 {
    let copy = tempfile::tempdir().expect("a directory");
    for end in ["", "-wal"] {
        let name = format!("state.db{end}");
        let _ = fs::copy(
            scene.machine.path(&format!("/var/lib/jailkeeper/{name}")),
            copy.path().join(&name),
        );
    }
    let path = copy.path().join("state.db");
    let state = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let count = format!("SELECT count(*) FROM {table} WHERE jail = ?1");
    state.and_then(|it| it.query_row(&count, [jail], |row| row.get(0))).expect("the state file")
}
