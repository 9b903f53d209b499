//! Callers who want too much, beside a service that works: whoever else calls is answered, and the
//! loop does not notice.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::StreamExt as _;
use jailkeeper::bus::{MANAGER, NAME, PATH};
use zbus::message::Flags;
use zbus::{Message, MessageStream};

use super::chronicle::middle_and_longest;
use crate::bus::{ask, client, run};
use crate::support::flood::{Flood, PLAIN, WITHOUT_END, log_in};
use crate::support::house::House;
use crate::support::soak::{figure, rounds};

/// The bus reads from each of its clients in turn, so that a flood makes each of its rounds long.
/// That an answer takes a few of them is the bus's own matter. Here it took more than the bus's whole
/// life while the answers to a flood stood before it.
const AN_ANSWER: Duration = Duration::from_secs(5);

#[test]
fn root_is_answered_while_fifty_connections_of_another_flood() {
    let house = House::guarded("[default]\nmaxretry = 1\n");
    let flood = Flood { calls: WITHOUT_END, ..PLAIN };
    let senders: Vec<_> = (0..50).map(|_| flood.start(&house.bus)).collect();
    let address = house.bus.address();
    let times = run(async move {
        let root = client(address).await;
        let mut times = Vec::new();
        for _ in 0..rounds(10, 40) {
            let begin = Instant::now();
            ask(&root, "ListBans", &"").await.expect("root's question is answered");
            times.push(begin.elapsed());
        }
        times
    });
    house.fails("203.0.113.9", 1);
    house.await_log("[sshd] Ban 203.0.113.9", 1);
    assert!(senders.iter().all(|sender| !sender.is_finished()), "the floods went on");
    drop(house);
    for sender in senders {
        drop(sender.join().expect("no panic"));
    }
    let (middle, longest) = middle_and_longest(times);
    figure(
        "root's answers beside 50 floods, in the middle and at the longest",
        format!("{middle:?}, {longest:?}"),
    );
    assert!(middle < AN_ANSWER, "{middle:?}");
}

/// A client of the bus that is subscribed to all of our signals, and reads nothing.
fn deaf_subscriber(house: &House) -> std::os::unix::net::UnixStream {
    let mut stream = house.bus.connect_as(0, &[]);
    log_in(&mut stream);
    let dbus = "org.freedesktop.DBus";
    let rule = "type='signal',interface='org.jailkeeper1.Manager'";
    let call = Message::method_call("/org/freedesktop/DBus", "AddMatch").destination(dbus);
    let call = call.interface(dbus).with_flags(Flags::NO_REPLY_EXPECTED).build(&rule);
    stream.write_all(call.expect("a call").data()).expect("a subscription");
    stream
}

#[test]
fn subscribers_who_never_read_hold_up_nobody() {
    let house = House::guarded("[default]\nmaxretry = 1\n");
    let deaf: Vec<_> = (0..20).map(|_| deaf_subscriber(&house)).collect();
    let address = house.bus.address();
    let bans = rounds(200, 2000);
    let heard = thread::spawn(move || {
        run(async move {
            let root = client(address).await;
            let rule = "type='signal',interface='org.jailkeeper1.Manager',member='Banned'";
            let mut signals =
                MessageStream::for_match_rule(rule, &root, None).await.expect("a rule");
            for number in 0..bans {
                let offender = Ipv4Addr::from_bits(0x0a00_0000 + number).to_string();
                ask(&root, "Ban", &("sshd", vec![offender], 3600i64)).await.expect("a ban");
                signals.next().await.expect("a message").expect("the signal");
            }
        });
    });
    heard.join().expect("each ban is answered and told");
    drop(deaf);
    figure("bans told beside 20 subscribers who never read", bans);
}

/// So many bans make an answer of two megabytes.
const LISTED: u32 = 20_000;

#[test]
fn clients_who_never_read_their_long_answers_hold_up_nobody() {
    let house = House::guarded("[default]\nmaxretry = 1\n");
    let service = house.service.as_ref().expect("it runs").id();
    let (address, clients) = (house.bus.address(), rounds(10, 50));
    let root = run(async move {
        let root = client(address).await;
        for chunk in (0..LISTED).collect::<Vec<_>>().chunks(5000) {
            let offender = |number: &u32| Ipv4Addr::from_bits(0x0a00_0000 + number).to_string();
            let offenders: Vec<String> = chunk.iter().map(offender).collect();
            ask(&root, "Ban", &("sshd", offenders, 86_400i64)).await.expect("bans");
        }
        root
    });
    let before = resident(service);
    let mut deaf: Vec<_> = (0..clients)
        .map(|_| {
            let mut stream = house.bus.connect_as(0, &[]);
            log_in(&mut stream);
            let call = Message::method_call(PATH, "ListBans").destination(NAME);
            let call = call.interface(MANAGER).build(&"").expect("a call");
            // The bus may be tired of it before that.
            let _all = (0..100).try_for_each(|_| stream.write_all(call.data()));
            stream
        })
        .collect();
    let times = run(async move {
        let mut times = Vec::new();
        for _ in 0..10 {
            let begin = Instant::now();
            ask(&root, "ListBans", &"").await.expect("who reads is answered");
            times.push(begin.elapsed());
        }
        times
    });
    house.fails("203.0.113.9", 1);
    house.await_log("[sshd] Ban 203.0.113.9", 1);
    let grown = resident(service).saturating_sub(before) >> 10;
    let mut first = vec![0; 1 << 20];
    deaf[0].read_exact(&mut first).expect("an answer had been waiting for it");
    let (middle, longest) = middle_and_longest(times);
    figure("clients who never read answers of two megabytes, asked for 100 times", clients);
    figure(
        "who reads is answered beside them, in the middle and at the longest",
        format!("{middle:?}, {longest:?}"),
    );
    figure("MiB by which they made the service grow", grown);
    assert!(grown < 256, "by {grown} MiB");
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let house = House::guarded("");
    let service = house.service.as_ref().expect("it runs").id();
    let come_and_go = |times: u32| {
        for _ in 0..times {
            let mut stream = house.bus.connect_as(crate::support::flood::HOSTILE, &[]);
            log_in(&mut stream);
            let call = Message::method_call(PATH, "Ban").destination(NAME).interface(MANAGER);
            let call = call.build(&("sshd", vec!["192.0.2.1"], 0i64)).expect("a call");
            stream.write_all(call.data()).expect("a call");
        }
    };
    let answered = || assert!(house.client(&["list"]).status.success());
    come_and_go(200);
    answered();
    let before = resident(service);
    let times = rounds(1000, 50_000);
    come_and_go(times);
    answered();
    let grown = resident(service).saturating_sub(before);
    figure("connections that came and went", times);
    figure("KiB by which connections made the service grow", grown);
    // What it remembers of 4096 callers, and what the allocator keeps.
    assert!(grown < 4096, "by {grown} KiB");
}

/// What a process has in memory, in KiB.
pub(super) fn resident(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}
