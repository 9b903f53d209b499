use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::engine::Searcher;
use super::expand::{Expanded, LINE_BEGIN};
use super::program::Program;
use super::scan::{Found as Match, Region, has_clock};
use super::standard::{PATTERNS, STANDARD};
use super::wrap::{Begin, wrap};
use super::*;
use crate::keeper::Timestamp;

fn utc() -> Zone {
    Zone::of(TimeZone::UTC)
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect("a zone")
}

/// A time in UTC, written "2026-07-01T12:00:00".
fn at(text: &str) -> Timestamp {
    let time: civil::DateTime = text.parse().expect("a time");
    let time = TimeZone::UTC.to_timestamp(time).expect("a time");
    Timestamp::from_micros(time.as_microsecond())
}

fn now() -> Timestamp {
    at("2026-07-01T12:00:00")
}

/// What a detector of these patterns cuts out of a line, and the time.
fn found(patterns: &[&str], line: &str) -> Option<(String, Option<Timestamp>)> {
    let mut detector = Detector::new(patterns, utc()).expect("good patterns");
    let found = detector.find(line, now())?;
    Some((line[found.span].to_owned(), found.time))
}

#[track_caller]
fn check(patterns: &[&str], line: &str, cut: &str, time: &str) {
    assert_eq!(found(patterns, line), Some((cut.to_owned(), Some(at(time)))), "{line:?}");
}

fn refused(patterns: &[&str]) -> DatePatternError {
    Detector::new(patterns, utc()).expect_err("a bad pattern")
}

#[test]
fn all_standard_patterns_are_good_and_plain() {
    assert_eq!(STANDARD.plain.len(), PATTERNS.len());
    assert_eq!(STANDARD.all().count(), 31);
    for pattern in PATTERNS.iter().filter(|pattern| pattern.contains('%')) {
        let pattern = pattern.strip_prefix(LINE_BEGIN).unwrap_or(pattern);
        assert!(Program::compile(&wrap(pattern, Begin::Line, true)).is_some(), "{pattern}");
    }
}

#[test]
fn each_standard_form() {
    let dates = [
        ("2005-01-23T21:59:59.981746+01:00", "2005-01-23T20:59:59"),
        ("2005/1/3 1:9:5", "2005-01-03T01:09:05"),
        ("2005.01.23 21:59:59,5 UTC", "2005-01-23T21:59:59"),
        ("Jan 23 21:59:59", "2026-01-23T21:59:59"),
        ("Sun Jan 23 21:59:59.011 2005", "2005-01-23T21:59:59"),
        ("Sun Jan 23 2005 21:59:59.011", "2005-01-23T21:59:59"),
        ("23/01/2005 21:59:59", "2005-01-23T21:59:59"),
        ("23-01-05 21:59:59", "2005-01-23T21:59:59"),
        ("23/Jan/2005:21:59:59 -0130", "2005-01-23T23:29:59"),
        ("23-JAN-2005 21:59:59.252", "2005-01-23T21:59:59"),
        ("05/20/2008:01:57:39", "2008-05-20T01:57:39"),
        ("01-27-2012 16:22:44.252", "2012-01-27T16:22:44"),
        ("1106517599", "2005-01-23T21:59:59"),
        ("11:59:59", "2026-07-01T11:59:59"),
        ("<09/16/08@05:03:30>", "2008-09-16T05:03:30"),
        ("130322 11:46:11", "2013-03-22T11:46:11"),
        ("130322  1:46:11", "2013-03-22T01:46:11"),
        ("Apr 27, 2013 2:33:06 PM", "2013-04-27T14:33:06"),
        ("Apr-27-13 02:33:06", "2013-04-27T02:33:06"),
        ("20050123T215959", "2005-01-23T21:59:59"),
        ("PDT Apr 16 21:05:29", "2026-04-17T04:05:29"),
        ("+00:00 Jan 23 21:59:59.011 2005", "2005-01-23T21:59:59"),
        ("@4000000041f41e5f00000000", "2005-01-23T21:59:59"),
    ];
    for (date, time) in dates {
        check(&[], date, date, time);
        check(&[], &format!("{date} host: message"), date, time);
    }
}

