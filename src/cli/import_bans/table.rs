//! Lists of bans as a table: our own, and those of programs whose headings say what is what.

use jiff::{SignedDuration, Timestamp};

use crate::cli::error::CliError;
use crate::cli::export::FOREVER;
use crate::cli::many::ListMistakes;
use crate::cli::page::Page;

use super::json::OFFENDER;
use super::{End, Listed};

/// Whether the first line that says something is one of headings.
pub(super) fn is_table(text: &str) -> bool {
    let said = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let first = text.lines().find(said).unwrap_or_default();
    first.split(',').any(|name| OFFENDER.contains(&plain(name).as_str()))
}

fn plain(heading: &str) -> String {
    heading.trim().trim_matches('"').to_lowercase()
}

/// Where the columns are.
struct Columns {
    offender: usize,
    jail: Option<usize>,
    until: Option<usize>,
    /// The time that is left, as CrowdSec has it.
    expiration: Option<usize>,
}

/// The bans of a text.
pub(super) fn read(name: &str, text: &str, page: &Page) -> Result<Vec<Listed>, CliError> {
    let mut mistakes = ListMistakes::of(name);
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headings = reader.headers().cloned().unwrap_or_default();
    let find = |wanted: &str| headings.iter().position(|heading| plain(heading) == wanted);
    let columns = Columns {
        offender: OFFENDER.iter().find_map(|name| find(name)).unwrap_or_default(),
        jail: find("jail"),
        until: find("until"),
        expiration: find("expiration"),
    };
    let mut bans = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => bans.extend(columns.ban(&record, page, &mut mistakes)),
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                mistakes.add(usize::try_from(line).unwrap_or(usize::MAX), 1, error);
            }
        }
    }
    mistakes.none_or(bans)
}

impl Columns {
    fn ban(
        &self,
        record: &csv::StringRecord,
        page: &Page,
        mistakes: &mut ListMistakes,
    ) -> Option<Listed> {
        let line = record.position().map_or(1, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        // Right where nothing is in quotes.
        let column = |index: usize| {
            record.iter().take(index).map(|field| field.chars().count() + 1).sum::<usize>() + 1
        };
        let field = |index: Option<usize>| {
            let field = index.and_then(|index| Some((index, record.get(index)?)));
            field.filter(|(_, text)| !text.is_empty())
        };
        let said = record.get(self.offender).unwrap_or_default();
        let offender = match said.parse() {
            Ok(offender) => offender,
            Err(why) => {
                mistakes.address(line, column(self.offender), said, &why);
                return None;
            }
        };
        let (index, end) = match (field(self.until), field(self.expiration)) {
            (Some((index, text)), _) => (index, until(text)),
            (None, Some((index, text))) => (index, left(text, page.now)),
            (None, None) => (0, Ok(End::Untold)),
        };
        match end {
            Ok(end) => {
                let jail = field(self.jail).map(|(_, jail)| jail.to_owned());
                Some(Listed { jail, offender, end })
            }
            Err(why) => {
                mistakes.add(line, column(index), why);
                None
            }
        }
    }
}

fn until(text: &str) -> Result<End, String> {
    match (text, text.parse(), text.parse::<Timestamp>()) {
        (FOREVER | "never" | "-1", ..) => Ok(End::Never),
        (_, Ok(seconds), _) => Ok(End::At(seconds)),
        (_, _, Ok(time)) => Ok(End::At(time.as_second())),
        _ => Err(format!(
            "{text:?} is no end of a ban: write for example 2026-01-31T12:00:00Z, unix seconds, or \
             {FOREVER}"
        )),
    }
}

fn left(text: &str, now: i64) -> Result<End, String> {
    match text.parse::<SignedDuration>() {
        Ok(left) => Ok(End::At(now.saturating_add(left.as_secs()))),
        Err(_) => Err(format!("{text:?} is no length of time: write for example 3h59m40s")),
    }
}
