//! Tells whom the jails would have banned: a row for each ban, then the sums.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::cli::page::Page;
use crate::cli::table::{Cell, Column, render};
use crate::cli::words;
use crate::keeper::{Timestamp, Until};

use super::feed::Counts;
use super::lineup::Lineup;
use super::trial::{Ban, Trial};

/// So many bans people are shown; some 10 MB.
const ROWS_MAX: usize = 100_000;

/// A ban, as `--json` shows it.
#[derive(Serialize)]
struct Row<'r> {
    at: f64,
    jail: &'r str,
    offender: String,
    until: f64,
    attempts: u32,
}

/// The sums, as `--json` shows them.
#[derive(Serialize)]
struct Totals {
    attempts: u64,
    bans: u64,
    spared: u64,
    #[serde(flatten)]
    counts: Counts,
}

/// Takes the bans, and writes them: as JSON at once, as a table at the end.
pub(super) struct Report {
    json: bool,
    out: BufWriter<AutoStream<io::StdoutLock<'static>>>,
    rows: Vec<Ban>,
    /// Bans that have no row.
    more: u64,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        let out = BufWriter::new(anstream::stdout().lock());
        Self { json, out, rows: Vec::new(), more: 0 }
    }

    /// A ban, in the order of time.
    pub(super) fn ban(&mut self, lineup: &Lineup, ban: Ban) -> io::Result<()> {
        if self.json {
            let row = Row {
                at: seconds(ban.at),
                jail: lineup.roster.name(ban.jail),
                offender: ban.offender.to_string(),
                until: match ban.until {
                    Until::At(end) => seconds(end),
                    Until::Forever => -1.0,
                },
                attempts: ban.attempts,
            };
            return self.json(&row);
        }
        if self.rows.len() < ROWS_MAX {
            self.rows.push(ban);
        } else {
            self.more += 1;
        }
        Ok(())
    }

    /// The end.
    pub(super) fn finish(
        mut self,
        lineup: &Lineup,
        trial: &Trial,
        counts: Counts,
    ) -> io::Result<()> {
        let tallies = || lineup.watches.iter().map(|watch| trial.tally(watch.id));
        let totals = Totals {
            attempts: tallies().map(|tally| tally.attempts_in_all).sum(),
            bans: tallies().map(|tally| tally.bans_in_all).sum(),
            spared: trial.spared(),
            counts,
        };
        if self.json {
            self.json(&totals)?;
        } else {
            let page = Page::stdout();
            let text = self.table(lineup, &page) + &jails(lineup, trial, &page) + &totals.text();
            self.out.write_all(text.as_bytes())?;
        }
        self.out.flush()
    }

    fn json(&mut self, object: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, object).map_err(io::Error::from)?;
        self.out.write_all(b"\n")
    }

    fn table(&self, lineup: &Lineup, page: &Page) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let columns = [
            Column::Left("AT"),
            Column::Elastic("JAIL"),
            Column::Left("OFFENDER"),
            Column::Spare("UNTIL"),
            Column::Right("ATTEMPTS"),
        ];
        let row = |ban: &Ban| {
            let until = match ban.until {
                Until::At(end) => words::date(end.seconds(), &page.zone),
                Until::Forever => "for ever".to_owned(),
            };
            [
                Cell::from(words::date(ban.at.seconds(), &page.zone)),
                Cell::from(lineup.roster.name(ban.jail)),
                Cell::from(ban.offender.to_string()),
                Cell::from(until),
                Cell::from(ban.attempts.to_string()),
            ]
        };
        let mut text = render(columns, &self.rows.iter().map(row).collect::<Vec<_>>(), "", page);
        if self.more > 0 {
            let _ = writeln!(text, "… and {} more: --json has them all", self.more);
        }
        text + "\n"
    }
}

/// The sums of each jail, if there are several.
fn jails(lineup: &Lineup, trial: &Trial, page: &Page) -> String {
    if lineup.watches.len() < 2 {
        return String::new();
    }
    let columns = [Column::Elastic("JAIL"), Column::Right("ATTEMPTS"), Column::Right("BANS")];
    let rows = lineup.watches.iter().map(|watch| {
        let tally = trial.tally(watch.id);
        let counts = [tally.attempts_in_all, tally.bans_in_all].map(|count| count.to_string());
        let [attempts, bans] = counts.map(Cell::from);
        [Cell::from(lineup.roster.name(watch.id)), attempts, bans]
    });
    render(columns, &rows.collect::<Vec<_>>(), "", page) + "\n"
}

impl Totals {
    fn text(&self) -> String {
        let Counts { records, undated, nameless, unjudged } = self.counts;
        let mut text = format!(
            "{}, {}, {}.\n",
            counted(records, "record", "records"),
            counted(self.attempts, "attempt", "attempts"),
            counted(self.bans, "ban", "bans")
        );
        let odd = [
            (self.spared, "of somebody who is never banned", "attempt", "attempts"),
            (undated, "without a date, which count in no window", "attempt", "attempts"),
            (nameless, "without a usable address", "failure", "failures"),
            (unjudged, "too long or too hard to be judged", "record", "records"),
        ];
        for (count, what, one, many) in odd.into_iter().filter(|(count, ..)| *count > 0) {
            let _ = writeln!(text, "Left out: {} {what}.", counted(count, one, many));
        }
        text
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    words::counted(usize::try_from(count).unwrap_or(usize::MAX), one, many)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds fit for 285 years")]
fn seconds(time: Timestamp) -> f64 {
    time.micros() as f64 / 1e6
}
