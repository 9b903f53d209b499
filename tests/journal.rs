//! The journal reader against a real journald.

mod between;

use std::fs;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jailkeeper::journal::{Control, JournalError, Position, Reader, Sink, Start, Trouble};
use jailkeeper::keeper::{SourceId, Timestamp};
use jailkeeper::record::{Fields, Matches, Origin, Record, Want};
use nix::mount::{MsFlags, mount};
use rustix::process::{Gid, Uid};

use crate::support::journald::{Journald, fixture};

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(30);

const SOURCE: SourceId = SourceId(7);

#[derive(Debug)]
enum Seen {
    Thread(u32),
    Entry(Entry),
    Reached(Position),
    Pong(u64),
    Trouble(Trouble),
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    sequence: u64,
    time: Timestamp,
    message: String,
    wanted_by: Vec<usize>,
    fields: Fields,
}

struct Collector(Sender<Seen>, Receiver<()>);

impl Collector {
    fn put(&self, seen: Seen) -> ControlFlow<()> {
        if self.0.send(seen).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Sink for Collector {
    fn entry(&mut self, record: Record<'_>, wanted_by: &[usize]) -> bool {
        assert_eq!(record.place.source, SOURCE);
        let _ended = self.put(Seen::Entry(Entry {
            sequence: record.place.sequence,
            time: record.time,
            message: record.message.to_owned(),
            wanted_by: wanted_by.to_owned(),
            fields: record.fields.clone(),
        }));
        record.message.starts_with("failed")
    }

    fn reached(&mut self, position: Position) -> ControlFlow<()> {
        let flow = self.put(Seen::Reached(position));
        let _gone = self.1.recv();
        flow
    }

    fn pong(&mut self, number: u64) -> ControlFlow<()> {
        self.put(Seen::Pong(number))
    }

    fn trouble(&mut self, trouble: Trouble) {
        let _ended = self.put(Seen::Trouble(trouble));
    }
}

/// A reader that runs in a thread of its own.
struct Running {
    control: Control,
    seen: Receiver<Seen>,
    thread: Option<JoinHandle<Result<Option<Position>, JournalError>>>,
}

impl Running {
    fn new(origin: &Origin, wants: &[Want], start: Start) -> Self {
        let (open, gate) = channel();
        drop(open);
        Self::with_gate(origin, wants, start, gate)
    }

    /// One that waits at the gate behind each batch, until the gate is gone.
    fn with_gate(origin: &Origin, wants: &[Want], start: Start, gate: Receiver<()>) -> Self {
        let control = Control::new().unwrap();
        let (sender, seen) = channel();
        let thread = thread::spawn({
            let (origin, wants, control) = (origin.clone(), wants.to_owned(), control.clone());
            move || {
                let thread = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
                sender.send(Seen::Thread(thread)).unwrap();
                let reader = Reader::open(&origin, SOURCE, &wants, start, control)?;
                reader.run(&mut Collector(sender, gate))
            }
        });
        Self { control, seen, thread: Some(thread) }
    }

    fn next(&self) -> Seen {
        self.seen.recv_timeout(DEADLINE).expect("the reader has something to say in time")
    }

    fn entry(&self) -> Entry {
        loop {
            match self.next() {
                Seen::Entry(entry) => return entry,
                Seen::Trouble(trouble) => panic!("{trouble:?}"),
                Seen::Thread(_) | Seen::Reached(_) | Seen::Pong(_) => {}
            }
        }
    }

    /// Messages until `last`, which is among them.
    fn messages(&self, last: &str) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.last().is_none_or(|message| message != last) {
            messages.push(self.entry().message);
        }
        messages
    }

    fn trouble(&self) -> Trouble {
        loop {
            if let Seen::Trouble(trouble) = self.next() {
                return trouble;
            }
        }
    }

    /// Waits until all that is in the files has been read; returns what of it was left to see.
    fn settle(&self, number: u64) -> Vec<Seen> {
        self.control.ping(number);
        let mut seen = Vec::new();
        loop {
            match self.next() {
                Seen::Pong(answered) if answered == number => return seen,
                other => seen.push(other),
            }
        }
    }

    fn stop(mut self) -> Option<Position> {
        self.control.stop();
        self.thread.take().unwrap().join().unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.stop();
    }
}

fn namespace(journald: &Journald) -> Origin {
    Origin::Namespace(journald.namespace().to_owned())
}

fn want(matches: Matches) -> Want {
    Want { matches, fields: Vec::new() }
}

fn wants(texts: &[&str]) -> Vec<Want> {
    texts.iter().map(|text| want(Matches::parse(text).unwrap())).collect()
}

fn from_the_beginning() -> Start {
    Start { position: None, since: Timestamp::from_micros(0) }
}

fn behind(position: Option<Position>) -> Start {
    Start { position: Some(position.expect("a position")), since: Timestamp::from_micros(0) }
}

fn say(journald: &Journald, tag: &str, message: &str) {
    journald.send(&[("MESSAGE", message.as_bytes()), ("TAG", tag.as_bytes())]);
}

fn numbered(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

fn say_all(journald: &Journald, tag: &str, messages: &[String]) {
    for message in messages {
        say(journald, tag, message);
    }
}

#[test]
fn each_want_gets_what_it_wants_and_nothing_else_is_read() {
    let journald = Journald::start();
    journald.send(&[("MESSAGE", b"both"), ("TAG", b"a"), ("KIND", b"x")]);
    journald.send(&[("MESSAGE", b"none"), ("TAG", b"z"), ("KIND", b"x")]);
    journald.send(&[("MESSAGE", b"second"), ("TAG", b"b"), ("KIND", b"y")]);
    journald.send(&[("MESSAGE", b"half"), ("TAG", b"a"), ("KIND", b"z")]);
    journald.send(&[("MESSAGE", b"several"), ("TAG", b"q"), ("TAG", b"b"), ("KIND", b"x")]);
    journald.send(&[("TAG", b"c")]);
    journald.send(&[("MESSAGE", b"last"), ("TAG", b"c")]);

    let wants = wants(&["TAG=a TAG=b KIND=x", "TAG=b + TAG=a KIND=x", "TAG=c"]);
    let reader = Running::new(&namespace(&journald), &wants, from_the_beginning());

    let expected: [(u64, &str, &[usize]); 4] =
        [(1, "both", &[0, 1]), (2, "second", &[1]), (3, "several", &[0, 1]), (5, "last", &[2])];
    for (sequence, message, wanted_by) in expected {
        let entry = reader.entry();
        assert_eq!(entry.message, message);
        assert_eq!((entry.sequence, entry.wanted_by.as_slice()), (sequence, wanted_by));
    }
    assert_eq!(reader.stop().unwrap().sequence, 5);
}

#[test]
fn any_wants_all_beside_a_want_for_some() {
    let journald = Journald::start();
    say(&journald, "a", "one");
    say(&journald, "b", "two");
    let wants = [Want::default(), want(Matches::parse("TAG=b").unwrap())];
    let reader = Running::new(&namespace(&journald), &wants, from_the_beginning());
    let mut seen = Vec::new();
    while seen.last() != Some(&("two".to_owned(), vec![0, 1])) {
        let entry = reader.entry();
        seen.push((entry.message, entry.wanted_by));
    }
    assert!(seen.contains(&("one".to_owned(), vec![0])), "{seen:?}");
    assert!(seen.contains(&("Journal started".to_owned(), vec![0])), "{seen:?}");
}

#[test]
fn trusted_fields_are_those_of_the_sender() {
    let journald = Journald::start();
    let wants = wants(&["_COMM=sshd _UID=0"]);
    let reader = Running::new(&namespace(&journald), &wants, from_the_beginning());
    journald.send(&[("MESSAGE", b"forged"), ("_COMM", b"sshd"), ("SYSLOG_IDENTIFIER", b"sshd")]);
    journald.send_as("sshd", "Failed password for root from 192.0.2.1 port 22 ssh2");
    journald.send_as("sshd-session", "not wanted");
    journald.send_as("sshd", "the end");
    let expected = ["Failed password for root from 192.0.2.1 port 22 ssh2", "the end"];
    assert_eq!(reader.messages("the end"), expected);
}

#[test]
fn a_message_arrives_as_it_was_sent_unless_it_is_too_long() {
    let journald = Journald::start();
    let odd: [(&[u8], &str); 4] = [
        (b"two\nlines\n", "two\nlines\n"),
        (b"a\0b", "a\0b"),
        (b"\xff\xfe=\x80", "\u{fffd}\u{fffd}=\u{fffd}"),
        (b"", ""),
    ];
    for (message, _) in odd {
        journald.send(&[("MESSAGE", message), ("TAG", b"a")]);
    }
    let longest = vec![b'x'; 64 << 10];
    journald.send(&[("MESSAGE", &longest), ("TAG", b"a")]);
    journald.send(&[("MESSAGE", &vec![b'x'; (64 << 10) + 1]), ("TAG", b"a")]);
    say(&journald, "a", "last");

    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    for (_, message) in odd {
        assert_eq!(reader.entry().message, message);
    }
    assert_eq!(reader.entry().message.as_bytes(), longest);
    assert!(matches!(reader.trouble(), Trouble::TooLong { sequence: 6, .. }));
    let last = reader.entry();
    assert_eq!((last.message.as_str(), last.sequence), ("last", 7));
}

#[test]
fn fields_come_along_when_they_are_asked_for() {
    let journald = Journald::start();
    journald.send(&[("MESSAGE", b"one"), ("TAG", b"a"), ("PRIORITY", b"3"), ("CODE", b"x\ny")]);
    journald.send(&[("MESSAGE", b"two"), ("TAG", b"a")]);
    let matches = Matches::parse("TAG=a").unwrap();
    let fields = ["PRIORITY", "CODE", "NONE"].map(str::to_owned).to_vec();
    let wants = [Want { matches, fields }];
    let reader = Running::new(&namespace(&journald), &wants, from_the_beginning());
    let with = |field: &str, entry: &Entry| entry.fields.get(field).map(str::to_owned);
    let one = reader.entry();
    assert_eq!(with("PRIORITY", &one).as_deref(), Some("3"));
    assert_eq!(with("CODE", &one).as_deref(), Some("x\ny"));
    assert_eq!(with("NONE", &one), None);
    assert_eq!(with("TAG", &one), None, "nobody has asked for it");
    let two = reader.entry();
    assert_eq!(with("PRIORITY", &two), None, "nothing of the entry before is left");
}

#[test]
fn ten_thousand_entries_come_in_order_in_batches() {
    let journald = Journald::start();
    let lines = numbered(0..10_000);
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    say_all(&journald, "a", &lines);
    let mut read = Vec::new();
    let mut since_reached = 0;
    while read.len() < lines.len() {
        match reader.next() {
            Seen::Entry(entry) => {
                read.push(entry.message);
                assert_eq!(entry.sequence, read.len() as u64);
                since_reached += 1;
                assert!(since_reached <= jailkeeper::journal::BATCH);
            }
            Seen::Reached(position) => {
                assert_eq!(position.sequence, read.len() as u64);
                since_reached = 0;
            }
            Seen::Thread(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(read, lines);
    assert_eq!(reader.stop().unwrap().sequence, 10_000);
}

#[test]
fn a_restarted_reader_goes_on_where_it_stopped() {
    let journald = Journald::start();
    let lines = numbered(0..6_000);
    let (early, late) = lines.split_at(3_000);
    say_all(&journald, "a", early);
    let mut read: Vec<(u64, String)> = Vec::new();
    let mut start = from_the_beginning();
    thread::scope(|scope| {
        scope.spawn(|| say_all(&journald, "a", late));
        while read.len() < 6_000 {
            let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), start.clone());
            let stop_at = read.len() + 700;
            while read.len() < stop_at.min(6_000) {
                let entry = reader.entry();
                read.push((entry.sequence, entry.message));
            }
            reader.control.stop();
            // What it had taken before it saw the order has been handed over, and counts.
            let rest = drain(&reader);
            read.extend(rest);
            start = behind(reader.stop());
            assert_eq!(start.position.as_ref().unwrap().sequence, read.len() as u64);
        }
    });
    let expected: Vec<(u64, String)> = (1..).zip(lines.clone()).collect();
    assert_eq!(read, expected);
}

/// The entries until the reader's thread has ended.
fn drain(reader: &Running) -> Vec<(u64, String)> {
    let mut entries = Vec::new();
    while let Ok(seen) = reader.seen.recv_timeout(DEADLINE) {
        match seen {
            Seen::Entry(e) => entries.push((e.sequence, e.message)),
            Seen::Trouble(trouble) => panic!("{trouble:?}"),
            Seen::Thread(_) | Seen::Reached(_) | Seen::Pong(_) => {}
        }
    }
    entries
}

#[test]
fn rotation_vacuum_and_a_killed_journald_lose_and_repeat_nothing() {
    let mut journald = Journald::start();
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    let mut expected = Vec::new();
    for round in 0..4 {
        let lines = numbered(round * 50..(round + 1) * 50);
        say_all(&journald, "a", &lines[..25]);
        journald.rotate();
        say_all(&journald, "a", &lines[25..]);
        let read = reader.messages(&lines[49]);
        assert_eq!(read, lines);
        expected.extend(read);
        journald.sync();
        match round {
            0 => journald.vacuum(),
            1 => journald.restart(),
            2 => {
                journald.rotate();
                journald.vacuum();
                journald.restart();
            }
            _ => {}
        }
    }
    assert_eq!(expected, numbered(0..200));
    let rest = reader.settle(1);
    assert!(!rest.iter().any(|seen| matches!(seen, Seen::Entry(_) | Seen::Trouble(_))), "{rest:?}");
    assert_eq!(reader.stop().unwrap().sequence, 200);
}

#[test]
fn a_cursor_whose_entry_is_vacuumed_is_told_and_nothing_behind_it_is_skipped() {
    let journald = Journald::start();
    say_all(&journald, "a", &numbered(0..3));
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    reader.messages("line 2");
    let position = reader.stop();
    journald.rotate();
    journald.vacuum();
    say_all(&journald, "a", &numbered(3..5));
    journald.sync();

    let start = behind(position);
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), start.clone());
    let trouble = reader.trouble();
    assert!(matches!(trouble, Trouble::CursorGone { next: Some(_) }), "{trouble:?}");
    let first = reader.entry();
    assert_eq!((first.message.as_str(), first.sequence), ("line 3", 4));
    assert_eq!(reader.messages("line 4"), ["line 4"]);

    let reader = Running::new(&namespace(&journald), &wants(&["TAG=b"]), start);
    assert!(matches!(reader.trouble(), Trouble::CursorGone { next: None }));
    say(&journald, "b", "later");
    assert_eq!(reader.entry().message, "later");
}

#[test]
fn a_reader_that_is_behind_is_told_what_vacuuming_takes_and_survives_rotation() {
    for vacuum in [false, true] {
        let journald = Journald::start();
        say_all(&journald, "a", &numbered(0..1000));
        journald.sync();
        let (open, gate) = channel();
        let origin = namespace(&journald);
        let reader = Running::with_gate(&origin, &wants(&["TAG=a"]), from_the_beginning(), gate);
        while !matches!(reader.next(), Seen::Reached(_)) {}
        journald.rotate();
        if vacuum {
            journald.vacuum();
        }
        say(&journald, "a", "line 1000");
        drop(open);
        if vacuum {
            assert!(matches!(reader.trouble(), Trouble::CursorGone { .. }));
            assert_eq!(reader.entry().sequence, 257);
        } else {
            assert_eq!(reader.messages("line 1000"), numbered(256..1001));
        }
    }
}

#[test]
fn a_position_serves_also_when_its_entry_is_not_wanted_any_more() {
    let journald = Journald::start();
    say(&journald, "b", "before");
    say(&journald, "a", "at");
    say(&journald, "b", "after");
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    reader.messages("at");
    let start = behind(reader.stop());
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=b"]), start);
    let entry = reader.entry();
    assert_eq!((entry.message.as_str(), entry.sequence), ("after", 2));
}

#[test]
fn a_position_that_is_none_is_told_and_reading_starts_at_the_given_time() {
    let journald = Journald::start();
    say(&journald, "a", "one");
    for cursor in ["nonsense", "", "s=1;i=\0"] {
        let position = Some(Position { cursor: cursor.to_owned(), sequence: 41 });
        let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), behind(position));
        let trouble = reader.trouble();
        assert!(matches!(&trouble, Trouble::CursorRefused { cursor: c } if c == cursor));
        assert_eq!(reader.entry().sequence, 42);
    }
}

