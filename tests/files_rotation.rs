//! The reader of log files against rotation, of every kind: no line is lost, none comes twice.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jailkeeper::files::{Control, Line, Position, Reader, Sink, Trouble};

use crate::files::{append, directory};
use crate::support::following::{DEADLINE, Following, want};

/// `NAME.1`, and so on.
fn old(log: &Path, number: usize) -> PathBuf {
    PathBuf::from(format!("{}.{number}", log.display()))
}

/// Moves `NAME.1` and so on one further, so that there is none.
fn make_room(log: &Path, keep: usize) {
    for number in (1..keep).rev() {
        if old(log, number).exists() {
            fs::rename(old(log, number), old(log, number + 1)).unwrap();
        }
    }
}

fn open(log: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(log).unwrap()
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_next() {
    let (_directory, path) = directory();
    let log = path.join("log");
    let mut writer = open(&log);
    writer.write_all(b"a\n").unwrap();
    let mut reader = Following::new(&[want(&[&log])], Vec::new());
    assert_eq!(reader.text(), "a");
    fs::rename(&log, old(&log, 1)).unwrap();
    writer.write_all(b"b\n").unwrap();
    assert_eq!(reader.text(), "b", "nobody has the name");
    let mut next = open(&log);
    writer.write_all(b"c\n").unwrap();
    assert_eq!(reader.text(), "c", "the next has nothing yet");
    writer.write_all(b"d\nno end").unwrap();
    next.write_all(b"e\n").unwrap();
    assert_eq!(reader.texts(3), ["d", "no end", "e"]);
    // One of several writers has not noticed yet.
    writer.write_all(b"late\n").unwrap();
    let line = reader.line();
    assert_eq!((line.text.as_str(), line.sequence, line.path), ("late", 7, log.clone()));
    next.write_all(b"f\n").unwrap();
    assert_eq!(reader.text(), "f");
    let positions = reader.stop();
    writer.write_all(b"later\n").unwrap();
    next.write_all(b"g\n").unwrap();
    let mut reader = Following::new(&[want(&[&log])], positions);
    let line = reader.line();
    assert_eq!((line.text.as_str(), line.sequence, line.file), ("later", 9, 0));
    assert_eq!(reader.text(), "g");
    // Compressing it removes it; nothing of it comes again.
    let packed = Command::new("gzip").arg(old(&log, 1)).status().unwrap();
    assert!(packed.success());
    assert!(reader.rest().is_empty());
}

#[test]
fn an_emptied_file_is_known_also_when_it_has_grown_beyond_the_place() {
    let (_directory, path) = directory();
    let log = path.join("log");
    append(&log, "a0\n");
    let mut reader = Following::new(&[want(&[&log])], Vec::new());
    assert_eq!(reader.text(), "a0");
    File::create(&log).unwrap();
    assert!(reader.rest().is_empty());
    append(&log, "b0\n");
    assert_eq!(reader.text(), "b0");
    // Emptied and filled at once, so that it never was seen to be smaller.
    for round in 1..50 {
        let next: String = (0..round * 40).map(|n| n.to_string() + "\n").collect();
        fs::write(&log, format!("{round}\n{next}")).unwrap();
        reader.settle();
        append(&log, "x\n");
        assert_eq!(reader.text(), "x");
    }
    for round in 0..50 {
        let next: Vec<String> = (0..200).map(|n| format!("{round}: {n}")).collect();
        fs::write(&log, next.join("\n") + "\n").unwrap();
        assert_eq!(reader.texts(200), next);
    }
}

#[test]
fn the_rest_of_an_emptied_file_comes_from_its_copy() {
    let (_directory, path) = directory();
    let log = path.join("log");
    append(&log, "a\nb\n");
    let mut reader = Following::new(&[want(&[&path.join("log*")])], Vec::new());
    assert_eq!(reader.texts(2), ["a", "b"]);
    let positions = reader.stop();
    append(&log, "c\nno end");
    fs::copy(&log, old(&log, 1)).unwrap();
    fs::write(&log, "d is longer than all that was there before\n").unwrap();
    let mut reader = Following::new(&[want(&[&path.join("log*")])], positions);
    assert_eq!(reader.texts(3), ["c", "no end", "d is longer than all that was there before"]);
    append(&log, "e\n");
    assert_eq!(reader.text(), "e");
    let positions = reader.stop();
    let mut reader = Following::new(&[want(&[&path.join("log*")])], positions);
    assert!(reader.rest().is_empty());
}

#[test]
fn what_matches_a_glob_under_its_old_name_does_not_come_again() {
    let (_directory, path) = directory();
    let log = path.join("log");
    let mut reader = Following::new(&[want(&[&path.join("log*")])], Vec::new());
    for round in 0..20 {
        append(&log, format!("{round}\n"));
        assert_eq!(reader.text(), round.to_string());
        make_room(&log, 5);
        match round % 3 {
            0 => fs::rename(&log, old(&log, 1)).unwrap(),
            1 => fs::rename(&log, path.join(format!("log-202611{:02}", round + 1))).unwrap(),
            _ => {
                fs::copy(&log, old(&log, 1)).unwrap();
                File::create(&log).unwrap();
            }
        }
        if round == 10 {
            reader = Following::new(&[want(&[&path.join("log*")])], reader.stop());
        }
    }
    assert!(reader.rest().is_empty());
    // This is no past of another.
    append(&path.join("log-2"), "another\n");
    assert_eq!(reader.text(), "another");
}

#[test]
fn a_removed_file_is_read_to_its_end_and_let_go() {
    let (_directory, path) = directory();
    let log = path.join("log");
    let mut reader = Following::new(&[want(&[&log])], Vec::new());
    for round in 0..50 {
        append(&log, format!("{round} a\n{round} b"));
        fs::remove_file(&log).unwrap();
        if round % 2 == 0 {
            reader.settle();
        }
    }
    append(&log, "last\n");
    while reader.text() != "last" {}
    // A file that is moved over it is another.
    append(&path.join("new"), "moved\n");
    append(&log, "before");
    fs::rename(path.join("new"), &log).unwrap();
    assert_eq!(reader.texts(2), ["before", "moved"]);
    let held = || {
        fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            target.starts_with(&path).then_some(target)
        })
    };
    reader.settle();
    assert_eq!(held().collect::<Vec<_>>(), [log]);
}

