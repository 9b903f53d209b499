//! What was counted, for people and for programs.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::page::{Page, Report};
use crate::cli::table::{Cell, Column, HEADING, render};
use crate::cli::words;
use crate::keeper::{Network, Prefix, Timestamp};

use super::By;
use super::tally::{Count, Happened, Tally, What};

/// The neighbourhoods that `--by network` counts: what a provider gives to one customer, and one
/// more bit or two.
const NEIGHBOURS: Prefix = Prefix { ipv4: 24, ipv6: 56 };

/// So many rows of each table are shown when all are.
const ROWS_AT_FIRST: usize = 5;

/// And so many of the one that is asked for; JSON has all.
const ROWS_ASKED_FOR: usize = 50;

/// The longest bar, in columns.
const BAR: u64 = 20;

/// The histogram has so many columns at most, each for the shortest of these times that allows it.
const COLUMNS_MAX: i64 = 72;

const HOUR: i64 = 3600;
const STEPS: [(&str, i64); 4] =
    [("hour", HOUR), ("day", 24 * HOUR), ("week", 7 * 24 * HOUR), ("year", 365 * 24 * HOUR)];

/// Attempts and bans, by everything that is asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Stats {
    since: i64,
    until: i64,
    attempts: u64,
    bans: u64,
    /// Whether there were too many names to count each of them.
    approximate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    jail: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Vec<Row>>,
    hour: Vec<Hour>,
    #[serde(skip)]
    by: Option<By>,
    #[serde(skip)]
    tallies: Tallies,
}

/// One name, and what it has done.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    name: String,
    #[serde(flatten)]
    count: Count,
}

/// One hour, from this unix second on.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Hour {
    start: i64,
    #[serde(flatten)]
    count: Count,
}

/// While it is being counted.
#[derive(Debug, Default)]
struct Tallies {
    jail: Tally,
    address: Tally,
    network: Tally,
    user: Tally,
    hour: BTreeMap<i64, Count>,
}

impl Stats {
    pub(super) fn new(by: Option<By>, since: Timestamp, now: Timestamp) -> Self {
        Self {
            since: since.seconds(),
            until: now.seconds(),
            attempts: 0,
            bans: 0,
            approximate: false,
            jail: None,
            address: None,
            network: None,
            user: None,
            hour: Vec::new(),
            by,
            tallies: Tallies::default(),
        }
    }

    fn asks_for(&self, by: By) -> bool {
        self.by.is_none_or(|asked| asked == by)
    }

    pub(super) fn count(&mut self, happened: Happened<'_>) {
        let Happened { time, what, jail, offender, user } = happened;
        match what {
            What::Attempts(number) => self.attempts += number,
            What::Ban => self.bans += 1,
        }
        let hour = time.seconds().div_euclid(HOUR) * HOUR;
        self.tallies.hour.entry(hour).or_default().add(what);
        if self.asks_for(By::Jail) {
            self.tallies.jail.add(jail, what);
        }
        if self.asks_for(By::Address)
            && let Some(offender) = offender
        {
            self.tallies.address.add(offender, what);
        }
        if self.asks_for(By::Network)
            && let Some(Ok(network)) = offender.map(str::parse::<Network>)
        {
            self.tallies.network.add(&network.widened(NEIGHBOURS).to_string(), what);
        }
        if self.asks_for(By::User)
            && let Some(user) = user
        {
            self.tallies.user.add(user, what);
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self) {
        let Tallies { jail, address, network, user, hour } = std::mem::take(&mut self.tallies);
        self.approximate =
            [&jail, &address, &network, &user].iter().any(|tally| tally.is_approximate);
        let rows = |tally: Tally| {
            tally.sorted().into_iter().map(|(name, count)| Row { name, count }).collect()
        };
        self.jail = self.asks_for(By::Jail).then(|| rows(jail));
        self.address = self.asks_for(By::Address).then(|| rows(address));
        self.network = self.asks_for(By::Network).then(|| rows(network));
        self.user = self.asks_for(By::User).then(|| rows(user));
        self.hour = hour.into_iter().map(|(start, count)| Hour { start, count }).collect();
    }
}

impl Report for Stats {
    fn text(&self, page: &Page) -> String {
        let mut text = format!(
            "{} and {} since {}\n",
            words::counted(self.attempts, "attempt", "attempts"),
            words::counted(self.bans, "ban", "bans"),
            words::date(self.since, &page.zone),
        );
        if self.attempts + self.bans == 0 {
            text.push_str("The journal may not reach back so far, or nothing has happened.\n");
            return text;
        }
        if self.by == Some(By::Hour) {
            text += &self.hours(page);
            return text;
        }
        text += &self.histogram(&page.zone);
        for (heading, rows) in [
            ("JAIL", &self.jail),
            ("ADDRESS", &self.address),
            ("NETWORK", &self.network),
            ("USER", &self.user),
        ] {
            if let Some(rows) = rows.as_ref().filter(|rows| !rows.is_empty()) {
                text += &self.table(heading, rows, page);
            }
        }
        if self.approximate {
            text.push_str(
                "\nThere were too many names to count each of them: those with little are missing, \
                 and counts may be too low.\n",
            );
        }
        text
    }
}

impl Stats {
    fn table(&self, heading: &'static str, rows: &[Row], page: &Page) -> String {
        let shown = if self.by.is_some() { ROWS_ASKED_FOR } else { ROWS_AT_FIRST };
        let most = rows.iter().map(|row| row.count.attempts).max().unwrap_or(0);
        let cells: Vec<_> = rows
            .iter()
            .take(shown)
            .map(|row| counted(heading, Cell::from(&row.name), (row.count, most)))
            .collect();
        let mut text = format!("\n{}", render(columns(heading), &cells, "", page));
        if rows.len() > shown {
            let by = heading.to_lowercase();
            let more = rows.len() - shown;
            let how = match self.by {
                None => format!("jailkeeper stats --by {by}"),
                Some(_) => format!("jailkeeper stats --by {by} --json"),
            };
            text.extend(["… and ", &more.to_string(), " more: ", how.as_str(), "\n"]);
        }
        text
    }