#[test]
fn without_a_position_reading_starts_at_the_given_time() {
    let journald = Journald::start();
    say_all(&journald, "a", &numbered(0..10));
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    let times: Vec<Timestamp> = (0..10).map(|_| reader.entry().time).collect();
    let start = Start { position: None, since: times[6] };
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), start);
    let first = reader.entry();
    assert_eq!((first.time, first.sequence), (times[6], 1));
    assert_eq!(reader.messages("line 9").len(), 3);
}

#[test]
fn a_namespace_that_does_not_exist_yet_is_read_when_it_does() {
    let mut journald = Journald::absent();
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    assert!(reader.settle(1).iter().all(|seen| matches!(seen, Seen::Thread(_))));
    journald.launch();
    say(&journald, "a", "first");
    assert_eq!(reader.entry().message, "first");

    // Somebody clears the journal away, directory and all.
    fs::remove_dir_all(journald.directory()).unwrap();
    journald.restart();
    say(&journald, "a", "second");
    let seen = loop {
        if let Seen::Entry(entry) = reader.next() {
            break entry;
        }
    };
    assert_eq!((seen.message.as_str(), seen.sequence), ("second", 2));
}

#[test]
fn a_namespace_without_any_entry_has_no_position() {
    let journald = Journald::absent();
    let reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    reader.settle(1);
    assert_eq!(reader.stop(), None);
}

