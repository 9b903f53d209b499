//! Numbers and texts as people read them.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `text` on one line and without anything that could move a terminal's cursor: log lines, and so
/// attackers, have a part in some texts of the service.
pub(super) fn clean(text: &str) -> String {
    // Most texts are clean, and are many.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The same for a text of several lines.
pub(super) fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Paragraphs in lines of at most `width` characters; indented lines stay as they are.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines().map(clean) {
        let mut column = 0;
        let words =
            if line.starts_with(' ') { vec![line.as_str()] } else { line.split(' ').collect() };
        for word in words {
            let length = word.chars().count();
            if column > 0 {
                let fits = column + 1 + length <= width;
                out.push(if fits { ' ' } else { '\n' });
                column = if fits { column + 1 } else { 0 };
            }
            out.push_str(word);
            column += length;
        }
        out.push('\n');
    }
    out
}

/// A span in its one or two largest units, such as `1 h 30 min`.
pub(super) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut parts = UNITS.iter().enumerate().skip_while(|(_, (unit, _))| seconds < *unit);
    let Some((index, (unit, name))) = parts.next() else { return "0 s".to_owned() };
    let whole = format!("{} {name}", seconds / unit);
    match UNITS.get(index + 1).map(|(unit, name)| (seconds % UNITS[index].0 / unit, name)) {
        Some((count, name)) if count > 0 => format!("{whole} {count} {name}"),
        _ => whole,
    }
}

/// A span that may be -1, for ever.
pub(super) fn sentence(seconds: i64) -> String {
    u64::try_from(seconds).map_or_else(|_| "ever".to_owned(), span)
}

/// How long ago, in one unit; 0 is never.
pub(super) fn ago(time: i64, now: i64) -> String {
    match (time, u64::try_from(now - time)) {
        (0, _) => "never".to_owned(),
        (_, Err(_) | Ok(0)) => "now".to_owned(),
        (_, Ok(seconds)) => format!("{} ago", largest_unit(seconds)),
    }
}

/// What is left of a ban; -1 is for ever.
pub(super) fn left(until: i64, now: i64) -> String {
    match (until, u64::try_from(until - now)) {
        (-1, _) => "for ever".to_owned(),
        (_, Err(_)) => "0 s".to_owned(),
        (_, Ok(seconds)) => span(seconds),
    }
}

fn largest_unit(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Date and time of day; -1 is never.
pub(super) fn date(time: i64, zone: &TimeZone) -> String {
    if time == -1 {
        return "never".to_owned();
    }
    match Timestamp::from_second(time) {
        Ok(time) => {
            let time = zone.to_datetime(time);
            format!("{} {}", time.date(), time.time())
        }
        Err(_) => time.to_string(),
    }
}

/// `1st`, `2nd`, `11th`.
pub(super) fn ordinal(number: u32) -> String {
    let end = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

/// `1 ban`, `2 bans`.
pub(super) fn counted<N: Copy + Display + PartialEq + From<u8>>(
    count: N,
    one: &str,
    many: &str,
) -> String {
    let name = if count == N::from(1) { one } else { many };
    format!("{count} {name}")
}
