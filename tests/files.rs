//! The reader of log files against a real kernel: which files, which lines.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jailkeeper::files::{
    Control, Encoding, FilesError, From, LINE_BYTES_MAX, Reader, Trouble, Want,
};
use rustix::process::{Gid, Uid};
use tempfile::TempDir;

use crate::support::following::{DEADLINE, Following, Seen, want};

/// A directory of its own, by the name that the reader tells.
pub(crate) fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    (directory, path)
}

pub(crate) fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

#[test]
fn each_want_gets_its_files_and_each_line_comes_once() {
    let (_directory, path) = directory();
    let (one, two) = (path.join("one.log"), path.join("two.log"));
    append(&one, "a\nb\n");
    append(&two, "c\n");
    let wants = [want(&[&path.join("*.log")]), want(&[&one, &path.join("o[mn]e.l?g")])];
    let mut reader = Following::new(&wants, Vec::new());
    let first = reader.line();
    assert_eq!((first.text.as_str(), first.sequence), ("a", 1));
    assert_eq!(
        (first.path.as_path(), first.wanted_by.as_slice()),
        (one.as_path(), [0, 1].as_slice())
    );
    let second = reader.line();
    assert_eq!((second.text.as_str(), second.sequence, second.file), ("b", 2, first.file));
    let third = reader.line();
    assert_eq!((third.text.as_str(), third.sequence, third.path), ("c", 1, two));
    assert_eq!(third.wanted_by, [0]);
    assert_ne!(third.file, first.file);
    append(&one, "d\n");
    assert_eq!((reader.text().as_str(), reader.rest().len()), ("d", 0));
}

#[test]
fn files_and_directories_may_come_later_and_again() {
    let (_directory, path) = directory();
    let deep = path.join("later/*/app/current.log");
    let mut reader = Following::new(&[want(&[&deep])], Vec::new());
    assert!(reader.rest().is_empty());
    for round in 0..30 {
        for site in ["x", "y"] {
            let app = path.join("later").join(site).join("app");
            fs::create_dir_all(&app).unwrap();
            append(&app.join("other.log"), "not wanted\n");
            append(&app.join("current.log"), format!("{round} {site}\n"));
            assert_eq!(reader.text(), format!("{round} {site}"));
        }
        if round % 2 == 0 {
            fs::remove_dir_all(path.join("later")).unwrap();
        } else {
            // The directory that moves is not the one in which the files are.
            fs::rename(path.join("later"), path.join(format!("old{round}"))).unwrap();
        }
    }
}

#[test]
fn symbolic_links_are_followed_wherever_they_lead_now() {
    let (_directory, path) = directory();
    let (link, target) = (path.join("current.log"), path.join("real/target.log"));
    symlink("real/target.log", &link).unwrap();
    let mut reader = Following::new(&[want(&[&link])], Vec::new());
    let trouble = reader.trouble();
    assert!(matches!(&trouble, Trouble::Dangling { path } if *path == link), "{trouble}");
    append(&path.join("elsewhere"), "x\n");
    fs::create_dir(path.join("real")).unwrap();
    assert!(reader.troubles().is_empty(), "it is told once");
    append(&target, "a\n");
    let first = reader.line();
    assert_eq!((first.text.as_str(), first.path), ("a", target.clone()));
    // The link leads elsewhere; and so does one on the way.
    append(&path.join("next"), "b\n");
    symlink("next", path.join("new")).unwrap();
    fs::rename(path.join("new"), &link).unwrap();
    assert_eq!(reader.text(), "b");
    append(&path.join("next"), "c\n");
    assert_eq!(reader.text(), "c");
}

#[test]
fn a_link_and_its_file_are_one() {
    let (_directory, path) = directory();
    append(&path.join("access-today.log"), "a\n");
    symlink("access-today.log", path.join("access.log")).unwrap();
    let mut reader = Following::new(&[want(&[&path.join("access*.log")])], Vec::new());
    assert_eq!(reader.text(), "a");
    append(&path.join("access-today.log"), "b\n");
    assert_eq!(reader.text(), "b");
    assert!(reader.rest().is_empty());
}