#[test]
fn the_journal_of_the_system_can_be_waited_for() {
    let start = Start { position: None, since: Timestamp::from_micros(i64::MAX) };
    let reader = Running::new(&Origin::System, &[Want::default()], start);
    let seen = reader.settle(1);
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Entry(_))), "{seen:?}");
    reader.stop();
}

#[test]
fn pings_are_answered_and_a_sink_can_end_the_run() {
    let journald = Journald::start();
    let mut reader = Running::new(&namespace(&journald), &wants(&["TAG=a"]), from_the_beginning());
    for number in 1..=20 {
        reader.settle(number);
    }
    let thread = reader.thread.take().unwrap();
    // The collector breaks when nobody listens any more.
    let (_, nobody) = channel();
    reader.seen = nobody;
    reader.control.ping(21);
    assert_eq!(thread.join().unwrap().unwrap(), None);
}

#[test]
fn a_reader_at_rest_does_not_run() {
    let journald = Journald::start();
    say(&journald, "a", "one");
    journald.sync();
    // By its directory, since namespaces come and go beside it as other tests run.
    let origin = Origin::Directory(journald.directory());
    let reader = Running::new(&origin, &wants(&["TAG=a"]), from_the_beginning());
    let Seen::Thread(thread) = reader.next() else { panic!("the thread tells its number first") };
    reader.messages("one");
    let wakeups = || {
        let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.unwrap().trim().parse::<u64>().unwrap()
    };
    let deadline = Instant::now() + DEADLINE;
    loop {
        // journald may still be telling of its last entry when the first measurement begins.
        let before = wakeups();
        thread::sleep(Duration::from_millis(1500));
        if wakeups() == before {
            break;
        }
        assert!(Instant::now() < deadline, "the reader wakes up although nothing happens");
    }
    say(&journald, "a", "two");
    assert_eq!(reader.entry().message, "two");
}

