//! Changes by others are noticed, our own are not.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use jailkeeper::keeper::{Change, JailId, Network, Until};
use jailkeeper::nft::{Disturbance, Firewall, Monitor};

use super::{apply, ban, gate, lift, seconds};
use crate::support::netns::Netns;

/// The disturbances, as they come. The thread ends with the process, or with an error.
fn watch(host: &Netns, firewall: &Firewall) -> Receiver<Disturbance> {
    let mut monitor = host.run(|| Monitor::open(firewall.port_id()).unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        while let Ok(disturbance) = monitor.wait() {
            if sender.send(disturbance).is_err() {
                break;
            }
        }
    });
    receiver
}

fn by_nft(disturbance: &Disturbance) -> bool {
    matches!(disturbance, Disturbance::Changed { by: Some((name, pid)) } if name == "nft" && *pid > 1)
}

#[test]
fn sees_what_others_do_to_our_table_and_nothing_else() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    let news = watch(&host, &firewall);
    apply(&mut firewall, &[ban("192.0.2.1", Until::Forever), ban("192.0.2.2", seconds(600))]);
    apply(&mut firewall, &[lift("192.0.2.2")]);
    host.nft("table inet other { chain input { type filter hook input priority 0; tcp dport 1 drop; }; }");
    host.nft("table ip jailkeeper { set sshd4 { type ipv4_addr; elements = { 192.0.2.1 }; }; }");
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    let disturbances = [
        "delete element inet jailkeeper sshd4 { 192.0.2.1 }",
        "add element inet jailkeeper sshd4 { 192.0.2.9 }",
        "add rule inet jailkeeper input accept",
        "add set inet jailkeeper mine { type ipv4_addr; }",
        "add chain inet jailkeeper mine",
        "flush chain inet jailkeeper input",
        "add table inet jailkeeper { flags dormant; }",
        "delete table inet jailkeeper",
    ];
    for script in disturbances {
        host.nft(script);
        let seen = news.recv_timeout(Duration::from_secs(5)).expect(script);
        assert!(by_nft(&seen), "{script}: {seen:?}");
        assert!(seen.to_string().starts_with("nft (process "), "{seen}");
        assert_eq!(news.try_recv().ok(), None, "one transaction is one disturbance: {script}");
    }
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    host.nft("flush ruleset");
    let seen = news.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(by_nft(&seen), "{seen:?}");
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    firewall.lower().unwrap();
    assert_eq!(news.recv_timeout(Duration::from_millis(300)), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_large_batch_of_ours_hides_nothing() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    firewall.raise(&[gate(0, "sshd")]).unwrap();
    let news = watch(&host, &firewall);
    let bans = |until| -> Vec<_> {
        (0..100_000_u32)
            .map(|n| Change::Ban {
                jail: JailId(0),
                network: Network::V4((0x0a00_0000 + n).into(), 32),
                until,
            })
            .collect()
    };
    apply(&mut firewall, &bans(seconds(600)));
    apply(&mut firewall, &bans(seconds(900)));
    host.nft("delete table inet jailkeeper");
    let seen = news.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(by_nft(&seen), "{seen:?}");
}

#[test]
fn a_flush_is_mended_within_fifty_milliseconds() {
    let host = Netns::new();
    let mut firewall = host.run(|| Firewall::open().unwrap());
    let gates: Vec<_> = (0..20).map(|id| gate(id, &format!("jail{id}"))).collect();
    firewall.raise(&gates).unwrap();
    let news = watch(&host, &firewall);
    let mut best = Duration::MAX;
    for _ in 0..5 {
        host.nft("flush ruleset");
        // The clock starts late by what the news takes, which is next to nothing.
        news.recv_timeout(Duration::from_secs(5)).unwrap();
        let start = std::time::Instant::now();
        firewall.raise(&gates).unwrap();
        apply(&mut firewall, &[ban("192.0.2.1", seconds(600))]);
        best = best.min(start.elapsed());
    }
    assert!(best < Duration::from_millis(50), "{best:?}");
}
