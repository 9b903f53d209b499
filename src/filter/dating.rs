//! The dates of a source's lines.

use std::sync::LazyLock;
use std::time::Duration;

use super::judge::{Filter, Line};
use crate::dates::{Detector, Zone};
use crate::keeper::Timestamp;
use crate::pattern::Language;

/// A line without a date is taken to be as old as the last one that had one, if that is no older
/// than this; as fail2ban does.
const LAST_COUNTS: Duration = Duration::from_mins(1);

/// How lines are dated for our own filters that say nothing of it. fail2ban's forms do not know a
/// fraction of more than six digits, which the programs of today write. Tied to the beginning of the
/// line, it is not given up for a shorter match when the fraction is longer or shorter than the last.
/// So is the date of a web server's access log, which stands in the first brackets behind an address of
/// any length.
const OURS: [&str; 4] =
    ["{^LN-BEG}ISO8601", "{^LN-BEG}", r"^[^\[]*\[(%d/%b/%ExY:%H:%M:%S %z)\]", "{DEFAULT}"];

/// The detector for [`OURS`] that has seen no line yet. Most jails have it, and to compile its patterns
/// for each of them would be a great part of the start.
static USUAL: LazyLock<Detector> = LazyLock::new(|| {
    Detector::new(&OURS, Zone::utc()).unwrap_or_else(|_| Detector::standard(Zone::utc()))
});

/// Cuts the dates out of a source's lines.
#[derive(Clone, Debug)]
pub struct Dating {
    detector: Detector,
    last: Option<Timestamp>,
}

/// A line, and when it was written.
#[derive(Clone, Copy, Debug)]
pub struct Dated<'l> {
    /// The whole line.
    pub text: &'l str,
    /// The line without its date.
    pub line: Line<'l>,
    /// The date as it is written in the line; empty when there is none.
    pub date: &'l str,
    /// When it was written; none when nothing tells.
    pub time: Option<Timestamp>,
}

impl Filter {
    /// What dates the lines of one log file for this filter; dates without a zone are in `zone`.
    #[must_use]
    pub fn dating(&self, zone: Zone) -> Dating {
        let native = self.parts.recipe.language == Language::Native;
        let detector = match &self.parts.recipe.dates[..] {
            [] if native => USUAL.clone().in_zone(zone),
            [] => Detector::standard(zone),
            // They were looked at when the filter was compiled.
            own => Detector::new(own, zone.clone()).unwrap_or_else(|_| Detector::standard(zone)),
        };
        Dating { detector, last: None }
    }
}

impl Dating {
    /// Dates a line that is read at `now`. Without a date it is as old as the line before it, when
    /// that is young; with a pattern that matches nothing (`{NONE}`), otherwise as old as now.
    pub fn date<'l>(&mut self, text: &'l str, now: Timestamp) -> Dated<'l> {
        let last = self.last.filter(|last| *last > now.minus(LAST_COUNTS));
        self.cut(text, now, last, Some(last.unwrap_or(now)))
    }

    /// Dates a line that was written long before `now`. Without a date it is as old as the last one
    /// that had one, however old that is; there is no other that could tell.
    pub fn date_past<'l>(&mut self, text: &'l str, now: Timestamp) -> Dated<'l> {
        self.cut(text, now, self.last, self.last)
    }

    /// Cuts the date out of a line that is as old as `last` when it has none, and as `undated` when
    /// it is to have none.
    fn cut<'l>(
        &mut self,
        text: &'l str,
        now: Timestamp,
        last: Option<Timestamp>,
        undated: Option<Timestamp>,
    ) -> Dated<'l> {
        let whole = Dated { text, line: Line::plain(text), date: "", time: last };
        let Some(found) = self.detector.find(text, now) else { return whole };
        let part = |range| text.get(range).unwrap_or_default();
        let date = part(found.span.clone());
        let (before, after) = (part(0..found.span.start), part(found.span.end..text.len()));
        let line = Line { before, after, fields: None };
        match found.time {
            Some(time) => {
                self.last = Some(time);
                Dated { text, line, date, time: Some(time) }
            }
            None if date.is_empty() => Dated { text, line, date, time: undated },
            None if last.is_some() => whole,
            None => Dated { text, line, date, time: None },
        }
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = (&str, u64)> {
        self.detector.templates()
    }
}

/// When an attempt in a log file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// When its line says.
    At(Timestamp),
    /// Now: its line does not say, or says something that cannot be.
    Now {
        /// Whether the line says something that cannot be.
        off: bool,
    },
    /// Not at all: it is older than `findtime`, and was written while nobody read.
    TooOld,
}

/// Where in time an attempt belongs whose line is dated `time` and is read at `now`. A line that has
/// come just now is as young as that: where its date is more than a minute off, the clock or the
/// time zone of whoever wrote it is wrong. As fail2ban does it.
#[must_use]
pub fn place(
    time: Option<Timestamp>,
    now: Timestamp,
    is_fresh: bool,
    findtime: Duration,
) -> Placed {
    let Some(time) = time else { return Placed::Now { off: false } };
    let age = now.since(time).max(time.since(now));
    if is_fresh && age > LAST_COUNTS {
        return Placed::Now { off: true };
    }
    if now.since(time) > findtime { Placed::TooOld } else { Placed::At(time.min(now)) }
}
