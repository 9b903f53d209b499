//! How long the kernel takes for bans, in a network namespace of its own (needs root), and we to write
//! them down for it.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jailkeeper::keeper::{Change, Gate, JailId, Network, Outcome, Timestamp, Until};
use jailkeeper::nft::{Firewall, fuzzing};
use nix::sched::{CloneFlags, unshare};

#[path = "../tests/support/gate.rs"]
mod gate;

use gate::gate;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000_000);

fn gates(count: u32) -> Vec<Gate> {
    let gate = |id| Gate { spare_loopback: true, ..gate(id, &format!("jail{id}")) };
    (0..count).map(gate).collect()
}

fn networks(count: u32) -> impl Iterator<Item = Network> {
    (0..count).map(|n| Network::V4(Ipv4Addr::from_bits(0x0a00_0000 + n), 32))
}

fn bans(count: u32) -> Vec<Change> {
    let until = Until::At(NOW.plus(Duration::from_hours(24)));
    networks(count).map(|network| Change::Ban { jail: JailId(0), network, until }).collect()
}

fn lifts(count: u32) -> Vec<Change> {
    networks(count).map(|network| Change::Lift { jail: JailId(0), network }).collect()
}

fn apply(firewall: &mut Firewall, changes: &[Change]) {
    let outcome = firewall.apply(black_box(changes), |_| None, NOW);
    assert_eq!(outcome, Outcome::Applied { refused: vec![] });
}

fn firewall(criterion: &mut Criterion) {
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace (are we root?)");
    let mut firewall = Firewall::open().expect("open the firewall");
    firewall.raise(&gates(50)).expect("raise it");

    for count in [1, 1000, 100_000] {
        let (bans, lifts) = (bans(count), lifts(count));
        let mut group = criterion.benchmark_group(format!("{count} elements"));
        group.throughput(Throughput::Elements(count.into()));
        group.sample_size(if count > 10_000 { 10 } else { 50 });
        let firewall = std::cell::RefCell::new(&mut firewall);
        group.bench_function("banned", |bencher| {
            bencher.iter_batched(
                || apply(*firewall.borrow_mut(), &lifts),
                |()| apply(*firewall.borrow_mut(), &bans),
                BatchSize::PerIteration,
            );
        });
        group.bench_function("banned again", |bencher| {
            bencher.iter(|| apply(*firewall.borrow_mut(), &bans));
        });
        group.bench_function("listed", |bencher| {
            bencher.iter(|| firewall.borrow_mut().elements(NOW).expect("list them"));
        });
        group.bench_function("lifted", |bencher| {
            bencher.iter_batched(
                || apply(*firewall.borrow_mut(), &bans),
                |()| apply(*firewall.borrow_mut(), &lifts),
                BatchSize::PerIteration,
            );
        });
        apply(*firewall.borrow_mut(), &lifts);
    }

    for jails in [1, 50] {
        let gates = gates(jails);
        criterion.bench_function(&format!("table of {jails} jails raised"), |bencher| {
            bencher.iter(|| firewall.raise(black_box(&gates)).expect("raise it"));
        });
    }
}

fn encoding(criterion: &mut Criterion) {
    let networks: Vec<Network> = networks(1000).collect();
    let mut group = criterion.benchmark_group("1000 elements");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("encoded", |bencher| {
        bencher.iter(|| fuzzing::written("jail0", black_box(&networks)));
    });
}

criterion_group!(benches, encoding, firewall);
criterion_main!(benches);
