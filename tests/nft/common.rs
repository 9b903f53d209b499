//! The common sets, without which no rule of a jail is asked.

use std::time::Duration;

use jailkeeper::keeper::{Change, JailId, Outcome, Prefix, Until};
use jailkeeper::nft::Firewall;

use super::{LIST, apply, ban, gate, lift, network, now, seconds};
use crate::support::netns::Netns;

fn raised(host: &Netns) -> Firewall {
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd"), gate(1, "web")]).unwrap();
    firewall
}

/// The set's elements and their times, as nft tells them, in whole hours.
fn elements(host: &Netns, set: &str) -> Vec<(String, u64)> {
    let listed = host.nft(&format!("list set inet jailkeeper {set}"));
    let Some((_, elements)) = listed.split_once("elements = {") else { return Vec::new() };
    let elements = elements.split('}').next().unwrap_or_default().split(',');
    let mut elements: Vec<_> = elements.map(element).collect();
    elements.sort();
    elements
}

fn element(text: &str) -> (String, u64) {
    let mut words = text.split_whitespace();
    let address = words.next().unwrap_or_default().to_owned();
    let timeout = words.skip_while(|word| *word != "timeout").nth(1).unwrap_or("0s");
    let seconds: u64 = timeout.trim_end_matches('s').parse().expect("nft tells seconds");
    (address, seconds / 3600)
}

fn hours(hours: u64) -> Until {
    // A little more, since time goes on.
    seconds(hours * 3600 + 1800)
}

fn of_web(text: &str, until: Option<Until>) -> Change {
    let (jail, network) = (JailId(1), network(text));
    match until {
        Some(until) => Change::Ban { jail, network, until },
        None => Change::Lift { jail, network },
    }
}

fn applied(firewall: &mut Firewall, change: Change, elsewhere: Option<Until>) {
    let outcome = firewall.apply(&[change], |_| elsewhere, now());
    assert_eq!(outcome, Outcome::Applied { refused: vec![] });
}

#[test]
fn who_is_banned_in_several_jails_is_there_for_as_long_as_in_any() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    let common = |time| vec![("192.0.2.1".to_owned(), time)];
    applied(&mut firewall, ban("192.0.2.1", hours(5)), None);
    assert_eq!(elements(&host, "banned/4/32"), common(5));
    applied(&mut firewall, of_web("192.0.2.1", Some(hours(2))), Some(hours(5)));
    assert_eq!(elements(&host, "banned/4/32"), common(5), "the other ban is longer");
    assert_eq!(elements(&host, "web4"), common(2));
    applied(&mut firewall, of_web("192.0.2.1", Some(hours(9))), Some(hours(5)));
    assert_eq!(elements(&host, "banned/4/32"), common(9));
    applied(&mut firewall, of_web("192.0.2.1", None), Some(hours(5)));
    assert_eq!(elements(&host, "banned/4/32"), common(5));
    applied(&mut firewall, lift("192.0.2.1"), None);
    assert_eq!(elements(&host, "banned/4/32"), []);
}

#[test]
fn networks_of_other_lengths_have_common_sets_of_their_own() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    let mut wide = gate(1, "web");
    wide.prefix = Prefix { ipv4: 24, ipv6: 56 };
    firewall.raise(&[gate(0, "sshd"), wide]).unwrap();
    let changes = [
        ban("192.0.2.0/24", hours(1)),
        of_web("192.0.2.0/24", Some(hours(2))),
        ban("2001:db8::/56", hours(3)),
        ban("2001:db8:0:100::/64", hours(4)),
        ban("10.0.0.0/16", hours(5)),
    ];
    apply(&mut firewall, &changes);
    let one = |address: &str, time| vec![(address.to_owned(), time)];
    assert_eq!(elements(&host, "banned/4/24"), one("192.0.2.0", 2));
    assert_eq!(elements(&host, "banned/4/16"), one("10.0.0.0", 5));
    assert_eq!(elements(&host, "banned/6/56"), one("2001:db8::", 3));
    assert_eq!(elements(&host, "banned/6/64"), one("2001:db8:0:100::", 4));
    assert_eq!(elements(&host, "banned/4/32"), []);
}

#[test]
fn raising_makes_them_what_the_jails_have() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    apply(&mut firewall, &[ban("192.0.2.1", hours(5)), ban("2001:db8::/64", hours(5))]);
    apply(&mut firewall, &[of_web("192.0.2.2", Some(hours(2))), ban("10.0.0.0/16", hours(1))]);
    let expected = [("192.0.2.1".to_owned(), 5), ("192.0.2.2".to_owned(), 2)];
    for damage in [
        "delete element inet jailkeeper banned/4/32 { 192.0.2.1 }",
        "delete element inet jailkeeper banned/4/32 { 192.0.2.1 }
         add element inet jailkeeper banned/4/32 { 192.0.2.1 timeout 1h }",
        "add element inet jailkeeper banned/4/32 { 192.0.2.3 timeout 1h }",
        "flush set inet jailkeeper banned/4/32",
        "flush chain inet jailkeeper input
         delete set inet jailkeeper banned/4/32",
        "flush chain inet jailkeeper input
         delete set inet jailkeeper banned/4/32
         table inet jailkeeper { set banned/4/32 { type inet_service; }; }",
        "table inet jailkeeper { set banned/4/9 { type ipv4_addr; }; }",
    ] {
        let before = host.nft(LIST);
        host.nft(damage);
        firewall.raise(&[gate(0, "sshd"), gate(1, "web")]).unwrap();
        assert_eq!(elements(&host, "banned/4/32"), expected, "{damage}");
        assert_eq!(host.nft(LIST).lines().count(), before.lines().count(), "{damage}");
    }
    // What was only the other jail's goes with it.
    firewall.raise(&[gate(0, "sshd"), gate(2, "mail")]).unwrap();
    assert_eq!(elements(&host, "banned/4/32"), expected[..1]);
}

#[test]
fn a_jail_that_is_alone_needs_none() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    apply(&mut firewall, &[ban("192.0.2.1", hours(5)), ban("10.0.0.0/16", hours(1))]);
    let alone = host.nft(LIST);
    assert!(alone.contains("ip saddr @sshd4 goto banned/input"), "{alone}");
    assert!(alone.contains("ip saddr & 255.255.0.0 == @sshd4/16 goto banned/input"), "{alone}");
    assert!(!alone.contains("set banned"), "{alone}");
    firewall.raise(&[gate(0, "sshd"), gate(1, "web")]).unwrap();
    assert_eq!(elements(&host, "banned/4/32"), [("192.0.2.1".to_owned(), 5)]);
    assert_eq!(elements(&host, "banned/4/16"), [("10.0.0.0".to_owned(), 1)]);
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    assert!(!host.nft(LIST).contains("set banned"));
    firewall.raise(&[]).unwrap();
    assert!(!host.nft(LIST).contains("banned"));
}

#[test]
fn one_that_runs_out_takes_nobody_else_with_it() {
    let host = Netns::new();
    let mut firewall = raised(&host);
    let soon = Until::At(now().plus(Duration::from_millis(300)));
    apply(&mut firewall, &[ban("192.0.2.1", soon), of_web("192.0.2.1", Some(hours(2)))]);
    apply(&mut firewall, &[ban("192.0.2.2", soon)]);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(elements(&host, "banned/4/32"), [("192.0.2.1".to_owned(), 2)]);
    assert_eq!(elements(&host, "sshd4"), []);
}
