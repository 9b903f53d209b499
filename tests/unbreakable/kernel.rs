//! Others who have their hands in the kernel's firewall: what they do to our table is undone, and
//! nothing is done to theirs.

use std::fs;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::signal::Signal;
use rustables::{Batch, MsgType, ProtocolFamily, Table};
use serde_json::Value;

use super::chronicle::{AT_MOST, Chronicle, await_table, middle_and_longest, table};
use crate::support::house::{House, await_that};
use crate::support::netns::Netns;
use crate::support::soak::{figure, rounds};

/// Several jails, so that there are common sets; bans for ever, so that nothing counts down.
pub(super) const JAILS: &str = "[default]\nbantime = -1\nmaxretry = 1\n\
    [jail.recidive]\nenabled = true\n[jail.sshd]\nprotocol = [\"tcp\", \"udp\"]\n";

/// What others have.
const STRANGERS: &str = r#"
    table inet other {
        set friends { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }
        counter untouched { }
        chain input { type filter hook input priority 10; ip saddr @friends counter accept; }
    }
    table ip jailkeeper {
        set sshd4 { type ipv4_addr; elements = { 192.0.2.1 }; }
        chain input { ip saddr @sshd4 drop; }
    }
    table netdev early { chain ingress { type filter hook ingress device "lo" priority 0; }; }
"#;

/// A service that has banned addresses, networks, and both families.
fn guarded() -> (House, String) {
    let house = House::guarded(JAILS);
    house.network.nft(STRANGERS);
    house.fails("198.51.100.66", 1);
    house.fails("2001:db8:66::6", 1);
    house.await_log("[sshd] Ban", 2);
    for network in ["203.0.113.0/24", "203.0.112.7"] {
        assert!(house.client(&["ban", "sshd", network]).status.success());
    }
    let wanted = table(&house.network);
    for part in ["198.51.100.66", "2001:db8:66::", "203.0.113.0", "203.0.112.7", "@banned/4/24"] {
        assert!(wanted.contains(part), "{part} is not in:\n{wanted}");
    }
    (house, wanted)
}

/// All that is not ours, as nft(8) tells it, with its handles.
pub(super) fn others(network: &Netns) -> Vec<Value> {
    let list: Value =
        serde_json::from_str(&network.nft_list("-j", "ruleset")).expect("JSON of nft");
    let list = list["nftables"].as_array().expect("a list").clone();
    let is_ours = |object: &Value| {
        let object = object.as_object().and_then(|kinds| kinds.values().next());
        let named = |key: &str| object.and_then(|it| it[key].as_str()).map(str::to_owned);
        let table = named("table").or_else(|| named("name"));
        named("family").as_deref() == Some("inet") && table.as_deref() == Some("jailkeeper")
    };
    list.into_iter().filter(|object| !is_ours(object)).collect()
}

/// One way to spoil our table, by nft(8); `HANDLE` is that of the first rule in the chain `input`.
const SPOILERS: &[&str] = &[
    "delete element inet jailkeeper sshd4 { 198.51.100.66 }",
    "delete element inet jailkeeper banned/4/32 { 198.51.100.66 }",
    "delete element inet jailkeeper sshd6 { 2001:db8:66:: }",
    "delete element inet jailkeeper sshd4/24 { 203.0.113.0 }",
    "add element inet jailkeeper sshd4 { 192.0.2.77 }",
    "delete element inet jailkeeper sshd4 { 198.51.100.66 }
     add element inet jailkeeper sshd4 { 198.51.100.66 timeout 1h }",
    "flush set inet jailkeeper sshd4",
    "delete rule inet jailkeeper input handle HANDLE",
    "replace rule inet jailkeeper input handle HANDLE accept",
    "insert rule inet jailkeeper input accept",
    "insert rule inet jailkeeper input tcp dport 22 jump { accept; }",
    "flush chain inet jailkeeper input",
    "add chain inet jailkeeper input { policy drop; }",
    "flush chain inet jailkeeper input
     delete chain inet jailkeeper input",
    "flush chain inet jailkeeper input
     delete chain inet jailkeeper input
     add chain inet jailkeeper input { type filter hook input priority 300; }",
    "flush table inet jailkeeper",
    "flush table inet jailkeeper
     delete set inet jailkeeper sshd4",
    "flush table inet jailkeeper
     delete set inet jailkeeper sshd4
     add map inet jailkeeper sshd4 { type ipv4_addr : verdict; }",
    "flush table inet jailkeeper
     delete set inet jailkeeper banned/4/32
     add set inet jailkeeper banned/4/32 { type ipv4_addr; size 2; flags interval; }",
    "add chain inet jailkeeper aside
     add map inet jailkeeper ways { type inet_service : verdict; elements = { 22 : goto aside }; }
     insert rule inet jailkeeper input tcp dport vmap @ways
     add rule inet jailkeeper aside accept",
    "add chain inet jailkeeper early { type filter hook ingress device lo priority 0; }",
    "add table inet jailkeeper { flags dormant; }",
    "delete table inet jailkeeper",
    "delete table inet jailkeeper
     add table inet jailkeeper { set sshd4 { type ipv4_addr; }; chain input { accept; }; }",
];

