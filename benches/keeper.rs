//! How fast attempts are counted in windows, and bans kept in the ledger.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jailkeeper::keeper::{
    Attempt, Event, JailId, Keeper, Network, Outcome, Place, Policy, Sentence, SourceId, Timestamp,
};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000_000);

const ATTEMPTS: u32 = 10_000;

/// A keeper of one jail, and the number of its next record.
#[derive(Clone)]
struct Case {
    keeper: Keeper,
    sequence: u64,
}

impl Case {
    fn new(maxretry: u32) -> Self {
        let policy = Policy {
            maxretry: NonZeroU32::new(maxretry).expect("one at least"),
            bantime: Sentence::For(Duration::from_hours(1)),
            ..Policy::default()
        };
        let mut keeper = Keeper::default();
        keeper.admit(JailId(0), policy);
        Self { keeper, sequence: 0 }
    }

    /// As many attempts, by offenders from this one on, of whom there are so many.
    fn attempts(&mut self, first: u32, offenders: u32) -> Vec<Event> {
        let attempt = |n: u32| {
            self.sequence += 1;
            Event::Attempt(Attempt {
                jail: JailId(0),
                offender: Network::V4(Ipv4Addr::from_bits(first + n % offenders), 32),
                user: None,
                time: NOW,
                place: Place { source: SourceId(0), sequence: self.sequence },
                text: None,
            })
        };
        (0..ATTEMPTS).map(attempt).collect()
    }

    /// A turn of the loop, with a firewall that takes everything; how much would be saved.
    fn turn(&mut self, now: Timestamp, events: Vec<Event>) -> usize {
        let changes = self.keeper.decide(now, events).changes;
        let applied = Outcome::Applied { refused: Vec::new() };
        black_box(self.keeper.settle(now, &changes, &applied));
        self.keeper.take_unsaved().count() + self.keeper.take_unsaved_lines(usize::MAX).count()
    }
}

fn keeping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keeper");
    group.throughput(Throughput::Elements(ATTEMPTS.into())).sample_size(20);
    for offenders in [10, ATTEMPTS] {
        let ready = || {
            let mut case = Case::new(1_000_000);
            let events = case.attempts(0x0a00_0000, offenders);
            (case, events)
        };
        group.bench_function(format!("windows of {offenders} offenders"), |bencher| {
            bencher.iter_batched(
                ready,
                |(mut case, events)| (case.turn(NOW, events), case),
                BatchSize::LargeInput,
            );
        });
    }
    for bans in [0, 100_000] {
        let mut case = Case::new(1);
        for first in (0..bans).step_by(ATTEMPTS as usize) {
            let events = case.attempts(0x1400_0000 + first, ATTEMPTS);
            case.turn(NOW, events);
        }
        let ready = || {
            let mut case = case.clone();
            let events = case.attempts(0x0a00_0000, ATTEMPTS);
            (case, events)
        };
        group.bench_function(format!("bans beside {bans} others"), |bencher| {
            bencher.iter_batched(
                ready,
                |(mut case, events)| (case.turn(NOW, events), case),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(format!("bans that end, {bans} others with them"), |bencher| {
            bencher.iter_batched(
                || {
                    let (mut case, events) = ready();
                    case.turn(NOW, events);
                    case
                },
                |mut case| (case.turn(NOW.plus(Duration::from_hours(2)), Vec::new()), case),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, keeping);
criterion_main!(benches);
