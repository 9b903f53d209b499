//! How fast the date of a line is found.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jailkeeper::dates::{Detector, Zone};
use jailkeeper::keeper::Timestamp;
use jiff::tz::TimeZone;

/// 2026-06-30 12:00:00 UTC.
const NOW: Timestamp = Timestamp::from_seconds(1_782_820_800);

const LINES: &[(&str, &str)] = &[
    ("syslog", "Jun 30 11:59:59 mail sshd[1234]: Invalid user admin from 192.0.2.7 port 4711"),
    ("iso", "2026-06-30T11:59:59.123456+00:00 mail sshd[1234]: Invalid user admin from 192.0.2.7"),
    ("apache", "192.0.2.7 - - [30/Jun/2026:11:59:59 +0000] \"GET /admin HTTP/1.1\" 401 381"),
    (
        "error.log",
        "[Tue Jun 30 11:59:59.123456 2026] [auth_basic:error] [pid 7] user admin not found",
    ),
    ("epoch", "1782820799.123 4711 192.0.2.7 TCP_DENIED/407 381 GET http://www.example.com/"),
    ("tai64n", "@400000006a43c7ff1d6f3d2c imap-login: Aborted login by 192.0.2.7"),
    ("no date", "sshd: Invalid user admin from 192.0.2.7 port 4711, a line that has got no date"),
];

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("date");
    let zone = TimeZone::get("Europe/Berlin").expect("a zone of the database");
    for (name, line) in LINES {
        let mut detector = Detector::standard(Zone::of(zone.clone()));
        group.bench_function(*name, |b| b.iter(|| black_box(detector.find(black_box(line), NOW))));
    }
    let pattern = [r"^[^\[]*\[({DATE})"];
    let mut detector = Detector::new(&pattern, Zone::of(zone)).expect("a good pattern");
    let line = LINES[2].1;
    group.bench_function("apache by pattern", |b| b.iter(|| black_box(detector.find(line, NOW))));
    group.finish();
}

criterion_group!(benches, find);
criterion_main!(benches);