#[test]
fn a_position_serves_after_several_rotations() {
    let (_directory, path) = directory();
    let log = path.join("log");
    append(&log, "a\nb\n");
    let mut reader = Following::new(&[want(&[&log])], Vec::new());
    assert_eq!(reader.texts(2), ["a", "b"]);
    let positions = reader.stop();
    let mut expected = Vec::new();
    for round in 0..5 {
        append(&log, format!("{round} rest\n{round} end"));
        expected.extend([format!("{round} rest"), format!("{round} end")]);
        make_room(&log, 9);
        fs::rename(&log, old(&log, 1)).unwrap();
    }
    append(&old(&log, 8), "older than all\n");
    append(&path.join("log.1.gz"), b"\x1f\x8b\x08");
    append(&path.join("log.bak"), "a\nb\nx\n");
    let mut reader = Following::new(&[want(&[&log])], positions.clone());
    assert_eq!(reader.texts(9), expected[..9], "the last may still be written");
    append(&log, "now\n");
    assert_eq!(reader.texts(2), ["4 end", "now"]);
    assert!(reader.rest().is_empty());
    // By dates.
    for number in 1..=8 {
        let _none =
            fs::rename(old(&log, number), path.join(format!("log-{}", 20_261_130 - number)));
    }
    let mut reader = Following::new(&[want(&[&log])], positions.clone());
    assert_eq!(reader.texts(11), [expected, vec!["now".to_owned()]].concat());
    drop(reader);
    // What is not there any more is said.
    fs::remove_file(path.join("log-20261125")).unwrap();
    let mut reader = Following::new(&[want(&[&log])], positions);
    let trouble = reader.trouble();
    assert!(matches!(&trouble, Trouble::PositionGone { path } if *path == log), "{trouble}");
    assert_eq!(reader.text(), "now");
}