    fn hours(&self, page: &Page) -> String {
        let most = self.hour.iter().map(|hour| hour.count.attempts).max().unwrap_or(0);
        let row = |hour: &Hour| {
            counted("HOUR", Cell::from(words::date(hour.start, &page.zone)), (hour.count, most))
        };
        let cells: Vec<_> = self.hour.iter().map(row).collect();
        format!("\n{}", render(columns("HOUR"), &cells, "", page))
    }

    /// A column for each hour, or for a longer time, from the first in which there was something.
    fn histogram(&self, zone: &TimeZone) -> String {
        let (Some(first), Some(last)) = (self.hour.first(), self.hour.last()) else {
            return String::new();
        };
        let span = last.start - first.start;
        let fits = |(_, step): &(&str, i64)| span / step < COLUMNS_MAX;
        let (unit, step) = STEPS.into_iter().find(fits).unwrap_or(STEPS[STEPS.len() - 1]);
        let columns = usize::try_from(span / step + 1).unwrap_or(1);
        let mut heights = vec![0; columns];
        for hour in &self.hour {
            let column = usize::try_from((hour.start - first.start) / step).unwrap_or(0);
            heights[column] += hour.count.attempts;
        }
        let most = heights.iter().max().copied().unwrap_or(0);
        let line: String = heights.iter().map(|height| block(*height, most)).collect();
        format!(
            "\n{HEADING}Attempts each {unit}{HEADING:#}, at most {most}\n{line}\n{} to {}\n",
            words::date(first.start, zone),
            words::date(last.start, zone),
        )
    }
}

/// Who is banned is an address; a ban is for no account.
fn has_bans(heading: &str) -> bool {
    heading != "USER"
}

fn columns(heading: &'static str) -> [Column; 4] {
    let bans = if has_bans(heading) { "BANS" } else { "" };
    [Column::Elastic(heading), Column::Right("ATTEMPTS"), Column::Right(bans), Column::Spare("")]
}

fn counted(heading: &str, name: Cell, (count, most): (Count, u64)) -> [Cell; 4] {
    let bar = (count.attempts * BAR).div_ceil(most.max(1));
    [
        name,
        Cell::from(count.attempts.to_string()),
        Cell::from(if has_bans(heading) { count.bans.to_string() } else { String::new() }),
        Cell::from("█".repeat(usize::try_from(bar).unwrap_or(0))),
    ]
}

/// An eighth of a column for each eighth of the most; nothing for nothing.
fn block(height: u64, most: u64) -> char {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let eighths = (height * 8).div_ceil(most.max(1));
    BLOCKS[usize::try_from(eighths).unwrap_or(0).min(8)]
}
