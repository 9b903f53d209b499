//! Lengths of time as fail2ban's users write them.

use std::ops::Range;
use std::time::Duration;

use crate::keeper::Sentence;

/// No length of time is longer: a hundred years of 365.25 days, in seconds.
pub(super) const SECONDS_MAX: u64 = 100 * YEAR;

const DAY: u64 = 86_400;
const YEAR: u64 = 31_557_600;

/// The units in seconds. A month is the twelfth part of a year.
const UNITS: [(&[&str], u64); 7] = [
    (&["s", "sec", "secs", "second", "seconds", "ss"], 1),
    (&["m", "mi", "min", "mins", "minute", "minutes", "mm"], 60),
    (&["h", "hr", "hour", "hours", "hh"], 3600),
    (&["d", "da", "day", "days", "dd"], DAY),
    (&["w", "we", "week", "weeks", "ww"], 7 * DAY),
    (&["mo", "mon", "month", "months"], YEAR / 12),
    (&["y", "ye", "year", "years", "yy"], YEAR),
];

/// Reads a sentence as people write it: a length of time, or `forever` or `-1`.
///
/// # Errors
///
/// When it is neither; with what to write instead.
pub fn parse_sentence(text: &str) -> Result<Sentence, String> {
    if matches!(text.trim(), "forever" | "-1") {
        return Ok(Sentence::Forever);
    }
    let why = match parse(text) {
        Ok(span) if !span.is_zero() => return Ok(Sentence::For(span)),
        Ok(_) => "it is zero",
        Err(not_a_span) => not_a_span.why,
    };
    Err(format!("this is no length of time ({why}); write it like 90s, 10m, 1h30m, 2w or forever"))
}

/// Why a text is no length of time, and which part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotASpan {
    pub(super) range: Range<usize>,
    pub(super) why: &'static str,
}

/// Reads `600`, `10m`, `1d12h 30m`.
pub(super) fn parse(text: &str) -> Result<Duration, NotASpan> {
    let fail = |range, why| Err(NotASpan { range, why });
    let mut seconds: u64 = 0;
    let mut at = 0;
    let skip = |at: usize, is: fn(&u8) -> bool| {
        at + text.as_bytes()[at..].iter().take_while(|b| is(b)).count()
    };
    at = skip(at, u8::is_ascii_whitespace);
    if at == text.len() {
        return fail(0..text.len(), "it is empty");
    }
    while at < text.len() {
        let digits_end = skip(at, u8::is_ascii_digit);
        if digits_end == at {
            return fail(at..text.len(), "a number is to stand here");
        }
        let unit_start = skip(digits_end, u8::is_ascii_whitespace);
        let unit_end = skip(unit_start, u8::is_ascii_alphabetic);
        let unit = text[unit_start..unit_end].to_ascii_lowercase();
        let each = match UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())) {
            Some((_, each)) => *each,
            None if unit.is_empty() => 1,
            None => return fail(unit_start..unit_end, "this unit is unknown"),
        };
        let part = text[at..digits_end].parse::<u64>().ok().and_then(|n| n.checked_mul(each));
        match part.and_then(|part| seconds.checked_add(part)).filter(|s| *s <= SECONDS_MAX) {
            Some(sum) => seconds = sum,
            None => return fail(at..unit_end, "it is longer than a hundred years"),
        }
        at = skip(unit_end, u8::is_ascii_whitespace);
    }
    Ok(Duration::from_secs(seconds))
}
