//! A kernel that refuses, loses answers, or is in others' hands: nobody is told of a ban that is not
//! there, the trouble is told, and the wanted state is back when it is over.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::chronicle::{await_table, middle_and_longest, table};
use super::kernel::JAILS;
use crate::support::house::{House, await_that, text};
use crate::support::soak::{figure, rounds};
use crate::support::strace::Strace;

/// Has the system calls of the service's loop fail as `inject` of strace(1) has it. The other threads
/// are let alone.
fn inject(house: &House, fault: &str) -> Strace {
    Strace::attach_to_loop(house, &[&format!("--inject={fault}"), "--output=/dev/null"])
}

fn state(house: &House) -> String {
    text(&house.client(&["status"]).stdout)
}

/// What the service says in its status when the kernel does not do what it wants.
const TROUBLE: &str = "the firewall does not take changes";

/// Bans that are due, and a table that is gone, while the kernel does not do what it is asked for.
fn outlives(house: &House, wanted: &str, name: &str, fault: impl FnOnce()) -> Duration {
    let (offender, refused) = ("203.0.113.5", house.times_logged("the kernel did not take"));
    let bans = house.times_logged(&format!("Ban {offender}"));
    house.fails(offender, 1);
    house.await_log("the kernel did not take", refused + 1);
    await_that("the status tells of it", || state(house).contains(TROUBLE));
    assert_eq!(house.times_logged(&format!("Ban {offender}")), bans, "{name}: not told yet");
    let by_hand = house.client(&["ban", "sshd", "203.0.113.6"]);
    assert_eq!(by_hand.status.code(), Some(1), "{name}: {}", text(&by_hand.stderr));
    let listed = text(&house.client(&["list"]).stdout);
    assert!(!listed.contains("203.0.113."), "{name}: {listed}");
    fault();
    let begin = Instant::now();
    await_table(&house.network, wanted, name);
    let healed = begin.elapsed();
    house.await_log(&format!("Ban {offender}"), bans + 1);
    await_that("the status is well again", || !state(house).contains(TROUBLE));
    assert_eq!(
        house.times_logged(&format!("[sshd] Ban {offender}")),
        bans + 1,
        "{name}: told once"
    );
    // For the next time.
    assert!(house.client(&["unban", "203.0.113.0/24"]).status.success());
    healed
}

/// A service with a ban, and how its table is to be with those of [`outlives`] beyond that.
fn besieged() -> (House, String) {
    let house = house();
    house.fails("198.51.100.66", 1);
    house.await_log("[sshd] Ban 198.51.100.66", 1);
    for address in ["203.0.113.5", "203.0.113.6"] {
        assert!(house.client(&["ban", "sshd", address]).status.success());
    }
    let wanted = table(&house.network);
    assert!(house.client(&["unban", "203.0.113.0/24"]).status.success());
    (house, wanted)
}

fn house() -> House {
    let mut house = House::new(JAILS);
    house.is_injected = true;
    house.start();
    house
}

#[test]
fn while_the_kernel_refuses_nobody_is_told_of_a_ban_and_then_all_is_made_good() {
    let (house, wanted) = besieged();
    let mut healed = Vec::new();
    let errors = ["ENOMEM", "ENOBUFS", "EPERM", "EBUSY"];
    for error in (0..rounds(1, 10)).flat_map(|_| errors) {
        let before = house.times_logged("the firewall cannot be set right");
        let fault = inject(&house, &format!("sendto:error={error}"));
        house.network.nft("delete table inet jailkeeper");
        house.await_log("the firewall cannot be set right", before + 1);
        healed.push(outlives(&house, &wanted, error, || drop(fault)));
    }
    let times = healed.len();
    let (middle, longest) = middle_and_longest(healed);
    figure("errors of sendto(2) that were outlived", times);
    figure(
        "until whole behind such errors, in the middle and at the longest",
        format!("{middle:?}, {longest:?}"),
    );
}

/// A program that owns the table: the kernel refuses every change of anybody else's with EPERM, and
/// when it ends removes the table without a word to those who watch.
#[test]
fn a_table_that_another_program_owns_is_ours_again_when_it_ends() {
    let (house, wanted) = besieged();
    let mut healed = Vec::new();
    for _ in 0..rounds(2, 20) {
        let before = house.times_logged("another program owns the table");
        let spawn =
            || Command::new("nft").arg("-i").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut owner = house.network.run(spawn).expect("nft starts");
        let input = owner.stdin.as_mut().expect("a pipe");
        input
            .write_all(
                b"delete table inet jailkeeper; add table inet jailkeeper { flags owner; }\n",
            )
            .expect("nft reads");
        house.await_log("another program owns the table", before + 1);
        healed.push(outlives(&house, &wanted, "an owner", || {
            drop(owner.stdin.take());
            owner.wait().expect("nft ends");
        }));
    }
    let times = healed.len();
    let (_, longest) = middle_and_longest(healed);
    figure("owners of the table that were outlived", times);
    figure("until whole behind an owner, at the longest", format!("{longest:?}"));
}

#[test]
fn answers_that_are_lost_cost_no_ban() {
    let house = house();
    let bans = rounds(30, 300);
    for fault in ["recvfrom:error=ENOBUFS:when=2+3", "sendto:error=ENOBUFS:when=3+7"] {
        let injected = inject(&house, fault);
        for number in 0..bans {
            house.fails(&std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).to_string(), 1);
        }
        house.await_log("[sshd] Ban 10.", bans as usize);
        drop(injected);
        let banned = house.set("sshd4").matches("10.").count();
        assert_eq!(banned, bans as usize, "{fault}: each in the kernel");
        assert_eq!(house.times_logged("[sshd] Ban 10."), bans as usize, "{fault}: each told once");
        assert!(house.client(&["unban", "--all"]).status.success());
        fs::write(house.path("log"), "").expect("the log");
    }
    figure("bans while every third answer was lost, all made and told once", bans);
}
