//! A template: one form of date, how it is found and what its parts mean.

use std::ops::Range;

use super::engine::{EPOCH_GROUP, Engine};
use super::error::DatePatternError;
use super::expand::{Expanded, LINE_BEGIN, UNBOUND};
use super::line::Line;
use super::look::Look;
use super::moment::{self, Basis, Known, Reckoned};
use super::scan::{Found, Region};
use super::wrap::{Begin, wrap};

/// What the keyword `ISO8601` stands for.
const ISO_8601: &str = r"%Y-%Exm-%Exd[T ]%ExH:%ExM:%ExS(?:[.,]\d+)?(?:\s*%z)?";

const EPOCH: &str = r"\d{10,11}\b(?:\.\d{3,6})?";
const LONG_EPOCH: &str = r"\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?";

/// One form of date.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: String,
    /// The pattern that it was made of; a pattern around it has it in the place of `{DATE}`.
    pub(super) source: String,
    /// Whether it is tied to an end of the line.
    pub(super) anchored: bool,
    meaning: Meaning,
    engine: Engine,
}

#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// The fields of a date, and whether one of them is AM or PM.
    Fields {
        half: bool,
    },
    /// Seconds since 1970; in the long form they may be finer.
    Epoch {
        long: bool,
    },
    Tai64n,
}

impl Template {
    /// The template of a pattern: a keyword, or a regular expression with tokens.
    pub(super) fn of(pattern: &str, index: usize) -> Result<Self, DatePatternError> {
        // A pattern without tokens is a keyword in capitals and small letters alike.
        let key = if pattern.contains('%') { pattern.to_owned() } else { pattern.to_uppercase() };
        let (key, at_begin) = match key.strip_prefix(LINE_BEGIN).or(key.strip_prefix('^')) {
            Some(key) => (key, true),
            None => (key.as_str(), false),
        };
        let mut template = match key {
            "EPOCH" | "LEPOCH" => Self::epoch(key == "LEPOCH", at_begin, index),
            "TAI64N" => Self::tai64n(at_begin, index),
            "ISO8601" => {
                let begin = if at_begin { LINE_BEGIN } else { "" };
                let mut template = Self::pattern(&format!("{begin}{ISO_8601}"), index)?;
                template.name = format!("{begin}ISO8601");
                Ok(template)
            }
            key if key.contains("EPOCH") && has_epoch(pattern) => {
                Self::around_epoch(pattern, key.contains("LEPOCH"), index)
            }
            _ => Self::pattern(pattern, index),
        }?;
        pattern.clone_into(&mut template.source);
        Ok(template)
    }

    fn pattern(pattern: &str, index: usize) -> Result<Self, DatePatternError> {
        let (mut body, mut begin, mut word_end) = (pattern, Begin::Word, true);
        if let Some(rest) = body.strip_prefix(UNBOUND) {
            (body, begin, word_end) = (rest, Begin::Nothing, false);
        } else if let Some(rest) = body.strip_prefix(LINE_BEGIN) {
            (body, begin) = (rest, Begin::Line);
        }
        let offset = pattern.len() - body.len();
        let expanded = Expanded::of(body, (index, offset))?;
        let wrapped = wrap(body, begin, word_end);
        let line = if wrapped.begin == Begin::Line { LINE_BEGIN } else { "" };
        let name = format!("{line}{}", expanded.name);
        let half = expanded.groups.contains('p');
        let engine = Engine::of(&wrapped, index)?;
        Ok(Self {
            name,
            source: String::new(),
            anchored: wrapped.anchored,
            meaning: Meaning::Fields { half },
            engine,
        })
    }

    fn epoch(long: bool, at_begin: bool, index: usize) -> Result<Self, DatePatternError> {
        let name = if long { "LongEpoch" } else { "Epoch" };
        let begin = if at_begin { Begin::Line } else { Begin::Nothing };
        let wrapped = wrap(&format!("({})", epoch_group(long)), begin, true);
        let mut engine = Engine::of(&wrapped, index)?;
        if let Engine::Scanner(program) = &mut engine
            && !at_begin
        {
            program.begin_at_epoch();
        }
        let line = if at_begin { LINE_BEGIN } else { "" };
        Ok(Self {
            name: format!("{line}{name}"),
            source: String::new(),
            anchored: at_begin,
            meaning: Meaning::Epoch { long },
            engine,
        })
    }