#[test]
fn whatever_is_done_to_the_table_is_undone_and_no_other_is_touched() {
    let (house, wanted) = guarded();
    let before = others(&house.network);
    let mut chronicle = Chronicle::begin(&house.network);
    let rounds = rounds(2, 50);
    for spoiler in (0..rounds).flat_map(|_| SPOILERS) {
        house.network.nft(&spoiler.replace("HANDLE", &first_rule(&house.network)));
        await_table(&house.network, &wanted, spoiler);
        chronicle.await_answer();
    }
    assert_eq!(others(&house.network), before, "others' tables are as they were");
    let repairs = chronicle.repairs();
    assert_eq!(repairs.len(), SPOILERS.len() * rounds as usize, "each was undone once");
    let (middle, longest) = middle_and_longest(repairs);
    figure("ways to spoil the table, each undone", SPOILERS.len());
    figure("spoilt tables, all undone", SPOILERS.len() * rounds as usize);
    figure(
        "until a spoilt table is undone, in the middle and at the longest",
        format!("{middle:?}, {longest:?}"),
    );
    assert!(middle < AT_MOST, "{middle:?}");
}

fn first_rule(network: &Netns) -> String {
    let list = network.nft_list("-a", "chain inet jailkeeper input");
    let (_, rest) = list.split_once("# handle ").expect("the chain's own");
    let (_, rest) = rest.split_once("# handle ").expect("a rule's");
    rest.split_whitespace().next().expect("a number").to_owned()
}

/// How often the offender sends a packet.
const PACE: Duration = Duration::from_micros(100);

/// An offender who sends all the time, and the door at which his packets arrive if nobody stops them.
struct Offender {
    network: Netns,
    door: UdpSocket,
}

impl Offender {
    /// At the service's own network, with the address that [`guarded`] has banned.
    fn beside(house: &House) -> Self {
        let network = Netns::new();
        house.network.cable("lan0", &network, "lan0");
        house.network.address("lan0", "198.51.100.1/24");
        network.address("lan0", "198.51.100.66/24");
        let door = house.network.run(|| UdpSocket::bind("198.51.100.1:22").expect("a socket"));
        Self { network, door }
    }

    /// Sends for as long as `work` takes: how many packets, and how many of them have come through.
    fn during(&self, work: impl FnOnce()) -> (u32, u32) {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let sender = scope.spawn(|| self.network.run(|| send(&over)));
            let receiver = scope.spawn(|| self.receive(&over));
            let end = End(&over);
            work();
            drop(end);
            (sender.join().expect("no panic"), receiver.join().expect("no panic"))
        })
    }

    fn receive(&self, over: &AtomicBool) -> u32 {
        self.door.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let mut passed = 0;
        while !over.load(Ordering::Relaxed) {
            match self.door.recv(&mut [0; 16]) {
                Ok(_) => passed += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
        }
        passed
    }
}

fn send(over: &AtomicBool) -> u32 {
    let socket = UdpSocket::bind("198.51.100.66:0").expect("a socket");
    socket.connect("198.51.100.1:22").expect("a socket");
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) {
        // Where nobody listens any more that is said by ICMP.
        let _unheard = socket.send(b"knock");
        sent += 1;
        thread::sleep(PACE);
    }
    sent
}

/// Ends the other threads of a test, also when it fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_ruleset_that_is_flushed_again_and_again_is_back_each_time() {
    let (house, wanted) = guarded();
    let offender = Offender::beside(&house);
    let (sent, passed) = offender.during(|| thread::sleep(Duration::from_millis(500)));
    assert_eq!(passed, 0, "of {sent} packets before the first flush");
    assert!(sent > 100, "{sent}");
    let mut chronicle = Chronicle::begin(&house.network);
    let rounds = rounds(30, 1000);
    let (sent, passed) = offender.during(|| {
        for _ in 0..rounds {
            house.network.nft("flush ruleset");
            await_table(&house.network, &wanted, "flush ruleset");
            chronicle.await_answer();
        }
    });
    assert_eq!(others(&house.network).len(), 1, "nothing but what nft(8) says of itself");
    let (middle, longest) = middle_and_longest(chronicle.repairs());
    figure("flushes of the ruleset, all mended", rounds);
    figure(
        "until a flush is mended, in the middle and at the longest",
        format!("{middle:?}, {longest:?}"),
    );
    figure(
        "packets of an offender that passed between flush and mending",
        format!("{passed} of {sent}"),
    );
    assert!(middle < AT_MOST, "{middle:?}");
    let (sent, passed) = offender.during(|| thread::sleep(Duration::from_millis(500)));
    assert_eq!(passed, 0, "of {sent} packets behind the last flush");
}