#[test]
fn dates_within_a_line() {
    check(&[], "[Jun 30 21:59:59] x", "Jun 30 21:59:59", "2026-06-30T21:59:59");
    check(&[], "é Jun 30 21:59:59 x", "Jun 30 21:59:59", "2026-06-30T21:59:59");
    check(
        &[],
        "type=X msg=audit(1106517599.123:4): x",
        "1106517599.123",
        "2005-01-23T21:59:59.123",
    );
    check(&[], "[1106517599] x", "1106517599", "2005-01-23T21:59:59");
    assert_eq!(found(&[], "pid 1106517599"), None);
    assert_eq!(found(&[], "x2005-01-23 21:59:59"), None);
    assert_eq!(found(&[], "2005-01-23 21:59:591"), None);
    assert_eq!(found(&[], ""), None);
}

#[test]
fn a_date_that_is_none() {
    assert_eq!(found(&[], "Feb 30 21:59:59"), Some(("Feb 30 21:59:59".to_owned(), None)));
    assert_eq!(found(&[], "ERROR Apr 16 21:05:29"), Some(("ERROR Apr 16 21:05:29".into(), None)));
    assert_eq!(found(&[], "Jan 23 21:59:60"), Some(("Jan 23 21:59:60".to_owned(), None)));
    assert_eq!(found(&["{NONE}"], "Jan 23 21:59:59"), Some((String::new(), None)));
    assert_eq!(found(&["^%d "], "12 x"), Some(("12".to_owned(), None)));
}

#[test]
fn tokens_that_only_patterns_have() {
    check(
        &["%A, %d. %B %Y %l:%M %p"],
        "Sunday, 23. January 2005  9:59 pm",
        "Sunday, 23. January 2005  9:59 pm",
        "2005-01-23T21:59:00",
    );
    check(&["%Y-%j %X"], "2005-023 21:59:59", "2005-023 21:59:59", "2005-01-23T21:59:59");
    check(&["%Y %W %w"], "2005 03 0", "2005 03 0", "2005-01-23T00:00:00");
    check(&["%Y %U %a"], "2005 04 Sun", "2005 04 Sun", "2005-01-23T00:00:00");
    check(&["%c"], "Sun Jan 23 21:59:59 2005", "Sun Jan 23 21:59:59 2005", "2005-01-23T21:59:59");
    check(&["%x %I:%M"], "01/23/05 12:59", "01/23/05 12:59", "2005-01-23T00:59:00");
    check(
        &["%ExY%Exm%Exd%ExH%ExM%ExS%Exz"],
        "20050123215959CET-0030",
        "20050123215959CET-0030",
        "2005-01-23T21:29:59",
    );
    check(&["%Exy%m%d%Exk %ExZ"], "050123 9 MSK", "050123 9 MSK", "2005-01-23T06:00:00");
    check(&["100%% %Y-%m-%d"], "100% 2005-01-23", "100% 2005-01-23", "2005-01-23T00:00:00");
}

#[test]
fn keywords() {
    check(&["{^LN-BEG}Epoch"], "[1106517599] x", "1106517599", "2005-01-23T21:59:59");
    check(&["lepoch"], "1106517599123 x", "1106517599123", "2005-01-23T21:59:59.123");
    check(&["LEPOCH"], "1106517599123456 x", "1106517599123456", "2005-01-23T21:59:59.123456");
    check(
        &[r"^\[{LEPOCH}\]"],
        "[1106517599123.5] x",
        "[1106517599123.5]",
        "2005-01-23T21:59:59.123500",
    );
    check(&["([a-z]+ ){EPOCH}"], "at 1106517599", "at 1106517599", "2005-01-23T21:59:59");
    check(
        &["^TAI64N"],
        "@4000000041f41e5f1d6f3d2c x",
        "@4000000041f41e5f1d6f3d2c",
        "2005-01-23T21:59:59",
    );
    for date in
        ["2005-01-23T21:59:59Z", "2005-01-23 22:59:59.1234567890+0100", "2005-01-23T21:59:59,1"]
    {
        check(&["ISO8601"], &format!("host {date} x"), date, "2005-01-23T21:59:59");
        check(&["^iso8601"], &format!("{date} x"), date, "2005-01-23T21:59:59");
    }
    check(
        &[r"^[^\[]*\[({DATE})"],
        "h [23/Jan/2005:21:59:59 +0000] x",
        "23/Jan/2005:21:59:59 +0000",
        "2005-01-23T21:59:59",
    );
    check(&["%Y_%m_%d", "{DEFAULT}"], "Jun 30 21:59:59", "Jun 30 21:59:59", "2026-06-30T21:59:59");
    assert_eq!(found(&["{^LN-BEG}"], "[[[Jun 30 21:59:59"), None);
    check(&["{UNB}%Y-%m-%d"], "x2005-01-23y", "2005-01-23", "2005-01-23T00:00:00");
    check(&["**%Y-%m-%d"], "x2005-01-23", "2005-01-23", "2005-01-23T00:00:00");
    assert_eq!(found(&["**%Y-%m-%d"], "x2005-01-23y"), None);
    assert_eq!(found(&["%Y-%m-%d$"], "2005-01-23 x"), None);
}

