//! A new configuration while the service runs: what changes, what stays, and what a mistake does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::house::{House, PATIENCE, await_that, text};

/// A jail that reads a log file.
fn jail(name: &str, log: &Path, more: &str) -> String {
    format!(
        "[jail.{name}]\nenabled = true\nlogpath = \"{}\"\n\
         failregex = '^{name}: login failed from <ADDR>$'\n{more}\n",
        log.display()
    )
}

fn append(path: &Path, message: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a log");
    writeln!(file, "{} {message}", jiff::Timestamp::now()).expect("a line");
}

fn attack(name: &str, log: &Path, address: &str, times: usize) {
    for _ in 0..times {
        append(log, &format!("{name}: login failed from {address}"));
    }
}

fn state(house: &House, jail: &str) -> String {
    let status = house.client(&["status", jail, "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    status["state"].as_str().unwrap_or_default().to_owned()
}

fn assert_done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_jail_with_mistakes_keeps_its_old_rules_while_the_others_change() {
    let mut house = House::new("");
    let (web, mail) = (house.path("web.log"), house.path("mail.log"));
    let both = |web_more: &str, mail_more: &str| {
        jail("web", &web, web_more) + &jail("mail", &mail, mail_more)
    };
    house.configure(&both("maxretry = 3", "maxretry = 3"));
    house.start();
    attack("web", &web, "203.0.113.5", 3);
    attack("mail", &mail, "203.0.113.6", 2);
    house.await_log("[web] Ban 203.0.113.5", 1);
    house.await_log("[mail] Found 203.0.113.6", 2);

    house.configure(&both("maxretry = 0", "maxretry = 4"));
    let reload = house.client(&["reload"]);
    assert_eq!(reload.status.code(), Some(78));
    let told = text(&reload.stderr);
    for part in ["running with old rules: web; everything else", "jailkeeper.toml:7:12"] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
    let shown = "running with its old rules: this number is to be from 1 to 1000";
    await_that("the state says so", || state(&house, "web") == shown);
    assert_eq!(state(&house, "mail"), "running");
    assert!(house.set("web4").contains("203.0.113.5"), "the ban stays");

    // Three by the old rules of the one, and by the new ones of the other the fourth of all.
    attack("web", &web, "203.0.113.7", 3);
    house.await_log("[web] Ban 203.0.113.7", 1);
    attack("mail", &mail, "203.0.113.6", 1);
    house.await_log("[mail] Found 203.0.113.6", 3);
    assert_eq!(house.times_logged("[mail] Ban"), 0);
    attack("mail", &mail, "203.0.113.6", 1);
    house.await_log("[mail] Ban 203.0.113.6", 1);

    house.configure(&jail("web", &web, "maxretry = 1"));
    assert_done(&house.client(&["reload"]));
    await_that("all is well", || state(&house, "web") == "running");
    house.await_log("[mail] Unban 203.0.113.6 (the jail is gone)", 1);
    assert!(!house.network.nft("list table inet jailkeeper").contains("mail4"));
    assert!(house.set("web4").contains("203.0.113.5"), "the ban stays");
}

#[test]
fn what_cannot_be_read_leaves_every_jail_that_it_may_be_about_as_it_is() {
    let mut house = House::new("");
    let (web, mail) = (house.path("web.log"), house.path("mail.log"));
    fs::create_dir(house.path("etc/jails.d")).expect("a directory");
    let (first, last) = (house.path("etc/jails.d/10-web.toml"), house.path("etc/jails.d/20.toml"));
    fs::write(&first, jail("web", &web, "")).expect("a file");
    fs::write(&last, jail("mail", &mail, "")).expect("a file");
    house.start();
    attack("web", &web, "203.0.113.5", 5);
    house.await_log("[web] Ban 203.0.113.5", 1);

    for nonsense in ["[jail.web\nenabled = true\n", "[jail.web]\nenabled = true\nport = \"80\n"] {
        fs::write(&first, nonsense).expect("a file");
        let reload = house.client(&["reload"]);
        assert_eq!(reload.status.code(), Some(78));
        assert!(text(&reload.stderr).contains("10-web.toml:"), "{}", text(&reload.stderr));
        await_that("it goes on", || state(&house, "web").contains("10-web.toml is not valid TOML"));
    }
    // The file behind it says for certain that its own jail is off, and nothing of the other.
    fs::write(&last, jail("mail", &mail, "").replace("true", "false")).expect("a file");
    assert_eq!(house.client(&["reload"]).status.code(), Some(78));
    let table = house.network.nft("list table inet jailkeeper");
    assert!(table.contains("web4") && !table.contains("mail4"), "{table}");

    house.configure("[jail.sshd]\nenabled = true\n[journal]\n");
    assert_eq!(house.client(&["reload"]).status.code(), Some(78));
    fs::remove_file(&first).expect("the file is there");
    house.configure("");
    fs::write(house.path("etc/jailkeeper.toml"), "[journal]\nnamespace = 7\n").expect("a file");
    let reload = house.client(&["reload"]);
    assert!(text(&reload.stderr).contains("running with old rules: sshd"), "every jail is touched");
    house.configure("");
    assert_done(&house.client(&["reload"]));
    house.await_log("[web] Unban 203.0.113.5 (the jail is gone)", 1);
}

#[test]
fn a_jail_that_never_ran_and_is_wrong_is_broken_as_at_the_start() {
    let house = House::guarded("");
    house
        .configure("[jail.web]\nenabled = true\njournalmatch = \"_COMM=web\"\nfailregex = '^b$'\n");
    let reload = house.client(&["reload"]);
    let told = text(&reload.stderr);
    assert!(told.contains("not running: web; everything else is reloaded"), "{told}");
    await_that("it is broken", || state(&house, "web").starts_with("broken: "));
    assert_eq!(state(&house, "sshd"), "running");
}

/// Sends attempts through journald and a log file, each from an address of its own, until `enough`;
/// how many of each.
fn bombard(house: &House, log: &Path, enough: &AtomicBool) -> usize {
    let mut count = 0;
    while !enough.load(Ordering::Relaxed) {
        let address = numbered(count);
        house.fails(&address, 1);
        attack("app", log, &address, 1);
        count += 1;
        // About as much as a busy host has, for as long as the reloads take.
        thread::sleep(Duration::from_millis(1));
    }
    count
}

fn numbered(number: usize) -> String {
    format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255)
}

fn found(house: &House, jail: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let before = format!("[{jail}] Found ");
    for line in house.log().lines() {
        if let Some((_, address)) = line.split_once(&before) {
            let address = address.split(' ').next().unwrap_or_default();
            *found.entry(address.to_owned()).or_default() += 1;
        }
    }
    found
}

#[test]
fn fifty_reloads_under_load_lose_no_attempt_and_count_none_twice() {
    let mut house = House::new("");
    let (log, other) = (house.path("app.log"), house.path("other.log"));
    house.configure(&jail("app", &log, ""));
    house.start();
    let enough = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let sent = scope.spawn(|| bombard(&house, &log, &enough));
        for round in 0..50 {
            let policy =
                format!("maxretry = {}\nfindtime = \"{}m\"\n", 2 + round % 7, 10 + round % 5);
            let mut more = String::new();
            if round % 3 == 0 {
                more += &jail("other", &other, "");
                more += "[jail.journal]\nenabled = true\njournalmatch = \"_COMM=nobody\"\n\
                         failregex = 'x <ADDR>'\n";
            }
            let failregex = format!("failregex = 'another {round} <ADDR>'\n");
            let sshd = if round % 2 == 0 { failregex } else { String::new() };
            let text =
                format!("[default]\n{policy}[jail.sshd]\n{sshd}{}", jail("app", &log, &more));
            house.configure(&text);
            assert_done(&house.client(&["reload"]));
        }
        enough.store(true, Ordering::Relaxed);
        sent.join().expect("it sends")
    });
    house.fails("192.0.2.99", 1);
    attack("app", &log, "192.0.2.99", 1);
    house.await_log("[sshd] Found 192.0.2.99", 1);
    house.await_log("[app] Found 192.0.2.99", 1);
    for jail in ["sshd", "app"] {
        let mut found = found(&house, jail);
        found.remove("192.0.2.99");
        let wanted: BTreeMap<String, usize> = (0..sent).map(|n| (numbered(n), 1)).collect();
        let lost = wanted.keys().filter(|address| !found.contains_key(*address)).count();
        assert_eq!(lost, 0, "[{jail}] lost of {sent}");
        assert_eq!(found, wanted, "[{jail}] counted twice");
    }
}

