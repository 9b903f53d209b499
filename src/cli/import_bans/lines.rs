//! Lists of bans with a line for each, or with many addresses in a line: plain ones, what
//! `fail2ban-client get JAIL banip --with-time` prints, and what `ipset save` and `ipset list` do.

use jiff::civil::DateTime;

use crate::cli::error::CliError;
use crate::cli::many::ListMistakes;
use crate::cli::page::Page;

use super::{End, Listed};

/// What `ipset list` says of a set before its members (ipset(8)).
const HEADINGS: [&str; 8] = [
    "Name:",
    "Type:",
    "Revision:",
    "Header:",
    "Size in memory:",
    "References:",
    "Number of entries:",
    "Members:",
];

/// Who lives so long is banned for ever: where fail2ban knows of no end, it writes this year.
const ENDLESS_YEAR: i16 = 9999;

/// A word and its column.
type Word<'l> = (usize, &'l str);

/// The bans of a text.
pub(super) fn read(name: &str, text: &str, page: &Page) -> Result<Vec<Listed>, CliError> {
    let mut mistakes = ListMistakes::of(name);
    let mut bans = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let said = line.split('#').next().unwrap_or_default();
        let is_heading = HEADINGS.iter().any(|heading| said.starts_with(heading));
        if is_heading || said.starts_with("create ") {
            continue;
        }
        let words = words(said);
        // A line of "ipset save": add SET ADDRESS and the rest.
        let words = match words.as_slice() {
            [(_, "add"), _, rest @ ..] => rest,
            all => all,
        };
        let result = match words {
            [] => Ok(()),
            [offender] => ban(*offender, End::Untold, &mut bans),
            [offender, (column, "timeout"), ..] => {
                timeout(words, *column, page).and_then(|end| ban(*offender, end, &mut bans))
            }
            [offender, _, _, (_, "+"), (_, span), (_, "="), (column, date), (_, time)] => {
                ends(span, date, time, *column, page).and_then(|end| ban(*offender, end, &mut bans))
            }
            many => many.iter().try_for_each(|word| ban(*word, End::Untold, &mut bans)),
        };
        if let Err((column, why)) = result {
            mistakes.add(index + 1, column, why);
        }
    }
    mistakes.none_or(bans)
}

fn words(line: &str) -> Vec<Word<'_>> {
    let start = |word: &str| word.as_ptr().addr() - line.as_ptr().addr();
    let column = |word| line.get(..start(word)).unwrap_or_default().chars().count() + 1;
    line.split_whitespace().map(|word| (column(word), word)).collect()
}

fn ban((column, text): Word<'_>, end: End, bans: &mut Vec<Listed>) -> Result<(), (usize, String)> {
    match text.parse() {
        Ok(offender) => {
            bans.push(Listed { jail: None, offender, end });
            Ok(())
        }
        Err(why) => {
            let hint = if text.contains(',') {
                "; a table begins with a line such as: jail,offender,until"
            } else {
                ""
            };
            let text: String = text.chars().take(60).collect();
            Err((column, format!("{text:?}: {why}{hint}")))
        }
    }
}

/// The end of an element of a set; what else stands there are counters and remarks.
fn timeout(words: &[Word<'_>], column: usize, page: &Page) -> Result<End, (usize, String)> {
    match words.get(2).map(|(_, seconds)| seconds.parse::<u32>()) {
        Some(Ok(0)) => Ok(End::Never),
        Some(Ok(seconds)) => Ok(End::At(page.now + i64::from(seconds))),
        _ => Err((column, "behind timeout stand seconds".to_owned())),
    }
}

/// The end of a ban of fail2ban's: local time.
fn ends(
    span: &str,
    date: &str,
    time: &str,
    column: usize,
    page: &Page,
) -> Result<End, (usize, String)> {
    let wrong = || (column, format!("{date} {time} is no date such as 2026-01-31 12:00:00"));
    let end: DateTime = format!("{date}T{time}").parse().map_err(|_| wrong())?;
    if span == "-1" || end.year() == ENDLESS_YEAR {
        return Ok(End::Never);
    }
    let end = end.to_zoned(page.zone.clone()).map_err(|_| wrong())?;
    Ok(End::At(end.timestamp().as_second()))
}
