//! The host's addresses, in a network namespace of its own.

use std::net::IpAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use jailkeeper::host::{Watch, addresses};

use crate::support::netns::Netns;

fn parsed(texts: &[&str]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
    addresses.sort_unstable();
    addresses
}

#[test]
fn lists_every_interfaces_own_address() {
    let host = Netns::new();
    assert_eq!(host.run(|| addresses().unwrap()), parsed(&["127.0.0.1", "::1"]));
    host.ip("link add here type veth peer name there");
    host.address("here", "192.0.2.1/24");
    host.address("here", "192.0.2.2/24");
    host.address("here", "2001:db8::1/64");
    // On a point-to-point link the peer's address is not ours.
    host.ip("address add 198.51.100.1 peer 203.0.113.1 dev here");
    let all = ["127.0.0.1", "::1", "192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1"];
    assert_eq!(host.run(|| addresses().unwrap()), parsed(&all));
}

#[test]
fn a_thousand_addresses() {
    let host = Netns::new();
    host.ip("link add here type veth peer name there");
    let lines: Vec<_> = (0..1000)
        .map(|n| format!("address add 198.18.{}.{}/32 dev here", n / 250, n % 250 + 1))
        .collect();
    host.ip_batch(&lines.join("\n"));
    assert_eq!(host.run(|| addresses().unwrap()).len(), 1002);
}

#[test]
fn tells_of_changes_a_burst_at_a_time() {
    let host = Netns::new();
    host.ip("link add here type veth peer name there");
    let mut watch = host.run(|| Watch::open().unwrap());
    let (sender, news) = channel();
    std::thread::spawn(move || while watch.wait().is_ok() && sender.send(()).is_ok() {});
    let within = Duration::from_secs(5);
    assert_eq!(news.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout));
    host.ip_batch("address add 192.0.2.1/24 dev here\naddress add 2001:db8::1/64 dev here nodad\n");
    news.recv_timeout(within).expect("the news of both");
    assert_eq!(news.recv_timeout(Duration::from_millis(300)), Err(RecvTimeoutError::Timeout));
    host.ip("address del 192.0.2.1/24 dev here");
    news.recv_timeout(within).expect("the news of the removal");
}
