//! Logs that are read from their beginning to their end, as the programs of the day compress them.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;

use jailkeeper::files::{Encoding, LINE_BYTES_MAX, Lines, LogLine};

use crate::files::{append, directory};

fn pack(program: &[&str], from: &Path, to: &Path) {
    let (name, arguments) = program.split_first().unwrap();
    let packed = Command::new(name)
        .args(arguments)
        .stdin(File::open(from).unwrap())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert!(packed.status.success(), "{program:?}");
    append(to, packed.stdout);
}

/// The lines of a log, `None` for one that is too long, and the error that has ended it.
fn all(lines: &mut Lines) -> (Vec<Option<String>>, Option<io::Error>) {
    let mut all = Vec::new();
    let ended = lines.each(|line| {
        all.push(match line {
            LogLine::Text(text) => Some(text.to_owned()),
            LogLine::TooLong => None,
        });
        ControlFlow::Continue(())
    });
    (all, ended.err())
}

fn read(path: &Path) -> Vec<String> {
    let (lines, error) = all(&mut Lines::open(path, Encoding::AUTO).unwrap());
    assert!(error.is_none(), "{error:?}");
    lines.into_iter().flatten().collect()
}

#[test]
fn every_packing_gives_the_same_lines() {
    let (_directory, path) = directory();
    let plain = path.join("plain");
    let lines: Vec<String> = (0..50_000).map(|n| format!("{n} Failed {}", n * 7919)).collect();
    append(&plain, lines.join("\n"));
    assert_eq!(read(&plain), lines);
    for (number, program) in [
        ["gzip", "-1", "-c"],
        ["gzip", "-9", "-c"],
        ["xz", "-9", "-c"],
        ["xz", "-T2", "-c"],
        ["zstd", "-1", "-c"],
        ["zstd", "-19", "-c"],
    ]
    .iter()
    .enumerate()
    {
        // The ending of the name says nothing.
        let packed = path.join(format!("{number}.txt"));
        pack(program, &plain, &packed);
        assert_eq!(read(&packed), lines, "{program:?}");
        let mut reading = Lines::open(&packed, Encoding::AUTO).unwrap();
        all(&mut reading);
        assert_eq!(reading.meter().load(Relaxed), fs::metadata(&packed).unwrap().len());
    }
}

#[test]
fn several_members_are_one_log() {
    let (_directory, path) = directory();
    let (one, two) = (path.join("one"), path.join("two"));
    append(&one, "a\nb\nhal");
    append(&two, "f\nc\n");
    for program in [["gzip", "-c"], ["xz", "-c"], ["zstd", "-c"]] {
        let packed = path.join(program[0]);
        pack(&program, &one, &packed);
        if program[0] == "zstd" {
            // A frame that is to be skipped (RFC 8878, 3.1.2).
            append(&packed, b"\x53\x2a\x4d\x18\x03\0\0\0xyz");
        }
        pack(&program, &two, &packed);
        assert_eq!(read(&packed), ["a", "b", "half", "c"], "{program:?}");
    }
}

#[test]
fn what_is_damaged_gives_its_good_part_and_an_error() {
    let (_directory, path) = directory();
    let plain = path.join("plain");
    append(&plain, (0..100_000).map(|n| n.to_string() + "\n").collect::<String>());
    for program in [["gzip", "-c"], ["xz", "-c"], ["zstd", "-c"]] {
        let packed = path.join(program[0]);
        pack(&program, &plain, &packed);
        let whole = fs::read(&packed).unwrap();
        let mut broken = whole.clone();
        let middle = broken.len() - 12;
        broken[middle] ^= 0x55;
        let read = |bytes: &[u8]| {
            all(&mut Lines::new(Cursor::new(bytes.to_owned()), Encoding::AUTO).unwrap())
        };
        // What is wrong may be known only at the end.
        assert!(read(&broken).1.is_some(), "{program:?}");
        for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 3]] {
            let (good, error) = read(damaged);
            assert!(error.is_some(), "{program:?}");
            let mut good = good.into_iter().enumerate();
            assert!(good.all(|(n, line)| line.unwrap() == n.to_string()));
        }
    }
}

#[test]
fn what_wants_too_much_memory_is_refused() {
    let (_directory, path) = directory();
    append(&path.join("plain"), "a\n");
    for program in [
        ["xz", "--lzma2=dict=1GiB", "-c"].as_slice(),
        // Without a known size the frame wants its whole window.
        &["sh", "-c", "cat | zstd --ultra -22 --long=30 -c"],
    ] {
        let packed = path.join(program[0]);
        pack(program, &path.join("plain"), &packed);
        let (lines, error) = all(&mut Lines::open(&packed, Encoding::AUTO).unwrap());
        assert!(lines.is_empty() && error.is_some(), "{program:?}: {lines:?}");
    }
}

#[test]
fn a_stream_of_any_length_needs_no_memory() {
    let endless = io::repeat(b'x').take(1 << 30).chain(Cursor::new("\nlast".to_owned()));
    let mut lines = Lines::new(endless, Encoding::AUTO).unwrap();
    let line = |text: &str| Some(text.to_owned());
    assert_eq!(all(&mut lines).0, [None, line("last")]);
    assert_eq!(lines.meter().load(Relaxed), (1 << 30) + 5);
    let latin = vec![0xe9; LINE_BYTES_MAX];
    let mut lines = Lines::new(Cursor::new(latin), "latin1".parse().unwrap()).unwrap();
    assert_eq!(all(&mut lines).0, [None], "as text it is too long");
    let mut lines = Lines::new(Cursor::new(b"\xff\xfea\0\n\0b\0"), Encoding::AUTO).unwrap();
    assert_eq!(all(&mut lines).0, [line("a"), line("b")]);
    let mut lines = Lines::new(Cursor::new(b"\xff\n\xff\n"), Encoding::AUTO).unwrap();
    assert_eq!(all(&mut lines).0.len(), 2);
    assert_eq!(lines.replaced(), 2);
    assert_eq!(all(&mut Lines::new(io::empty(), Encoding::AUTO).unwrap()).0, []);
}
