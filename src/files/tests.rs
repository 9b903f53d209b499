//! What needs no files.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use proptest::prelude::*;

use super::encoding::{decode, form_of};
use super::mark::{Cursor, PRINT_BYTES};
use super::names::{Search, wanted};
use super::position::Mark;
use super::rotation::{is_packed, is_past_of_another, suffix};
use super::split::{Form, Splitter, Step, WINDOW_BYTES};
use super::{Encoding, LINE_BYTES_MAX, Lines, LogLine, Position};

/// A line, or none where one was too long.
type Piece = Option<Vec<u8>>;

/// Splits what comes in chunks of these sizes, over and over, as the follower does.
fn split(form: Form, bytes: &[u8], chunks: &[usize]) -> Vec<Piece> {
    let mut splitter = Splitter::new(form, false);
    let (mut from, mut to) = (0, 0);
    let mut pieces = Vec::new();
    let mut sizes = chunks.iter().copied().cycle();
    loop {
        let ahead = &bytes[from..to];
        let is_last = to == bytes.len();
        let mut step = splitter.step(ahead);
        if is_last && matches!(step, Step::More { .. }) {
            step = splitter.rest(ahead);
        }
        match step {
            Step::Line { text, used } => {
                pieces.push(Some(text.to_owned()));
                from += used;
            }
            Step::TooLong { used } => {
                pieces.push(None);
                from += used;
            }
            Step::More { skipped } => {
                from += skipped;
                assert!(to - from <= WINDOW_BYTES, "more is kept than a line may have");
                if is_last {
                    return pieces;
                }
                // Not too small for a long text, or it would take too long.
                let size = sizes.next().unwrap_or(1).max(bytes.len() / 100).max(1);
                let room = WINDOW_BYTES - (to - from);
                to = bytes.len().min(to + size.min(room.max(1)));
            }
        }
    }
}

/// The same by other means.
fn expected(width: usize, end: &[u8], carriage: &[u8], bytes: &[u8]) -> Vec<Piece> {
    let mut lines = vec![Vec::new()];
    for unit in bytes.chunks(width) {
        if unit == end {
            lines.push(Vec::new());
        } else {
            lines.last_mut().unwrap().extend_from_slice(unit);
        }
    }
    if lines.last().unwrap().is_empty() {
        lines.pop();
    }
    let finish = |line: Vec<u8>| {
        let text = line.strip_suffix(carriage).unwrap_or(&line).to_owned();
        (text.len() <= LINE_BYTES_MAX).then_some(text)
    };
    lines.into_iter().map(finish).collect()
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        4 => prop::sample::select(vec![b"\n".to_vec(), b"\r\n".to_vec(), b"\n\0".to_vec(), b"\0\n".to_vec(), b"\r\0\n\0".to_vec(), b"\0\r\0\n".to_vec()]),
        1 => (LINE_BYTES_MAX - 3..LINE_BYTES_MAX + 4).prop_map(|length| vec![b'x'; length]),
    ];
    prop::collection::vec(run, 0..12).prop_map(|runs| runs.concat())
}

