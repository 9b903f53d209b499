//! How fast the packaged sshd filter judges a mixture of what sshd writes.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jailkeeper::confdir::{self, Directories};
use jailkeeper::filter::{Line, Memory};
use jailkeeper::keeper::Timestamp;
use jailkeeper::rules::{self, SourceText, Texts};

/// Nine lines that tell nothing for each that counts, as on a server that is attacked now and then.
fn lines() -> Vec<String> {
    let line = |n: u32| match n % 10 {
        0 => format!(
            "Failed password for invalid user u{n} from 203.0.113.{} port {n} ssh2",
            n % 256
        ),
        1 | 2 => {
            format!("Accepted publickey for alice from 198.51.100.7 port {n} ssh2: RSA SHA256:x")
        }
        3 | 4 => "pam_unix(sshd:session): session opened for user alice(uid=1000)".to_owned(),
        5 => format!("Invalid user u{n} from 203.0.113.{} port {n}", n % 256),
        6 => format!("Connection closed by 203.0.113.{} port {n} [preauth]", n % 256),
        7 => format!("Received disconnect from 198.51.100.7 port {n}:11: disconnected by user"),
        8 => format!("Disconnected from user alice 198.51.100.7 port {n}"),
        _ => "pam_unix(sshd:session): session closed for user alice".to_owned(),
    };
    (0..10_000).map(line).collect()
}

fn judge(criterion: &mut Criterion) {
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/jailkeeper");
    let texts = confdir::read(&Directories { vendor, overrides: Vec::new() });
    let loaded = rules::load_all(&texts);
    let lines = lines();
    let (mut memory, now) = (Memory::default(), Timestamp::default());
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(lines.len() as u64));
    for sampled in &loaded.sampled {
        group.bench_function(format!("{} {}", sampled.filter.name(), sampled.filter.mode()), |b| {
            b.iter(|| {
                for line in &lines {
                    black_box(sampled.filter.judge(&mut memory, Line::plain(line), now));
                }
            });
        });
    }
    group.finish();
    criterion.bench_function("load", |b| b.iter(|| black_box(rules::load(&texts))));
}

/// Lines of a web service in JSON, one in ten of which tells of a failed login.
fn judge_json(criterion: &mut Criterion) {
    let filter = SourceText {
        path: "filters.d/api.toml".into(),
        text: r#"
            [match]
            "/request/path" = ["/login", "/token"]
            "/status" = ">=400"
            [extract]
            offender = "/request/remote_addr"
            user = "/request/user"
        "#
        .to_owned(),
    };
    let loaded = rules::load_all(&Texts { filters: vec![filter], ..Texts::default() });
    let filter = &loaded.sampled.first().expect("the filter is right").filter;
    let line = |n: u32| {
        let status = if n.is_multiple_of(10) { 401 } else { 200 };
        format!(
            r#"{{"level":"info","ts":{n}.5,"logger":"http.log.access","msg":"handled request","request":{{"remote_addr":"192.0.2.{}:{n}","user":"u{n}","proto":"HTTP/2.0","method":"POST","host":"api.example.com","path":"/login","headers":{{"User-Agent":["Mozilla/5.0 (X11; Linux x86_64)"],"Accept":["*/*"]}}}},"duration":0.0{n},"size":{n},"status":{status}}}"#,
            n % 256
        )
    };
    let lines: Vec<String> = (0..10_000).map(line).collect();
    let (mut memory, now) = (Memory::default(), Timestamp::default());
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("JSON", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(filter.judge(&mut memory, Line::plain(line), now));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, judge, judge_json);
criterion_main!(benches);
