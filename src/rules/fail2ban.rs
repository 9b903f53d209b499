//! A filter of fail2ban's own, as it is written in its files.

use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Severity};
use super::filter::Own;
use super::settings::Setting;
use super::text::{SourceText, Texts};
use super::value::Text;
use super::{diagnostic, wording, written};
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
    /// What it says, as settings `filter.KEY`.
    pub says: Vec<Setting>,
    /// What in its files may not mean what it should.
    pub warnings: Vec<Diagnostic>,
}

/// Whether a jail's `filter` names a file of fail2ban's: `NAME.conf`, `/DIR/NAME.local[mode=…]`.
pub(super) fn is_meant(text: &str) -> bool {
    let path = text.split_once('[').map_or(text, |(path, _)| path);
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("conf" | "local"))
}

/// The folder that a jail's `filter` names beside our own, if it names one of fail2ban's in it.
#[must_use]
pub(super) fn folder(text: &str) -> Option<PathBuf> {
    let path = text.split_once('[').map_or(text, |(path, _)| path);
    let folder = Path::new(path).parent()?;
    (is_meant(text) && folder.is_absolute()).then(|| folder.to_owned())
}

/// A filter of fail2ban's that a jail asks for.
pub(super) struct Asked<'a> {
    pub(super) text: &'a str,
    pub(super) mode: Option<&'a str>,
    pub(super) reads_files: bool,
    pub(super) own: &'a Own,
}

/// Why it cannot be had.
pub(super) enum NotFound {
    /// `filter` itself is wrong.
    Asked(wording::Problem),
    /// The filter's files have mistakes.
    Mistakes(Vec<Diagnostic>),
}

/// Finds and compiles it.
pub(super) fn find(texts: &Texts, asked: &Asked<'_>) -> Result<Translated, NotFound> {
    let reference = Reference::parse(asked.text)
        .map_err(|error| NotFound::Asked(wording::bad_reference(&error.to_string(), error.hint)))?;
    let folder = folder(asked.text).unwrap_or_default();
    let path = Path::new(&reference.name);
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let files = texts.fail2ban.get(&folder).map(Vec::as_slice).unwrap_or_default();
    let file_name =
        |file: &SourceText| file.path.file_name().map(|name| name.to_string_lossy().into_owned());
    if !files
        .iter()
        .filter_map(file_name)
        .any(|file| file.strip_suffix(".conf").or(file.strip_suffix(".local")) == Some(&name))
    {
        let place = if folder.as_os_str().is_empty() {
            "filters.d".into()
        } else {
            folder.display().to_string()
        };
        return Err(NotFound::Asked(wording::no_such_file(&name, &place)));
    }
    let keyed = files
        .iter()
        .filter_map(|file| Some((format!("filter.d/{}", file_name(file)?), file.text.clone())));
    let tree = Tree::new(&folder.to_string_lossy(), keyed.collect());
    let mut options = reference.options.clone();
    if let Some(mode) = asked.mode
        && reference.option("mode").is_none()
    {
        options.push(("mode".to_owned(), mode.to_owned()));
    }
    let reference = Reference { name, options };
    let backend = if asked.reads_files { "auto" } else { "systemd" };
    let jail = JailOptions { backend: backend.to_owned(), options: jail_options(asked.own) };
    match translate(&tree, &folder, &reference, &jail, asked.own.names) {
        Ok(mut found) => {
            settle(found.warnings.iter_mut().map(|one| &mut one.path), files);
            settle(found.says.iter_mut().map(|one| &mut one.path), files);
            Ok(found)
        }
        Err(mut found) => {
            settle(found.iter_mut().map(|one| &mut one.path), files);
            Err(NotFound::Mistakes(found))
        }
    }
}

/// Makes paths those of the files themselves.
fn settle<'p>(paths: impl Iterator<Item = &'p mut PathBuf>, files: &[SourceText]) {
    for path in paths {
        let name = path.file_name().map(ToOwned::to_owned);
        let file = files.iter().rfind(|file| file.path.file_name() == name.as_deref());
        if let Some(file) = file {
            path.clone_from(&file.path);
        }
    }
}

/// What the filter says, with the places where it does.
fn what_says(root: &Path, settings: &FilterSettings) -> Vec<Setting> {
    let row = |key: &'static str| {
        move |value: &Value| Setting {
            key: key.to_owned(),
            value: written::string(&value.text),
            path: value.origin.as_ref().map(|it| root.join(&it.path)).unwrap_or_default(),
            line: value.origin.as_ref().map_or(0, |it| it.line),
        }
    };
    let matches = settings.journalmatch.iter().map(|line| &line.value);
    let rows = matches.map(row("filter.journalmatch"));
    let rows = rows.chain(settings.prefregex.iter().map(row("filter.prefregex")));
    let rows = rows.chain(settings.datepattern.iter().map(row("filter.datepattern")));
    let rows = rows.chain(settings.maxlines.iter().map(row("filter.maxlines")));
    let rows = rows.chain(settings.failregex.iter().map(row("filter.failregex")));
    rows.chain(settings.ignoreregex.iter().map(row("filter.ignoreregex"))).collect()
}

/// What the jail sets of the filter, as fail2ban hands it on.
fn jail_options(own: &Own) -> Vec<(String, String)> {
    let lines = |texts: &[Text]| -> String {
        texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n")
    };
    let prefix = own.prefix.as_ref().map(|text| text.text.clone()).unwrap_or_default();
    let max_lines = own.max_lines.map(|lines| lines.to_string()).unwrap_or_default();
    [
        ("failregex", lines(&own.failures)),
        ("ignoreregex", lines(&own.ignores)),
        ("datepattern", lines(&own.dates)),
        ("prefregex", prefix),
        ("maxlines", max_lines),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
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
            let says = what_says(root, &settings);
            Ok(Translated { filter, matches, says, warnings: diagnostics })
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
