//! What a line of a log costs by how far it gets in the packaged filter of sshd.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jailkeeper::confdir::{self, Directories};
use jailkeeper::dates::Zone;
use jailkeeper::filter::Examiner;
use jailkeeper::keeper::Timestamp;
use jailkeeper::rules;
use jiff::tz::TimeZone;

/// 2026-06-30 12:00:00 UTC.
const NOW: Timestamp = Timestamp::from_seconds(1_782_820_800);

const LINES: &[(&str, &str)] = &[
    ("another's line", "Jun 30 11:59:59 host1 postfix/smtpd[7]: connect from unknown[192.0.2.7]"),
    (
        "no failure",
        "Jun 30 11:59:59 host1 sshd[7]: Received disconnect from 192.0.2.7: 11: Bye Bye [preauth]",
    ),
    (
        "match and extract",
        "Jun 30 11:59:59 host1 sshd[7]: Failed password for root from 192.0.2.7 port 4711 ssh2",
    ),
    (
        "match and extract, IPv6",
        "Jun 30 11:59:59 host1 sshd[7]: Invalid user admin from 2001:db8:1:2::7 port 4711",
    ),
    (
        "match and extract, RFC 3339",
        "2026-06-30T11:59:59.123456+00:00 host1 sshd[7]: Failed password for root from 192.0.2.7 port 4711 ssh2",
    ),
];

fn examine(criterion: &mut Criterion) {
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/jailkeeper");
    let loaded = rules::load(&confdir::read(&Directories { vendor, overrides: Vec::new() }));
    let jail = loaded.jails.iter().find(|jail| jail.name == "sshd").expect("it is on");
    let mut group = criterion.benchmark_group("line");
    group.throughput(Throughput::Elements(1));
    for (name, line) in LINES {
        let mut examiner = Examiner::new(Arc::clone(&jail.filter), Zone::of(TimeZone::UTC));
        group.bench_function(*name, |b| {
            b.iter(|| black_box(examiner.line(black_box(line), NOW).has_date));
        });
    }
    group.finish();
}

criterion_group!(benches, examine);
criterion_main!(benches);