    fn around_epoch(pattern: &str, long: bool, index: usize) -> Result<Self, DatePatternError> {
        let mut body = String::from("(");
        let mut rest = pattern;
        let mut group = epoch_group(long);
        while let Some((at, length)) = epoch_in(rest) {
            let (before, behind) = (rest.get(..at), rest.get(at + length..));
            body.extend([before.unwrap_or_default(), &group]);
            rest = behind.unwrap_or_default();
            // The first of several is the time.
            group = format!("({})", digits_of(long));
        }
        body += rest;
        body.push(')');
        let wrapped = wrap(&body, Begin::Word, true);
        Ok(Self {
            name: pattern.to_owned(),
            source: String::new(),
            anchored: wrapped.anchored,
            meaning: Meaning::Epoch { long },
            engine: Engine::without_tokens(&wrapped, index)?,
        })
    }

    fn tai64n(at_begin: bool, index: usize) -> Result<Self, DatePatternError> {
        let begin = if at_begin { Begin::Line } else { Begin::Nothing };
        let wrapped = wrap("@[0-9a-f]{24}", begin, true);
        let name = if at_begin { "{^LN-BEG}TAI64N" } else { "TAI64N" };
        Ok(Self {
            name: name.to_owned(),
            source: String::new(),
            anchored: wrapped.anchored,
            meaning: Meaning::Tai64n,
            engine: Engine::of(&wrapped, index)?,
        })
    }

    /// The leftmost match in the region.
    pub(super) fn search(&self, region: Region<'_>) -> Option<Found> {
        self.engine.search(region)
    }

    /// The point in time of what `found` has found in `line`.
    pub(super) fn time(
        &self,
        line: &str,
        found: &Found,
        known: &mut Known<'_>,
    ) -> Option<Reckoned> {
        let text = |span: &Option<Range<usize>>| line.get(span.clone()?);
        match self.meaning {
            Meaning::Fields { half } => {
                known.asks_for_half = half;
                moment::time_of(found.fields.values(line), known)
            }
            Meaning::Epoch { long } => {
                moment::epoch(text(&found.epoch)?, long).map(Reckoned::alone)
            }
            Meaning::Tai64n => moment::tai64n(text(&found.cut)?).map(Reckoned::alone),
        }
    }

    /// What a date looks like that was found in `line`, if others can be told by that.
    pub(super) fn look(&self, line: Line<'_>, found: &Found, basis: Option<Basis>) -> Option<Look> {
        let (program, basis) = (self.engine.scanner()?, basis?);
        if !program.line_begin {
            return None;
        }
        let Line { text, latest_year } = line;
        let visits = program.visits(Region { text, from: 0, latest_year, has_clock: true });
        Look::of(program, (text, latest_year), &visits, found, basis)
    }
}

/// The group of an epoch's digits.
fn epoch_group(long: bool) -> String {
    format!("(?P<{EPOCH_GROUP}>{})", digits_of(long))
}

const fn digits_of(long: bool) -> &'static str {
    if long { LONG_EPOCH } else { EPOCH }
}

fn has_epoch(pattern: &str) -> bool {
    epoch_in(pattern).is_some()
}

/// Where `{EPOCH}` or `{LEPOCH}` stands in a pattern, without a backslash before it, and its length.
fn epoch_in(pattern: &str) -> Option<(usize, usize)> {
    pattern.match_indices('{').find_map(|(at, _)| {
        let starts = |word: &str| {
            let text = pattern.get(at..at + word.len());
            text.is_some_and(|text| text.eq_ignore_ascii_case(word)).then_some(word.len())
        };
        let escaped = pattern.get(..at).is_some_and(|before| before.ends_with('\\'));
        let length = starts("{EPOCH}").or_else(|| starts("{LEPOCH}")).filter(|_| !escaped)?;
        Some((at, length))
    })
}
