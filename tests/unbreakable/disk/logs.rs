//! A log file on a disk that fails, and on one that goes away and comes back.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use nix::sys::signal::Signal;

use super::trouble::{Disk, with_own_mounts};
use crate::support::house::House;
use crate::support::soak::figure;
use crate::support::strace::Strace;

/// A house whose jail `app` reads a log in a directory of its own, and forgives two attempts.
fn house() -> House {
    let mut house = House::new("");
    house.is_injected = true;
    house.configure(&format!(
        "[default]\nmaxretry = 3\nfindtime = \"1d\"\n\
         [jail.app]\nenabled = true\nlogpath = \"{}\"\nfailregex = '^bad <ADDR>$'\n",
        house.path("logs/app.log").display()
    ));
    house
}

fn append(log: &Path, address: &str) {
    let file = fs::File::options().create(true).append(true).open(log);
    writeln!(file.expect("a log"), "bad {address}").expect("a line");
}

/// The journal's jail works, whatever becomes of the log.
fn sshd_goes_on(house: &House, address: &str) {
    house.fails(address, 3);
    house.await_log(&format!("[sshd] Ban {address}"), 1);
}

#[test]
fn a_log_that_cannot_be_read_for_a_while_is_read_on_and_each_line_counts_once() {
    let mut house = house();
    fs::create_dir(house.path("logs")).expect("a directory");
    let log = house.path("logs/app.log");
    append(&log, "203.0.113.9");
    house.start();
    append(&log, "203.0.113.1");
    house.await_log("[app] Found 203.0.113.1", 1);
    for (error, times) in [("EIO", 2), ("ESTALE", 3)] {
        let inject = format!("--inject=pread64:error={error}");
        let path = log.to_str().expect("a name");
        let arguments = ["--trace=pread64", "--trace-path", path, &inject, "--output=/dev/null"];
        let strace = Strace::attach(&house, &arguments);
        append(&log, "203.0.113.1");
        house.await_log(&format!("cannot read {path}"), times - 1);
        sshd_goes_on(&house, &format!("203.0.113.10{times}"));
        assert_eq!(house.times_logged("[app] Found 203.0.113.1"), times - 1, "{error}");
        drop(strace);
        append(&log, "203.0.113.9");
        house.await_log("[app] Found 203.0.113.9", times);
        house.await_log("[app] Found 203.0.113.1", times);
        house.end(Signal::SIGKILL);
        house.start();
    }
    house.await_log("[app] Ban 203.0.113.1", 1);
    assert_eq!(house.times_logged("[app] Found 203.0.113.1"), 3);
    assert_eq!(house.times_logged("[app] Found 203.0.113.9"), 3);
    figure("errors of a log's disk, each line counted once", 2);
}

#[test]
fn a_disk_of_logs_that_goes_away_and_comes_back_is_read_where_it_was_left() {
    with_own_mounts(|| {
        let mut house = house();
        let first = Disk::mounted(&house, "logs", "size=1m");
        let log = house.path("logs/app.log");
        append(&log, "203.0.113.1");
        house.start();
        append(&log, "203.0.113.1");
        house.await_log("[app] Found 203.0.113.1", 2);
        let lines = fs::read(&log).expect("the log");
        drop(first);
        sshd_goes_on(&house, "203.0.113.100");
        // The same disk, as far as anybody can see. That it is mounted again is noticed by the next
        // process.
        fs::remove_dir(house.path("logs")).expect("nothing is left below");
        let _again = Disk::mounted(&house, "logs", "size=1m");
        fs::write(&log, lines).expect("the log");
        append(&log, "203.0.113.2");
        house.end(Signal::SIGKILL);
        house.start();
        house.await_log("[app] Found 203.0.113.2", 1);
        assert_eq!(house.times_logged("[app] Found 203.0.113.1"), 2, "counted once");
        append(&log, "203.0.113.1");
        house.await_log("[app] Ban 203.0.113.1", 1);
    });
}

#[test]
fn a_log_that_is_rotated_before_its_first_line_was_read_is_read_to_its_end() {
    let mut house = house();
    fs::create_dir(house.path("logs")).expect("a directory");
    let log = house.path("logs/app.log");
    fs::write(&log, "").expect("a log");
    house.start();
    house.end(Signal::SIGTERM);
    append(&log, "203.0.113.1");
    fs::rename(&log, house.path("logs/app.log.1")).expect("it is rotated");
    append(&log, "203.0.113.2");
    house.start();
    house.await_log("[app] Found 203.0.113.2", 1);
    assert_eq!(house.times_logged("[app] Found 203.0.113.1"), 1);
}
