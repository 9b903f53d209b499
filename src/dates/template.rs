//! A template: one form of date, how it is found and what its parts mean.

use std::ops::Range;

use crate::keeper::Timestamp;
use crate::pattern::{Options, Regex};

use super::error::DatePatternError;
use super::moment::{self, Known};
use super::program::Program;
use super::scan::{Fields, Found, Region};
use super::token::{self, Field};
use super::wrap::{Begin, Wrapped, wrap};

/// What stands for a standard template in a pattern.
const DATE: &str = "{DATE}";
/// What stands for the beginning of a line at the beginning of a pattern and of a name.
pub(super) const LINE_BEGIN: &str = "{^LN-BEG}";
const UNBOUND: &str = "{UNB}";

/// What the keyword `ISO8601` stands for.
const ISO_8601: &str = r"%Y-%Exm-%Exd[T ]%ExH:%ExM:%ExS(?:[.,]\d+)?(?:\s*%z)?";

const EPOCH: &str = r"\d{10,11}\b(?:\.\d{3,6})?";
const LONG_EPOCH: &str = r"\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?";

/// One form of date.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: String,
    /// What a pattern around it puts in the place of `{DATE}`.
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
    /// Seconds since 1970 in group 1, or in group 2.
    Epoch {
        long: bool,
        second: bool,
    },
    Tai64n,
}

#[derive(Debug)]
enum Engine {
    Scanner(Program),
    Regex {
        regex: Box<Regex>,
        /// The groups that are fields, and their numbers.
        fields: Vec<(Field, usize)>,
        /// Whether a year must not be too late.
        exact_year: bool,
    },
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
        match key {
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
        }
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
            source: pattern.to_owned(),
            anchored: wrapped.anchored,
            meaning: Meaning::Fields { half },
            engine,
        })
    }

    fn epoch(long: bool, at_begin: bool, index: usize) -> Result<Self, DatePatternError> {
        let digits = if long { LONG_EPOCH } else { EPOCH };
        let name = if long { "LongEpoch" } else { "Epoch" };
        let meaning = Meaning::Epoch { long, second: false };
        let begin = if at_begin { Begin::Line } else { Begin::Nothing };
        let wrapped = wrap(&format!("({digits})"), begin, true);
        let mut engine = Engine::of(&wrapped, index)?;
        if let Engine::Scanner(program) = &mut engine
            && !at_begin
        {
            program.begin_at_epoch();
        }
        let line = if at_begin { LINE_BEGIN } else { "" };
        let source = format!("{line}{name}");
        Ok(Self { name: source.clone(), source, anchored: at_begin, meaning, engine })
    }

    fn around_epoch(pattern: &str, long: bool, index: usize) -> Result<Self, DatePatternError> {
        let digits = if long { LONG_EPOCH } else { EPOCH };
        let mut body = String::from("(");
        let mut rest = pattern;
        while let Some((at, length)) = epoch_in(rest) {
            let (before, behind) = (rest.get(..at), rest.get(at + length..));
            body += before.unwrap_or_default();
            body.extend(["(", digits, ")"]);
            rest = behind.unwrap_or_default();
        }
        body += rest;
        body.push(')');
        let wrapped = wrap(&body, Begin::Word, true);
        Ok(Self {
            name: pattern.to_owned(),
            source: pattern.to_owned(),
            anchored: wrapped.anchored,
            meaning: Meaning::Epoch { long, second: true },
            engine: Engine::literal(&wrapped, index)?,
        })
    }

    fn tai64n(at_begin: bool, index: usize) -> Result<Self, DatePatternError> {
        let begin = if at_begin { Begin::Line } else { Begin::Nothing };
        let wrapped = wrap("@[0-9a-f]{24}", begin, true);
        let name = if at_begin { "{^LN-BEG}TAI64N" } else { "TAI64N" };
        Ok(Self {
            name: name.to_owned(),
            source: name.to_owned(),
            anchored: wrapped.anchored,
            meaning: Meaning::Tai64n,
            engine: Engine::of(&wrapped, index)?,
        })
    }

    /// The leftmost match in the region.
    pub(super) fn search(&self, region: Region<'_>) -> Option<Found> {
        match &self.engine {
            Engine::Scanner(program) => program.search(region),
            Engine::Regex { regex, fields, exact_year } => {
                let found = search(regex, fields, region)?;
                let late = found.fields.values(region.text).any(|(field, year)| {
                    let year = moment::integer(year).filter(|_| field == Field::Year);
                    year.is_some_and(|year| year > i64::from(region.latest_year))
                });
                (!(*exact_year && late)).then_some(found)
            }
        }
    }

    /// The point in time of what `found` has found in `line`.
    pub(super) fn time(
        &self,
        line: &str,
        found: &Found,
        known: &mut Known<'_>,
    ) -> Option<Timestamp> {
        let text = |span: &Option<Range<usize>>| line.get(span.clone()?);
        match self.meaning {
            Meaning::Fields { half } => {
                known.asks_for_half = half;
                moment::time_of(found.fields.values(line), known)
            }
            Meaning::Epoch { long, second: false } => moment::epoch(text(&found.cut)?, long),
            Meaning::Epoch { long, second: true } => moment::epoch(text(&found.second)?, long),
            Meaning::Tai64n => moment::tai64n(text(&found.cut)?),
        }
    }
}

