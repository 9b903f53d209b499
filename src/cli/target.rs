//! What an offline tool is given to try: a jail's name, or a filter's, a file, or a regex.

use std::path::Path;
use std::sync::Arc;

use crate::confdir::{self, Directories};
use crate::dialect::{JailOptions, Reference};
use crate::filter::{Filter, Recipe};
use crate::pattern::Language;
use crate::record::{Matches, Sources};
use crate::rules::{self, Chosen, ChosenJail, Diagnostic, NotChosen, SourceText, Texts};

use super::error::CliError;

/// A filter, found and compiled.
#[derive(Debug)]
pub(super) struct Target {
    /// What it is, for a heading.
    pub(super) title: String,
    pub(super) filter: Arc<Filter>,
    /// Which journal entries it is for.
    pub(super) matches: Option<Matches>,
    /// What it reads, if it is a jail.
    pub(super) sources: Option<Sources>,
    /// What may not be meant so.
    pub(super) warnings: Vec<Diagnostic>,
}

/// The jail that `text` names, as a whole; or else the filter.
pub(super) fn jail_or_filter(
    text: &str,
    directories: &Directories,
    as_journal: bool,
) -> Result<Target, CliError> {
    let texts = confdir::read(directories);
    let ChosenJail { jail, enabled } = match rules::load_jail(&texts, text) {
        Ok(Some(found)) => found,
        Ok(None) => return find(text, directories, as_journal),
        Err(found) => {
            let told = rules::render(&found, true);
            return Err(CliError::Mistakes(format!("jail {text}"), told));
        }
    };
    let (_, filters) = rules::names(&texts);
    let (off, beside) = (
        if enabled { "" } else { ", which is switched off" },
        if filters.iter().any(|name| name == text) {
            format!(" (the filter alone: --filter {text})")
        } else {
            String::new()
        },
    );
    let title = format!("Jail: {text}{off}, with filter {}{beside}", jail.filter.name());
    Ok(Target {
        title,
        filter: jail.filter,
        matches: None,
        sources: Some(jail.sources),
        warnings: Vec::new(),
    })
}

/// Finds what `text` names: `NAME` or `NAME[mode=…]` of our own filters, a file that ends in `.toml`,
/// one of fail2ban's that ends in `.conf` or `.local` with or without `[options]`, or else a regex.
pub(super) fn find(
    text: &str,
    directories: &Directories,
    as_journal: bool,
) -> Result<Target, CliError> {
    let (path, _) = text.split_once('[').unwrap_or((text, ""));
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    match ending {
        Some("toml") => toml(Path::new(path), &reference(text)?),
        Some("conf" | "local") => fail2ban(Path::new(path), &reference(text)?, as_journal),
        _ if is_name(path) => by_name(&reference(text)?, directories),
        _ => regex(text),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn reference(text: &str) -> Result<Reference, CliError> {
    Reference::parse(text).map_err(|error| {
        let hint = error.hint;
        CliError::Usage(format!("{text}: {error}\n{hint}"))
    })
}

/// The mode that a reference asks for. Ours have no other options.
fn mode(reference: &Reference) -> Result<&str, CliError> {
    match reference.options.iter().find(|(name, _)| name != "mode") {
        Some((name, _)) => Err(CliError::Usage(format!(
            "our own filters have no option \"{name}\"; there is mode, as in sshd[mode=aggressive]"
        ))),
        None => Ok(reference.option("mode").unwrap_or("normal")),
    }
}

fn by_name(reference: &Reference, directories: &Directories) -> Result<Target, CliError> {
    let (name, mode) = (&reference.name, mode(reference)?);
    let texts = confdir::read_filter(directories, name);
    // If there is none of that name, there may be one of a similar name.
    let is_there = !texts.filters.is_empty();
    choose(&if is_there { texts } else { confdir::read(directories) }, name, mode)
}

fn toml(path: &Path, reference: &Reference) -> Result<Target, CliError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?;
    let texts =
        Texts { filters: vec![SourceText { path: path.to_owned(), text }], ..Texts::default() };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    choose(&texts, &name, mode(reference)?)
}

/// Picks one filter in one mode; only mistakes in its own files count.
fn choose(texts: &Texts, name: &str, mode: &str) -> Result<Target, CliError> {
    match rules::load_filter(texts, name, mode) {
        Ok(Chosen { filter, usual, .. }) => {
            let title = format!("Filter: {name}, mode {mode}");
            let matches = usual.matches;
            Ok(Target { title, filter, matches, sources: None, warnings: Vec::new() })
        }
        Err(NotChosen::Unknown(hint)) => {
            Err(CliError::Usage(format!("there is no filter \"{name}\"\n{hint}")))
        }
        Err(NotChosen::UnknownMode(hint)) => {
            Err(CliError::Usage(format!("the filter \"{name}\" has no mode \"{mode}\"\n{hint}")))
        }
        Err(NotChosen::Mistakes(found)) => {
            Err(CliError::Mistakes(format!("filter {name}"), rules::render(&found, true)))
        }
    }
}

fn fail2ban(path: &Path, reference: &Reference, as_journal: bool) -> Result<Target, CliError> {
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("."),
    };
    let unreadable = |error: rules::Unreadable| {
        CliError::Failed(format!("{}: {}", error.path.display(), error.why))
    };
    if !path.exists() {
        return Err(CliError::Failed(format!("{}: there is no such file", path.display())));
    }
    let tree = confdir::read_filter_folder(folder).map_err(unreadable)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let reference = Reference { name, options: reference.options.clone() };
    let backend = if as_journal { "systemd" } else { "auto" };
    let jail = JailOptions { backend: backend.to_owned(), options: Vec::new() };
    let mode = reference.option("mode").unwrap_or("normal").to_owned();
    // Whatever the folder is called, its files are where they are.
    let settle = |found: &mut [Diagnostic]| {
        for one in found {
            one.path = folder.join(one.path.file_name().unwrap_or_default());
        }
    };
    match rules::translate(&tree, folder, &reference, &jail, true) {
        Ok(mut found) => {
            settle(&mut found.warnings);
            Ok(Target {
                title: format!("Filter: {}, mode {mode}", path.display()),
                filter: Arc::new(found.filter),
                matches: found.matches,
                sources: None,
                warnings: found.warnings,
            })
        }
        Err(mut found) => {
            settle(&mut found);
            let what = format!("filter {}", path.display());
            Err(CliError::Mistakes(what, rules::render(&found, true)))
        }
    }
}

/// A regex in our language, or if that will not have it, in fail2ban's.
fn regex(text: &str) -> Result<Target, CliError> {
    let compile = |language| {
        Filter::compile(Recipe {
            name: "regex".to_owned(),
            mode: "normal".to_owned(),
            language,
            failures: vec![text.to_owned()],
            names: true,
            ..Recipe::default()
        })
    };
    let title = "Filter: the regex".to_owned();
    let tried =
        compile(Language::Native).or_else(|errors| compile(Language::Fail2ban).map_err(|_| errors));
    match tried {
        Ok(filter) => Ok(Target {
            title,
            filter: Arc::new(filter),
            matches: None,
            sources: None,
            warnings: Vec::new(),
        }),
        Err(errors) => {
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(CliError::Usage(format!(
                "\"{text}\" is no filter's name, no file, and as a regex: {}",
                told.join("; ")
            )))
        }
    }
}
