use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REQUEST};
use netlink_packet_netfilter::nftables::{
    GenMessage, NfTablesMessage, TableAttribute, TableFlags, TableMessage,
};
use nix::sched::{CloneFlags, unshare};

use super::transaction::Transaction;
use super::wire::{self, Answer, Wire};
use super::{Disturbance, Firewall, Monitor, NftError, present, set_name, sets};
use crate::keeper::{
    Action, Change, Family, Gate, JailId, Network, Outcome, Ports, Prefix, Protocol, Protocols,
    Scope, Timestamp, Until,
};

/// How long the kernel's news may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does `work` in a thread with a network namespace of its own.
fn alone<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("unshare the network (are we root?)");
        work()
    });
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn gates(count: u32) -> Vec<Gate> {
    let gate = |id| Gate {
        jail: JailId(id),
        name: format!("jail{id}"),
        ports: Ports::Only(vec![22..=22]),
        protocols: Protocols::Only(vec![Protocol::Tcp]),
        action: Action::Drop,
        scope: Scope::Host,
        prefix: Prefix::default(),
        max_prefix: Prefix { ipv4: 16, ipv6: 32 },
        spare_loopback: false,
    };
    (0..count).map(gate).collect()
}

fn generation_request() -> NfTablesMessage {
    NfTablesMessage::GetGen(GenMessage { attributes: Vec::new() })
}

#[test]
fn set_names_are_such_that_nft_reads() {
    let names = [
        ("sshd", "sshd4", "sshd6"),
        ("1st", "_1st4", "_1st6"),
        ("ip", "ip4", "_ip6"),
        ("icmpv", "icmpv4", "_icmpv6"),
        ("rt", "_rt4", "rt6"),
    ];
    for (jail, v4, v6) in names {
        assert_eq!(set_name(jail, Family::V4), v4);
        assert_eq!(set_name(jail, Family::V6), v6);
    }
}

#[test]
fn timeouts_are_never_zero_never_early_and_never_too_long() {
    let now = Timestamp::from_seconds(1_000_000);
    let timeout = |micros| sets::timeout(Until::At(Timestamp::from_micros(micros)), now);
    let at = now.micros();
    assert_eq!(timeout(at - 5_000_000), Some(10));
    assert_eq!(timeout(at), Some(10));
    assert_eq!(timeout(at + 1), Some(10));
    assert_eq!(timeout(at + 11_001), Some(12));
    assert_eq!(timeout(at + 600_000_000), Some(600_000));
    assert_eq!(sets::timeout(Until::Forever, now), None);
    let longest = timeout(i64::MAX).unwrap();
    assert!(longest.checked_mul(1_000_000).is_some(), "the kernel reckons in nanoseconds");
    assert!(Duration::from_millis(longest) > Duration::from_hours(500 * 365 * 24));
}

#[test]
fn malformed_datagrams_are_errors_and_not_panics() {
    let good = wire::message(generation_request(), NLM_F_REQUEST, 7);
    assert_eq!(wire::messages(&good).flatten().count(), 1);
    for length in 1..good.len() {
        let messages: Vec<_> = wire::messages(&good[..length]).collect();
        assert!(matches!(messages.as_slice(), [Err(_)]), "{length}");
    }
    for length in [0_u32, 1, 15, u32::MAX] {
        let mut bad = good.clone();
        bad[..4].copy_from_slice(&length.to_ne_bytes());
        let messages = wire::messages(&bad).collect::<Vec<_>>();
        assert!(matches!(messages.last(), Some(Err(_))), "{length}: {messages:?}");
    }
    for noise in [&[][..], &[1], &[0; 4], &[255; 9], &[8, 0, 1, 0, 1, 2]] {
        assert_eq!(wire::text(noise, 1), None, "{noise:?}");
        assert_eq!(wire::number(noise, 1), None, "{noise:?}");
    }
}

#[test]
fn answers_to_earlier_requests_are_passed_over() {
    alone(|| {
        let mut wire = Wire::open().unwrap();
        for _ in 0..3 {
            let sequence = wire.sequences(1);
            wire.send(&wire::message(generation_request(), NLM_F_REQUEST, sequence), "test")
                .unwrap();
        }
        let missing = NfTablesMessage::GetTable(TableMessage {
            attributes: vec![TableAttribute::Name("nobody".to_owned())],
        });
        assert_eq!(wire.get(missing, "test").unwrap_err().errno(), Some(2));
        assert!(present::generation(&mut wire).is_ok());
    });
}

