//! What a table costs each packet that it sees.
//!
//! Two network namespaces and a cable between them. A packet that is sent into it is received by the
//! same processor before the sender goes on, so that the time which sending takes is that of the whole
//! way. It goes in bursts of a millisecond, for one ruleset after the other and again, so that
//! whatever else the machine does is the same for all of them; and what counts is the burst that is
//! quicker than three quarters, since nothing makes a packet quicker than it is.
//!
//! A last chain drops all that has passed the rules, so that no ruleset is charged for an answer.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Instant;

use jailkeeper::keeper::JailId;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use rustix::net::{AddressFamily, SendFlags, SocketType, bind, connect, ipproto, send, socket};

use crate::Part;
use crate::live::kernel::Table;
use crate::measure::percentile;
use crate::report::{Goal, Row, Unit};
use crate::scene::Scene;
use crate::support::netns::Netns;

pub(crate) const PART: Part = Part {
    name: "packets",
    about: "What a table with 100,000 bans adds to the way of a packet through the kernel, beside none. \
            All jails guard TCP port 22. fail2ban's rules are those of its action nftables.",
    needs: &[],
    measure,
};

const BANS: u32 = 100_000;
const MANY: u32 = 50;
const BURST: u32 = 500;
/// Of the bursts so many percent are quicker than the one that counts.
const QUICK: usize = 25;

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
/// Banned in the last of the jails.
const OFFENDER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 67);

/// Where everything ends that has passed the rules, of anybody's priority.
const SINK: &str = "table inet sink {
    chain input {
        type filter hook input priority 100
        meta l4proto { tcp, udp } drop
    }
}";

/// What becomes of the host's ruleset. It is in force for as long as what is returned lives.
type Ruleset = fn(&Netns);

const RULESETS: [(&str, Ruleset); 5] = [
    ("none", |_| {}),
    ("ours, 1 jail", |host| ours(host, 1)),
    ("fail2ban's, 1 jail", |host| fail2bans(host, 1)),
    ("ours, 50 jails", |host| ours(host, MANY)),
    ("fail2ban's, 50 jails", |host| fail2bans(host, MANY)),
];

/// A kind of packets.
struct Kind {
    what: &'static str,
    from: Ipv4Addr,
    tcp: bool,
    port: u16,
    /// Nanoseconds that 49 more jails may add.
    growth: Option<f64>,
}

const KINDS: [Kind; 4] = [
    Kind { what: "UDP, not guarded", from: CLIENT, tcp: false, port: 5555, growth: Some(50.0) },
    Kind { what: "TCP, not guarded", from: CLIENT, tcp: true, port: 5555, growth: Some(50.0) },
    Kind { what: "TCP, guarded", from: CLIENT, tcp: true, port: 22, growth: Some(50.0) },
    Kind { what: "TCP, guarded, banned", from: OFFENDER, tcp: true, port: 22, growth: None },
];

fn measure(scene: &Scene) -> Vec<Row> {
    let rounds = if scene.scale.all { 400 } else { 60 };
    let lanes: Vec<_> = RULESETS.iter().map(|(_, ruleset)| Lane::new(*ruleset)).collect();
    let mut core = CpuSet::new();
    core.set(0).and_then(|()| sched_setaffinity(Pid::from_raw(0), &core)).expect("one core");
    let mut times = vec![vec![Vec::new(); KINDS.len()]; lanes.len()];
    for _ in 0..rounds {
        for (number, kind) in KINDS.iter().enumerate() {
            for (lane, times) in lanes.iter().zip(&mut times) {
                times[number].push(lane.burst(number, kind));
            }
        }
    }
    let cost = |ruleset: &[Vec<f64>], kind: usize| percentile(ruleset[kind].clone(), QUICK);
    let added = |ruleset: usize, kind| cost(&times[ruleset], kind) - cost(&times[0], kind);
    let mut rows = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        for (jails, mine, theirs) in [("1 jail", 1, 2), ("50 jails", 3, 4)] {
            let what = format!("{}: {jails}", kind.what);
            let row = Row::new(&what, Unit::Nanos, Goal::less(), Ok(added(mine, number)));
            rows.push(row.beside("fail2ban's rules", Ok(added(theirs, number))));
        }
        // Less than one nanosecond is as good as none.
        let grown = |one, many| Ok((added(many, number) - added(one, number)).max(1.0));
        let goal = kind.growth.map_or_else(Goal::less, Goal::at_most);
        let what = format!("{}: by 49 more jails", kind.what);
        let row = Row::new(&what, Unit::Nanos, goal, grown(1, 3));
        rows.push(row.beside("fail2ban's rules", grown(2, 4)));
    }
    rows
}

