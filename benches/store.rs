//! How long a commit takes: of a position alone, and of bans with it; and to work it into its tables.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use jailkeeper::keeper::{BanRecord, Network, Roster, Timestamp, Until, Write};
use jailkeeper::store::{SavedPosition, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000_000);

/// As long as one of journald's.
const CURSOR: &str = "s=0123456789abcdef0123456789abcdef;i=1e8480;b=0123456789abcdef0123456789abcdef;m=2540be400;t=6479c1ee7c540;x=89abcdef01234567";

fn commit(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(directory.path(), NOW).expect("a new state").store;
    let mut roster = Roster::default();
    let jail = roster.enrol("sshd");
    let record = BanRecord {
        since: NOW,
        until: Until::At(NOW.plus(Duration::from_hours(1))),
        attempts: 5,
        nth: 1,
        enforced: true,
    };
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);
    let mut sequence = 0;
    let mut write = |store: &mut Store, bans: u32| {
        let ban = |_| {
            sequence += 1;
            let address = Ipv4Addr::from_bits(0x0a00_0000 | (sequence & 0xff_ffff));
            Write::Ban(jail, Network::V4(address, 32), record)
        };
        let writes: Vec<Write> = (0..bans).map(ban).collect();
        let position = SavedPosition { cursor: CURSOR.to_owned(), sequence: sequence.into() };
        store.commit(&roster, &writes, &[("system", Some(position))]).expect("a commit");
    };
    for bans in [0, 1, 100, 10_000] {
        group.bench_function(format!("position and {bans} bans"), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut taken = Duration::ZERO;
                for _ in 0..rounds {
                    let begin = Instant::now();
                    write(&mut store, bans);
                    taken += begin.elapsed();
                    store.fold_all().expect("room");
                }
                taken
            });
        });
    }
    group.finish();
    criterion.bench_function("10000 bans worked into their tables", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut taken = Duration::ZERO;
            for _ in 0..rounds {
                write(&mut store, 10_000);
                let begin = Instant::now();
                store.fold_all().expect("room");
                taken += begin.elapsed();
            }
            taken
        });
    });
}

criterion_group!(benches, commit);
criterion_main!(benches);
