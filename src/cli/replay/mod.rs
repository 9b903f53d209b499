//! `jailkeeper replay`: whom would jails have banned?
//!
//! `lineup` finds the jails and what they read; `feed` reads all of that at once and puts what it
//! finds in the order of time; `trial` has the keeper decide; `report` tells.

mod feed;
mod lineup;
mod report;
mod trial;

use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::keeper::{Network, Sentence, Timestamp};
use crate::rules::{self, Jail};

use super::complete;
use super::error::CliError;
use super::exit;
use super::logs::{LogArgs, parse_time};
use super::orders::Sentenced;
use super::spared::Lists;
use super::tell::Teller;
use feed::Span;
use lineup::Lineup;
use report::Report;
use trial::Trial;

/// How far back the journal is read unless something else is said.
const A_DAY: Duration = Duration::from_hours(24);

/// As many attempts as the configuration may ask for.
const MAXRETRY_MAX: u32 = 1000;

/// What to run over what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing is banned, and the service is not asked. A word is a log if it holds a / or there is such a
file, and otherwise a jail; write ./sshd for a file with the name of a jail.

Examples:
  jailkeeper replay                                   every jail, over the last day
  jailkeeper replay sshd --since 2w
  jailkeeper replay sshd /var/log/auth.log*
  jailkeeper replay --filter my.conf --maxretry 3 --bantime 1h app.log --json")]
pub struct ReplayArgs {
    /// Jails [default: every jail that is switched on], and log files, compressed ones too; - is the
    /// standard input [default: the journal and the log files that the jails read]
    #[arg(value_name = "JAIL|LOG", add = complete::jail_or_log())]
    pub words: Vec<PathBuf>,

    /// Run this filter instead of jails; it is named as for jailkeeper test
    #[arg(long, add = complete::filter())]
    pub filter: Option<String>,

    /// So many attempts of the filter are a ban [default: 5]
    #[arg(long, requires = "filter", value_name = "N", value_parser = parse_maxretry)]
    pub maxretry: Option<NonZeroU32>,

    /// Within such a time [default: 10m]
    #[arg(long, requires = "filter", value_name = "TIME", value_parser = parse_span)]
    pub findtime: Option<Duration>,

    /// For such a time, or forever [default: 10m]
    #[arg(
        long,
        requires = "filter",
        value_name = "TIME",
        value_parser = Sentenced::parse,
        allow_hyphen_values = true
    )]
    pub bantime: Option<Sentenced>,

    /// Leave out what is older: 1d, 2h30m, a date in RFC 3339, or @ and unix seconds [default: 1d
    /// for what the jails read themselves, and everything of what is named]
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,

    /// How they are read.
    #[command(flatten)]
    pub reading: LogArgs,

    /// The configuration to take instead of that in /run/jailkeeper and /etc/jailkeeper
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,

    /// Where the stock jails and filters are [default: /usr/lib/jailkeeper]
    #[arg(long, value_name = "DIR")]
    pub vendor: Option<PathBuf>,
}

/// From when on.
#[derive(Clone, Copy, Debug)]
pub enum Since {
    /// From so long before now on.
    Ago(Duration),
    /// From then on.
    At(Timestamp),
}

impl Since {
    /// Reads a length of time, or a time.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, String> {
        match rules::parse_sentence(text) {
            Ok(Sentence::For(span)) => Ok(Self::Ago(span)),
            _ => parse_time(text).map(Self::At).map_err(|error| format!("{error}, or 1d, 2h30m")),
        }
    }

    /// The time itself.
    pub(in crate::cli) fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(span) => now.minus(span),
            Self::At(time) => time,
        }
    }
}

/// Replays the past and writes the report.
pub(super) fn run(args: &ReplayArgs, json: bool) -> Result<u8, CliError> {
    let now = args.reading.now();
    let lineup = Lineup::of(args, Teller { json })?;
    let a_day = || lineup.reads_its_own(&args.reading).then_some(Since::Ago(A_DAY));
    let since = args.since.or_else(a_day).map_or(Timestamp::from_micros(i64::MIN), |s| s.time(now));
    let feeds = lineup.feeds(&args.reading, since)?;
    let mut report = Report::new(json);
    let lists = Lists::of(lineup.watches.iter().map(|watch| &watch.policy));
    warn(&lists)?;
    let mut trial = Trial::of(&lineup, lists);
    let progress = feed::progress(&feeds);
    let counts = feed::read_all(&feeds, Span { since, now }, &progress, |heard| {
        trial.hear(heard, |ban| report.ban(&lineup, ban, &progress))
    })?;
    drop(progress);
    report.finish(&lineup, &trial, counts)?;
    Ok(exit::DONE)
}

/// What a jail would have made of the past.
pub(super) struct Tried {
    /// How many lines and entries it has seen.
    pub(super) records: u64,
    /// How many attempts it has counted.
    pub(super) attempts: u64,
    /// Whom it would have banned, in the order of time; again if again.
    pub(super) bans: Vec<Network>,
}

/// Has a jail decide about what it reads, from `since` on.
pub(super) fn try_out(
    jail: Jail,
    reading: &LogArgs,
    since: Timestamp,
    teller: Teller,
) -> Result<Tried, CliError> {
    let lineup = Lineup::of_these(vec![jail], teller);
    let feeds = lineup.feeds(reading, since)?;
    let lists = Lists::of(lineup.watches.iter().map(|watch| &watch.policy));
    let mut trial = Trial::of(&lineup, lists);
    let mut bans = Vec::new();
    let span = Span { since, now: reading.now() };
    let counts = feed::read_all(&feeds, span, &feed::progress(&feeds), |heard| {
        trial.hear(heard, |ban| {
            bans.push(ban.offender);
            Ok(())
        })
    })?;
    let attempts = lineup.watches.iter().map(|watch| trial.tally(watch.id).attempts_in_all).sum();
    Ok(Tried { records: counts.records, attempts, bans })
}

/// Says whom the service would spare and this does not.
fn warn(lists: &Lists) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    for mistake in &lists.mistakes {
        writeln!(stderr, "jailkeeper: {mistake}")?;
    }
    for name in &lists.names {
        writeln!(stderr, "jailkeeper: the name {name} is not resolved here, and spares nobody")?;
    }
    Ok(())
}

fn parse_span(text: &str) -> Result<Duration, String> {
    match rules::parse_sentence(text)? {
        Sentence::For(span) => Ok(span),
        Sentence::Forever => Err("write a length of time, such as 90s, 10m or 1h30m".to_owned()),
    }
}

fn parse_maxretry(text: &str) -> Result<NonZeroU32, String> {
    let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= MAXRETRY_MAX);
    number.ok_or_else(|| format!("write a number from 1 to {MAXRETRY_MAX}"))
}
