//! What the offline tools read: log files, the standard input, the journal.

use std::fs::Metadata;
use std::io::{IsTerminal as _, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use glob::MatchOptions;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use crate::dates::Zone;
use crate::files::{Encoding, Lines, LogLine};
use crate::journal::{Past, read_past};
use crate::keeper::Timestamp;
use crate::record::{Matches, Origin, Record, Want};

use super::error::CliError;

/// Reading files that are so long has a progress bar, in bytes.
const LONG: u64 = 16 << 20;

/// Where lines come from, and how they are read.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LogArgs {
    /// Read the journal: its entries with these MATCHes, in the form of journalctl(1), or else those
    /// that the filter is for
    #[arg(long, num_args = 0.., value_name = "MATCH")]
    pub journal: Option<Vec<String>>,

    /// Read journal files instead of this machine's journal
    #[arg(long, value_name = "GLOB")]
    pub journal_file: Vec<String>,

    /// Take this for now, where a date has no year, say: RFC 3339, or @ and unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<Timestamp>,

    /// The time zone of dates that name none, such as UTC+0100 or Europe/Paris [default: this
    /// machine's]
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    pub timezone: Option<Zone>,

    /// How log files are encoded, such as latin1 [default: UTF-8, or UTF-16 with a byte order mark]
    #[arg(long, value_name = "NAME", value_parser = parse_encoding)]
    pub encoding: Option<Encoding>,
}

/// One thing that was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry<'e> {
    /// A line of a log.
    Line(&'e str),
    /// A line of a log that is too long.
    TooLong,
    /// An entry of the journal.
    Record(Record<'e>),
}

/// What is to be read.
pub(super) enum Source {
    Logs(Vec<PathBuf>),
    Journal { past: Past, want: Want, since: Timestamp },
}

impl Source {
    /// The log files among it.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let paths: &[PathBuf] = match self {
            Source::Logs(paths) => paths,
            Source::Journal { .. } => &[],
        };
        paths.iter()
    }
}

impl LogArgs {
    /// Whether the journal is asked for.
    pub(super) fn asks_for_journal(&self) -> bool {
        self.journal.is_some() || !self.journal_file.is_empty()
    }