#[test]
fn a_file_that_was_put_back_is_read_on() {
    let (_directory, path) = directory();
    let log = path.join("log");
    append(&log, "a\nb\n");
    let mut reader = Following::new(&[want(&[&log])], Vec::new());
    assert_eq!(reader.texts(2), ["a", "b"]);
    let positions = reader.stop();
    fs::copy(&log, path.join("copy")).unwrap();
    fs::rename(path.join("copy"), &log).unwrap();
    append(&log, "c\n");
    let mut reader = Following::new(&[want(&[&log])], positions.clone());
    assert_eq!(reader.text(), "c");
    drop(reader);
    // Another one with its number is another.
    fs::write(&log, "x\ny\nz\n").unwrap();
    let mut reader = Following::new(&[want(&[&log])], positions);
    assert!(matches!(reader.trouble(), Trouble::PositionGone { .. }));
    let line = reader.line();
    assert_eq!((line.text.as_str(), line.sequence), ("x", 3));
}

/// Ways to rotate.
#[derive(Clone, Copy, Debug)]
enum Way {
    Rename,
    CopyTruncate,
    Replace,
}

const ROTATIONS: usize = 200;
const LINES: usize = 50_000;

/// Writes numbered lines and rotates, never more than some lines ahead of the reader.
fn write_and_rotate(log: &Path, way: Way, taken: &AtomicUsize) {
    let mut writer = open(log);
    // Without a position nobody knows what of the past is new.
    let mut before = 1;
    for number in 0..LINES {
        let line = format!("{number} Failed password for root from 192.0.2.{}\n", number % 250);
        // Now and then a line comes in two parts.
        let (one, two) = line.split_at(if number % 97 == 0 { line.len() / 2 } else { 0 });
        writer.write_all(one.as_bytes()).unwrap();
        writer.write_all(two.as_bytes()).unwrap();
        if (number + 1) % (LINES / ROTATIONS) > 0 {
            continue;
        }
        let deadline = Instant::now() + DEADLINE;
        // What is emptied or removed before anybody has seen it is lost to everybody.
        let due = if matches!(way, Way::Rename) { before } else { number + 1 };
        while taken.load(Ordering::SeqCst) < due && Instant::now() < deadline {
            thread::sleep(Duration::from_micros(50));
        }
        before = (number + 1).saturating_sub(3 * LINES / ROTATIONS).max(1);
        make_room(log, 8);
        match way {
            Way::Rename => {
                fs::rename(log, old(log, 1)).unwrap();
                writer = open(log);
            }
            Way::CopyTruncate => {
                fs::copy(log, old(log, 1)).unwrap();
                writer.set_len(0).unwrap();
            }
            Way::Replace => {
                let new = log.with_extension("new");
                writer = open(&new);
                fs::rename(new, log).unwrap();
            }
        }
    }
}

#[test]
fn rotation_while_lines_are_written_loses_and_repeats_nothing() {
    for way in [Way::Rename, Way::CopyTruncate, Way::Replace] {
        let (_directory, path) = directory();
        let log = path.join("log");
        open(&log);
        let mut reader = Following::new(&[want(&[&log])], Vec::new());
        assert!(reader.rest().is_empty());
        let taken = Arc::new(AtomicUsize::new(0));
        let writer = thread::spawn({
            let (log, taken) = (log.clone(), Arc::clone(&taken));
            move || write_and_rotate(&log, way, &taken)
        });
        for number in 0..LINES {
            let line = reader.line();
            let begins = format!("{number} Failed password for root from 192.0.2.{}", number % 250);
            assert_eq!(line.text, begins, "{way:?}");
            assert_eq!(line.sequence, number as u64 + 1, "{way:?}");
            taken.store(number + 1, Ordering::SeqCst);
        }
        writer.join().unwrap();
        assert!(reader.rest().is_empty(), "{way:?}");
    }
}

/// What a state file would have: lines and positions are saved together, or not at all.
#[derive(Default)]
struct Saved {
    lines: Vec<(u64, String)>,
    positions: BTreeMap<PathBuf, String>,
}

/// A process that dies at its n-th save.
struct Dying<'a> {
    saved: &'a Mutex<Saved>,
    taken: &'a AtomicUsize,
    unsaved: Vec<(u64, String)>,
    saves_left: usize,
}