#[test]
fn a_directory_is_read_in_the_order_of_time() {
    let directory = tempfile::tempdir().unwrap();
    let second = 1_000_000;
    let start = 1_700_000_000 * second;
    for (file, times) in [("one.journal", [0, 2, 4]), ("two.journal", [1, 3, 5])] {
        let texts = times.map(|time| time.to_string());
        let entries: Vec<_> = times
            .iter()
            .zip(&texts)
            .map(|(time, text)| {
                (start + time * second, vec![("MESSAGE", text.as_bytes()), ("TAG", &b"a"[..])])
            })
            .collect();
        fixture(&directory.path().join(file), &entries);
    }
    let origin = Origin::Directory(directory.path().to_owned());
    let reader = Running::new(&origin, &wants(&["TAG=a"]), from_the_beginning());
    let first = reader.entry();
    assert_eq!(first.time, Timestamp::from_seconds(1_700_000_000));
    assert_eq!(reader.messages("5"), ["1", "2", "3", "4", "5"]);
}

#[test]
fn entries_that_journald_moves_to_another_file_are_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let lines = numbered(0..20);
    let entries: Vec<_> = (1_700_000_000_000_000..)
        .zip(&lines)
        .map(|(time, line)| (time, vec![("MESSAGE", line.as_bytes()), ("TAG", &b"a"[..])]))
        .collect();
    let file = |name: &str| directory.path().join(name);
    fixture(&file("run.journal"), &entries[..10]);
    let origin = Origin::Directory(directory.path().to_owned());
    let reader = Running::new(&origin, &wants(&["TAG=a"]), from_the_beginning());
    reader.messages("line 9");
    // The copy has what is in the first file, and more.
    fixture(&file("var.journal"), &entries[..15]);
    assert_eq!(reader.messages("line 14"), lines[10..15]);
    let start = behind(reader.stop());

    fs::remove_file(file("run.journal")).unwrap();
    fs::remove_file(file("var.journal")).unwrap();
    fixture(&file("new.journal"), &entries);
    let reader = Running::new(&origin, &wants(&["TAG=a"]), start);
    assert_eq!(reader.messages("line 19"), lines[15..]);
    assert_eq!(reader.stop().unwrap().sequence, 20);
}