#[test]
fn links_in_a_circle_end() {
    let (_directory, path) = directory();
    symlink("b", path.join("a")).unwrap();
    symlink("a", path.join("b")).unwrap();
    symlink(".", path.join("self")).unwrap();
    let wants = [want(&[&path.join("a"), &path.join("self/*/self/*/x.log")])];
    let mut reader = Following::new(&wants, Vec::new());
    let seen = reader.troubles();
    let [Trouble::Dangling { path: one }, Trouble::Dangling { path: two }] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_ne!(one, two);
    append(&path.join("x.log"), "x\n");
    assert_eq!(reader.text(), "x");
    assert!(reader.rest().is_empty());
}

#[test]
fn a_line_waits_for_its_end() {
    let (_directory, path) = directory();
    let log = path.join("log");
    append(&log, "whole\nha");
    let mut reader = Following::new(&[want(&[&log])], Vec::new());
    assert_eq!(reader.text(), "whole");
    assert!(reader.rest().is_empty());
    append(&log, "lf");
    assert!(reader.rest().is_empty());
    append(&log, "\r\n\n a\0b \r\r\n");
    assert_eq!(reader.texts(3), ["half", "", " a\0b \r"]);
}

#[test]
fn lines_that_are_too_long_are_left_out_whole() {
    let (_directory, path) = directory();
    let log = path.join("log");
    let longest = "l".repeat(LINE_BYTES_MAX);
    append(&log, format!("{longest}\n{longest}x\nbetween\n{longest}\r\n"));
    let mut reader = Following::new(&[want(&[&log])], Vec::new());
    assert_eq!(reader.line().text.len(), LINE_BYTES_MAX);
    assert!(matches!(reader.trouble(), Trouble::TooLong { count: 1, .. }));
    let line = reader.line();
    assert_eq!((line.text.as_str(), line.sequence), ("between", 3));
    assert_eq!(reader.line().text.len(), LINE_BYTES_MAX);
    // One that comes in parts, and of which a part was there when the reader was started anew.
    for _ in 0..40 {
        append(&log, vec![b'x'; 10_000]);
        assert!(reader.rest().is_empty());
    }
    let positions = reader.stop();
    let mut reader = Following::new(&[want(&[&log])], positions);
    append(&log, "its end, which could be a line\nnext\n");
    assert!(matches!(reader.trouble(), Trouble::TooLong { count: 1, .. }));
    let line = reader.line();
    assert_eq!((line.text.as_str(), line.sequence), ("next", 6));
    append(&log, format!("{longest}x\n").repeat(25));
    append(&log, "last\n");
    let seen: Vec<Trouble> = std::iter::from_fn(|| match reader.next() {
        Seen::Line(line) if line.text == "last" => None,
        other => Some(other),
    })
    .filter_map(|seen| if let Seen::Trouble(trouble) = seen { Some(trouble) } else { None })
    .collect();
    assert!(matches!(seen.as_slice(), [Trouble::TooLong { count: 10, .. }]), "{seen:?}");
}

#[test]
fn text_is_decoded_as_it_is_wanted() {
    let (_directory, path) = directory();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    append(&path.join("auto"), "caf\u{e9}\n");
    append(&path.join("auto"), b"caf\xe9\nagain \xff\n");
    append(&path.join("marked8"), "\u{feff}first\nsecond\n");
    append(&path.join("marked16"), utf16("\u{feff}\u{a0a}eins\r\nzw\u{f6}lf"));
    append(&path.join("named16"), utf16("eins\nzwei\n"));
    append(&path.join("latin"), b"caf\xe9\n");
    let named = |name: &str, encoding: &str| Want {
        encoding: encoding.parse().unwrap(),
        ..want(&[&path.join(name)])
    };
    let follow = |want: Want| Following::new(&[want], Vec::new());
    let mut reader = follow(named("auto", "auto"));
    assert_eq!(reader.text(), "caf\u{e9}");
    assert!(matches!(reader.trouble(), Trouble::Replaced { .. }));
    // The second is not told.
    assert_eq!(reader.texts(2), ["caf\u{fffd}", "again \u{fffd}"]);
    assert_eq!(follow(named("marked8", "auto")).texts(2), ["first", "second"]);
    let mut reader = follow(named("marked16", "auto"));
    assert_eq!(reader.text(), "\u{a0a}eins");
    append(&path.join("marked16"), b"\n");
    assert!(reader.rest().is_empty());
    append(&path.join("marked16"), b"\0");
    assert_eq!(reader.text(), "zw\u{f6}lf");
    let positions = reader.stop();
    append(&path.join("marked16"), utf16("drei\n"));
    let mut reader = Following::new(&[named("marked16", "auto")], positions);
    assert_eq!(reader.text(), "drei");
    assert_eq!(follow(named("named16", "UTF-16LE")).texts(2), ["eins", "zwei"]);
    assert_eq!(follow(named("latin", "latin-1")).text(), "caf\u{e9}");
    // Each want has its own.
    let wants = [named("latin", "iso8859_1"), named("latin", "koi8-r"), named("latin", "latin1")];
    let mut reader = Following::new(&wants, Vec::new());
    let (one, other) = (reader.line(), reader.line());
    assert_eq!((one.text.as_str(), one.wanted_by.as_slice()), ("caf\u{e9}", [0, 2].as_slice()));
    assert_eq!((other.text.as_str(), other.wanted_by.as_slice()), ("caf\u{418}", [1].as_slice()));
    assert_eq!(one.sequence, other.sequence);
}

