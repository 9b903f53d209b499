//! What somebody writes who means harm, through the real client: it ends, within its memory, and
//! says what it has left out.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// So much memory a run may ask for, in KiB. It is the address space, of which programs and
/// libraries are a part.
const MEMORY_KIB: u32 = 256 * 1024;

/// A run that computes for so many seconds does not end.
const SECONDS: u32 = 60;

const MIB: usize = 1 << 20;

/// A filter that needs no backtracking.
const PLAIN: &str = "[Definition]\nfailregex = ^bad login from <HOST>$\n";

/// What a run has written.
struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(filter: &str, log: &[u8]) -> Told {
    let folder = TempDir::new().expect("a folder");
    let (conf, lines) = (folder.path().join("x.conf"), folder.path().join("x.log"));
    fs::write(&conf, filter).expect("a filter");
    fs::write(&lines, log).expect("a log");
    client(&conf, &lines)
}

fn client(filter: &Path, log: &Path) -> Told {
    let script = format!("ulimit -v {MEMORY_KIB}; ulimit -t {SECONDS}; exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_jailkeeper"), "test"])
        .args([filter, log])
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .expect("the client runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Told { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The report of a run that goes well, with how its lines were judged.
fn judged(filter: &str, log: &[u8]) -> String {
    let told = run(filter, log);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{}", told.stdout);
    let lines = told.stdout.lines().skip_while(|line| !line.starts_with("Lines:"));
    let lines = lines.map(str::trim).take_while(|line| !line.is_empty());
    lines.filter(|line| !line.ends_with("without a date")).collect::<Vec<_>>().join("; ")
}

#[test]
fn whatever_stands_in_a_log_is_passed_over() {
    let mut log = Vec::new();
    for byte in [b'x', 0, 0xff] {
        log.extend(std::iter::repeat_n(byte, MIB));
        log.extend(b"\nbad login from 192.0.2.1\n");
    }
    log.extend(b"bad login\0 from 192.0.2.1\nbad login from \xff\xc3192.0.2.1\n");
    log.extend(std::iter::repeat_n(b'\n', 1_000_000));
    log.extend(b"bad login from 2001:db8::1");
    assert_eq!(
        judged(PLAIN, &log),
        "Lines: 1000009 read, 4 failures, 0 ignored, 2 missed; 1000000 empty or a comment; 3 too long to be judged"
    );
}

#[test]
fn a_pattern_that_takes_for_ever_gives_up() {
    let padding = "a".repeat(60_000);
    for pattern in [
        r"^(a+)+\1<HOST>$",
        r"(?:(?=a)a)*+ac <HOST>$",
        "(?=.*z)[ac]+ <HOST>$",
        r"^(?:a|(?<=a)a|\w)*c (?!1)<HOST>$",
        r"(.*)\1+z?(?<!c) <HOST>$",
    ] {
        let filter = format!("[Definition]\nfailregex = {pattern}\n ^good line from <HOST>$\n");
        let log = format!("{padding}c 192.0.2.1\ngood line from 192.0.2.1\n").repeat(2);
        assert_eq!(
            judged(&filter, log.as_bytes()),
            "Lines: 4 read, 2 failures, 0 ignored, 0 missed; 2 took too many steps",
            "{pattern}"
        );
    }
}

#[test]
fn sessions_that_nobody_closes_are_forgotten() {
    let filter = "[Definition]\n\
        prefregex = ^app\\[<F-MLFID>\\d+</F-MLFID>\\]: <F-CONTENT>.+</F-CONTENT>$\n\
        failregex = ^<F-NOFAIL>connection</F-NOFAIL> from <HOST>$\n ^failed$\n";
    let open = |count| {
        let mut log = String::new();
        for session in 0..count {
            writeln!(log, "app[{session}]: connection from 192.0.2.1").expect("a string");
        }
        writeln!(log, "app[0]: failed\napp[{}]: failed", count - 1).expect("a string");
        judged(filter, log.as_bytes())
    };
    assert_eq!(
        open(10_000),
        "Lines: 10002 read, 2 failures, 10000 that help to tell, 0 ignored, 0 missed"
    );
    // Nobody knows any more who opened the first.
    assert_eq!(
        open(100_000),
        "Lines: 100002 read, 1 failures, 100001 that help to tell, 0 ignored, 0 missed"
    );
}

#[test]
fn a_line_that_matches_every_pattern_is_counted_once() {
    let mut filter = "[Definition]\nfailregex =".to_owned();
    for number in 0..500 {
        writeln!(filter, " ^bad .* from <ADDR>(?: {number})?$").expect("a string");
    }
    assert_eq!(
        judged(&filter, &b"bad login from 192.0.2.1\n".repeat(100)),
        "Lines: 100 read, 100 failures, 0 ignored, 0 missed"
    );
}

/// What is said of a filter that is refused.
fn refused(pattern: &str) -> String {
    let told = run(&format!("[Definition]\nfailregex = {pattern}\n"), b"x192.0.2.1\n");
    assert_eq!((told.code, told.stdout.as_str()), (Some(78), ""), "{}", told.stderr);
    assert!(told.stderr.len() < 2_000, "{}", told.stderr);
    told.stderr
}

#[test]
fn a_pattern_beyond_measure_is_refused() {
    let nested = |depth| "(?:".repeat(depth) + "x" + &")".repeat(depth) + "<HOST>";
    let filter = format!("[Definition]\nfailregex = {}\n", nested(10));
    let read = "Lines: 1 read, 1 failures, 0 ignored, 0 missed";
    assert_eq!(judged(&filter, b"x192.0.2.1\n"), read);
    let long = format!("<HOST>{}", "x".repeat(MIB - 100));
    for pattern in [&nested(1_000), &nested(100_000), &long, r"<HOST>(?:\w{1,1000}){1,1000}"] {
        assert!(refused(pattern).contains("the pattern is too large"));
    }
    assert!(refused(&"x".repeat(MIB)).contains("the file is longer than 1 MiB"));
}
