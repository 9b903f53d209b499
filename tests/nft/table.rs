//! The shape of the table.

use jailkeeper::keeper::{Action, JailId, Ports, Prefix, Protocol, Protocols, Scope, Until};
use jailkeeper::nft::Firewall;

use super::{LIST, apply, ban, gate, network, now, seconds};
use crate::support::netns::Netns;

#[test]
fn looks_as_an_administrator_expects() {
    let host = Netns::new();
    host.run(|| Firewall::open().unwrap().raise(&[gate(0, "sshd")]).unwrap());
    insta::assert_snapshot!(host.nft(LIST));
}

#[test]
fn every_kind_of_gate() {
    let host = Netns::new();
    let several = |id, name, ports, protocols| {
        let mut gate = gate(id, name);
        gate.ports = Ports::Only(ports);
        gate.protocols = Protocols::Only(protocols);
        gate
    };
    let both = vec![Protocol::Tcp, Protocol::Udp];
    let mut everything = gate(3, "everything");
    everything.ports = Ports::All;
    everything.protocols = Protocols::All;
    everything.scope = Scope::All;
    everything.spare_loopback = true;
    let mut wide = gate(4, "wide");
    wide.prefix = Prefix { ipv4: 24, ipv6: 56 };
    wide.scope = Scope::Forward;
    let mut single = gate(5, "single");
    single.prefix = Prefix { ipv4: 32, ipv6: 128 };
    single.spare_loopback = true;
    let mut ports_of_all = gate(6, "ports-of-all");
    ports_of_all.protocols = Protocols::All;
    let gates = [
        several(0, "list", vec![22..=22, 80..=80], vec![Protocol::Tcp]),
        several(1, "ranges", vec![22..=22, 6000..=6100, 65000..=65535], both.clone()),
        several(2, "range", vec![5060..=5061], both),
        everything,
        wide,
        single,
        ports_of_all,
        several(7, "touching", vec![10..=10, 11..=20, 30..=30], vec![Protocol::Udp]),
    ];
    host.run(|| Firewall::open().unwrap().raise(&gates).unwrap());
    insta::assert_snapshot!(host.nft(LIST));
}

#[test]
fn reject_takes_a_rule_for_tcp_and_one_for_the_rest() {
    let host = Netns::new();
    let mut tcp = gate(0, "tcp");
    tcp.action = Action::Reject;
    let mut udp = gate(1, "udp");
    udp.action = Action::Reject;
    udp.protocols = Protocols::Only(vec![Protocol::Udp]);
    let mut both = gate(2, "both");
    both.action = Action::Reject;
    both.protocols = Protocols::Only(vec![Protocol::Tcp, Protocol::Udp]);
    let mut all = gate(3, "all");
    all.action = Action::Reject;
    all.protocols = Protocols::All;
    all.ports = Ports::All;
    host.run(|| Firewall::open().unwrap().raise(&[tcp, udp, both, all]).unwrap());
    insta::assert_snapshot!(host.nft(LIST));
}

#[test]
fn what_nft_prints_it_also_reads() {
    let host = Netns::new();
    let names = ["1st", "ip", "a-b_c", "icmpv", "rt", &"x".repeat(64)];
    let gates: Vec<_> = (0..).zip(names).map(|(id, name)| gate(id, name)).collect();
    host.run(|| Firewall::open().unwrap().raise(&gates).unwrap());
    let before = host.nft(LIST);
    assert!(before.contains("set _1st4 {") && before.contains("set _ip6 {"), "{before}");
    host.nft(&format!("delete table inet jailkeeper\n{before}"));
    assert_eq!(host.nft(LIST), before);
}

#[test]
fn raising_again_keeps_elements_and_counters() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    apply(&mut firewall, &[ban("192.0.2.1", Until::Forever), ban("2001:db8::/64", seconds(600))]);
    host.nft(
        "flush chain inet jailkeeper banned/input
         add rule inet jailkeeper banned/input ip saddr @sshd4 counter packets 7 bytes 420 drop
         add rule inet jailkeeper banned/input ip6 saddr @sshd6 counter packets 1 bytes 60 drop",
    );
    firewall.raise(&[gate(0, "sshd"), gate(1, "web")]).unwrap();
    let mut elements = firewall.elements(now()).unwrap();
    elements.sort_by_key(|element| element.network);
    let networks: Vec<_> = elements.iter().map(|element| element.network).collect();
    assert_eq!(networks, [network("192.0.2.1"), network("2001:db8::/64")]);
    assert_eq!(elements[0].until, Until::Forever);
    let counters = firewall.counters().unwrap();
    assert_eq!(counters[0].0, JailId(0));
    assert_eq!((counters[0].1.packets, counters[0].1.bytes), (8, 480));
    assert_eq!((counters[1].1.packets, counters[1].1.bytes), (0, 0));
    let shown = host.nft(LIST);
    assert!(shown.contains("@sshd4 tcp dport 22 counter packets 7 bytes 420 drop"), "{shown}");
}