#[test]
fn a_tail_begins_behind_the_last_whole_line_of_what_is_there() {
    let (_directory, path) = directory();
    let long = vec![b'x'; 3 * LINE_BYTES_MAX];
    append(&path.join("a.log"), "old\nold\nha");
    append(&path.join("b.log"), [b"old\n", long.as_slice()].concat());
    append(&path.join("c.log"), "no end");
    let wants = [Want { from: From::Tail, ..want(&[&path.join("*.log")]) }];
    let mut reader = Following::new(&wants, Vec::new());
    assert!(reader.rest().is_empty());
    append(&path.join("a.log"), "lf\n");
    assert_eq!(reader.text(), "half");
    append(&path.join("b.log"), "end\nb\n");
    assert!(matches!(reader.trouble(), Trouble::TooLong { .. }));
    assert_eq!(reader.text(), "b");
    append(&path.join("c.log"), "\n");
    assert_eq!(reader.text(), "no end");
    // What comes later is new from its beginning.
    append(&path.join("later.log"), "d\n");
    assert_eq!(reader.text(), "d");
}

#[test]
fn what_may_not_be_read_is_told_and_tried_again() {
    let (_directory, path) = directory();
    let (secret, open) = (path.join("secret.log"), path.join("open.log"));
    append(&secret, "s\n");
    append(&open, "o\n");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let wants = [want(&[&path.join("*.log")])];
    // In a thread that is nobody, whoever the other threads are.
    let mut reader = Following::prepared(&wants, Vec::new(), || {
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_gid(Gid::from_raw(65534)).unwrap();
        rustix::thread::set_thread_uid(Uid::from_raw(65534)).unwrap();
    });
    let trouble = reader.trouble();
    assert!(matches!(&trouble, Trouble::Denied { path } if *path == secret), "{trouble}");
    assert_eq!(reader.text(), "o");
    append(&path.join("more.log"), "m\n");
    assert_eq!(reader.text(), "m", "and it is not told again");
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(reader.text(), "s");
    append(&secret, "t\n");
    assert_eq!(reader.text(), "t");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(reader.trouble(), Trouble::Denied { .. }));
    append(&path.join("new.log"), "n\n");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(reader.text(), "n");
}

#[test]
fn what_is_no_file_is_refused_and_blocks_nobody() {
    let (_directory, path) = directory();
    rustix::fs::mkfifoat(rustix::fs::CWD, path.join("pipe"), 0o600.into()).unwrap();
    fs::create_dir(path.join("directory")).unwrap();
    symlink("/dev/zero", path.join("device")).unwrap();
    append(&path.join("packed"), b"\x1f\x8b\x08\0\0\0\0\0\n\n\n");
    append(&path.join("file"), "f\n");
    let mut reader = Following::new(&[want(&[&path.join("*")])], Vec::new());
    let seen = reader.settle();
    let mut kinds: Vec<&str> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Trouble(Trouble::NotAFile { kind, .. }) => Some(*kind),
            _ => None,
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["a compressed file", "a device", "a directory", "a pipe"]);
    let lines = seen.iter().filter(|seen| matches!(seen, Seen::Line(_))).count();
    assert_eq!(lines, 1);
    append(&path.join("packed"), "\nmore\n");
    fs::remove_file(path.join("pipe")).unwrap();
    append(&path.join("pipe"), "p\n");
    assert_eq!(reader.text(), "p");
}

