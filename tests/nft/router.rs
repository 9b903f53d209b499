//! What becomes of packets on their way through a router, as through a host of containers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jailkeeper::keeper::{Action, Ports, Scope, Until};
use jailkeeper::nft::Firewall;

use super::packets::{answers, connected, echo, hears, vanished};
use super::{apply, ban, gate, lift};
use crate::support::netns::Netns;

/// An attacker, a router that is guarded, and a server behind it.
struct Route {
    attacker: Netns,
    router: Netns,
    server: Netns,
    firewall: Firewall,
}

const ATTACKER: [&str; 2] = ["198.51.100.66", "2001:db8:a::66"];
const ROUTER: [&str; 2] = ["198.51.100.1", "2001:db8:a::1"];
const SERVER: [&str; 2] = ["203.0.113.5", "2001:db8:b::5"];
/// The attacker, as an offender and as a part of a network.
const OFFENDERS: [[&str; 2]; 2] =
    [["198.51.100.66", "198.51.100.0/24"], ["2001:db8:a::/64", "2001:db8:a::/56"]];

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);

/// What a host's own firewall usually says.
const ESTABLISHED_IS_ACCEPTED: &str = "table inet filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        meta l4proto ipv6-icmp accept
        meta l4proto tcp accept
    }
}";

/// The published port 8080 of a container that listens on port 80.
const PUBLISHED: &str = "table inet nat {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        meta nfproto ipv4 tcp dport 8080 dnat ip to 203.0.113.5:80
        meta nfproto ipv6 tcp dport 8080 dnat ip6 to [2001:db8:b::5]:80
    }
}";

impl Route {
    fn new() -> Self {
        let (attacker, router, server) = (Netns::new(), Netns::new(), Netns::new());
        // A router asks for its neighbours from its link-local address, which is to serve at once.
        for end in [&attacker, &router, &server] {
            end.run(|| std::fs::write("/proc/sys/net/ipv6/conf/default/dad_transmits", "0"))
                .unwrap();
        }
        router.cable("outside", &attacker, "wire");
        router.cable("inside", &server, "wire");
        for version in [0, 1] {
            let length = [24, 64][version];
            attacker.address("wire", &format!("{}/{length}", ATTACKER[version]));
            router.address("outside", &format!("{}/{length}", ROUTER[version]));
            router.address("inside", ["203.0.113.1/24", "2001:db8:b::1/64"][version]);
            server.address("wire", &format!("{}/{length}", SERVER[version]));
        }
        router.run(|| {
            for switch in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                std::fs::write(format!("/proc/sys/net/{switch}"), "1").unwrap();
            }
        });
        for (end, v4, v6) in
            [(&attacker, ROUTER[0], ROUTER[1]), (&server, "203.0.113.1", "2001:db8:b::1")]
        {
            end.ip(&format!("route add default via {v4}"));
            end.ip(&format!("-6 route add default via {v6}"));
        }
        let firewall = router.run(|| Firewall::open().unwrap());
        Self { attacker, router, server, firewall }
    }

    /// Guards these ports of what is behind the router, or of itself too.
    fn guard(&mut self, port: u16, scope: Scope, action: Action) {
        let mut guard = gate(0, "guard");
        guard.ports = Ports::Only(vec![port..=port]);
        (guard.scope, guard.action) = (scope, action);
        self.firewall.raise(&[guard]).unwrap();
    }

    fn connect(&self, version: usize, to: [&str; 2], port: u16) -> std::io::Result<TcpStream> {
        self.attacker.run(|| connected(ATTACKER[version], to[version], port))
    }
}

#[test]
fn a_router_guards_what_is_behind_it() {
    let mut route = Route::new();
    echo(&route.server, 22);
    echo(&route.router, 22);
    for version in [0, 1] {
        route.guard(22, Scope::Forward, Action::Drop);
        route.connect(version, SERVER, 22).expect("the router forwards");
        apply(&mut route.firewall, &[ban(OFFENDERS[version][0], Until::Forever)]);
        assert!(vanished(&route.connect(version, SERVER, 22)));
        route.connect(version, ROUTER, 22).expect("the router itself is not guarded");
        route.guard(22, Scope::All, Action::Drop);
        assert!(vanished(&route.connect(version, ROUTER, 22)));
        assert!(vanished(&route.connect(version, SERVER, 22)));
    }
}

