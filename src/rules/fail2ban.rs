//! A filter of fail2ban's own, as it is written in its files.

use std::path::Path;

use super::diagnostic::{Diagnostic, Severity};
use super::{diagnostic, wording};
use crate::dialect::{self, FilterSettings, JailOptions, Mistake, Reference, Tree, Value};
use crate::filter::{Extract, Filter, LINES_MAX, Part, Recipe, RecipeError};
use crate::pattern::Language;
use crate::record::Matches;

/// A filter of fail2ban's, compiled, with what its file says beside the patterns.
#[derive(Debug)]
pub struct Translated {
    /// The filter.
    pub filter: Filter,
    /// Which journal entries it is for, if it says so.
    pub matches: Option<Matches>,
}

/// Reads and compiles the filter that `reference` names in `tree`, for a jail that sets `jail`. With
/// `names`, hosts' names are taken where the filter allows them.
///
/// # Errors
///
/// Every mistake in its files. Paths in them are below `root`.
pub fn translate(
    tree: &Tree,
    root: &Path,
    reference: &Reference,
    jail: &JailOptions,
    names: bool,
) -> Result<Translated, Vec<Diagnostic>> {
    let outcome = tree.filter(reference, jail);
    let mut diagnostics = in_files(tree, root, &outcome.mistakes);
    let has_errors = diagnostics.iter().any(|found| found.severity == Severity::Error);
    let Some(settings) = outcome.value.filter(|_| !has_errors) else { return Err(diagnostics) };
    let mut complain = |value: Option<&Value>, problem| {
        diagnostics.push(at_value(tree, root, value, problem));
    };
    let max_lines = match settings.maxlines.as_ref().map(|value| value.text.trim().parse()) {
        None => 1,
        Some(Ok(lines @ 1..=LINES_MAX)) => lines,
        Some(_) => {
            let problem = wording::bad_line_count(LINES_MAX);
            complain(settings.maxlines.as_ref(), problem);
            1
        }
    };
    let mut matches: Option<Matches> = None;
    for line in &settings.journalmatch {
        match Matches::parse_words(line.words.iter().map(String::as_str)) {
            Ok(more) => matches = Some(matches.take().map_or(more.clone(), |all| all.or(more))),
            Err(error) => {
                complain(Some(&line.value), wording::bad_match(&error.to_string()));
            }
        }
    }
    let recipe = recipe(reference, &settings, max_lines, names);
    match Filter::compile(recipe) {
        Ok(filter) if diagnostics.iter().all(|found| found.severity != Severity::Error) => {
            Ok(Translated { filter, matches })
        }
        Ok(_) => Err(diagnostics),
        Err(errors) => {
            let place = |part| value_of(&settings, part);
            let found = errors.iter().map(|error| fault(tree, root, error, &settings, place));
            diagnostics.extend(found);
            Err(diagnostics)
        }
    }
}

fn recipe(
    reference: &Reference,
    settings: &FilterSettings,
    max_lines: usize,
    names: bool,
) -> Recipe {
    let texts = |values: &[Value]| values.iter().map(|value| value.text.clone()).collect();
    let dates = settings.datepattern.iter().flat_map(|value| value.text.lines());
    Recipe {
        name: reference.name.clone(),
        mode: reference.option("mode").unwrap_or("normal").to_owned(),
        language: Language::Fail2ban,
        prefix: settings.prefregex.as_ref().map(|value| value.text.clone()),
        failures: texts(&settings.failregex),
        ignores: texts(&settings.ignoreregex),
        conditions: Vec::new(),
        extract: Extract::default(),
        max_lines,
        programs: Vec::new(),
        dates: dates.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        names,
    }
}

fn value_of(settings: &FilterSettings, part: Part) -> Option<&Value> {
    match part {
        Part::Prefix => settings.prefregex.as_ref(),
        Part::Failure(index) => settings.failregex.get(index),
        Part::Ignore(index) => settings.ignoreregex.get(index),
        // fail2ban's filters know nothing of fields.
        _ => settings.datepattern.as_ref(),
    }
}

/// A mistake in a pattern. The pattern may be put together from several places, so that the place is
/// that of the option, and the text shows what became of it.
fn fault<'s>(
    tree: &Tree,
    root: &Path,
    error: &RecipeError,
    settings: &'s FilterSettings,
    place: impl Fn(Part) -> Option<&'s Value>,
) -> Diagnostic {
    let (value, problem) = match error {
        RecipeError::Pattern { part, fault } => {
            let value = place(*part);
            let text = value.map_or("", |value| value.text.as_str());
            let excerpt = text.get(fault.span.clone()).unwrap_or_default();
            (value, wording::in_effective_pattern(&fault.kind.to_string(), excerpt))
        }
        RecipeError::NoAddress { part } => (place(*part), wording::no_address()),
        RecipeError::NoContent => (place(Part::Prefix), wording::no_content()),
        RecipeError::ContentOutside { part } => {
            (place(*part), wording::tag_misplaced("<F-CONTENT>"))
        }
        RecipeError::Date { error, .. } => {
            (settings.datepattern.as_ref(), wording::bad_date_pattern(&error.to_string()))
        }
        RecipeError::TooMany { part } => {
            (place(*part), wording::too_many("patterns", crate::filter::PATTERNS_MAX))
        }
        RecipeError::Key { part, .. }
        | RecipeError::Operand { part, .. }
        | RecipeError::TimeOfField { part } => (place(*part), wording::no_condition()),
        RecipeError::NoOffender | RecipeError::NoCondition => (None, wording::no_condition()),
    };
    at_value(tree, root, value, problem)
}

/// Mistakes of fail2ban's files as diagnostics, with the lines that they are in.
#[must_use]
pub fn in_files(tree: &Tree, root: &Path, mistakes: &[Mistake]) -> Vec<Diagnostic> {
    let convert = |mistake: &Mistake| {
        let severity = match mistake.severity {
            dialect::Severity::Error => Severity::Error,
            dialect::Severity::Warning => Severity::Warning,
        };
        let spot = (mistake.span != (0..0))
            .then(|| tree.text(&mistake.path))
            .flatten()
            .map(|text| diagnostic::spot(text, mistake.span.clone()));
        Diagnostic {
            severity,
            title: mistake.title.clone(),
            path: root.join(&mistake.path),
            spot,
            label: String::new(),
            hint: Some(mistake.hint.clone()),
        }
    };
    mistakes.iter().map(convert).collect()
}

fn at_value(
    tree: &Tree,
    root: &Path,
    value: Option<&Value>,
    problem: wording::Problem,
) -> Diagnostic {
    let origin = value.and_then(|value| value.origin.as_ref());
    let text = origin.and_then(|origin| Some((tree.text(&origin.path)?, origin.span.clone())));
    Diagnostic {
        severity: problem.severity,
        title: problem.title,
        path: origin.map_or_else(|| root.to_owned(), |origin| root.join(&origin.path)),
        spot: text.map(|(text, span)| diagnostic::spot(text, span)),
        label: problem.label,
        hint: problem.hint,
    }
}