#[test]
fn what_a_date_leaves_out() {
    let time = |line: &str, now: &str, zone: Zone| {
        let mut detector = Detector::standard(zone);
        detector.find(line, at(now)).and_then(|found| found.time)
    };
    // The year is last year's when the date is more than a day ahead.
    assert_eq!(
        time("Dec 31 23:59:59", "2026-01-01T00:00:10", utc()),
        Some(at("2025-12-31T23:59:59"))
    );
    assert_eq!(
        time("Jan  1 00:00:05", "2025-12-31T23:59:59", utc()),
        Some(at("2025-01-01T00:00:05"))
    );
    assert_eq!(
        time("Jul  2 12:00:00", "2026-07-01T12:00:00", utc()),
        Some(at("2026-07-02T12:00:00"))
    );
    assert_eq!(
        time("Jul  2 12:00:01", "2026-07-01T12:00:00", utc()),
        Some(at("2025-07-02T12:00:01"))
    );
    assert_eq!(time("Feb 29 12:00:00", "2028-01-01T12:00:00", utc()), None);
    // The day is yesterday when the time is ahead.
    assert_eq!(time("12:00:01", "2026-07-01T12:00:00", utc()), Some(at("2026-06-30T12:00:01")));
    assert_eq!(time("12:00:00", "2026-07-01T12:00:00", utc()), Some(at("2026-07-01T12:00:00")));
    // Year and day are those of the zone.
    let berlin = zone("Europe/Berlin");
    assert_eq!(
        time("Jan  1 00:10:00", "2025-12-31T23:20:00", berlin.clone()),
        Some(at("2025-12-31T23:10:00"))
    );
    assert_eq!(time("00:10:00", "2026-06-30T22:20:00", berlin), Some(at("2026-06-30T22:10:00")));
}

#[test]
fn the_nights_in_which_clocks_change() {
    let mut detector = Detector::standard(zone("Europe/Berlin"));
    let mut time =
        |line| detector.find(line, at("2026-12-01T00:00:00")).and_then(|found| found.time);
    assert_eq!(time("2026-03-29 01:59:59"), Some(at("2026-03-29T00:59:59")));
    // This hour was left out.
    assert_eq!(time("2026-03-29 02:30:00"), Some(at("2026-03-29T01:30:00")));
    assert_eq!(time("2026-10-25 01:59:59"), Some(at("2026-10-24T23:59:59")));
    // This hour comes twice: the log was in summer time before it, then in winter time.
    assert_eq!(time("2026-10-25 02:30:00"), Some(at("2026-10-25T00:30:00")));
    assert_eq!(time("2026-10-25 03:00:00"), Some(at("2026-10-25T02:00:00")));
    assert_eq!(time("2026-10-25 02:30:00"), Some(at("2026-10-25T01:30:00")));
}