#[test]
fn what_filters_remember_outlives_a_reload_of_another_jail() {
    let mut house = House::new("");
    let (log, web) = (house.path("app.log"), house.path("web.log"));
    let session = format!(
        "[jail.app]\nenabled = true\nlogpath = \"{}\"\nfailregex = [\n\
         '^app <F-MLFID>\\w+</F-MLFID>: <F-NOFAIL>connect</F-NOFAIL> from <ADDR>$',\n\
         '^app <F-MLFID>\\w+</F-MLFID>: login failed$',\n]\n",
        log.display()
    );
    house.configure(&(session.clone() + &jail("web", &web, "")));
    house.start();
    append(&log, "app first: connect from 203.0.113.5");
    append(&log, "app first: login failed");
    append(&log, "app second: connect from 203.0.113.6");
    house.await_log("[app] Found 203.0.113.5", 1);
    house.configure(&(session + &jail("web", &web, "findtime = \"1h\"")));
    assert_done(&house.client(&["reload"]));
    append(&log, "app second: login failed");
    house.await_log("[app] Found 203.0.113.6", 1);

    // A line that has come just now counts as of now, however wrong its date is.
    let mut file = OpenOptions::new().append(true).open(&log).expect("a log");
    let long_ago = jiff::Timestamp::now() - Duration::from_hours(5);
    write!(
        file,
        "{long_ago} app third: connect from 203.0.113.7\n{long_ago} app third: login failed\n"
    )
    .expect("lines");
    house.await_log("[app] Found 203.0.113.7", 1);
}

