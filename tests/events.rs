//! What has happened, as people ask for it: live, from the journal, and by attempts of their own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use jailkeeper::systemd::catalog;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::house::{House, await_that, text};
use crate::support::journald::{Entry, fixture};

/// 2026-11-18 08:00:00 UTC.
const START: u64 = 1_794_988_800;

const UNIT: (&str, &[u8]) = ("_SYSTEMD_UNIT", b"jailkeeper.service");

/// An entry as the service writes it, so many minutes behind [`START`].
fn entry<'e>(
    minutes: u64,
    unit: (&'e str, &'e [u8]),
    id: &'e str,
    rest: &[(&'e str, &'e str)],
) -> Entry<'e> {
    let mut fields =
        vec![unit, ("MESSAGE", b"[sshd] something".as_slice()), ("MESSAGE_ID", id.as_bytes())];
    fields.extend(rest.iter().map(|(name, value)| (*name, value.as_bytes())));
    ((START + minutes * 60) * 1_000_000, fields)
}

/// A directory with a journal in it.
fn past() -> TempDir {
    let place = TempDir::new().expect("a directory");
    let found = |minutes, jail, who, user| {
        let fields =
            [("JAILKEEPER_JAIL", jail), ("JAILKEEPER_OFFENDER", who), ("JAILKEEPER_USER", user)];
        entry(minutes, UNIT, catalog::FOUND, &fields)
    };
    let other = |minutes, unit, id| {
        let fields = [("JAILKEEPER_JAIL", "sshd"), ("JAILKEEPER_OFFENDER", "192.0.2.1")];
        entry(minutes, unit, id, &fields)
    };
    let entries = [
        found(0, "sshd", "192.0.2.1", "root"),
        found(1, "sshd", "192.0.2.1", "admin"),
        found(2, "sshd", "192.0.2.200", "root"),
        other(3, UNIT, catalog::BANNED),
        found(90, "mail", "2001:db8:0:7::1", "root"),
        // An old ban that is put back is no new one, and its end is none either.
        other(91, UNIT, catalog::RESTORED),
        other(92, UNIT, catalog::UNBANNED),
        // Anybody can write what looks like ours, but not as our unit.
        other(93, ("_SYSTEMD_UNIT", b"evil.service"), catalog::BANNED),
        other(94, ("UNIT", b"jailkeeper.service"), catalog::BANNED),
    ];
    fixture(&place.path().join("system.journal"), &entries);
    place
}

/// Of all that is there, unless `arguments` begin with another `--since`.
fn stats(place: &Path, arguments: &[&str]) -> Output {
    let since: &[&str] = match arguments {
        ["--since", ..] => &[],
        _ => &["--since", "@1794900000"],
    };
    Command::new(env!("CARGO_BIN_EXE_jailkeeper"))
        .arg("stats")
        .args(since)
        .arg("--directory")
        .arg(place)
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .expect("the client runs")
}