#[test]
fn zones() {
    let time = |zone: &str| {
        let mut detector = Detector::standard(Zone::parse(zone)?);
        Ok(detector.find("2005-01-23 21:59:59", now()).and_then(|found| found.time))
    };
    for (zone, expected) in [
        ("UTC", "2005-01-23T21:59:59"),
        ("UTC+0100", "2005-01-23T20:59:59"),
        ("GMT-02:00", "2005-01-23T23:59:59"),
        ("CET", "2005-01-23T20:59:59"),
        ("-0400", "2005-01-24T01:59:59"),
        ("ACST", "2005-01-23T12:29:59"),
        ("Europe/Paris", "2005-01-23T20:59:59"),
    ] {
        assert_eq!(time(zone), Ok(Some(at(expected))), "{zone}");
    }
    for zone in ["Europe/Atlantis", "UTC+1", "UTC+01000", "+2500", "utc+é", "PT+", "+"] {
        assert_eq!(time(zone), Err(ZoneError(zone.to_owned())));
    }
    // A zone in the line counts more.
    let mut detector = Detector::standard(zone("CET"));
    let found = detector.find("2005-01-23 21:59:59 -0100", now());
    assert_eq!(found.and_then(|found| found.time), Some(at("2005-01-23T22:59:59")));
}

#[test]
fn the_likely_template_rises() {
    let mut detector = Detector::standard(utc());
    for _ in 0..20 {
        detector.find("mail 2026-06-30 11:59:59 Jan 23 21:59:59", now());
    }
    let (name, hits) = detector.templates().next().expect("the first");
    assert!(name.starts_with("ExYear(?P<_sep>") && hits == 20, "{name} {hits}");
    // A date at another place is not taken before a nearer one.
    let found = detector.find("Jun 30 11:59:59 host got 2026-01-01 11:59:59", now());
    assert_eq!(found.map(|found| found.span), Some(0..15));
}

#[test]
fn years_far_ahead_are_none() {
    check(&[], "2029-07-01 12:00:00", "2029-07-01 12:00:00", "2029-07-01T12:00:00");
    assert_eq!(found(&[], "2030-07-01 12:00:00"), None);
    assert_eq!(found(&["x+? %ExY-%m-%d"], "x 2030-07-01"), None);
}

#[test]
fn bad_patterns_are_refused() {
    assert_eq!(
        refused(&["%Y", "é %Q"]),
        DatePatternError::UnknownToken { index: 1, range: 3..5, token: "%Q".to_owned() }
    );
    assert_eq!(
        refused(&["{^LN-BEG}%Y %ExY"]),
        DatePatternError::Twice { index: 0, range: 12..16, token: "%ExY".to_owned() }
    );
    assert!(matches!(refused(&["(%Y"]), DatePatternError::Regex { index: 0, .. }));
    assert!(matches!(refused(&["%H:%M", "%H:%M"]), DatePatternError::Known { index: 1, .. }));
    assert!(matches!(refused(&["%H", "%"]), DatePatternError::UnknownToken { index: 1, .. }));
    let long = "x".repeat(PATTERN_LIMIT + 1);
    assert_eq!(
        refused(&[&long]),
        DatePatternError::TooLong { index: 0, length: PATTERN_LIMIT + 1 }
    );
    let many = vec!["%Y"; PATTERNS_LIMIT + 1];
    assert_eq!(refused(&many), DatePatternError::TooMany { count: PATTERNS_LIMIT + 1 });
    let message = refused(&["%H %Q"]).to_string();
    assert_eq!(
        message,
        r#"date pattern 1 has the unknown token "%Q" at byte 3; write a percent sign itself as "%%""#
    );
}

#[test]
fn spaces_without_end_take_no_time() {
    let line = format!("2005-01-23 21:59:59{}x", " ".repeat(1 << 16));
    assert!(found(&[], &line).is_some());
    let line = "2005-01-23 ".repeat(1 << 14);
    assert_eq!(found(&[], &line), None);
    let line = format!("{}x", " ".repeat(1 << 16));
    assert_eq!(found(&[r"\s*\s*\s*%H:%M"], &line), None);
}