    /// What is to be taken for now.
    pub(super) fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(|| Timestamp::from_micros(jiff::Timestamp::now().as_microsecond()))
    }

    /// The zone of dates that name none.
    pub(super) fn zone(&self) -> Zone {
        let local = TimeZone::system();
        match &self.timezone {
            Some(zone) => zone.clone().seen_from(local),
            None => Zone::of(local),
        }
    }

    /// With this encoding and this zone where the arguments name none.
    pub(super) fn or(&self, encoding: Option<&str>, zone: Option<&str>) -> Result<Self, String> {
        let mut args = self.clone();
        if let (None, Some(encoding)) = (&args.encoding, encoding) {
            args.encoding = Some(parse_encoding(encoding)?);
        }
        if let (None, Some(zone)) = (&args.timezone, zone) {
            args.timezone = Some(parse_zone(zone)?);
        }
        Ok(args)
    }

    /// Whether matches are given for the journal.
    pub(super) fn gives_matches(&self) -> bool {
        self.journal.as_ref().is_some_and(|matches| !matches.is_empty())
    }

    /// The journal that is asked for, or else that in `origin`; with the matches that are given, or
    /// else those of `otherwise`.
    pub(super) fn journal(
        &self,
        origin: &Origin,
        otherwise: Want,
        since: Timestamp,
    ) -> Result<Source, CliError> {
        let Want { matches: otherwise, fields } = otherwise;
        let given = self.journal.as_deref().unwrap_or_default().join(" ");
        let matches = if given.is_empty() {
            otherwise
        } else {
            Matches::parse(&given).map_err(|error| CliError::Usage(error.to_string()))?
        };
        let past = if self.journal_file.is_empty() {
            Past::Journal(origin.clone())
        } else {
            Past::Files(files_of(&self.journal_file)?)
        };
        Ok(Source::Journal { past, want: Want { matches, fields }, since })
    }

    /// Hands over everything there is in `source`.
    pub(super) fn read(
        &self,
        source: &Source,
        take: impl FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), CliError> {
        self.read_along(source, &Progress::of(source.paths()), take)
    }

    /// The same, with the progress of what is read beside it.
    pub(super) fn read_along(
        &self,
        source: &Source,
        progress: &Progress,
        mut take: impl FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), CliError> {
        match source {
            Source::Logs(paths) => {
                for path in paths {
                    if self.read_log(path, progress, &mut take)?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Source::Journal { past, want, since } => {
                Ok(read_past(past, want, *since, |record| take(Entry::Record(record)))?)
            }
        }
    }

    fn read_log(
        &self,
        path: &Path,
        progress: &Progress,
        take: &mut impl FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, CliError> {
        let failed = |error| CliError::Failed(format!("{}: {error}", path.display()));
        let encoding = self.encoding.unwrap_or(Encoding::AUTO);
        let is_text = !path.exists() && path.to_string_lossy().contains(' ');
        let mut lines = if path == Path::new("-") {
            Lines::new(std::io::stdin(), encoding)
        } else if is_text {
            let text = path.to_string_lossy().into_owned();
            Lines::new(std::io::Cursor::new(text.into_bytes()).take(u64::MAX), encoding)
        } else {
            Lines::open(path, encoding)
        }
        .map_err(failed)?;
        let (meter, mut bytes) = (lines.meter(), 0);
        let read = lines.each(|line| {
            let read = meter.load(Ordering::Relaxed);
            if bytes < read {
                progress.add(read - bytes);
                bytes = read;
            }
            take(match line {
                LogLine::Text(line) => Entry::Line(line.trim_end_matches(['\r', '\n'])),
                LogLine::TooLong => Entry::TooLong,
            })
        });
        read.map_err(failed)
    }
}

/// How far reading has come: a bar where files are long and somebody looks on.
#[derive(Default)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// That of reading these files.
    pub(super) fn of<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Self {
        let files = paths.filter_map(|path| std::fs::metadata(path).ok());
        let length = files.filter(Metadata::is_file).map(|file| file.len()).sum();
        if length < LONG || !std::io::stderr().is_terminal() {
            return Self::default();
        }
        let bar = ProgressBar::new(length);
        let style = "{wide_bar} {bytes}/{total_bytes}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(bar))
    }

    /// Writes something, for which the bar goes out of the way.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// So many bytes more have been read.
    fn add(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

pub(super) fn files_of(globs: &[String]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for pattern in globs {
        let found =
            glob::glob(pattern).map_err(|error| CliError::Usage(format!("{pattern}: {error}")))?;
        let before = files.len();
        files.extend(found.flatten());
        if files.len() == before {
            return Err(CliError::Failed(format!("{pattern}: there is no such journal file")));
        }
    }
    Ok(files)
}

pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Some(seconds) = text.strip_prefix('@') {
        let seconds: f64 = seconds.parse().map_err(|_| "behind @ stand unix seconds".to_owned())?;
        if !seconds.is_finite() || seconds.abs() > 1e11 {
            return Err("this is out of range".to_owned());
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
        return Ok(Timestamp::from_micros((seconds * 1e6).round() as i64));
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        "write for example 2026-01-31T12:00:00Z, or @1769860800 for unix seconds".to_owned()
    })?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

fn parse_zone(text: &str) -> Result<Zone, String> {
    Zone::parse(text).map_err(|error| error.to_string())
}

fn parse_encoding(text: &str) -> Result<Encoding, String> {
    text.parse().map_err(|error: crate::files::FilesError| error.to_string())
}

/// The files of this name or glob(7) that there are, under their own names.
pub(super) fn found(path: &str) -> Vec<PathBuf> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let paths = glob::glob_with(path, options).into_iter().flatten().flatten();
    let files = paths.filter(|path| path.is_file());
    files.map(|path| path.canonicalize().unwrap_or(path)).collect()
}