#[test]
fn a_damaged_file_is_told_and_does_not_stop_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let lines = numbered(0..200);
    for (tag, offset) in [("bad", 0), ("good", 1)] {
        let times = (1_700_000_000_000_000 + offset..).step_by(2);
        let entries: Vec<_> = times
            .zip(&lines)
            .map(|(time, line)| (time, vec![("MESSAGE", line.as_bytes()), ("TAG", tag.as_bytes())]))
            .collect();
        fixture(&directory.path().join(tag).with_extension("journal"), &entries);
    }
    let bad = directory.path().join("bad.journal");
    let mut bytes = fs::read(&bad).unwrap();
    let middle = bytes.windows(8).position(|window| window == b"line 100").unwrap();
    bytes[middle - 64..middle + 600].fill(0xa5);
    fs::write(&bad, bytes).unwrap();

    let origin = Origin::Directory(directory.path().to_owned());
    let reader = Running::new(&origin, &wants(&["TAG=bad", "TAG=good"]), from_the_beginning());
    let mut read: [Vec<String>; 2] = Default::default();
    let trouble = loop {
        match reader.next() {
            Seen::Entry(e) => read[e.wanted_by[0]].push(e.message),
            Seen::Trouble(trouble) => break trouble,
            _ => {}
        }
    };
    assert!(matches!(&trouble, Trouble::FileLeftOut { path, count: 1 } if *path == bad));
    assert_eq!(read, [lines[..100].to_owned(), lines]);
    assert!(reader.settle(1).is_empty());

    // Another one is told too; one of another format is none that is read.
    let worse = directory.path().join("worse.journal");
    fs::write(&worse, [0; 4096]).unwrap();
    fixture(
        &directory.path().join("last.journal"),
        &[(1_800_000_000_000_000, vec![("MESSAGE", &b"last"[..]), ("TAG", b"good")])],
    );
    let (mut told, mut last) = (None, None);
    while told.is_none() || last.is_none() {
        match reader.next() {
            Seen::Entry(entry) => last = Some(entry.sequence),
            Seen::Trouble(trouble) => told = Some(trouble),
            _ => {}
        }
    }
    assert!(matches!(told, Some(Trouble::FileLeftOut { path, count: 2 }) if path == worse));
    assert_eq!(last, Some(301));
}

