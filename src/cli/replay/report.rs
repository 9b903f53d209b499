//! Tells whom the jails would have banned: a row for each ban, some while the logs are still read, then
//! the sums.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::cli::logs::Progress;
use crate::cli::page::Page;
use crate::cli::table::{Cell, Column, Table, render};
use crate::cli::words;
use crate::keeper::{Timestamp, Until};

use super::feed::Counts;
use super::lineup::Lineup;
use super::trial::{Ban, Trial};

/// So many rows are held before they are written: a long log must not take more room than a short one.
const ROWS_MAX: usize = 1000;

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

/// Takes the bans, and writes them: as JSON at once, as a table in parts.
pub(super) struct Report {
    json: bool,
    out: BufWriter<AutoStream<io::StdoutLock<'static>>>,
    page: Page,
    table: Table<5>,
    /// What is to be written next of the table.
    rows: Vec<Ban>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        let out = BufWriter::new(anstream::stdout().lock());
        let table = Table::new([
            Column::Left("AT"),
            Column::Elastic("JAIL"),
            Column::Left("OFFENDER"),
            Column::Spare("UNTIL"),
            Column::Right("ATTEMPTS"),
        ]);
        Self { json, out, page: Page::stdout(), table, rows: Vec::new() }
    }

    /// A ban, in the order of time; `progress` is that of reading.
    pub(super) fn ban(&mut self, lineup: &Lineup, ban: Ban, progress: &Progress) -> io::Result<()> {
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
        self.rows.push(ban);
        if self.rows.len() < ROWS_MAX {
            return Ok(());
        }
        progress.aside(|| {
            self.write_rows(lineup)?;
            self.out.flush()
        })
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
            self.write_rows(lineup)?;
            let gap = if totals.bans > 0 { "\n" } else { "" };
            let text = gap.to_owned() + &jails(lineup, trial, &self.page) + &totals.text();
            self.out.write_all(text.as_bytes())?;
        }
        self.out.flush()
    }

    fn json(&mut self, object: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, object).map_err(io::Error::from)?;
        self.out.write_all(b"\n")
    }

    /// Writes the rows that are held.
    fn write_rows(&mut self, lineup: &Lineup) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let zone = &self.page.zone;
        let row = |ban: Ban| {
            let until = match ban.until {
                Until::At(end) => words::date(end.seconds(), zone),
                Until::Forever => "for ever".to_owned(),
            };
            [
                Cell::from(words::date(ban.at.seconds(), zone)),
                Cell::from(lineup.roster.name(ban.jail)),
                Cell::from(ban.offender.to_string()),
                Cell::from(until),
                Cell::from(ban.attempts.to_string()),
            ]
        };
        let rows: Vec<_> = self.rows.drain(..).map(row).collect();
        self.out.write_all(self.table.add(&rows, "", &self.page).as_bytes())
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