/// A client on a cable to a host.
struct Lane {
    /// They last as long as their ends of the cable.
    _ends: [Netns; 2],
    sockets: Vec<OwnedFd>,
}

impl Lane {
    fn new(ruleset: Ruleset) -> Self {
        let (host, client) = (Netns::new(), Netns::new());
        host.cable("outside", &client, "wire");
        host.address("outside", &format!("{HOST}/24"));
        for address in [CLIENT, OFFENDER] {
            client.address("wire", &format!("{address}/24"));
        }
        host.nft(SINK);
        ruleset(&host);
        let sockets = KINDS.iter().map(|kind| client.run(|| raw(kind))).collect();
        Self { _ends: [host, client], sockets }
    }

    /// How many nanoseconds a packet of this kind takes.
    fn burst(&self, number: usize, kind: &Kind) -> f64 {
        let packet = packet(kind);
        let start = Instant::now();
        for _ in 0..BURST {
            let sent = || send(&self.sockets[number], &packet, SendFlags::empty());
            // It may be told here that an earlier one was rejected.
            sent().or_else(|_| sent()).expect("the cable takes it");
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(BURST)
    }
}

fn raw(kind: &Kind) -> OwnedFd {
    let protocol = if kind.tcp { ipproto::TCP } else { ipproto::UDP };
    let socket = socket(AddressFamily::INET, SocketType::RAW, Some(protocol)).expect("a socket");
    bind(&socket, &SocketAddr::from((kind.from, 0))).expect("an address of its own");
    connect(&socket, &SocketAddr::from((HOST, 0))).expect("a way to the host");
    socket
}

/// The header of RFC 9293 or RFC 768 alone. No rule looks at more of it than the port, and so a
/// segment of an open connection is as good as any.
fn packet(kind: &Kind) -> [u8; 20] {
    let mut packet = [0; 20];
    packet[..2].copy_from_slice(&40_000_u16.to_be_bytes());
    packet[2..4].copy_from_slice(&kind.port.to_be_bytes());
    if kind.tcp {
        // The header's length in words, and ACK.
        packet[12..14].copy_from_slice(&[5 << 4, 0x10]);
    } else {
        packet[4..6].copy_from_slice(&20_u16.to_be_bytes());
    }
    packet
}

/// The offenders of each of so many jails.
fn offenders(jail: u32, jails: u32) -> impl Iterator<Item = Ipv4Addr> {
    let each = BANS / jails;
    let strangers = (0..each).map(move |n| Ipv4Addr::from_bits(0x0a00_0000 + jail * each + n));
    strangers.chain((jail + 1 == jails).then_some(OFFENDER))
}

fn ours(host: &Netns, jails: u32) {
    let all = |jail| offenders(jail, jails).map(move |address| (JailId(jail), address));
    Table::new(host, jails).ban((0..jails).flat_map(all));
}

/// As fail2ban's action makes them for jails that have banned IPv4 addresses alone.
fn fail2bans(host: &Netns, jails: u32) {
    let (mut sets, mut rules) = (String::new(), String::new());
    for jail in 0..jails {
        let elements: Vec<_> = offenders(jail, jails).map(|address| address.to_string()).collect();
        let elements = elements.join(", ");
        writeln!(
            sets,
            "set addr-set-jail{jail} {{ type ipv4_addr; elements = {{ {elements} }}; }}"
        )
        .expect("a string");
        writeln!(rules, "tcp dport {{ 22 }} ip saddr @addr-set-jail{jail} reject")
            .expect("a string");
    }
    host.nft(&format!(
        "table inet f2b-table {{
            {sets}
            chain f2b-chain {{
                type filter hook input priority -1
                {rules}
            }}
        }}"
    ));
}