/// Patterns that are plain, beside the standard ones.
const PLAIN: &[&str] = &[
    r"^[^\[]*\[(%d/%b/%Y:%H:%M:%S %z)",
    r"(?:%Y|%y)w%m(?:\d{2,3})?",
    r"^<\d+>\d+\s+%ExY-%Exm-%Exd[T ]%k",
    r"x+(?P<q>[=:])%m(?P=q)%d$",
    r"(%I|%M)[^0-9]?%p",
    r"%l %d(?: |, )%Z\b",
    r"%Exk:%ExM|%Exl:%ExS",
];

/// Texts that have something of a date.
fn dateish() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("2005-01-23 21:59:59".to_owned()),
        Just("Sun Jan 23 21:59:59.5 2005".to_owned()),
        Just("23/Jan/2005:21:59:59 +0100".to_owned()),
        Just("20050123T215959Z".to_owned()),
        Just("01/23/2005".to_owned()),
        Just("Apr 27, 2013 2:33:06 PM".to_owned()),
        Just("PDT ".to_owned()),
        Just("1106517599.123".to_owned()),
        Just("@4000000041f41e5f1d6f3d2c".to_owned()),
        "[0-9]{1,5}",
        "[-/.:,T ]",
        "(jan|SEP|ſun|Oct|fr[iı]|AM|pm|Z|GMT|[A-Z]{1,6})",
        "[ \\[\\]<>@x=٣é\\t\\x1c]{1,3}",
        "[+-][01][0-9]:?[0-9]{0,2}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn mutated() -> impl Strategy<Value = String> {
    (dateish(), any::<prop::sample::Index>(), "[0-9a-zA-Z:/ .-]?").prop_map(|(text, at, sign)| {
        let mut chars: Vec<char> = text.chars().collect();
        if !chars.is_empty() {
            chars.splice(at.index(chars.len())..=at.index(chars.len()), sign.chars());
        }
        chars.into_iter().collect()
    })
}

/// A match with all that is known of it.
type Whole = (std::ops::Range<usize>, Option<std::ops::Range<usize>>, Vec<(token::Field, String)>);