#[test]
fn what_cannot_be_read_is_said() {
    let open = |origin: &Origin, wants: &[Want]| {
        let control = Control::new().unwrap();
        Reader::open(origin, SOURCE, wants, from_the_beginning(), control).err()
    };
    let missing = Origin::Directory("/nonexistent/journal".into());
    let error = open(&missing, &[Want::default()]).unwrap();
    assert_eq!(error.to_string(), "cannot open the journal in /nonexistent/journal");
    let error = open(&Origin::System, &[]).unwrap();
    assert!(matches!(error, JournalError::NothingWanted));
    for name in ["", "a/b", "a\n", &"x".repeat(223)] {
        let error = open(&Origin::Namespace(name.to_owned()), &[Want::default()]).unwrap();
        assert!(matches!(&error, JournalError::NotANamespace { name: n } if n == name));
    }
}

#[test]
fn a_machine_without_identity_is_told_how_to_get_one() {
    // In a thread that has its own mounts.
    let error = thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        let none: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none).unwrap();
        mount(Some("/dev/null"), "/etc/machine-id", none, MsFlags::MS_BIND, none).unwrap();
        let control = Control::new().unwrap();
        let wants = [Want::default()];
        Reader::open(&Origin::System, SOURCE, &wants, from_the_beginning(), control).err()
    });
    let error = error.join().unwrap().unwrap();
    assert!(matches!(error, JournalError::MachineId(_)), "{error:?}");
    assert!(error.to_string().contains("systemd-machine-id-setup"), "{error}");
}

#[test]
fn a_user_who_may_not_read_the_journal_is_told_so() {
    let journald = Journald::start();
    let (origin, directory) = (namespace(&journald), journald.directory());
    // In a thread that is nobody, whoever the other threads are.
    let error = thread::spawn(move || {
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_gid(Gid::from_raw(65534)).unwrap();
        rustix::thread::set_thread_uid(Uid::from_raw(65534)).unwrap();
        let control = Control::new().unwrap();
        let wants = [Want::default()];
        Reader::open(&origin, SOURCE, &wants, from_the_beginning(), control).err()
    });
    let error = error.join().unwrap().unwrap();
    assert!(matches!(&error, JournalError::Denied { path } if path.starts_with(&directory)));
    assert!(error.to_string().contains("group systemd-journal"), "{error}");
}