#[test]
fn a_reader_at_rest_does_not_run() {
    let (_directory, path) = directory();
    let log = path.join("a.log");
    append(&log, "one\nhalf");
    let wants = [want(&[&path.join("*.log"), &path.join("missing/b.log")])];
    let mut reader = Following::new(&wants, Vec::new());
    let Seen::Thread(thread) = reader.next() else { panic!("the thread tells its number first") };
    assert_eq!(reader.text(), "one");
    let deadline = Instant::now() + DEADLINE;
    loop {
        // It may still be on its way to sleep when the first measurement begins.
        let before = Following::sleeps(thread);
        thread::sleep(Duration::from_millis(1500));
        if Following::sleeps(thread) == before {
            break;
        }
        assert!(Instant::now() < deadline, "the reader wakes up although nothing happens");
    }
    // What is written to other files of the directory does not wake it either.
    append(&path.join("other"), "x\n");
    reader.settle();
    let before = Following::sleeps(thread);
    for _ in 0..100 {
        append(&path.join("other"), "x\n");
    }
    thread::sleep(Duration::from_millis(100));
    assert!(Following::sleeps(thread) <= before + 1);
    append(&log, "\n");
    assert_eq!(reader.text(), "half");
}

#[test]
fn two_thousand_files_are_followed() {
    let (_directory, path) = directory();
    let log = |number: usize| path.join(format!("{}/{number}.log", number % 20));
    for number in 0..1000 {
        fs::create_dir_all(log(number).parent().unwrap()).unwrap();
        append(&log(number), "a\n");
    }
    let mut reader = Following::new(&[want(&[&path.join("*/*.log")])], Vec::new());
    assert_eq!(reader.texts(1000), vec!["a"; 1000]);
    for number in 1000..2000 {
        append(&log(number), "a\n");
    }
    assert_eq!(reader.texts(1000), vec!["a"; 1000]);
    for number in 0..2000 {
        append(&log(number), format!("{number}\n"));
    }
    let mut last: Vec<usize> = reader.texts(2000).iter().map(|t| t.parse().unwrap()).collect();
    last.sort_unstable();
    assert_eq!(last, (0..2000).collect::<Vec<_>>());
    for number in 0..2000 {
        fs::remove_file(log(number)).unwrap();
    }
    let mut gone = 0;
    while gone < 2000 {
        gone += usize::from(matches!(reader.next(), Seen::Gone(_)));
    }
    let descriptors = || {
        fs::read_dir("/proc/self/fd").unwrap().flatten().filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(&path))
        })
    };
    assert_eq!(descriptors().count(), 0);
}

#[test]
fn a_busy_file_does_not_keep_others_waiting() {
    let (_directory, path) = directory();
    let mut busy = File::create(path.join("busy")).unwrap();
    let many = "a line of the busy file\n".repeat(1000);
    for _ in 0..1000 {
        busy.write_all(many.as_bytes()).unwrap();
    }
    append(&path.join("quiet"), "q\n");
    let mut reader = Following::new(&[want(&[&path.join("*")])], Vec::new());
    let before = (0..20_000).find(|_| reader.text() == "q");
    assert!(before.is_some());
    // A ping is not kept waiting either, and a stop ends it at once.
    reader.control.ping(1_000_000);
    let until_pong = (0..1_000_000).find(|_| matches!(reader.next(), Seen::Pong(1_000_000)));
    assert!(until_pong.is_some());
}

#[test]
fn a_sink_ends_the_run_and_mistakes_are_told() {
    let (_directory, path) = directory();
    append(&path.join("log"), "a\n");
    let reader = Following::new(&[want(&[&path.join("log")])], Vec::new());
    reader.deafen().unwrap();
    let reader = Following::new(&[want(&[&path.join("missing")])], Vec::new());
    assert!(reader.stop().is_empty());
    let relative = Reader::open(&[want(&[Path::new("log")])], Vec::new(), Control::new().unwrap());
    assert!(matches!(relative, Err(FilesError::NotAbsolute { path }) if path == "log"));
    for name in ["", "utf-32", "replacement", "utf-8 or so"] {
        let error = name.parse::<Encoding>().unwrap_err();
        assert!(error.to_string().contains(&format!("\"{name}\"")), "{error}");
    }
}