fn counted(place: &Path, arguments: &[&str]) -> Value {
    let output = stats(place, &[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_past_is_counted_from_our_own_entries() {
    let place = past();
    let all = counted(place.path(), &[]);
    assert_eq!((&all["attempts"], &all["bans"]), (&json!(4), &json!(1)), "{all:#}");
    let row = |name: &str, attempts: u64, bans: u64| json!({ "name": name, "attempts": attempts, "bans": bans });
    assert_eq!(all["jail"], json!([row("sshd", 3, 1), row("mail", 1, 0)]));
    assert_eq!(all["network"], json!([row("192.0.2.0/24", 3, 1), row("2001:db8::/56", 1, 0)]));
    assert_eq!(
        all["address"],
        json!([row("192.0.2.1", 2, 1), row("192.0.2.200", 1, 0), row("2001:db8:0:7::1", 1, 0)])
    );
    assert_eq!(all["user"], json!([row("root", 3, 0), row("admin", 1, 0)]));
    assert_eq!(
        all["hour"],
        json!([
            { "start": START, "attempts": 3, "bans": 1 },
            { "start": START + 3600, "attempts": 1, "bans": 0 },
        ])
    );
    assert_eq!(all["approximate"], json!(false));

    let mail = counted(place.path(), &["mail", "--by", "user"]);
    assert_eq!((&mail["attempts"], &mail["user"]), (&json!(1), &json!([row("root", 1, 0)])));
    assert_eq!(mail.get("jail"), None, "{mail:#}");
    let late = counted(place.path(), &["--since", "2026-11-18T09:00:00Z"]);
    assert_eq!((&late["attempts"], &late["bans"]), (&json!(1), &json!(0)));

    let told = text(&stats(place.path(), &[]).stdout);
    assert!(told.starts_with("4 attempts and 1 ban since 2026-11-17 07:20:00\n"), "{told}");
    assert!(told.contains("Attempts each hour, at most 3\n█▃\n"), "{told}");
}

#[test]
fn who_may_not_read_the_journal_is_told_who_may() {
    let place = past();
    let journal = place.path().join("system.journal");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    fs::set_permissions(journal, fs::Permissions::from_mode(0o640)).expect("ours");
    // Where the build lies, others may not look.
    let program = place.path().join("jailkeeper");
    fs::copy(env!("CARGO_BIN_EXE_jailkeeper"), &program).expect("a copy");
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(program)
        .args(["stats", "--directory"])
        .arg(place.path())
        .output()
        .expect("setpriv runs");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("system.journal: permission denied"), "{told}");
    assert!(told.contains("systemd-journal or adm"), "{told}");
}

#[test]
fn attempts_by_hand_count_are_watched_and_lead_to_a_ban() {
    let house = House::guarded("[default]\nmaxretry = 3\nignoreip = \"198.51.100.0/24\"\n");
    let client = |arguments: &[&str]| house.client(arguments);
    let attempt = |arguments: &[&str]| {
        let output = client(&[&["attempt", "sshd"], arguments].concat());
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(
        attempt(&["203.0.113.5", "--user", "root", "--times", "2"]),
        (Some(0), "2 attempts count in jail sshd.\n".to_owned())
    );
    house.await_log("[sshd] Found 203.0.113.5", 2);
    assert_eq!(house.times_logged("[sshd] Ban"), 0);
    // One of the log and those by hand are one window; the answer comes after the kernel's.
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    assert_eq!(attempt(&["203.0.113.6", "--times", "3"]).0, Some(0));
    house.assert_element("sshd4", "203.0.113.6 timeout 600s");

    let (code, told) = attempt(&["203.0.113.7", "198.51.100.7"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("198.51.100.0/24 of ignoreip"), "{told}");
    assert_eq!(house.times_logged("203.0.113.7"), 0, "all count, or none");
    let (code, told) = attempt(&["10.0.0.0/8"]);
    assert!(code == Some(1) && told.contains("is wider than"), "{told}");
    assert_eq!(client(&["attempt", "ssdh", "203.0.113.7"]).status.code(), Some(5));
    assert_eq!(client(&["ping"]).status.code(), Some(0));
}

/// The events that the client's watch of a house prints.
fn watching(house: &House) -> (Child, impl FnMut() -> Value + use<>) {
    let mut watch = Command::new(env!("CARGO_BIN_EXE_jailkeeper"))
        .args(["watch", "--json"])
        .env("DBUS_SYSTEM_BUS_ADDRESS", house.bus.address())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let heard = move || -> Value {
        let line = lines.next().expect("one more event").expect("UTF-8");
        serde_json::from_str(&line).expect("JSON")
    };
    (watch, heard)
}

#[test]
fn a_flood_of_attempts_is_told_or_counted_and_the_ban_is_told() {
    const ATTEMPTS: u64 = 30_000;
    let house = House::guarded("");
    let (mut watch, mut heard) = watching(&house);
    assert_eq!(heard()["event"], "running");
    let times = ATTEMPTS.to_string();
    let attempt = house.client(&["attempt", "sshd", "203.0.113.5", "--times", &times]);
    assert_eq!(attempt.status.code(), Some(0), "{}", text(&attempt.stderr));
    let (mut found, mut missed, mut bans) = (0, 0, 0);
    while found + missed < ATTEMPTS || bans < 1 {
        let event = heard();
        match event["event"].as_str() {
            Some("found") => found += 1,
            Some("missed") => missed += event["signals"].as_u64().expect("a number"),
            Some("banned") => bans += 1,
            _ => panic!("{event}"),
        }
    }
    assert_eq!((found + missed, bans), (ATTEMPTS, 1));
    assert!(missed > 0, "nobody could follow {found} in a second");
    await_that("the log has how many more there were", || found_more(&house.log()) == missed);
    drop(heard);
    assert!(watch.wait().expect("it ends").success());
}

/// How many attempts the log has that have no entry of their own.
fn found_more(log: &str) -> u64 {
    let number = |line: &str| {
        let (number, _) = line.strip_prefix("[sshd] Found 203.0.113.5 (")?.split_once(" more")?;
        number.parse::<u64>().ok()
    };
    log.lines().filter_map(number).sum()
}

#[test]
fn what_the_service_does_is_seen_live() {
    let mut house = House::new("[default]\nmaxretry = 2\nignoreip = \"198.51.100.0/24\"\n");
    let (mut watch, mut heard) = watching(&house);
    assert_eq!(heard()["event"], "stopped");
    house.start();
    assert_eq!(heard()["event"], "running");
    house.fails("198.51.100.7", 1);
    let ignored = heard();
    assert_eq!(
        (&ignored["event"], &ignored["offender"]),
        (&json!("ignored"), &json!("198.51.100.7"))
    );
    assert_eq!(ignored["why"], "within 198.51.100.0/24 of ignoreip");
    house.fails("203.0.113.5", 2);
    for _ in 0..2 {
        let found = heard();
        assert_eq!((&found["event"], &found["user"]), (&json!("found"), &json!("root")), "{found}");
    }
    let banned = heard();
    assert_eq!((&banned["event"], &banned["attempts"]), (&json!("banned"), &json!(2)), "{banned}");
    house.client(&["unban", "--all"]);
    assert_eq!(heard()["why"], "by-hand");
    drop(heard);
    assert!(watch.wait().expect("it ends").success());
}