/// Where a regex matches in the region.
fn search(regex: &Regex, names: &[(Field, usize)], region: Region<'_>) -> Option<Found> {
    // A line that takes too many steps has no date.
    let captures = regex.captures_from(region.text, region.from).ok().flatten()?;
    let mut fields = Fields::default();
    for (field, group) in names {
        captures.group(*group).into_iter().for_each(|span| fields.push(*field, span));
    }
    let (cut, second) = (captures.group(1), captures.group(2));
    Some(Found { whole: captures.whole(), cut, second, fields })
}

impl Engine {
    fn of(wrapped: &Wrapped, index: usize) -> Result<Self, DatePatternError> {
        match Program::compile(wrapped) {
            Some(program) => Ok(Self::Scanner(program)),
            None => Self::regex(wrapped, &Expanded::of(&wrapped.body, (index, 0))?.regex, index),
        }
    }

    /// The engine of a pattern in which a percent sign is only that.
    fn literal(wrapped: &Wrapped, index: usize) -> Result<Self, DatePatternError> {
        let program = if wrapped.body.contains('%') { None } else { Program::compile(wrapped) };
        match program {
            Some(program) => Ok(Self::Scanner(program)),
            None => Self::regex(wrapped, &wrapped.body, index),
        }
    }

    fn regex(wrapped: &Wrapped, body: &str, index: usize) -> Result<Self, DatePatternError> {
        let begin = match wrapped.begin {
            Begin::Nothing => "",
            Begin::Word => r"(?=^|\b|\W)",
            Begin::Line => r"^(?:\W{0,2})?",
        };
        let end = if wrapped.word_end { r"(?=\b|\W|$)" } else { "" };
        let text = format!("{}{begin}{body}{end}", wrapped.flags);
        let regex = Regex::new(&text, Options::default())
            .map_err(|fault| DatePatternError::Regex { index, reason: fault.to_string() })?;
        let fields = regex
            .names()
            .filter_map(|(name, group)| Some((Field::of_group(name)?, group)))
            .collect();
        let exact_year = wrapped.body.contains("%ExY");
        Ok(Self::Regex { regex: Box::new(regex), fields, exact_year })
    }
}

/// A pattern with its tokens replaced.
struct Expanded {
    regex: String,
    /// The pattern as a template's name shows it.
    name: String,
    /// The letters of the groups that the tokens bring.
    groups: String,
}

impl Expanded {
    /// `place`: which pattern it is, and where in it the text begins.
    fn of(text: &str, place: (usize, usize)) -> Result<Self, DatePatternError> {
        let (index, offset) = place;
        let mut expanded =
            Self { regex: String::new(), name: String::new(), groups: String::new() };
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('%') {
            expanded.regex += before;
            expanded.name += before;
            let start = offset + text.len() - behind.len() - 1;
            let Some(token) = token::at(behind) else {
                let letters = behind.chars().take(if behind.starts_with("Ex") { 3 } else { 1 });
                let token: String = ['%'].into_iter().chain(letters).collect();
                let range = start..start + token.len();
                return Err(DatePatternError::UnknownToken { index, range, token });
            };
            if token.groups.chars().any(|group| expanded.groups.contains(group)) {
                let range = start..start + 1 + token.key.len();
                let token = format!("%{}", token.key);
                return Err(DatePatternError::Twice { index, range, token });
            }
            expanded.regex += token.regex;
            expanded.name += token.name;
            expanded.groups += token.groups;
            rest = behind.get(token.key.len()..).unwrap_or_default();
        }
        expanded.regex += rest;
        expanded.name += rest;
        Ok(expanded)
    }
}

fn has_epoch(pattern: &str) -> bool {
    epoch_in(pattern).is_some()
}

/// The pattern `around` with `source` in the place of `{DATE}`; a boundary that `source` begins with
/// is left to the pattern.
pub(super) fn around_date(around: &str, source: &str) -> String {
    let source = source.strip_prefix(UNBOUND).unwrap_or(source);
    let source = source.strip_prefix(LINE_BEGIN).unwrap_or(source);
    let mut text = String::new();
    let mut rest = around;
    while let Some(at) = rest.find('{') {
        let (before, behind) = rest.split_at(at);
        text += before;
        let date = behind.get(..DATE.len()).filter(|word| word.eq_ignore_ascii_case(DATE));
        let here = date.filter(|_| !before.ends_with('\\'));
        text += if here.is_some() { source } else { "{" };
        rest = behind.get(here.map_or(1, str::len)..).unwrap_or_default();
    }
    text + rest
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
