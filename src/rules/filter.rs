//! A filter as its file defines it, compiled; mistakes in patterns, told with their places.

use super::definition::Definition;
use super::diagnostic::{Sink, Wrong};
use super::tree::within;
use super::value::Text;
use super::wording::{self, Problem};
use crate::filter::{Filter, PATTERNS_MAX, Part, Recipe, RecipeError};
use crate::pattern::{Fault, FaultKind, Language, tag_names};

/// Compiles `definition` in `mode`, with a jail's own patterns behind the filter's.
pub(super) fn compile(
    sink: &mut Sink<'_>,
    definition: &Definition,
    mode: &str,
    inline: (&[Text], &[Text]),
) -> Result<Filter, Wrong> {
    let (more_failures, more_ignores) =
        definition.modes.get(mode).map_or((&[][..], &[][..]), |m| (&m.failures, &m.ignores));
    let failures = [&definition.failures, more_failures, inline.0].concat();
    let ignores = [&definition.ignores, more_ignores, inline.1].concat();
    let written = |texts: &[Text]| texts.iter().map(|text| text.text.clone()).collect();
    let recipe = Recipe {
        name: definition.name.clone(),
        mode: mode.to_owned(),
        language: Language::Native,
        prefix: definition.prefix.as_ref().map(|prefix| prefix.text.clone()),
        failures: written(&failures),
        ignores: written(&ignores),
        max_lines: definition.max_lines.max(1),
        programs: definition.programs.clone(),
        dates: written(&definition.dates),
        names: false,
    };
    Filter::compile(recipe).map_err(|errors| {
        let place = |part| match part {
            Part::Prefix => definition.prefix.as_ref(),
            Part::Failure(index) => failures.get(index),
            Part::Ignore(index) => ignores.get(index),
        };
        let reports = errors.iter().map(|error| report(sink, error, definition, place));
        let mut all = reports.collect::<Vec<_>>().into_iter();
        all.next().unwrap_or(Wrong(String::new()))
    })
}

fn report<'d>(
    sink: &mut Sink<'_>,
    error: &RecipeError,
    definition: &Definition,
    place: impl Fn(Part) -> Option<&'d Text>,
) -> Wrong {
    let (part, problem) = match error {
        RecipeError::Pattern { part, fault } => {
            let Some(text) = place(*part) else { return Wrong(error.to_string()) };
            let at = within(sink, &text.at, fault.span.clone());
            return sink.report(&at, in_pattern(fault));
        }
        RecipeError::NoAddress { part } => (*part, wording::no_address()),
        RecipeError::NoContent => (Part::Prefix, wording::no_content()),
        RecipeError::ContentOutside { part } => (*part, wording::tag_misplaced("<F-CONTENT>")),
        RecipeError::Date(error) => {
            let problem = wording::bad_date_pattern(&error.to_string());
            let place = definition.dates.get(error.index()).or(definition.dates.first());
            return place
                .map_or_else(|| Wrong(error.to_string()), |at| sink.report(&at.at, problem));
        }
        RecipeError::TooMany { part } => (*part, wording::too_many("patterns", PATTERNS_MAX)),
    };
    match place(part) {
        Some(text) => sink.report(&text.at, problem),
        None => Wrong(problem.title),
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
