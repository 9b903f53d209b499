//! Dates: patterns, time zones, and finding the dates of lines.

use jailkeeper::dates::{Detector, Zone};
use jailkeeper::keeper::Timestamp;

/// What is now: in a leap year, as fail2ban's own tests have it.
const NOW: i64 = 1_724_013_599;

/// The first text has a date pattern a line, the second names the time zone, the third is the log.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    let mut texts = texts.iter().map(String::as_str);
    let (patterns, zone) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    let zone = Zone::parse(zone).or_else(|_| Zone::parse("UTC+0100")).expect("an offset");
    let patterns: Vec<&str> = patterns.lines().filter(|line| !line.is_empty()).collect();
    let Ok(mut detector) = Detector::new(&patterns, zone) else { return };
    let lines = texts.next().unwrap_or_default().split('\n');
    for (line, seconds) in lines.zip(NOW..) {
        if let Some(found) = detector.find(line, Timestamp::from_seconds(seconds)) {
            assert!(line.get(found.span.clone()).is_some(), "{found:?}");
        }
    }
}