#[test]
fn flushes_without_a_pause_end_with_all_bans_in_force() {
    let house = House::guarded(JAILS);
    let over = AtomicBool::new(false);
    let (bans, mut flushes) = (rounds(20, 500), 0);
    thread::scope(|scope| {
        let stranger = scope.spawn(|| {
            let mut flushes = 0;
            while !over.load(Ordering::Relaxed) {
                house.network.nft("flush ruleset");
                flushes += 1;
            }
            flushes
        });
        let end = End(&over);
        for number in 1..=bans {
            house.fails(&std::net::Ipv4Addr::from_bits(0xcb00_7100 + number).to_string(), 1);
        }
        house.await_log("[sshd] Ban 203.0.", bans as usize);
        drop(end);
        flushes = stranger.join().expect("no panic");
    });
    await_that("all bans are in force", || {
        let list = house.network.nft("list ruleset");
        ["set sshd4 {", "set banned/4/32 {"].iter().all(|set| {
            let members = list.split(set).nth(1).and_then(|rest| rest.split('}').next());
            members.is_some_and(|members| members.matches("203.0.").count() == bans as usize)
        })
    });
    assert_eq!(house.times_logged("[sshd] Ban 203.0."), bans as usize, "each is told once");
    figure("bans beside flushes without a pause, all in force", format!("{bans} beside {flushes}"));
}

/// Another program that changes a table of its own as fast as it can, until it may end.
fn never_rests(network: &Netns, mut may_end: impl FnMut() -> bool + Send) {
    let mut socket = network.run(|| Socket::new(NETLINK_NETFILTER).expect("a socket"));
    socket.bind_auto().expect("a port");
    socket.connect(&SocketAddr::new(0, 0)).expect("the kernel");
    socket.set_non_blocking(true).expect("a socket");
    let table = Table::new(ProtocolFamily::Inet).with_name("noise");
    let mut batch = Batch::new();
    batch.add(&table, MsgType::Add);
    batch.add(&table, MsgType::Del);
    let transaction = batch.finalize();
    let mut answers = Vec::with_capacity(1 << 16);
    while !may_end() {
        socket.send(&transaction, 0).expect("the kernel takes it");
        while socket.recv(&mut answers, 0).is_ok() {
            answers.clear();
        }
    }
}

#[test]
fn a_table_is_mended_beside_a_program_that_never_rests() {
    let (house, wanted) = guarded();
    let over = AtomicBool::new(false);
    let mut chronicle = Chronicle::begin(&house.network);
    let mut changes = 0;
    let rounds = rounds(10, 500);
    thread::scope(|scope| {
        let network = &house.network;
        let changes = &mut changes;
        scope.spawn(|| {
            never_rests(network, || {
                *changes += 1;
                over.load(Ordering::Relaxed)
            });
        });
        let end = End(&over);
        for _ in 0..rounds {
            network.nft("delete table inet jailkeeper");
            await_table(network, &wanted, "delete table");
            chronicle.await_answer();
        }
        drop(end);
    });
    let (middle, longest) = middle_and_longest(chronicle.repairs());
    figure("deleted tables beside a program that never rests, all mended", rounds);
    figure("transactions of a program that never rests", changes);
    figure(
        "until mended beside a program that never rests, in the middle and at the longest",
        format!("{middle:?}, {longest:?}"),
    );
    assert!(middle < AT_MOST, "{middle:?}");
}

/// How many messages the kernel has thrown away for want of room in a socket, of all netlink
/// sockets of the service.
fn lost_news(house: &House) -> u64 {
    let process = house.service.as_ref().expect("it runs").id();
    let sockets = fs::read_to_string(format!("/proc/{process}/net/netlink")).expect("it runs");
    let drops = |line: &str| line.split_whitespace().nth(8)?.parse::<u64>().ok();
    sockets.lines().filter_map(drops).sum()
}

#[test]
fn a_table_that_was_deleted_while_the_news_were_lost_is_mended() {
    let (house, wanted) = guarded();
    let rounds = rounds(1, 20);
    let mut healed = Vec::new();
    for round in 1..=rounds {
        house.signal(Signal::SIGSTOP);
        let before = lost_news(&house);
        let mut transactions = 0_u32;
        never_rests(&house.network, || {
            transactions += 1;
            transactions.is_multiple_of(1000) && lost_news(&house) > before
        });
        house.network.nft("delete table inet jailkeeper");
        house.signal(Signal::SIGCONT);
        let begin = Instant::now();
        await_table(&house.network, &wanted, "lost news");
        healed.push(begin.elapsed());
        house.await_log("more changes to nf_tables than could be followed", round as usize);
    }
    figure("times that the kernel's news were lost, all mended", rounds);
    figure(
        "until mended behind lost news, at the longest",
        format!("{:?}", middle_and_longest(healed).1),
    );
}
