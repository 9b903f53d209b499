//! What the service knows of attempts beside their number: the account, and the lines.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use jailkeeper::bus::{MANAGER, NAME, PATH};
use nix::sys::signal::Signal;
use serde_json::Value::Null;

use crate::support::confined;
use crate::support::house::{House, await_that, text};

/// A jail that reads what `app` logs, and who logs in there.
const APP: &str = "[jail.app]\nenabled = true\njournalmatch = \"_COMM=app\"\n\
                   failregex = '^login of <F-USER>\\w*</F-USER> from <ADDR> failed(?: .*)?$'\n";

/// The lines behind an offender, as the bus tells them.
fn matches(house: &House, jail: &str, address: &str) -> Vec<String> {
    let output = house.bus.busctl(&[
        "--json=short",
        "call",
        NAME,
        PATH,
        MANAGER,
        "Matches",
        "ss",
        jail,
        address,
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let reply: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    serde_json::from_value(reply["data"][0].clone()).expect("an array of lines")
}

#[test]
fn an_account_tried_from_five_addresses_bans_the_fifth() {
    let house = House::guarded("[jail.sshd]\ncount_by = \"user\"\n");
    for n in 1..=4 {
        house.fails(&format!("203.0.113.{n}"), 1);
    }
    house.await_log("[sshd] Found 203.0.113.4", 1);
    assert_eq!(house.times_logged("[sshd] Ban"), 0);
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5 (the 5th attempt on the account root)", 1);
    house.assert_element("sshd4", "203.0.113.5 timeout 600s");
    house.fails("2001:db8::6", 1);
    house.await_log("[sshd] Ban 2001:db8::/64 (the 6th attempt on the account root)", 1);
    for n in 1..=4 {
        assert!(!house.set("sshd4").contains(&format!("203.0.113.{n} ")), "{n} has tried once");
    }
    let status = text(&house.client(&["status", "sshd"]).stdout);
    assert!(status.contains("on one account too"), "{status}");
}

#[test]
fn what_is_counted_by_account_survives_a_crash() {
    let mut house = House::guarded("[jail.sshd]\ncount_by = \"user\"\n");
    for n in 1..=4 {
        house.fails(&format!("203.0.113.{n}"), 1);
    }
    house.await_log("[sshd] Found 203.0.113.4", 1);
    assert_eq!(house.end(Signal::SIGKILL), None);
    house.start();
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5 (the 5th attempt on the account root)", 1);
}

#[test]
fn the_lines_behind_a_ban_are_shown_without_passwords_after_a_restart_too() {
    let mut house = House::guarded(&format!("{APP}maxretry = 3\nmaxmatches = 2\n"));
    for (word, n) in [("first", 1), ("hunter2", 2), ("o'clock, 9)", 3)] {
        let line = format!("login of bob from 203.0.113.5 failed (given password: {word}) {n}");
        house.journald.send_as("app", &line);
    }
    house.journald.send_as("app", "login of amy from 203.0.113.6 failed");
    house.await_log("[app] Ban 203.0.113.5", 1);
    house.await_log("[app] Found 203.0.113.6", 1);
    let both =
        [2, 3].map(|n| format!("login of bob from 203.0.113.5 failed (given password: ***) {n}"));
    assert_eq!(matches(&house, "app", "203.0.113.5"), both);
    assert_eq!(matches(&house, "app", "203.0.113.6"), ["login of amy from 203.0.113.6 failed"]);
    assert_eq!(matches(&house, "app", "203.0.113.7"), [""; 0]);

    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    for file in fs::read_dir(house.path("state")).expect("the state").flatten() {
        let bytes = fs::read(file.path()).expect("a file");
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "{file:?} has the password");
    }
    house.start();
    house.await_log("[app] Restore Ban 203.0.113.5", 1);
    assert_eq!(matches(&house, "app", "203.0.113.5"), both);
    assert_eq!(matches(&house, "app", "203.0.113.6"), ["login of amy from 203.0.113.6 failed"]);
    house.client(&["unban", "203.0.113.5"]);
    assert_eq!(matches(&house, "app", "203.0.113.5"), [""; 0], "the ban is over");
}

#[test]
fn a_line_of_a_file_is_kept_as_it_is_written() {
    let mut house = House::new("");
    let log = house.path("mail.log");
    house.configure(&format!(
        "[jail.dovecot]\nenabled = true\nmaxretry = 1\nlogpath = \"{}\"\n",
        log.display()
    ));
    house.start();
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds/3-hestia/mail.log");
    let seed = fs::read_to_string(seed).expect("a seed");
    let (_, behind_date) = seed.lines().next().expect("a line").split_at("Apr 18 09:02:07".len());
    let line = |password: &str| {
        let date = jiff::Zoned::now().strftime("%b %e %H:%M:%S").to_string();
        date + &behind_date
            .replace("(given password: aaa)", &format!("(given password: {password})"))
    };
    fs::write(&log, line("aaa") + "\n").expect("a log");
    house.await_log("[dovecot] Ban 149.255.204.12", 1);
    let shown = matches(&house, "dovecot", "149.255.204.12");
    assert_eq!(shown.len(), 1);
    assert!(shown[0].ends_with(line("***").split_at(15).1), "{shown:?}");
}

/// Makes the test's journald that of the system, for what is run behind it.
const WITH_JOURNAL: &str = "mkdir \"$1\" && mount --bind \"$2\" \"$1\" \
    && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/journal \
    && mount --bind \"$1\" /run/systemd/journal && shift 2 \
    && JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) exec \"$@\"";

/// Starts the service as systemd does: its log goes to the journal, with fields.
fn log_to_the_journal(house: &mut House) {
    fs::create_dir_all(house.path("state")).expect("a directory");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", WITH_JOURNAL, "sh"]);
    command.arg(house.path("journal")).arg(house.journald.socket("socket").parent().expect("one"));
    let service = confined::command(env!("CARGO_BIN_EXE_jailkeeperd"));
    command.envs(service.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.arg(service.get_program()).args(service.get_args());
    command.arg("--vendor").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/jailkeeper"));
    command.arg("--config").arg(house.path("etc")).arg("--state").arg(house.path("state"));
    command.env("DBUS_SYSTEM_BUS_ADDRESS", house.bus.address());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(fs::File::create(house.path("log")).expect("a log"));
    let child = house.network.run(move || command.spawn());
    house.service = Some(child.expect("jailkeeperd starts"));
}

/// What the service has logged with this beginning of its message.
fn entry(house: &House, message: &str) -> Option<serde_json::Value> {
    let output = Command::new("journalctl")
        .args(["--output=json", "--namespace", house.journald.namespace()])
        .args(["SYSLOG_IDENTIFIER=jailkeeperd"])
        .output()
        .expect("journalctl runs");
    let entries = text(&output.stdout);
    let mut entries = entries.lines().filter_map(|line| serde_json::from_str(line).ok());
    entries.find(|entry: &serde_json::Value| {
        entry["MESSAGE"].as_str().is_some_and(|text| text.starts_with(message))
    })
}

#[test]
fn the_journal_has_the_account_and_the_lines_as_fields() {
    let mut house = House::new(&format!("{APP}maxretry = 2\n"));
    log_to_the_journal(&mut house);
    await_that("the service is ready", || entry(&house, "ready").is_some());
    for n in [1, 2] {
        let line = format!("login of bob from 203.0.113.5 failed (password: hunter2) {n}");
        house.journald.send_as("app", &line);
    }
    await_that("the ban", || entry(&house, "[app] Ban 203.0.113.5").is_some());
    let found = entry(&house, "[app] Found 203.0.113.5").expect("the attempt");
    assert_eq!((&found["JAILKEEPER_USER"], &found["JAILKEEPER_MATCHES"]), (&"bob".into(), &Null));
    let ban = entry(&house, "[app] Ban 203.0.113.5").expect("the ban");
    assert_eq!(ban["JAILKEEPER_USER"], "bob");
    let lines = [1, 2].map(|n| format!("login of bob from 203.0.113.5 failed (password: ***) {n}"));
    assert_eq!(ban["JAILKEEPER_MATCHES"], lines.join("\n"));
    let ban_by_hand = house.client(&["ban", "app", "203.0.113.6"]);
    assert!(ban_by_hand.status.success(), "{}", text(&ban_by_hand.stderr));
    await_that("the ban by hand", || entry(&house, "[app] Ban 203.0.113.6").is_some());
    let ban = entry(&house, "[app] Ban 203.0.113.6").expect("the ban");
    assert_eq!((&ban["JAILKEEPER_USER"], &ban["JAILKEEPER_MATCHES"]), (&Null, &Null));
}

/// Each field of our own journal entries is in the manual, and nothing else is.
#[test]
fn the_manual_has_the_fields_of_our_entries() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = BTreeSet::new();
    let files = fs::read_dir(root.join("src/daemon")).expect("the sources").flatten();
    for file in files.filter(|file| file.path().is_file()) {
        let source = fs::read_to_string(file.path()).expect("a source");
        written.extend(source.match_indices("jailkeeper_").filter_map(|(at, _)| {
            let name: String =
                source[at..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            source[at + name.len()..].starts_with(" =").then(|| name.to_uppercase())
        }));
    }
    let manual = fs::read_to_string(root.join("man/jailkeeperd.8")).expect("the manual");
    let told: BTreeSet<String> = manual
        .lines()
        .filter_map(|line| line.strip_prefix(".It Dv ")?.split_whitespace().next())
        .filter(|name| name.starts_with("JAILKEEPER_"))
        .map(str::to_owned)
        .collect();
    assert!(written.contains("JAILKEEPER_MATCHES"), "{written:?}");
    assert_eq!(told, written);
}
