//! The dates of lines, as fail2ban's own DateDetector finds them.

mod lines;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use jailkeeper::dates::{Detector, Zone};
use jailkeeper::keeper::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use self::lines::{Dice, FORMS};
use crate::support::fail2ban;

/// 2026-06-30 12:00:00.25 UTC, in microseconds.
const MIDSUMMER: i64 = 1_782_820_800_250_000;

/// A log, and how it is to be read.
struct Job {
    local: &'static str,
    zone: Option<&'static str>,
    patterns: Vec<&'static str>,
    lines: Vec<(Timestamp, String)>,
}

impl Job {
    fn new(patterns: &[&'static str], lines: Vec<(Timestamp, String)>) -> Self {
        Self { local: "UTC", zone: None, patterns: patterns.to_vec(), lines }
    }

    fn detector(&self) -> Detector {
        let local = TimeZone::get(self.local).expect("a zone of the database");
        let zone = match self.zone {
            Some(zone) => Zone::parse(zone).expect("a zone").seen_from(local),
            None => Zone::of(local),
        };
        Detector::new(&self.patterns, zone).expect("good patterns")
    }

    fn json(&self) -> Value {
        let lines: Vec<Value> =
            self.lines.iter().map(|(now, line)| json!([seconds(*now), line])).collect();
        json!({"local": self.local, "zone": self.zone, "patterns": self.patterns, "lines": lines})
    }
}

/// What fail2ban answers to each job.
fn ask(jobs: &[Job]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/dates.py");
    let mut oracle = Command::new("python3")
        .arg(script)
        .env("PYTHONPATH", fail2ban::package().join("usr/lib/python3/dist-packages"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = oracle.stdin.take().expect("a pipe");
    let questions: Vec<String> = jobs.iter().map(|job| job.json().to_string()).collect();
    let writer = std::thread::spawn(move || {
        for question in questions {
            writeln!(stdin, "{question}").expect("the oracle listens");
        }
    });
    let output = oracle.wait_with_output().expect("the oracle answers");
    writer.join().expect("all questions are asked");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("an answer is JSON")).collect()
}

/// A time as Python has it.
#[expect(clippy::cast_precision_loss, reason = "Python has no more")]
fn seconds(time: Timestamp) -> f64 {
    time.micros() as f64 / 1e6
}

/// Whether a time is the same as one in seconds, as far as a float and a timestamp can tell.
fn is_same(ours: Timestamp, theirs: f64) -> bool {
    let latest = seconds(Timestamp::from_micros(i64::MAX));
    (seconds(ours) - theirs.min(latest)).abs() < 2e-6 + theirs.abs() * 1e-15
}

/// Compares line by line: whether there is a date, what is cut out, and the time.
fn compare(jobs: &[Job]) {
    let answers = ask(jobs);
    assert_eq!(answers.len(), jobs.len(), "an answer to each job");
    let mut wrong = Vec::new();
    for (job, answer) in jobs.iter().zip(&answers) {
        let mut detector = job.detector();
        let theirs = answer["answers"].as_array().expect("a list");
        assert_eq!(theirs.len(), job.lines.len());
        for ((now, line), theirs) in job.lines.iter().zip(theirs) {
            let ours = detector.find(line, *now);
            let cut = ours.as_ref().map(|found| &line[found.span.clone()]);
            let time = ours.as_ref().and_then(|found| found.time);
            let their_cut = theirs.as_array().map(|theirs| {
                let place = |at: usize| {
                    let place = theirs[at].as_u64().expect("a place");
                    usize::try_from(place).expect("a place in a line")
                };
                line.chars().skip(place(0)).take(place(1) - place(0)).collect::<String>()
            });
            let their_time = theirs.get(2).and_then(Value::as_f64);
            let same_time = match (time, their_time) {
                (Some(ours), Some(theirs)) => is_same(ours, theirs),
                (None, None) => true,
                _ => false,
            };
            if cut != their_cut.as_deref() || !same_time {
                wrong.push(format!(
                    "{:?} {} {:?} at {}: {line:?}\n  ours   {cut:?} {time:?}\n  theirs {their_cut:?} {their_time:?}",
                    job.patterns, job.local, job.zone, now.micros()
                ));
            }
        }
        let order: Vec<&str> = detector.templates().map(|(name, _)| name).collect();
        let theirs: Vec<&str> =
            answer["order"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        // The name that fail2ban gives to "%Exk" depends on the order of a set.
        if order != theirs && !job.patterns.iter().any(|pattern| pattern.contains("%Exk")) {
            wrong
                .push(format!("{:?} order\n  ours   {order:?}\n  theirs {theirs:?}", job.patterns));
        }
    }
    let all: usize = jobs.iter().map(|job| job.lines.len()).sum();
    let shown = wrong.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {all} differ:\n{shown}", wrong.len());
}

#[test]
fn each_form_by_itself() {
    let mut dice = Dice::new(1);
    let jobs: Vec<Job> =
        FORMS.iter().map(|form| Job::new(&[], dice.log(&[form], 150, MIDSUMMER))).collect();
    compare(&jobs);
}

#[test]
fn all_forms_in_one_log() {
    let mut dice = Dice::new(2);
    let mut jobs = Vec::new();
    for local in ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"] {
        let lines = dice.log(FORMS, 2500, MIDSUMMER);
        jobs.push(Job { local, ..Job::new(&[], lines) });
    }
    compare(&jobs);
}

#[test]
fn logs_that_change_their_form() {
    let mut dice = Dice::new(3);
    let mut jobs = Vec::new();
    for _ in 0..6 {
        let mut lines = Vec::new();
        let mut now = MIDSUMMER;
        for _ in 0..12 {
            let form = *dice.one_of(FORMS);
            let count = dice.below(70);
            lines.extend(dice.log(&[form], count, now));
            now = lines.last().map_or(now, |(now, _): &(Timestamp, String)| now.micros());
        }
        jobs.push(Job::new(&[], lines));
    }
    compare(&jobs);
}

#[test]
fn around_new_year_and_the_changes_of_the_clock() {
    // In 2026, UTC: 2 h after New Year, the last hours of the year, and the nights in which the
    // clocks change in Berlin and in New York.
    let starts =
        [1_767_232_800, 1_798_750_000, 1_774_744_200, 1_772_952_000, 1_792_886_400, 1_793_508_000];
    let mut dice = Dice::new(4);
    let mut jobs = Vec::new();
    for start in starts {
        for local in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] {
            let forms = ["%b %d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%H:%M:%S", "%b %d %H:%M:%S %z"];
            let lines = dice.log(&forms, 300, start * 1_000_000);
            jobs.push(Job { local, ..Job::new(&["{^LN-BEG}"], lines) });
        }
    }
    compare(&jobs);
}

#[test]
fn zones_by_offset() {
    let zones =
        ["UTC", "UTC+0100", "GMT-02:00", "CET", "-0400", "NFT", "Z", "PDT+01", "HST", "ACST-0030"];
    let mut dice = Dice::new(5);
    let mut jobs = Vec::new();
    for zone in zones {
        for local in ["UTC", "Asia/Tokyo"] {
            let lines = dice.log(FORMS, 250, MIDSUMMER);
            jobs.push(Job { zone: Some(zone), local, ..Job::new(&[], lines) });
        }
    }
    compare(&jobs);
}

#[test]
fn patterns_of_people() {
    let mut dice = Dice::new(6).without_odd_signs();
    let jobs: Vec<Job> = lines::PATTERNS
        .iter()
        .map(|(patterns, forms)| Job::new(patterns, dice.log(forms, 250, MIDSUMMER)))
        .collect();
    compare(&jobs);
}
