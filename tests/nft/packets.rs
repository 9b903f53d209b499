//! What becomes of packets.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jailkeeper::keeper::{Action, Change, Gate, JailId, Ports, Protocol, Protocols, Scope, Until};
use jailkeeper::nft::Firewall;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};

use super::{apply, ban, gate, lift, network, seconds};
use crate::support::netns::Netns;

/// A host and an attacker on one cable.
struct Site {
    host: Netns,
    attacker: Netns,
    firewall: Firewall,
}

const HOST: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const ATTACKER: [&str; 2] = ["192.0.2.66", "2001:db8::66"];
/// Another address of the attacker: in IPv4 it is somebody else's, in IPv6 in the same /64.
const NEIGHBOUR: [&str; 2] = ["192.0.2.67", "2001:db8::67"];
/// In another /64.
const STRANGER: &str = "2001:db8:0:1::66";

impl Site {
    fn new(gates: &[Gate]) -> Self {
        let (host, attacker) = (Netns::new(), Netns::new());
        host.cable("outside", &attacker, "wire");
        for (address, length) in HOST.iter().zip([24, 32]) {
            host.address("outside", &format!("{address}/{length}"));
        }
        for addresses in [ATTACKER, NEIGHBOUR] {
            for (address, length) in addresses.iter().zip([24, 32]) {
                attacker.address("wire", &format!("{address}/{length}"));
            }
        }
        attacker.address("wire", &format!("{STRANGER}/32"));
        let mut firewall = host.run(|| Firewall::open().unwrap());
        firewall.raise(gates).unwrap();
        Self { host, attacker, firewall }
    }

    /// Answers what is written to this port, on every address.
    fn echo(&self, port: u16) {
        echo(&self.host, port);
    }

    fn connect(&self, from: &str, to: &str, port: u16) -> io::Result<TcpStream> {
        self.attacker.run(|| connected(from, to, port))
    }
}

pub(super) fn echo(host: &Netns, port: u16) {
    let listener = host.run(|| TcpListener::bind(("::", port)).unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                io::copy(&mut from, &mut to)
            });
        }
    });
}

/// A connection from this address, or why not within a second.
pub(super) fn connected(from: &str, to: &str, port: u16) -> io::Result<TcpStream> {
    let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let family = if from.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::STREAM, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(Duration::from_secs(1)))?;
    bind(&socket, &SocketAddr::new(from, 0))?;
    connect(&socket, &SocketAddr::new(to, port))?;
    Ok(TcpStream::from(socket))
}

/// Whether the other side answers within `wait`.
pub(super) fn answers(stream: &mut TcpStream, text: &[u8], wait: Duration) -> bool {
    stream.write_all(text).unwrap();
    hears(stream, text, wait)
}

pub(super) fn hears(stream: &mut TcpStream, text: &[u8], wait: Duration) -> bool {
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).is_ok() && answer == text
}