proptest! {
    #[test]
    fn any_bytes_in_any_chunks_give_the_same_lines(
        bytes in text(),
        chunks in prop::collection::vec(prop_oneof![1_usize..50, 1000_usize..80_000], 1..5),
    ) {
        for (form, width, end, carriage) in [
            (Form::Bytes, 1, &b"\n"[..], &b"\r"[..]),
            (Form::Utf16Le, 2, b"\n\0", b"\r\0"),
            (Form::Utf16Be, 2, b"\0\n", b"\0\r"),
        ] {
            let expected = expected(width, end, carriage, &bytes);
            prop_assert_eq!(&split(form, &bytes, &chunks), &expected);
            prop_assert_eq!(&split(form, &bytes, &[usize::MAX]), &expected);
        }
    }

    #[test]
    fn a_log_read_from_end_to_end_has_the_lines_that_are_in_it(bytes in text()) {
        let (form, mark) = form_of(&[Encoding::AUTO], &bytes);
        prop_assume!(!super::log::is_compressed(&bytes));
        let mut lines = Lines::new(std::io::Cursor::new(bytes.clone()), Encoding::AUTO).unwrap();
        let mut found = Vec::new();
        let _ended = lines.each(|line| {
            if let LogLine::Text(text) = line {
                found.push(text.to_owned());
            }
            ControlFlow::Continue(())
        });
        let decoded = |line: &Vec<u8>| decode(Encoding::AUTO, form, line).0.into_owned();
        let expected: Vec<String> = split(form, &bytes[mark..], &[usize::MAX])
            .iter()
            .flatten()
            .map(decoded)
            .filter(|text| text.len() <= LINE_BYTES_MAX)
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_position_comes_back_from_its_text(
        path in prop::collection::vec(1_u8.., 0..30),
        sequence in any::<u64>(),
        marks in prop::collection::vec(prop::option::of(any::<[u64; 5]>()), 2),
    ) {
        let mark = |numbers: &Option<[u64; 5]>| {
            numbers.map(|[device, inode, offset, head, tail]| Mark { device, inode, offset, head, tail })
        };
        let path = PathBuf::from(OsString::from_vec([b"/", path.as_slice()].concat()));
        let (current, earlier) = (mark(&marks[0]), mark(&marks[1]));
        let position = Position { path, sequence, current, earlier };
        let text = position.to_string();
        prop_assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
        prop_assert_eq!(text.parse::<Position>().unwrap(), position);
    }

    #[test]
    fn no_text_is_too_wrong_for_a_position(text in "(1 [0-9]{1,21} ([0-9a-f:]{0,12}|-) - )?[/%0-9a-é ]{0,9}") {
        if let Ok(position) = text.parse::<Position>() {
            prop_assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        }
    }

    #[test]
    fn a_place_is_the_same_however_it_was_reached(
        bytes in prop::collection::vec(any::<u8>(), 0..1500),
        steps in prop::collection::vec(0_usize..400, 0..8),
    ) {
        let mut cursor = Cursor::START;
        let mut at = 0;
        for step in steps {
            let by = step.min(bytes.len() - at);
            cursor = cursor.advanced(&bytes[at - cursor.covered()..], by);
            at += by;
        }
        let covered = at.min(PRINT_BYTES);
        let direct = Cursor::behind(at as u64, &bytes[..covered], &bytes[at - covered..at]);
        prop_assert_eq!(cursor, direct);
        prop_assert!(cursor.fits_head(&bytes[..covered]) && cursor.fits_tail(&bytes[at - covered..at]));
        // Any other byte before it is noticed, at the beginning and right before the place.
        if at > 0 {
            let mut other = bytes[..covered].to_vec();
            other[0] ^= 1;
            prop_assert!(!cursor.fits_head(&other));
        }
    }

    #[test]
    fn every_line_has_a_text(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for name in ["auto", "utf-8", "latin1", "koi8-r", "shift_jis", "gb18030", "iso-2022-jp", "utf-16be"] {
            let encoding: Encoding = name.parse().unwrap();
            let (form, _) = form_of(&[encoding], &bytes);
            let (text, replaced) = decode(encoding, form, &bytes);
            prop_assert!(text.len() <= 3 * bytes.len() + 3, "{}", name);
            prop_assert!(!replaced || text.contains('\u{fffd}'), "{}", name);
        }
    }
}

#[test]
fn what_rotation_adds_is_known() {
    for old in [
        "log.1",
        "log.9999",
        "log-20261121",
        "log.20261121",
        "log.2026-11-21",
        "log-20261121-1732190400",
    ] {
        assert!(suffix(b"log", old.as_bytes()).is_some(), "{old}");
    }
    for other in [
        "log",
        "log.",
        "log-1",
        "log.12345",
        "log.bak",
        "log.1.gz",
        "logs.1",
        "log-2026112x",
        "log_20261121",
    ] {
        assert!(suffix(b"log", other.as_bytes()).is_none(), "{other}");
    }
    let order = ["log-20261120", "log-20261121", "log.10", "log.2", "log.1"];
    assert!(order.map(|name| suffix(b"log", name.as_bytes())).is_sorted());
    let names = ["/x/log", "/x/web"].map(PathBuf::from).into();
    for (path, is_past) in [
        ("/x/log.1", true),
        ("/x/log-20261121.gz", true),
        ("/x/log.2026-11-21.xz", true),
        ("/x/web-2", false),
        ("/x/log", false),
        ("/y/log.1", false),
        ("/x/.1", false),
        ("/", false),
    ] {
        assert_eq!(is_past_of_another(PathBuf::from(path).as_path(), &names), is_past, "{path}");
    }
    assert!(is_packed(&PathBuf::from("/x/y.zst")) && !is_packed(&PathBuf::from("/x/gz")));
}

#[test]
fn patterns_match_as_in_a_shell() {
    for (pattern, path, matches) in [
        ("/a/*.log", "/a/b.log", true),
        ("/a/*.log", "/a/.b.log", false),
        ("/a/.*.log", "/a/.b.log", true),
        ("/a/*.log", "/a/b/c.log", false),
        ("/a/**.log", "/a/b/c.log", false),
        ("/a/**.log", "/a/b.log", true),
        ("/a/**/c.log", "/a/b/c.log", true),
        ("/a/**/c.log", "/a/c.log", false),
        ("/*/[!x]?.log", "/a/yz.log", true),
        ("/*/[!x]?.log", "/a/xz.log", false),
        ("/a/[b.log", "/a/[b.log", true),
        ("/a//b.log", "/a/b.log", true),
    ] {
        let searches = [Search::new(3, pattern).unwrap()];
        let found = wanted(&searches, PathBuf::from(path).as_path());
        assert_eq!(found.is_some_and(|found| found.by.contains(&3)), matches, "{pattern} {path}");
    }
    assert!(Search::new(0, "a/b").is_none() && Search::new(0, "").is_none());
}