#[test]
fn what_no_gate_wants_goes() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    let mut routed = gate(1, "routed");
    routed.scope = Scope::All;
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    let expected = host.nft(LIST);
    firewall.raise(&[gate(0, "sshd"), routed]).unwrap();
    host.nft(
        "table inet jailkeeper {
            set strangers { type ipv4_addr; elements = { 192.0.2.7 }; }
            map where { type inet_service : verdict; elements = { 80 : jump aside }; }
            chain aside { counter; }
            chain late { type filter hook output priority 100; ip daddr @strangers drop; }
         }
         add rule inet jailkeeper input tcp dport vmap @where
         insert rule inet jailkeeper input tcp dport { 1, 2, 3 } accept
         insert rule inet jailkeeper input tcp dport 22 jump { accept; }",
    );
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    assert_eq!(host.nft(LIST), expected);
}

#[test]
fn a_set_of_the_wrong_shape_is_made_anew_with_its_addresses() {
    let host = Netns::new();
    host.nft(
        "table inet jailkeeper {
            set sshd4 { type ipv4_addr; timeout 1h; elements = { 192.0.2.1 timeout 2h, 192.0.2.2 } }
            set sshd6 { type inet_service; elements = { 22, 80 } }
            set web4 { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
            map web6 { type ipv6_addr : mark; elements = { 2001:db8:: : 5 } }
            chain input { type filter hook input priority 0; policy drop; ip saddr @sshd4 accept; }
            chain forward { tcp dport @sshd6 accept; }
         }",
    );
    let mut firewall = host.run(|| Firewall::open().unwrap());
    let gates = [gate(0, "sshd"), gate(1, "web")];
    firewall.raise(&gates).unwrap();
    let mut left: Vec<_> = firewall.elements(now()).unwrap();
    left.sort_by_key(|element| element.network);
    let networks: Vec<_> = left.iter().map(|element| element.network).collect();
    assert_eq!(networks, [network("192.0.2.1"), network("192.0.2.2")]);
    let hours = |element: usize| match left[element].until {
        Until::At(end) => (end.since(now()).as_secs() + 30) / 3600,
        Until::Forever => 0,
    };
    assert_eq!((hours(0), hours(1)), (2, 1));
    for text in ["192.0.2.1", "192.0.2.2"] {
        apply(&mut firewall, &[super::lift(text)]);
    }
    let mended = host.nft(LIST);
    let fresh = Netns::new();
    fresh.run(|| Firewall::open().unwrap().raise(&gates).unwrap());
    // The stranger's table has no comment, and gets none: that comes with the making of a table.
    let without_comment = |text: String| {
        text.lines().filter(|line| !line.starts_with("\tcomment")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(without_comment(mended), without_comment(fresh.nft(LIST)));
}

#[test]
fn a_sleeping_table_is_woken() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    let expected = host.nft(LIST);
    host.nft("add table inet jailkeeper { flags dormant; }");
    assert!(host.nft(LIST).contains("flags dormant"));
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    assert_eq!(host.nft(LIST), expected);
}

#[test]
fn lowered_it_is_gone_and_nobody_elses_table_with_it() {
    let host = Netns::new();
    host.nft("table inet other { set jailkeeper { type ipv4_addr; }; }");
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.lower().unwrap();
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    firewall.lower().unwrap();
    firewall.lower().unwrap();
    assert_eq!(host.nft("list tables"), "table inet other\n");
    assert!(firewall.elements(now()).is_err());
}

#[test]
fn hundred_jails() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    let gates: Vec<_> = (0..100)
        .map(|id| {
            let mut gate = gate(id, &format!("jail{id}"));
            gate.scope = Scope::All;
            gate.ports = Ports::Only(vec![1..=1, 5..=5, 9..=9]);
            gate
        })
        .collect();
    for _ in 0..2 {
        firewall.raise(&gates).unwrap();
        assert_eq!(host.nft(LIST).matches("counter packets 0 bytes 0 drop").count(), 600);
    }
}