impl Sink for Dying<'_> {
    fn line(&mut self, line: Line<'_>, _wanted_by: &[usize]) {
        self.unsaved.push((line.sequence, line.text.to_owned()));
    }

    fn reached(&mut self, _file: usize, position: Position) -> ControlFlow<()> {
        if self.saves_left == 0 {
            return ControlFlow::Break(());
        }
        self.saves_left -= 1;
        let mut saved = self.saved.lock().unwrap();
        saved.lines.append(&mut self.unsaved);
        saved.positions.insert(position.path().to_owned(), position.to_string());
        self.taken.store(saved.lines.len(), Ordering::SeqCst);
        if saved.lines.len() >= LINES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn pong(&mut self, _number: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn trouble(&mut self, trouble: Trouble) {
        panic!("{trouble}");
    }

    fn gone(&mut self, path: &Path) {
        panic!("{} is awaited", path.display());
    }
}

#[test]
fn a_process_that_dies_again_and_again_loses_and_repeats_nothing() {
    for way in [Way::Rename, Way::CopyTruncate] {
        let (_directory, path) = directory();
        let log = path.join("log");
        let (saved, taken) = (Mutex::new(Saved::default()), Arc::new(AtomicUsize::new(0)));
        let writer = thread::spawn({
            let (log, taken) = (log.clone(), Arc::clone(&taken));
            move || write_and_rotate(&log, way, &taken)
        });
        let mut deaths = 1;
        while saved.lock().unwrap().lines.len() < LINES {
            let texts: Vec<String> = saved.lock().unwrap().positions.values().cloned().collect();
            let positions = texts.iter().map(|text| text.parse().unwrap()).collect();
            let control = Control::new().unwrap();
            let reader = Reader::open(&[want(&[&log])], positions, control).unwrap();
            // Another number each time, as far as such a test can do without chance.
            let saves_left = (deaths * 7919) % 7;
            let unsaved = Vec::new();
            reader.run(&mut Dying { saved: &saved, taken: &taken, unsaved, saves_left }).unwrap();
            deaths += 1;
        }
        writer.join().unwrap();
        assert!(deaths > 10, "{way:?}: {deaths}");
        for (number, (sequence, text)) in saved.lock().unwrap().lines.iter().enumerate() {
            assert_eq!(*sequence, number as u64 + 1, "{way:?}");
            assert!(text.starts_with(&format!("{number} ")), "{way:?}: {number}: {text}");
        }
    }
}

#[test]
fn logrotate_loses_and_repeats_nothing() {
    for (number, way) in [
        "create\n compress\n delaycompress",
        "create\n compress\n dateext\n dateformat -%Y%m%d-%s",
        "copytruncate\n compress",
        "copytruncate",
        "nocreate",
    ]
    .iter()
    .enumerate()
    {
        let (_directory, path) = directory();
        let log = path.join("app.log");
        append(&log, "begin\n");
        let settings = path.join("settings");
        let text =
            format!("{} {{\n su root root\n rotate 3\n missingok\n {way}\n}}\n", log.display());
        fs::write(&settings, text).unwrap();
        let mut reader = Following::new(&[want(&[&path.join("app.log*")])], Vec::new());
        assert_eq!(reader.text(), "begin", "{number}");
        for round in 0..6 {
            append(&log, format!("{round} a\n{round} b\n"));
            let rotate = || {
                if way.contains("dateext") {
                    // Its names have seconds in them.
                    thread::sleep(Duration::from_millis(1100));
                }
                let status = Command::new("logrotate")
                    .arg("--force")
                    .arg("--state")
                    .arg(path.join("state"))
                    .arg(&settings)
                    .status()
                    .unwrap();
                assert!(status.success(), "{way}");
            };
            if round == 3 {
                // While nobody looks; without `delaycompress` its rest would be compressed.
                let positions = reader.stop();
                rotate();
                reader = Following::new(&[want(&[&path.join("app.log*")])], positions);
                append(&log, "3 c\n");
                let lines = reader.rest();
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                assert!(lines.ends_with(&["3 c"]), "{way}: {lines:?}");
                assert!(lines.len() <= 3, "{way}: {lines:?}");
            } else {
                assert_eq!(reader.texts(2), [format!("{round} a"), format!("{round} b")], "{way}");
                rotate();
            }
        }
        append(&log, "end\n");
        assert_eq!(reader.text(), "end", "{way}");
        assert!(reader.rest().is_empty(), "{way}");
    }
}