fn whole(line: &str, found: Option<Match>) -> Option<Whole> {
    found.map(|found| {
        let fields = found.fields.values(line).filter(|(field, _)| *field != token::Field::Ignored);
        let fields = fields.map(|(field, text)| (field, text.to_owned())).collect();
        (found.whole, found.cut, fields)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The scanner finds what a regex engine finds.
    #[test]
    fn scanner_and_regex_are_one(line in mutated(), from in 0..3_usize, begin in prop_oneof![
        Just(Begin::Nothing), Just(Begin::Word), Just(Begin::Line)
    ]) {
        static ENGINES: std::sync::LazyLock<Vec<(String, Program, Searcher)>> =
            std::sync::LazyLock::new(engines);
        let from = (from..line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        let region = Region { text: &line, from, latest_year: 2099, has_clock: has_clock(&line) };
        let wanted = format!("{begin:?} ");
        // To Python a dotless i is in [A-Z] when case does not count, to our engine it is not.
        let dotless = line.contains('ı');
        let ours = ENGINES.iter().filter(|(name, ..)| name.starts_with(&wanted));
        for (name, program, searcher) in ours.filter(|(name, ..)| !dotless || !name.contains("%Z")) {
            let (ours, theirs) = (program.search(region), searcher.search(region));
            prop_assert_eq!(whole(&line, ours), whole(&line, theirs), "{}", name);
        }
    }

    #[test]
    fn no_line_panics(lines in prop::collection::vec(prop_oneof![mutated(), any::<String>()], 1..6)) {
        let mut detectors = [
            Detector::standard(zone("Europe/Berlin")),
            Detector::new(&["%Y", "x*", "{DATE}x", "%c"], utc()).expect("good patterns"),
        ];
        for (second, line) in lines.iter().enumerate() {
            for detector in &mut detectors {
                let now = now().plus(Duration::from_secs(second as u64));
                if let Some(found) = detector.find(line, now) {
                    prop_assert!(line.get(found.span).is_some());
                }
            }
        }
    }

    #[test]
    fn no_pattern_panics(pattern in prop_oneof![
        any::<String>(),
        "[%YmdHMSbBaApzZf()|?*+$^{}\\[\\]\\\\:<>P=0-9 -]{0,20}",
        "(\\{(DATE|EPOCH|LEPOCH|UNB|NONE|DEFAULT|\\^LN-BEG)\\}|%[a-zA-Z]|%Ex[a-zA-Z]|[*^$().é]){0,6}",
    ], line in mutated(), now in any::<i64>()) {
        if let Ok(mut detector) = Detector::new(&[pattern], utc()) {
            for _ in 0..2 {
                if let Some(found) = detector.find(&line, Timestamp::from_micros(now)) {
                    prop_assert!(line.get(found.span).is_some());
                }
            }
        }
    }

    #[test]
    fn no_zone_panics(text in any::<String>(), offset in "[A-Z]{0,5}[+-]?[0-9:٣]{0,6}") {
        let _ = Zone::parse(&text);
        let _ = zone::offset(&offset);
    }
}

fn engines() -> Vec<(String, Program, Searcher)> {
    let mut engines = Vec::new();
    for pattern in PATTERNS.iter().chain(PLAIN).filter(|pattern| pattern.contains('%')) {
        let pattern = pattern.strip_prefix(LINE_BEGIN).unwrap_or(pattern);
        for begin in [Begin::Nothing, Begin::Word, Begin::Line] {
            let wrapped = wrap(pattern, begin, begin != Begin::Nothing);
            let program = Program::compile(&wrapped).expect("a plain pattern");
            let body = Expanded::of(&wrapped.body, (0, 0)).expect("good tokens").regex;
            let searcher = Searcher::new(&wrapped, &body, 0).expect("a good pattern");
            engines.push((format!("{begin:?} {pattern}"), program, searcher));
        }
    }
    engines
}

/// Forms of date that lines begin with, `@` for the time of day and `#` for a digit.
const FORMS: &[&str] = &[
    "Jun 30 @ host",
    "Jun ## @ 2026 host",
    "[Tue Jun 30 @.### 2026] x",
    "2026-06-30T@.###+00:00 host",
    "2026-06-30 @,### host",
    "2026/06/30 @ [error]",
    "192.0.2.# - - [30/Jun/2026:@ +0000] \"GET",
    "user [30/Jun/2026:@ +0#00] x",
    "## @ x",
    "@ x",
    "1782820###.### x",
    "no date",
];

fn clock() -> impl Strategy<Value = String> {
    let text = |(hour, minute, second)| format!("{hour:02}:{minute:02}:{second:02}");
    prop_oneof![
        6 => (0..24, 0..60, 0..60).prop_map(text),
        1 => (0..100, 0..100, 0..100).prop_map(text),
    ]
}

proptest! {
    /// What the last date looked like saves work and changes nothing.
    #[test]
    fn a_date_that_looks_like_the_last_is_the_one_that_a_search_finds(
        lines in prop::collection::vec(
            (prop::sample::select(FORMS), clock(), prop::collection::vec(0_u8..10, 8), 0_u8..4, 0_u64..3),
            1..40,
        ),
        zone in prop::sample::select(&["UTC", "Europe/Berlin", "UTC+0130"][..]),
    ) {
        let zone = Zone::parse(zone).expect("a zone");
        for patterns in [
            &["{^LN-BEG}", r"^[^\[]*\[(%d/%b/%ExY:%H:%M:%S %z)\]", "{DEFAULT}"][..],
            &[r"^\[?(%b %d %k:%M:%S)", r"^\[?(%a %b %d %H:%M:%S(?:\.%f)? %Y)", "^(%H:%M(?::%S)?)"],
        ] {
            let mut learning = Detector::new(patterns, zone.clone()).expect("good patterns");
            let mut searching = learning.clone();
            let mut form = lines[0].0;
            for (other, clock, digits, stays, days) in &lines {
                // Mostly as the line before.
                form = if *stays > 0 { form } else { other };
                let mut digits = digits.iter();
                let line: String = form
                    .replace('@', clock)
                    .chars()
                    .map(|c| if c == '#' { char::from(b'0' + digits.next().unwrap_or(&0)) } else { c })
                    .collect();
                let now = now().plus(Duration::from_hours(24 * days));
                searching.forget_look();
                prop_assert_eq!(learning.find(&line, now), searching.find(&line, now), "{}", line);
            }
        }
    }
}
