//! What a pattern runs on: the scanner when it is plain enough, else a regex.

use crate::pattern::{Options, Regex};

use super::error::DatePatternError;
use super::expand::Expanded;
use super::moment;
use super::program::Program;
use super::scan::{Fields, Found, Region};
use super::token::Field;
use super::wrap::{Begin, Wrapped};

/// The name of the group with an epoch's digits.
pub(super) const EPOCH_GROUP: &str = "_epoch";

/// The name that group 1 gets when it has none; only groups with names are remembered.
const CUT_GROUP: &str = "_cut";

#[derive(Debug)]
pub(super) enum Engine {
    Scanner(Program),
    Regex(Box<Searcher>),
}

/// A regex and what its groups are.
#[derive(Debug)]
pub(super) struct Searcher {
    regex: Regex,
    /// The number of the group that is cut out.
    cut: usize,
    epoch: Option<usize>,
    /// The groups that are fields, and their numbers.
    fields: Vec<(Field, usize)>,
    /// Whether there is `%ExY`, whose year must not be too late.
    recent_year: bool,
}

impl Engine {
    /// The engine of a pattern with tokens. `index` counts the patterns.
    pub(super) fn of(wrapped: &Wrapped, index: usize) -> Result<Self, DatePatternError> {
        if let Some(program) = Program::compile(wrapped) {
            return Ok(Self::Scanner(program));
        }
        let body = Expanded::of(&wrapped.body, (index, 0))?.regex;
        Ok(Self::Regex(Box::new(Searcher::new(wrapped, &body, index)?)))
    }

    /// The engine of a pattern in which a percent sign is only that.
    pub(super) fn without_tokens(
        wrapped: &Wrapped,
        index: usize,
    ) -> Result<Self, DatePatternError> {
        if wrapped.body.contains('%') {
            let searcher = Searcher::new(wrapped, &wrapped.body, index)?;
            return Ok(Self::Regex(Box::new(searcher)));
        }
        Self::of(wrapped, index)
    }

    /// The program, if it needs no regex.
    pub(super) fn scanner(&self) -> Option<&Program> {
        match self {
            Self::Scanner(program) => Some(program),
            Self::Regex(_) => None,
        }
    }

    /// The leftmost match in the region.
    pub(super) fn search(&self, region: Region<'_>) -> Option<Found> {
        match self {
            Self::Scanner(program) => program.search(region),
            Self::Regex(searcher) => searcher.search(region),
        }
    }
}

impl Searcher {
    pub(super) fn new(
        wrapped: &Wrapped,
        body: &str,
        index: usize,
    ) -> Result<Self, DatePatternError> {
        let begin = match wrapped.begin {
            Begin::Nothing => "",
            Begin::Word => r"(?=^|\b|\W)",
            Begin::Line => r"^(?:\W{0,2})?",
        };
        let end = if wrapped.word_end { r"(?=\b|\W|$)" } else { "" };
        let (body, cut) = with_cut(body);
        let text = format!("{}{begin}{body}{end}", wrapped.flags);
        let regex = Regex::new(&text, Options::default())
            .map_err(|fault| DatePatternError::Regex { index, reason: fault.to_string() })?;
        let number =
            |wanted: &str| regex.names().find(|(name, _)| *name == wanted).map(|(_, group)| group);
        let fields = regex
            .names()
            .filter_map(|(name, group)| Some((Field::of_group(name)?, group)))
            .collect();
        Ok(Self {
            cut: number(&cut).unwrap_or(0),
            epoch: number(EPOCH_GROUP),
            fields,
            recent_year: wrapped.body.contains("%ExY"),
            regex,
        })
    }

    pub(super) fn search(&self, region: Region<'_>) -> Option<Found> {
        // A line that takes too many steps has no date.
        let captures = self.regex.captures_from(region.text, region.from).ok().flatten()?;
        let mut fields = Fields::default();
        for (field, group) in &self.fields {
            if let Some(span) = captures.group(*group) {
                fields.push(*field, span);
            }
        }
        let is_late = |(field, text)| {
            let year = moment::integer(text).filter(|_| field == Field::Year);
            year.is_some_and(|year| year > i64::from(region.latest_year))
        };
        if self.recent_year && fields.values(region.text).any(is_late) {
            return None;
        }
        let epoch = self.epoch.and_then(|group| captures.group(group));
        Some(Found { whole: captures.whole(), cut: captures.group(self.cut), epoch, fields })
    }
}

/// The regex with a name for its first group, and that name.
fn with_cut(body: &str) -> (String, String) {
    let mut escaped = false;
    let mut class = None;
    for (at, c) in body.char_indices() {
        let (before, rest) = body.split_at_checked(at + c.len_utf8()).unwrap_or_default();
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // A bracket that closes is itself at the beginning of a class.
            ']' if class.is_some_and(|begin: usize| at > begin) => class = None,
            _ if class.is_some() => {}
            '[' => class = Some(at + 1 + usize::from(rest.starts_with('^'))),
            '(' if !rest.starts_with('?') => {
                return (format!("{before}?P<{CUT_GROUP}>{rest}"), CUT_GROUP.to_owned());
            }
            '(' => {
                if let Some((name, _)) =
                    rest.strip_prefix("?P<").and_then(|rest| rest.split_once('>'))
                {
                    return (body.to_owned(), name.to_owned());
                }
            }
            _ => {}
        }
    }
    (body.to_owned(), String::new())
}
