use jiff::tz::TimeZone;

use super::By;
use super::report::Stats;
use super::tally::{Happened, NAMES_MAX, Tally, What};
use crate::cli::page::{Page, Report as _};
use crate::keeper::Timestamp;

/// 2023-11-14 22:00:00 UTC.
const START: i64 = 1_699_999_200;

fn text(by: Option<By>, entries: &[(i64, What, &str, Option<&str>)]) -> String {
    let mut stats =
        Stats::new(by, Timestamp::from_seconds(START), Timestamp::from_seconds(START + 86_400));
    for (hour, what, offender, user) in entries {
        let (time, jail) = (Timestamp::from_seconds(START + hour * 3600), "sshd");
        stats.count(Happened { time, what: *what, jail, offender: Some(offender), user: *user });
    }
    stats.close();
    let page = Page { width: None, now: START, zone: TimeZone::UTC };
    anstream::adapter::strip_str(&stats.text(&page)).to_string()
}

#[test]
fn an_entry_of_many_attempts_counts_as_many_and_need_not_name_the_offender() {
    let mut stats =
        Stats::new(None, Timestamp::from_seconds(START), Timestamp::from_seconds(START));
    let time = Timestamp::from_seconds(START);
    for (offender, number) in [(Some("192.0.2.1"), 312), (None, 1000)] {
        let what = What::Attempts(number);
        stats.count(Happened { time, what, jail: "sshd", offender, user: None });
    }
    stats.close();
    let page = Page { width: None, now: START, zone: TimeZone::UTC };
    let text = anstream::adapter::strip_str(&stats.text(&page)).to_string();
    for part in ["1312 attempts and 0 bans", "sshd      1312", "192.0.2.1       312"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn attempts_and_bans_are_counted_by_everything() {
    let mut entries = vec![
        (0, What::Attempts(1), "192.0.2.1", Some("root")),
        (0, What::Attempts(1), "192.0.2.2", Some("admin")),
        (3, What::Attempts(1), "2001:db8:0:7::1", None),
        (3, What::Ban, "2001:db8:0:7::/64", None),
    ];
    entries.extend([(3, What::Attempts(1), "192.0.2.1", Some("root")); 6]);
    insta::assert_snapshot!(text(None, &entries), @r"
    9 attempts and 1 ban since 2023-11-14 22:00:00

    Attempts each hour, at most 7
    ▃  █
    2023-11-14 22:00:00 to 2023-11-15 01:00:00

    JAIL  ATTEMPTS  BANS
    sshd         9     1  ████████████████████

    ADDRESS            ATTEMPTS  BANS
    192.0.2.1                 7     0  ████████████████████
    192.0.2.2                 1     0  ███
    2001:db8:0:7::1           1     0  ███
    2001:db8:0:7::/64         0     1

    NETWORK        ATTEMPTS  BANS
    192.0.2.0/24          8     0  ████████████████████
    2001:db8::/56         1     1  ███

    USER   ATTEMPTS
    root          7    ████████████████████
    admin         1    ███
    ");
    insta::assert_snapshot!(text(Some(By::Hour), &entries), @r"
    9 attempts and 1 ban since 2023-11-14 22:00:00

    HOUR                 ATTEMPTS  BANS
    2023-11-14 22:00:00         2     0  ██████
    2023-11-15 01:00:00         7     1  ████████████████████
    ");
}

#[test]
fn nothing_is_told_as_nothing() {
    insta::assert_snapshot!(text(None, &[]), @r"
    0 attempts and 0 bans since 2023-11-14 22:00:00
    The journal may not reach back so far, or nothing has happened.
    ");
}

#[test]
fn a_long_time_is_shown_by_longer_columns() {
    for (hours, unit) in [(71, "hour"), (72, "day"), (71 * 24, "day"), (72 * 24, "week")] {
        let entries = [
            (0, What::Attempts(1), "192.0.2.1", None),
            (hours, What::Attempts(1), "192.0.2.1", None),
        ];
        let text = text(None, &entries);
        assert!(text.contains(&format!("Attempts each {unit}, at most 1\n█")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
    }
    let entries: Vec<_> =
        (0..30).map(|day| (day * 24, What::Attempts(1), "192.0.2.1", None)).collect();
    let text = text(Some(By::Address), &entries);
    assert!(
        text.contains("Attempts each day, at most 1\n██████████████████████████████\n"),
        "{text}"
    );
}

#[test]
fn more_names_than_there_is_room_for_leave_the_great_ones_counted() {
    let mut tally = Tally::default();
    for _ in 0..3 {
        tally.add("the worst", What::Attempts(1));
    }
    for number in 0..NAMES_MAX - 1 {
        tally.add(&number.to_string(), What::Attempts(1));
    }
    assert!(!tally.is_approximate);
    tally.add("one too many", What::Attempts(1));
    tally.add(&"x".repeat(1000), What::Ban);
    assert!(tally.is_approximate);
    let rows = tally.sorted();
    assert_eq!((rows[0].0.as_str(), rows[0].1.attempts), ("the worst", 3));
    assert_eq!(rows.len(), NAMES_MAX / 2 + 2);
    assert!(rows.iter().all(|(name, _)| name.len() <= 64));
}
