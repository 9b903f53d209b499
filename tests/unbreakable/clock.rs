//! The time of day is set back and forth, and the machine sleeps.
//!
//! It is one time for all of a machine, so these run in a machine of their own
//! (`tests/machine/unbreakable/kernels.rs`), where the clock may really be set.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};
use serde_json::Value;

use super::attempts::{Seen, line};
use crate::machine::virt;
use crate::support::house::{House, await_that};
use crate::support::journald::present;
use crate::support::soak::{figure, rounds};

const HOUR: i64 = 3600;

/// The kernel's end of a ban and ours are the same within this time: it reads both in seconds, one
/// after the other.
const SAME_END: i64 = 5;

/// How long a test may take to see that a ban has begun, in seconds.
const ABOUT: i64 = 60;

/// The time of day, in seconds since 1970.
fn now() -> i64 {
    (present() / 1_000_000).cast_signed()
}

/// Sets the time of day by so many seconds.
fn step(seconds: i64) {
    assert!(virt::is_here(), "nobody else's clock is set");
    let to = TimeSpec::new(now() + seconds, 0);
    clock_settime(ClockId::CLOCK_REALTIME, to).expect("the clock is ours");
}

/// How many seconds the service says that the ban still lasts.
fn left_by_service(house: &House, offender: Ipv4Addr) -> Option<i64> {
    let list: Value =
        serde_json::from_slice(&house.client(&["list", "--json"]).stdout).expect("JSON");
    let bans = list.as_array().expect("a list");
    let ban = bans.iter().find(|ban| ban["offender"] == offender.to_string())?;
    let end = ban["until"].as_i64().expect("an end, in seconds since 1970");
    Some(end - now())
}

/// How many seconds the kernel keeps him out.
fn left_by_kernel(house: &House, offender: Ipv4Addr) -> Option<i64> {
    let set = house.network.nft("list set inet jailkeeper sshd4");
    let (_, rest) = set.split_once(&format!("{offender} timeout "))?;
    let expires = rest.split_once("expires ")?.1;
    let end = expires.find(|sign: char| [',', ' ', '}'].contains(&sign)).unwrap_or(expires.len());
    Some(seconds(&expires[..end]))
}

/// Reads nft's "1h2m3s4ms".
fn seconds(text: &str) -> i64 {
    let (mut total, mut number) = (0, 0);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let unit = match sign {
            '0'..='9' => {
                number = number * 10 + i64::from(sign.to_digit(10).expect("a digit"));
                continue;
            }
            'd' => 24 * HOUR,
            'h' => HOUR,
            'm' if signs.peek() == Some(&'s') => break,
            'm' => 60,
            _ => 1,
        };
        total += unit * number;
        number = 0;
    }
    total
}

/// Waits until kernel and service let go of him at one time, so many seconds behind `then`.
fn await_agreement(house: &House, offender: Ipv4Addr, (then, left): (Instant, i64)) {
    await_that(&format!("kernel and service let go of {offender} in {left} s"), || {
        let ran = then.elapsed().as_secs().cast_signed();
        let both = [left_by_service(house, offender), left_by_kernel(house, offender)];
        let [Some(service), Some(kernel)] = both else { return false };
        (service + ran - left).abs() <= ABOUT && (kernel - service).abs() <= SAME_END
    });
}

#[test]
#[ignore = "it sets the clock, in a machine of its own"]
fn the_clock_may_go_back_and_forth_by_hours() {
    let house = House::guarded("[default]\nbantime = \"3h\"\n");
    let mut seen = Seen::by(&house);
    let offender = Ipv4Addr::new(203, 0, 113, 5);
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    let then = Instant::now();
    let rounds = rounds(2, 12);
    let mut sent = 0;
    let mut attack = |house: &House| {
        for number in sent..sent + 10 {
            house.journald.send_as("sshd", &line(number));
        }
        sent += 10;
        sent
    };
    for round in 0..rounds {
        let mut left = 3 * HOUR;
        for hours in [2, -2, -5, 5] {
            step(hours * HOUR);
            left -= hours * HOUR;
            await_agreement(&house, offender, (then, left));
            let sent = attack(&house);
            seen.await_all(0..sent);
        }
        assert_eq!(house.times_logged("[sshd] Unban"), 0, "round {round}");
    }
    assert_eq!(seen.repeated(), [], "found more than once");

    // Whoever goes on is banned whatever the clock says, and who has served his time is let go.
    step(-HOUR);
    house.fails("203.0.113.6", 5);
    house.await_log("[sshd] Ban 203.0.113.6", 1);
    step(5 * HOUR);
    house.await_log("[sshd] Unban 203.0.113.5", 1);
    house.await_log("[sshd] Unban 203.0.113.6", 1);
    assert_eq!(left_by_kernel(&house, offender), None);
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 2);
    figure(
        "the clock set by hours",
        format!(
            "{} steps, {sent} attempts sent, {sent} found once, kernel and service agree after each",
            rounds * 4 + 2
        ),
    );
}

/// What a suspend is to the service: it stands still, as does the clock in which the kernel counts,
/// while the time of day goes on.
fn suspend(house: &House, seconds: i64) {
    house.signal(Signal::SIGSTOP);
    step(seconds);
    thread::sleep(Duration::from_secs(1));
    house.signal(Signal::SIGCONT);
}

#[test]
#[ignore = "it sets the clock, in a machine of its own"]
fn who_has_served_his_time_in_a_suspend_is_let_go_behind_it() {
    let house = House::guarded("[default]\nbantime = \"1h\"\n");
    let mut seen = Seen::by(&house);
    let rounds = rounds(2, 20);
    for round in 0..rounds {
        let offender = Ipv4Addr::new(203, 0, 113, u8::try_from(round).expect("few"));
        house.fails(&offender.to_string(), 5);
        house.await_log(&format!("[sshd] Ban {offender}"), 1);
        house.journald.send_as("sshd", &line(round * 2));
        let then = Instant::now();
        suspend(&house, HOUR / 2);
        await_agreement(&house, offender, (then, HOUR / 2));
        suspend(&house, HOUR);
        house.await_log(&format!("[sshd] Unban {offender}"), 1);
        assert_eq!(left_by_kernel(&house, offender), None);
        house.journald.send_as("sshd", &line(round * 2 + 1));
        seen.await_all(0..round * 2 + 2);
    }
    assert_eq!(seen.repeated(), [], "found more than once");
    let said = format!("{} times, kernel and service agree behind each", rounds * 2);
    figure("a suspend while a ban lasts", said);
}
