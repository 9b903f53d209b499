//! A filter as its file defines it, compiled; mistakes in patterns, told with their places.

use std::ops::Range;

use super::definition::{Definition, Mode};
use super::diagnostic::{Sink, Wrong};
use super::tree::within;
use super::value::Text;
use super::wording::{self, Problem};
use crate::filter::{Filter, KeyFault, OperandFault, PATTERNS_MAX, Part, Recipe, RecipeError};
use crate::pattern::{Fault, FaultKind, tag_names};

/// What a jail sets of its filter: patterns that come behind the filter's, and what takes the place
/// of the filter's own.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    pub(super) failures: Vec<Text>,
    pub(super) ignores: Vec<Text>,
    pub(super) prefix: Option<Text>,
    pub(super) dates: Vec<Text>,
    pub(super) max_lines: Option<usize>,
    /// Whether hosts' names are taken (`usedns`).
    pub(super) names: bool,
}

impl Own {
    /// Whether the filter is used as it is.
    pub(super) fn is_empty(&self) -> bool {
        self.failures.is_empty()
            && self.ignores.is_empty()
            && self.prefix.is_none()
            && self.dates.is_empty()
            && self.max_lines.is_none()
            && !self.names
    }
}

/// Compiles `definition` in `mode`, with what a jail sets of it.
pub(super) fn compile(
    sink: &mut Sink<'_>,
    definition: &Definition,
    mode: &str,
    own: &Own,
) -> Result<Filter, Wrong> {
    let nothing = Mode::default();
    let added = definition.modes.get(mode).unwrap_or(&nothing);
    let failures = [&definition.failures, &added.failures[..], &own.failures[..]].concat();
    let ignores = [&definition.ignores, &added.ignores[..], &own.ignores[..]].concat();
    let structured = definition.structured.overlaid(&added.structured);
    let prefix = own.prefix.as_ref().or(definition.prefix.as_ref());
    let dates = if own.dates.is_empty() { &definition.dates } else { &own.dates };
    let written = |texts: &[Text]| texts.iter().map(|text| text.text.clone()).collect();
    let recipe = Recipe {
        name: definition.name.clone(),
        mode: mode.to_owned(),
        language: definition.language,
        prefix: prefix.map(|prefix| prefix.text.clone()),
        failures: written(&failures),
        ignores: written(&ignores),
        conditions: structured.conditions(),
        extract: structured.extract(),
        max_lines: own.max_lines.unwrap_or(definition.max_lines).max(1),
        programs: definition.programs.clone(),
        dates: written(dates),
        names: own.names,
    };
    Filter::compile(recipe).map_err(|errors| {
        let place = |part| match part {
            Part::Prefix => prefix.cloned(),
            Part::Failure(index) => failures.get(index).cloned(),
            Part::Ignore(index) => ignores.get(index).cloned(),
            Part::Date(index) => dates.get(index).cloned(),
            other => structured.place(other),
        };
        let reports = errors.iter().map(|error| report(sink, error, place));
        let mut all = reports.collect::<Vec<_>>().into_iter();
        all.next().unwrap_or(Wrong(String::new()))
    })
}

fn report(sink: &mut Sink<'_>, error: &RecipeError, place: impl Fn(Part) -> Option<Text>) -> Wrong {
    let part = match error {
        RecipeError::Pattern { part, .. }
        | RecipeError::NoAddress { part }
        | RecipeError::ContentOutside { part }
        | RecipeError::TooMany { part }
        | RecipeError::Key { part, .. }
        | RecipeError::Operand { part, .. }
        | RecipeError::Date { part, .. }
        | RecipeError::TimeOfField { part } => *part,
        RecipeError::NoContent => Part::Prefix,
        RecipeError::NoOffender => Part::Key(0),
        RecipeError::NoCondition => Part::Offender(0),
    };
    let Some(Text { text, at }) = place(part) else { return Wrong(error.to_string()) };
    let (problem, span) = match error {
        RecipeError::Pattern { fault, .. } => (in_pattern(fault), Some(fault.span.clone())),
        RecipeError::NoAddress { .. } => (wording::no_address(), None),
        RecipeError::NoContent => (wording::no_content(), None),
        RecipeError::ContentOutside { .. } => (wording::tag_misplaced("<F-CONTENT>"), None),
        RecipeError::TooMany { .. } => (wording::too_many(plural(part), PATTERNS_MAX), None),
        RecipeError::Key { fault, .. } => (in_key(&text, fault), None),
        RecipeError::Operand { fault, .. } => in_operand(&text, fault),
        RecipeError::TimeOfField { .. } => (wording::time_of_field(), None),
        RecipeError::Date { error, .. } => (wording::bad_date_pattern(&error.to_string()), None),
        RecipeError::NoOffender => (wording::no_offender(), None),
        RecipeError::NoCondition => (wording::no_condition(), None),
    };
    let at = span.map_or(at.clone(), |span| within(sink, &at, span));
    sink.report(&at, problem)
}

fn plural(part: Part) -> &'static str {
    match part {
        Part::Prefix | Part::Failure(_) | Part::Ignore(_) => "patterns",
        Part::Key(_) => "conditions",
        _ => "entries in this list",
    }
}

fn in_key(key: &str, fault: &KeyFault) -> Problem {
    match fault {
        KeyFault::Neither => wording::bad_key(key),
        KeyFault::Tilde { .. } => wording::bad_pointer("~ is written ~0 in it, and / in a name ~1"),
        KeyFault::TooLong => wording::bad_pointer("it is too long"),
    }
}

fn in_operand(operand: &str, fault: &OperandFault) -> (Problem, Option<Range<usize>>) {
    match fault {
        OperandFault::UnknownOperator { written, meant } => {
            (wording::unknown_operator(written, meant), Some(0..written.len()))
        }
        OperandFault::NoNumber { operator } => {
            (wording::no_number(operator, operand), Some(operator.len()..operand.len()))
        }
        OperandFault::Regex(fault) => (in_pattern(fault), Some(fault.span.clone())),
        OperandFault::Remembers => (wording::remembers(), None),
        OperandFault::NegatedAmongOthers => (wording::negated_among_others(), None),
    }
}

fn in_pattern(fault: &Fault) -> Problem {
    match &fault.kind {
        FaultKind::Syntax(why) => wording::bad_regex(why),
        FaultKind::UnknownTag(tag) => wording::unknown_tag(tag, &tag_names()),
        FaultKind::UnbalancedTag(tag) => wording::tag_unbalanced(tag),
        FaultKind::Backtracking(what) => wording::backtracking(what),
        FaultKind::InnerLines => wording::multi_line(),
        FaultKind::TooLarge => wording::regex_too_large(),
        FaultKind::Empty => wording::empty_pattern(),
    }
}