#[test]
fn an_open_connection_through_it_is_cut_even_if_established_ones_are_accepted() {
    let mut route = Route::new();
    route.router.nft(ESTABLISHED_IS_ACCEPTED);
    echo(&route.server, 22);
    for version in [0, 1] {
        for offender in OFFENDERS[version] {
            route.guard(22, Scope::Forward, Action::Drop);
            let mut idle = route.connect(version, SERVER, 22).unwrap();
            assert!(answers(&mut idle, b"hello", LONG));
            let mut streaming = route.connect(version, SERVER, 22).unwrap();
            apply(&mut route.firewall, &[ban(offender, Until::Forever)]);
            assert!(!answers(&mut idle, b"still there?", SHORT), "{offender}");
            assert!(stalls(&mut streaming), "{offender}");
            apply(&mut route.firewall, &[lift(offender)]);
            assert!(hears(&mut idle, b"still there?", LONG), "TCP sends it again");

            route.guard(22, Scope::Forward, Action::Reject);
            apply(&mut route.firewall, &[ban(offender, Until::Forever)]);
            let asked = idle.write_all(b"and now?").and_then(|()| idle.read_exact(&mut [0; 8]));
            let error = asked.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{offender}: {error}");
            let error = route.connect(version, SERVER, 22).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{offender}: {error}");
            apply(&mut route.firewall, &[lift(offender)]);
        }
    }
}

/// Whether no more of this can be sent: what is not acknowledged fills the buffers.
fn stalls(stream: &mut TcpStream) -> bool {
    let much = vec![b'x'; 1 << 20];
    let mut echoed = stream.try_clone().unwrap();
    stream.set_write_timeout(Some(SHORT)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || std::io::copy(&mut echoed, &mut std::io::sink()));
        // Nobody's buffers hold a gigabyte.
        let stalled = (0..1000).any(|_| stream.write_all(&much).is_err());
        stream.shutdown(std::net::Shutdown::Both).unwrap();
        stalled
    })
}

#[test]
fn a_published_port_is_the_one_that_clients_ask_for() {
    let mut route = Route::new();
    route.router.nft(PUBLISHED);
    echo(&route.server, 80);
    for version in [0, 1] {
        for offender in OFFENDERS[version] {
            route.guard(8080, Scope::Forward, Action::Drop);
            let mut open = route.connect(version, ROUTER, 8080).unwrap();
            assert!(answers(&mut open, b"hello", LONG));
            apply(&mut route.firewall, &[ban(offender, Until::Forever)]);
            assert!(!answers(&mut open, b"still there?", SHORT));
            assert!(vanished(&route.connect(version, ROUTER, 8080)));
            route.connect(version, SERVER, 80).expect("nobody closes port 80");

            route.guard(80, Scope::Forward, Action::Drop);
            assert!(hears(&mut open, b"still there?", LONG), "nobody closes port 8080");
            route.connect(version, ROUTER, 8080).expect("nobody closes port 8080");
            assert!(vanished(&route.connect(version, SERVER, 80)));
            apply(&mut route.firewall, &[lift(offender)]);
        }
    }
}

#[test]
fn what_those_behind_it_ask_of_an_offender_is_answered() {
    let mut route = Route::new();
    route.router.nft(
        "table inet nat {
            chain postrouting {
                type nat hook postrouting priority srcnat;
                oifname outside masquerade
            }
         }",
    );
    echo(&route.attacker, 22);
    route.guard(22, Scope::All, Action::Drop);
    for version in [0, 1] {
        apply(&mut route.firewall, &[ban(OFFENDERS[version][0], Until::Forever)]);
        let (from, to) = (SERVER[version], ATTACKER[version]);
        let mut asking = route.server.run(|| connected(from, to, 22)).expect("its port is theirs");
        assert!(answers(&mut asking, b"hello", LONG));
    }
}

#[test]
fn a_connection_that_the_router_does_not_follow_is_cut_too() {
    let mut route = Route::new();
    route.router.nft(
        "table inet raw {
            chain prerouting { type filter hook prerouting priority raw; notrack; }
         }",
    );
    echo(&route.server, 22);
    route.guard(22, Scope::Forward, Action::Drop);
    for version in [0, 1] {
        let mut open = route.connect(version, SERVER, 22).unwrap();
        assert!(answers(&mut open, b"hello", LONG));
        apply(&mut route.firewall, &[ban(OFFENDERS[version][0], Until::Forever)]);
        assert!(!answers(&mut open, b"still there?", SHORT));
        assert!(vanished(&route.connect(version, SERVER, 22)));
    }
}
