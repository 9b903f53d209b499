//! Logs that are read from their beginning to their end, as the programs of the day compress them.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use jailkeeper::files::{Encoding, LINE_BYTES_MAX, Lines};

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

fn read(path: &Path) -> Vec<String> {
    Lines::open(path, Encoding::AUTO).unwrap().collect::<io::Result<_>>().unwrap()
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
        reading.by_ref().for_each(drop);
        assert_eq!(reading.bytes_read(), fs::metadata(&packed).unwrap().len());
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
        let read = |bytes: &[u8]| -> Vec<_> {
            Lines::new(Cursor::new(bytes.to_owned()), Encoding::AUTO).unwrap().collect()
        };
        // What is wrong may be known only at the end.
        assert!(read(&broken).last().unwrap().is_err(), "{program:?}");
        for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 3]] {
            let lines = read(damaged);
            let (last, good) = lines.split_last().unwrap();
            assert!(last.is_err(), "{program:?}");
            let good = good.iter().enumerate();
            assert!(good.into_iter().all(|(n, line)| *line.as_ref().unwrap() == n.to_string()));
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
        let first = Lines::open(&packed, Encoding::AUTO).unwrap().next();
        assert!(matches!(first, Some(Err(_))), "{program:?}: {first:?}");
    }
}

#[test]
fn a_stream_of_any_length_needs_no_memory() {
    let endless = io::repeat(b'x').take(1 << 30).chain(Cursor::new("\nlast".to_owned()));
    let mut lines = Lines::new(endless, Encoding::AUTO).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "last");
    assert!(lines.next().is_none());
    assert_eq!((lines.too_long(), lines.bytes_read()), (1, (1 << 30) + 5));
    let latin = vec![0xe9; LINE_BYTES_MAX];
    let lines = Lines::new(Cursor::new(latin), "latin1".parse().unwrap()).unwrap();
    assert_eq!(lines.count(), 0, "as text it is too long");
    let mut lines = Lines::new(Cursor::new(b"\xff\xfea\0\n\0b\0"), Encoding::AUTO).unwrap();
    assert_eq!(lines.by_ref().map(Result::unwrap).collect::<Vec<_>>(), ["a", "b"]);
    let mut lines = Lines::new(Cursor::new(b"\xff\n\xff\n"), Encoding::AUTO).unwrap();
    assert_eq!(lines.by_ref().count(), 2);
    assert_eq!(lines.replaced(), 2);
    assert_eq!(Lines::new(io::empty(), Encoding::AUTO).unwrap().count(), 0);
}
