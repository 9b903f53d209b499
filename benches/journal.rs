//! How fast the journal is read: entries a second, by one want and by many.
//!
//! Needs systemd-journal-remote(8), which makes the journal that is read.

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use jailkeeper::journal::{Control, Position, Reader, Sink, Start, Trouble};
use jailkeeper::keeper::{SourceId, Timestamp};
use jailkeeper::record::{Matches, Origin, Record, Want};

#[path = "../tests/support/journald.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod journald;

const ENTRIES: u64 = 20_000;

/// Counts, and ends at the end of the journal.
struct Count(u64);

impl Sink for Count {
    fn entry(&mut self, record: Record<'_>, wanted_by: &[usize]) -> bool {
        black_box((record.message, wanted_by));
        self.0 += 1;
        false
    }

    fn reached(&mut self, _position: Position) -> ControlFlow<()> {
        if self.0 < ENTRIES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn pong(&mut self, _number: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn trouble(&mut self, trouble: Trouble) {
        panic!("{trouble}");
    }
}

fn read_all(origin: &Origin, wants: &[Want]) {
    let start = Start { position: None, since: Timestamp::from_micros(0) };
    let control = Control::new().expect("a control");
    let reader = Reader::open(origin, SourceId(0), wants, start, control).expect("a reader");
    let mut count = Count(0);
    reader.run(&mut count).expect("it reads");
    assert_eq!(count.0, ENTRIES);
}

fn reading(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let messages: Vec<String> = (0..ENTRIES)
        .map(|number| {
            format!("Failed password for invalid user u{number} from 192.0.2.1 port 22 ssh2")
        })
        .collect();
    let entries: Vec<journald::Entry<'_>> = (1_700_000_000_000_000..)
        .zip(&messages)
        .map(|(time, message)| {
            let mut fields = vec![
                ("MESSAGE", message.as_bytes()),
                ("_COMM", &b"sshd"[..]),
                ("_UID", b"0"),
                ("_SYSTEMD_UNIT", b"ssh.service"),
            ];
            // As many as an entry of a real machine has.
            fields.extend(
                ["_GID", "_EXE", "_CMDLINE", "_HOSTNAME", "_TRANSPORT", "PRIORITY", "_PID"]
                    .map(|name| (name, &b"some value"[..])),
            );
            (time, fields)
        })
        .collect();
    journald::fixture(&directory.path().join("bench.journal"), &entries);
    let origin = Origin::Directory(directory.path().to_owned());

    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(ENTRIES)).sample_size(10);
    let want = |text: &str| Want {
        matches: Matches::parse(text).expect("it is a match"),
        fields: Vec::new(),
    };
    let one = [want("_COMM=sshd _UID=0")];
    group.bench_function("one want", |bench| bench.iter(|| read_all(&origin, &one)));
    let mut many: Vec<Want> =
        (0..30).map(|number| want(&format!("_SYSTEMD_UNIT=other{number}.service"))).collect();
    many.extend(one);
    group.bench_function("31 wants", |bench| bench.iter(|| read_all(&origin, &many)));
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