pub(super) fn vanished(attempt: &io::Result<TcpStream>) -> bool {
    // EINPROGRESS: connect(2) was given up after its time.
    matches!(attempt, Err(error) if error.raw_os_error() == Some(115)
        || error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn an_offenders_packets_vanish_and_nobody_elses() {
    let mut site = Site::new(&[gate(0, "sshd")]);
    site.echo(22);
    site.echo(23);
    for version in [0, 1] {
        let (from, to) = (ATTACKER[version], HOST[version]);
        site.connect(from, to, 22).expect("nobody is banned yet");
        let offender = ["192.0.2.66", "2001:db8::/64"][version];
        apply(&mut site.firewall, &[ban(offender, seconds(600))]);
        let attempt = site.connect(from, to, 22);
        assert!(vanished(&attempt), "{attempt:?}");
        site.connect(from, to, 23).expect("another port");
        let neighbour = site.connect(NEIGHBOUR[version], to, 22);
        if version == 0 {
            neighbour.expect("another IPv4 address");
        } else {
            assert!(vanished(&neighbour), "the same /64: {neighbour:?}");
            site.connect(STRANGER, to, 22).expect("another /64");
        }
        apply(&mut site.firewall, &[lift(offender)]);
        site.connect(from, to, 22).expect("the ban is lifted");
    }
    let counters = site.firewall.counters().unwrap();
    assert_eq!(counters[0].0, JailId(0));
    assert!(counters[0].1.packets >= 3 && counters[0].1.bytes >= 3 * 60, "{counters:?}");
}

#[test]
fn a_ban_ends_by_itself() {
    let mut site = Site::new(&[gate(0, "sshd")]);
    site.echo(22);
    apply(&mut site.firewall, &[ban(ATTACKER[0], seconds(1))]);
    assert!(vanished(&site.connect(ATTACKER[0], HOST[0], 22)));
    site.connect(ATTACKER[0], HOST[0], 22).expect("the second is over");
}

#[test]
fn an_open_connection_is_cut_even_if_the_host_accepts_established_ones() {
    let mut site = Site::new(&[gate(0, "sshd")]);
    site.host.nft(
        "table inet filter {
            chain input {
                type filter hook input priority filter; policy drop;
                ct state established,related accept
                meta l4proto ipv6-icmp accept
                tcp dport 22 accept
            }
         }",
    );
    site.echo(22);
    for version in [0, 1] {
        let mut stream = site.connect(ATTACKER[version], HOST[version], 22).unwrap();
        let long = Duration::from_secs(10);
        assert!(answers(&mut stream, b"hello", long));
        for offender in
            [["192.0.2.66", "2001:db8::/64"], ["192.0.2.0/24", "2001:db8::/56"]].map(|o| o[version])
        {
            apply(&mut site.firewall, &[ban(offender, seconds(600))]);
            assert!(!answers(&mut stream, b"still there?", Duration::from_millis(300)));
            apply(&mut site.firewall, &[lift(offender)]);
            assert!(hears(&mut stream, b"still there?", long), "TCP sends it again");
        }
    }
}

#[test]
fn reject_answers_at_once() {
    let mut tcp = gate(0, "sshd");
    tcp.action = Action::Reject;
    let mut all = gate(1, "all");
    all.action = Action::Reject;
    all.protocols = Protocols::Only(vec![Protocol::Tcp, Protocol::Udp]);
    all.ports = Ports::Only(vec![53..=53, 6000..=6010]);
    let mut site = Site::new(&[tcp, all]);
    site.echo(22);
    site.echo(6005);
    let _listening = site.host.run(|| UdpSocket::bind(("::", 53)).unwrap());
    for (version, offender) in ["192.0.2.66", "2001:db8::/64"].into_iter().enumerate() {
        let (from, to) = (ATTACKER[version], HOST[version]);
        let change = |jail| Change::Ban {
            jail: JailId(jail),
            network: network(offender),
            until: Until::Forever,
        };
        apply(&mut site.firewall, &[change(0), change(1)]);
        for port in [22, 6005] {
            let error = site.connect(from, to, port).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "port {port}: {error}");
        }
        let socket = site.attacker.run(|| UdpSocket::bind((from, 0)).unwrap());
        socket.connect((to, 53)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send(b"?").unwrap();
        let error = socket.recv(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    }
}

#[test]
fn every_port_and_protocol_if_the_jail_says_so() {
    let mut everything = gate(0, "everything");
    everything.ports = Ports::All;
    everything.protocols = Protocols::All;
    let mut site = Site::new(&[everything]);
    site.echo(80);
    let udp = site.host.run(|| UdpSocket::bind((HOST[0], 53)).unwrap());
    let asking = site.attacker.run(|| UdpSocket::bind((ATTACKER[0], 0)).unwrap());
    udp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    asking.send_to(b"?", (HOST[0], 53)).unwrap();
    udp.recv(&mut [0; 8]).expect("nobody is banned yet");
    apply(&mut site.firewall, &[ban(ATTACKER[0], Until::Forever)]);
    assert!(vanished(&site.connect(ATTACKER[0], HOST[0], 80)));
    asking.send_to(b"?", (HOST[0], 53)).unwrap();
    assert!(udp.recv(&mut [0; 8]).is_err());
}

#[test]
fn several_ports_and_ranges() {
    let mut several = gate(0, "several");
    several.ports = Ports::Only(vec![22..=22, 6000..=6002, 65535..=65535]);
    let mut site = Site::new(&[several]);
    let inside = [22, 6000, 6001, 6002, 65535];
    let outside = [21, 23, 5999, 6003, 65534];
    for port in inside.into_iter().chain(outside) {
        site.echo(port);
    }
    apply(&mut site.firewall, &[ban("2001:db8::/64", Until::Forever)]);
    thread::scope(|scope| {
        for port in inside {
            let site = &site;
            scope.spawn(move || {
                let attempt = site.connect(ATTACKER[1], HOST[1], port);
                assert!(vanished(&attempt), "port {port}: {attempt:?}");
            });
        }
    });
    for port in outside {
        site.connect(ATTACKER[1], HOST[1], port).unwrap_or_else(|error| panic!("{port}: {error}"));
    }
}

#[test]
fn the_host_may_talk_to_itself_if_the_jail_says_so() {
    let mut spared = gate(0, "spared");
    spared.spare_loopback = true;
    let mut site = Site::new(&[spared.clone()]);
    site.echo(22);
    let itself = |site: &Site| {
        [("127.0.0.1", "127.0.0.1"), (HOST[0], HOST[0]), ("::1", "::1")]
            .map(|(from, to)| site.host.run(|| connected(from, to, 22)))
    };
    let own = [
        ban("127.0.0.1", Until::Forever),
        ban(HOST[0], Until::Forever),
        ban("::/64", Until::Forever),
    ];
    apply(&mut site.firewall, &own);
    for attempt in itself(&site) {
        attempt.expect("the loopback interface is spared");
    }
    spared.spare_loopback = false;
    site.firewall.raise(&[spared]).unwrap();
    for attempt in itself(&site) {
        assert!(vanished(&attempt), "{attempt:?}");
    }
}

/// Ends the other threads of a test, also when it fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_packet_slips_through_while_the_table_is_rebuilt() {
    let mut guard = gate(0, "guard");
    guard.protocols = Protocols::Only(vec![Protocol::Udp]);
    guard.ports = Ports::Only(vec![53..=53, 55..=55, 60..=70]);
    let mut site = Site::new(&[guard.clone()]);
    let listening = site.host.run(|| UdpSocket::bind((HOST[0], 53)).unwrap());
    let flooding = site.attacker.run(|| UdpSocket::bind((ATTACKER[0], 0)).unwrap());
    apply(&mut site.firewall, &[ban(ATTACKER[0], Until::Forever)]);
    let over = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut sent = 0_u64;
            while !over.load(Ordering::Relaxed) {
                sent += u64::from(flooding.send_to(b"!", (HOST[0], 53)).is_ok());
            }
            sent
        });
        let flooded = End(&over);
        let end = Instant::now() + Duration::from_secs(1);
        let mut round = 0;
        while Instant::now() < end {
            round += 1;
            guard.scope = if round % 2 == 0 { Scope::All } else { Scope::Host };
            let other = gate(1, if round % 3 == 0 { "one" } else { "two" });
            site.firewall.raise(&[guard.clone(), other]).unwrap();
            apply(&mut site.firewall, &[ban(ATTACKER[0], seconds(100 + round))]);
        }
        drop(flooded);
        assert!(round > 5, "{round}");
        flood.join().unwrap()
    });
    assert!(sent > 1000, "{sent}");
    listening.set_nonblocking(true).unwrap();
    let got = std::iter::from_fn(|| listening.recv(&mut [0; 8]).ok()).count();
    assert_eq!(got, 0, "packets came through, of {sent}");
}
