//! The watchdog: it does not bite who works, and it does who hangs.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::machine::scene::{ATTACKER4, BYSTANDER4, MACHINE4, Scene, address};
use crate::machine::{PATIENCE, probe, wait_for};
use crate::support::journald::{fixture, of_sshd};
use crate::support::soak::{figure, rounds};
use crate::support::strace::Strace;

/// How long a silent service is left alone here: a sixth of what the unit grants.
const WATCHDOG: Duration = Duration::from_secs(5);

const DROP_IN: &str = "/etc/systemd/system/jailkeeper.service.d";

/// Longer than all of this takes.
const LONG: Duration = Duration::from_mins(10);

/// A machine whose watchdog has little patience, with an attacker who is banned.
fn besieged() -> Scene {
    let scene = Scene::installed();
    scene.configure("test.toml", "[jail.sshd]\nmaxretry = 2\nbantime = \"1d\"\n");
    scene.machine.run(&["mkdir", DROP_IN]);
    let text = format!("[Service]\nWatchdogSec={}\n", WATCHDOG.as_secs());
    scene.machine.write(&format!("{DROP_IN}/watchdog.conf"), &text);
    scene.machine.run(&["systemctl", "daemon-reload"]);
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene
}

fn unit(scene: &Scene, property: &str) -> String {
    let property = format!("--property={property}");
    let value = scene.machine.run(&["systemctl", "show", "--value", &property, "jailkeeper"]);
    value.trim().to_owned()
}

/// The service's thread of this name, as this host numbers it.
fn thread_of(scene: &Scene, name: &str) -> u32 {
    let main = scene.machine.host_pid(scene.main_pid());
    let tasks = fs::read_dir(format!("/proc/{main}/task")).expect("threads");
    let of_name = |entry: &fs::DirEntry| {
        fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let found = tasks.flatten().find(of_name).expect("a thread of this name");
    found.file_name().to_str().and_then(|it| it.parse().ok()).expect("a number")
}

/// Holds a thread at its next system call, for as long as what it returns lives.
fn hold(thread: u32) -> Strace {
    let delay = format!("--inject=all:delay_enter={}s", LONG.as_secs());
    Strace::attach_to_thread(thread, &["--trace=all", &delay, "--output=/dev/null"])
}

#[test]
fn a_reader_that_hangs_is_killed_and_no_ban_has_a_gap() {
    let scene = besieged();
    let rounds = rounds(1, 5);
    let targets = [address(MACHINE4)];
    let mut longest = Duration::ZERO;
    let ((), tally) = probe::during(scene.attacker.netns(), &targets, || {
        for round in 1..=rounds {
            let old = scene.main_pid();
            let held = hold(thread_of(&scene, "journal"));
            let start = Instant::now();
            wait_for("the watchdog bites", PATIENCE, || {
                (unit(&scene, "SubState") == "stop-watchdog").then_some(())
            });
            // The process ends when all of its threads can.
            drop(held);
            wait_for("systemd starts the service again", PATIENCE, || {
                let pid = scene.main_pid();
                (pid != old && pid != 0 && unit(&scene, "ActiveState") == "active").then_some(())
            });
            longest = longest.max(start.elapsed());
            assert_eq!(unit(&scene, "NRestarts"), round.to_string());
            let offender = format!("198.51.100.{}", 100 + round);
            let other = scene.lan.host(&offender, &format!("2001:db8:{round}::6"));
            for _ in 0..2 {
                other.try_password("root", targets[0]);
            }
            scene.wait_for_ban(&offender);
        }
    });
    let killed = scene.machine.journal(&["_PID=1", "UNIT=jailkeeper.service"]);
    let killed = killed.iter().filter_map(|it| it["MESSAGE"].as_str());
    let killed = killed.filter(|it| it.contains("Watchdog timeout")).count();
    assert_eq!(killed, rounds as usize, "nothing else has ended it");
    assert_eq!(tally.passed, 0, "of {} connections", tally.tried);
    assert!(tally.tried > 40, "{tally:?}");
    figure(
        "a reader that hangs",
        format!(
            "{rounds} times, at work again after {longest:.1?} at most (WatchdogSec={}), {} of {} \
             connections let through",
            WATCHDOG.as_secs(),
            tally.passed,
            tally.tried
        ),
    );
}

/// So many entries are in a file; with many more of them it would be rotated while it is made.
const IN_A_FILE: usize = 50_000;

/// Puts so many failed logins into the machine's journal, each from an address of its own.
fn put_backlog(scene: &Scene, entries: u32) {
    let lines: Vec<String> = (0..entries)
        .map(|number| {
            let address = Ipv4Addr::from_bits(0x0a00_0000 | number);
            format!("Failed password for root from {address} port 4711 ssh2")
        })
        .collect();
    let find = "ls -d /run/log/journal/* /var/log/journal/* 2> /dev/null | head -n 1";
    let directory = scene.machine.run(&["sh", "-c", find]);
    for (number, lines) in lines.chunks(IN_A_FILE).enumerate() {
        let name = format!("backlog{number}.journal");
        let place = tempfile::tempdir().expect("a directory");
        let made = place.path().join(&name);
        fixture(&made, &of_sshd(lines, 1));
        fs::set_permissions(&made, fs::Permissions::from_mode(0o644)).expect("a file of ours");
        let path = scene.machine.path(&format!("{}/{name}", directory.trim()));
        fs::copy(&made, path).expect("the file in the machine");
    }
}

/// How many failed logins the service has counted.
fn counted(scene: &Scene) -> u32 {
    let status = scene.machine.run(&["jailkeeper", "status", "--json", "sshd"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON of jailkeeper");
    let found = status["total_attempts"].as_u64().expect("a count");
    u32::try_from(found).expect("a few")
}

#[test]
fn who_restores_many_bans_and_catches_up_is_left_alone() {
    let scene = besieged();
    let (bans, backlog) = (rounds(20_000, 100_000), rounds(50_000, 1_000_000));
    let mut list = String::new();
    for number in 0..bans {
        let _ = writeln!(list, "{}", Ipv4Addr::from_bits(0x0b00_0000 | number));
    }
    scene.machine.write("/root/offenders", &list);
    scene.machine.run(&["sh", "-c", "jailkeeper ban sshd - < /root/offenders"]);
    scene.machine.run(&["systemctl", "stop", "jailkeeper"]);
    put_backlog(&scene, backlog);
    let start = Instant::now();
    scene.machine.run(&["systemctl", "start", "jailkeeper"]);
    let pid = scene.main_pid();
    let started = start.elapsed();
    wait_for("all of the backlog is counted", LONG, || {
        assert_eq!(scene.main_pid(), pid, "it was killed");
        (counted(&scene) >= backlog).then_some(())
    });
    let caught_up = start.elapsed();
    // Twice as long as it may be silent.
    wait_for("the watchdog has had time to bite", PATIENCE, || {
        (start.elapsed() > caught_up + 2 * WATCHDOG).then_some(())
    });
    assert_eq!((scene.main_pid(), unit(&scene, "NRestarts").as_str()), (pid, "0"));
    assert!(!scene.attacker.reaches(address(MACHINE4)), "{ATTACKER4} is banned still");
    assert!(scene.bystander.reaches(address(MACHINE4)), "{BYSTANDER4} is not");
    figure(
        "the watchdog and who works",
        format!(
            "{bans} bans restored in {started:.1?}, {backlog} failed logins caught up in \
             {caught_up:.1?}, never killed (WatchdogSec={})",
            WATCHDOG.as_secs()
        ),
    );
}
