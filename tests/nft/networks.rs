//! Bans of networks: sets and rules of their own for each length.

use jailkeeper::keeper::{Action, Element, Outcome, Prefix, Scope, Until};
use jailkeeper::nft::Firewall;

use super::{LIST, apply, ban, gate, lift, now, seconds};
use crate::support::netns::Netns;

fn raised(host: &Netns) -> Firewall {
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    firewall
}

fn banned(firewall: &mut Firewall) -> Vec<String> {
    let mut elements: Vec<Element> = firewall.elements(now()).unwrap();
    elements.sort_by_key(|element| element.network);
    elements.iter().map(|element| element.network.to_string()).collect()
}

#[test]
fn a_network_has_a_set_and_a_rule_of_its_length_for_as_long_as_one_is_banned() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    let bare = host.nft(LIST);
    let bans = [
        ban("192.0.2.0/24", Until::Forever),
        ban("198.51.100.0/24", Until::Forever),
        ban("203.0.113.5", Until::Forever),
        ban("2001:db8::/56", Until::Forever),
        ban("2001:db8::/32", Until::Forever),
    ];
    apply(&mut firewall, &bans);
    let before = host.nft(LIST);
    insta::assert_snapshot!(before);
    // What nft prints it also reads, and a set of this name can be asked for.
    host.nft(&format!("delete table inet jailkeeper\n{before}"));
    assert_eq!(host.nft(LIST), before);
    assert!(host.nft("list set inet jailkeeper sshd4/24").contains("198.51.100.0"));

    let networks =
        ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.5", "2001:db8::/32", "2001:db8::/56"];
    assert_eq!(banned(&mut firewall), networks);
    for text in networks {
        apply(&mut firewall, &[lift(text), lift("10.1.0.0/16")]);
    }
    assert_eq!(banned(&mut firewall), [""; 0]);
    assert!(host.nft(LIST).contains("sshd4/24"), "it is not worth a transaction");
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    assert_eq!(host.nft(LIST), bare);
}

#[test]
fn the_next_process_takes_the_networks_over_and_their_counters() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    apply(&mut firewall, &[ban("192.0.2.0/24", seconds(600)), ban("10.1.0.0/16", seconds(600))]);
    host.nft(
        "flush chain inet jailkeeper banned/input
         add rule inet jailkeeper banned/input ip saddr & 255.255.255.0 @sshd4/24 counter packets 7 bytes 420 drop
         add rule inet jailkeeper banned/input ip saddr & 255.255.0.0 @sshd4/16 counter packets 1 bytes 60 drop",
    );
    let mut next = raised(&host);
    assert_eq!(banned(&mut next), ["10.1.0.0/16", "192.0.2.0/24"]);
    let shown = host.nft(LIST);
    assert!(
        shown.contains("255.255.255.0 == @sshd4/24 tcp dport 22 counter packets 7 bytes 420"),
        "{shown}"
    );
    apply(&mut next, &[lift("192.0.2.0/24")]);
    next.raise(&[gate(0, "sshd")]).unwrap();
    let shown = host.nft(LIST);
    assert!(!shown.contains("sshd4/24"), "{shown}");
    assert!(shown.contains("@sshd4 tcp dport 22 counter packets 7 bytes 420 drop"), "{shown}");
    let counters = next.counters().unwrap();
    assert_eq!((counters[0].1.packets, counters[0].1.bytes), (8, 480));
}

#[test]
fn what_others_put_into_or_beside_the_sets_for_networks_goes() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    apply(&mut firewall, &[ban("192.0.2.0/24", Until::Forever)]);
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    let expected = host.nft(LIST);
    host.nft(
        "add element inet jailkeeper sshd4/24 { 198.51.100.7 timeout 1h }
         add element inet jailkeeper sshd4/24 { * timeout 1h }
         table inet jailkeeper {
            set sshd4/8 { type ipv4_addr; flags timeout; size 1048576; elements = { 10.0.0.0 } }
            set sshd4/032 { type ipv4_addr; elements = { 10.0.0.0 } }
            set sshd6/48 { type inet_service; elements = { 22 } }
            set web4/24 { type ipv4_addr; elements = { 192.0.2.0 } }
            set sshd4/20 { type ipv4_addr; elements = { 192.0.2.1 } }
         }",
    );
    assert_eq!(banned(&mut firewall), ["192.0.2.0/24"]);
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    assert_eq!(host.nft(LIST), expected);
    // One of the wrong shape is made anew with the networks that it had.
    host.nft(
        "flush chain inet jailkeeper input
         flush chain inet jailkeeper banned/input
         delete set inet jailkeeper sshd4/24
         table inet jailkeeper {
            set sshd4/24 { type ipv4_addr; elements = { 192.0.2.0, 192.0.2.1 } }
         }",
    );
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    assert_eq!(host.nft(LIST), expected);
}

#[test]
fn when_the_prefix_or_its_bound_changes_what_no_longer_fits_goes() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    apply(
        &mut firewall,
        &[ban("192.0.2.0/24", Until::Forever), ban("10.1.0.0/16", Until::Forever)],
    );
    let mut bounded = gate(0, "sshd");
    bounded.max_prefix = Prefix { ipv4: 20, ipv6: 48 };
    firewall.raise(&[bounded.clone()]).unwrap();
    assert_eq!(banned(&mut firewall), ["192.0.2.0/24"]);
    bounded.prefix.ipv4 = 24;
    firewall.raise(&[bounded]).unwrap();
    assert_eq!(banned(&mut firewall), [""; 0]);
    assert!(!host.nft(LIST).contains("sshd4/"), "the main set is that of /24 now");
    for (unfit, why) in [("10.1.0.0/16", "wide"), ("192.0.2.1", "narrow")] {
        let outcome = firewall.apply(&[ban(unfit, seconds(5))], |_| None, now());
        let Outcome::Applied { refused } = outcome else { panic!("{outcome:?}") };
        assert!(refused[0].1.contains(why), "{refused:?}");
    }
}

#[test]
fn a_ban_of_a_network_survives_trouble_with_its_set() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    // As if a transaction had succeeded of which the answer was lost.
    host.nft(
        "table inet jailkeeper {
            set sshd4/24 { type ipv4_addr; flags timeout; size 1048576; }
         }",
    );
    apply(&mut firewall, &[ban("192.0.2.0/24", seconds(600)), ban("192.0.2.1", seconds(600))]);
    assert_eq!(banned(&mut firewall), ["192.0.2.0/24", "192.0.2.1"]);
    host.nft("delete table inet jailkeeper");
    for text in ["192.0.2.0/24", "198.51.0.0/17"] {
        let outcome = firewall.apply(&[ban(text, seconds(600))], |_| None, now());
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    }
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    apply(&mut firewall, &[ban("198.51.0.0/17", seconds(600))]);
    assert_eq!(banned(&mut firewall), ["198.51.0.0/17"]);
}

#[test]
fn a_guarded_router_knows_ports_by_what_clients_ask_for() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    let mut forward = gate(0, "forward");
    forward.scope = Scope::Forward;
    forward.action = Action::Reject;
    firewall.raise(&[forward]).unwrap();
    apply(&mut firewall, &[ban("192.0.2.0/24", Until::Forever)]);
    let before = host.nft(LIST);
    insta::assert_snapshot!(before);
    host.nft(&format!("delete table inet jailkeeper\n{before}"));
    assert_eq!(host.nft(LIST), before);
}