#[test]
fn a_reload_by_signal_does_the_same_and_tells_the_service_manager() {
    let mut house = House::new("");
    let path = house.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    house.environment = vec![("NOTIFY_SOCKET", path.to_string_lossy().into_owned())];
    house.start();
    house.configure("[jail.sshd]\nmaxretry = 0\n");
    house.signal(Signal::SIGHUP);
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    while !heard.contains("running with old rules: sshd") {
        let length = socket.recv(&mut buffer).expect("it is told in time");
        writeln!(heard, "{}", text(&buffer[..length])).expect("a string");
    }
    let (_, reloading) = heard.split_once("RELOADING=1\n").expect("that it reloads");
    let (clock, rest) = reloading.split_once('\n').expect("when");
    let begun = clock.strip_prefix("MONOTONIC_USEC=").expect("the clock of sd_notify(3)");
    assert!(begun.parse::<u64>().is_ok_and(|micros| micros > 0), "{clock}");
    assert!(rest.contains("READY=1\nSTATUS=running with old rules: sshd"), "{heard}");
    house.await_log("reloaded in part: the configuration has mistakes", 1);
}

#[test]
fn a_warning_of_a_filter_of_fail2bans_is_shown() {
    let mut house = House::new("");
    let web = house.path("web.log");
    fs::create_dir(house.path("etc/filters.d")).expect("a directory");
    let filter = "[INCLUDES]\nbefore = gone.conf\n[Definition]\nfailregex = ^failed from <HOST>$\n";
    fs::write(house.path("etc/filters.d/old.conf"), filter).expect("a filter");
    house.configure(&format!(
        "[jail.web]\nenabled = true\nlogpath = \"{}\"\nfilter = \"old.conf\"\n",
        web.display()
    ));
    house.start();
    house.await_log("old.conf:2", 1);
    assert_done(&house.client(&["reload"]));
    house.await_log("old.conf:2", 2);
}