#[test]
fn lost_answers_are_noticed() {
    alone(|| {
        let mut wire = Wire::open().unwrap();
        // Nobody reads what the kernel answers, until it has to throw answers away.
        let request = wire::message(generation_request(), NLM_F_REQUEST, 0);
        let flood = request.repeat(1000);
        for _ in 0..100 {
            wire.send(&flood, "test").unwrap();
        }
        let lost = wire.receive("test", |_| true, |_, _, _: Answer<'_>| Ok(false));
        assert!(matches!(lost, Err(NftError::Lost { .. })), "{lost:?}");
    });
}

#[test]
fn raising_survives_lost_answers() {
    alone(|| {
        let mut firewall = Firewall::open().unwrap();
        let request = wire::message(generation_request(), NLM_F_REQUEST, 0);
        let flood = request.repeat(1000);
        for _ in 0..100 {
            firewall.wire.send(&flood, "test").unwrap();
        }
        firewall.raise(&gates(3)).unwrap();
        assert_eq!(firewall.counters().unwrap().len(), 3);
    });
}

#[test]
fn lost_news_is_a_disturbance() {
    alone(|| {
        let mut firewall = Firewall::open().unwrap();
        let mut monitor = Monitor::with_buffer(firewall.port_id(), 4096).unwrap();
        firewall.raise(&gates(200)).unwrap();
        assert_eq!(monitor.wait().unwrap(), Disturbance::Lost);
    });
}

#[test]
fn what_comes_behind_lost_news_is_heard() {
    alone(|| {
        let mut firewall = Firewall::open().unwrap();
        let mut stranger = Wire::open().unwrap();
        let mut monitor = Monitor::with_buffer(firewall.port_id(), 4096).unwrap();
        firewall.raise(&gates(200)).unwrap();
        assert_eq!(monitor.wait().unwrap(), Disturbance::Lost);
        // Somebody comes before the news are read on.
        let mut transaction = Transaction::default();
        let asleep = table(super::TABLE, TableFlags::from_bits_retain(1)); // NFT_TABLE_F_DORMANT
        transaction.message(NfTablesMessage::NewTable(asleep), NLM_F_CREATE);
        assert_eq!(transaction.commit(&mut stranger, None, "test").unwrap(), []);
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(monitor.wait().unwrap()));
        heard.recv_timeout(PATIENCE).expect("the table is asleep");
    });
}

#[test]
fn without_the_privilege_the_error_says_what_is_missing() {
    let error = alone(|| {
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        Firewall::open().unwrap().raise(&[]).unwrap_err().to_string()
    });
    assert!(error.contains("CAP_NET_ADMIN"), "{error}");
}

#[test]
fn a_batch_that_is_too_large_for_the_buffer_goes_in_parts() {
    alone(|| {
        let mut firewall = Firewall::open().unwrap();
        firewall.raise(&gates(1)).unwrap();
        // It stays as it is from now on.
        firewall.wire.send_buffer = usize::MAX;
        let until = Until::Forever;
        let changes: Vec<_> = (0..100_000_u32)
            .map(|n| Network::V4((0x0a00_0000 + n).into(), 32))
            .map(|network| Change::Ban { jail: JailId(0), network, until })
            .collect();
        let message = firewall.wire.send(&vec![0; 100_000 * 28], "test").unwrap_err();
        assert!(message.is_too_large(), "{message}");
        for _ in 0..2 {
            let outcome = firewall.apply(&changes, |_| None, Timestamp::default());
            assert_eq!(outcome, Outcome::Applied { refused: vec![] });
            assert_eq!(firewall.elements(Timestamp::default()).unwrap().len(), 100_000);
        }
    });
}

/// A message about the table of this name.
fn table(name: &str, flags: TableFlags) -> TableMessage {
    TableMessage {
        attributes: vec![TableAttribute::Name(name.to_owned()), TableAttribute::Flags(flags)],
    }
}

#[test]
fn a_table_that_another_program_owns_is_left_alone() {
    alone(|| {
        let mut owner = Wire::open().unwrap();
        let mut transaction = Transaction::default();
        let flags = TableFlags::from_bits_retain(2); // NFT_TABLE_F_OWNER
        transaction.message(NfTablesMessage::NewTable(table(super::TABLE, flags)), NLM_F_CREATE);
        assert_eq!(transaction.commit(&mut owner, None, "test").unwrap(), []);
        let error = Firewall::open().unwrap().raise(&gates(1)).unwrap_err().to_string();
        assert!(error.contains("another program owns the table"), "{error}");
    });
}

/// Ends the other threads of a test, also when it fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn raising_gets_through_while_others_never_rest() {
    alone(|| {
        let mut stranger = Wire::open().unwrap();
        let mut firewall = Firewall::open().unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let noise = scope.spawn(|| {
                let mut transactions = 0;
                while !over.load(Ordering::Relaxed) {
                    let mut transaction = Transaction::default();
                    let table = || table("noise", TableFlags::empty());
                    transaction.message(NfTablesMessage::NewTable(table()), NLM_F_CREATE);
                    transaction.message(NfTablesMessage::DeleteTable(table()), 0);
                    assert_eq!(transaction.commit(&mut stranger, None, "test").unwrap(), []);
                    transactions += 1;
                }
                transactions
            });
            let end = End(&over);
            for count in [1, 20, 3, 10] {
                firewall.raise(&gates(count)).unwrap();
            }
            drop(end);
            assert!(noise.join().unwrap() > 1);
            // Whoever only looks gives up before he stands in the way of the others.
            assert_eq!(firewall.counters().unwrap().len(), 10);
            assert_eq!(firewall.elements(Timestamp::default()).unwrap(), []);
        });
    });
}

#[test]
fn a_transaction_on_an_old_generation_fails_as_a_whole() {
    alone(|| {
        let mut wire = Wire::open().unwrap();
        let old = present::generation(&mut wire).unwrap();
        let add = |wire: &mut Wire, generation| {
            let mut transaction = Transaction::default();
            let table = table(super::TABLE, TableFlags::empty());
            transaction.message(NfTablesMessage::NewTable(table), NLM_F_CREATE);
            transaction.commit(wire, Some(generation), "test")
        };
        assert_eq!(add(&mut wire, old).unwrap(), []);
        assert!(matches!(add(&mut wire, old), Err(NftError::Moved { .. })));
        let new = present::generation(&mut wire).unwrap();
        assert_eq!(add(&mut wire, new).unwrap(), []);
    });
}
