//! Single settings that are laid over all files: those of run time, and those that are kept in a file
//! of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Severity, Sink};
use super::jail::Draft;
use super::layers::{Layer, Layers};
use super::text::{SourceText, Texts};
use super::written;

/// What stands for a file in mistakes and in [`super::Setting`], where there is none.
pub const RUN_TIME: &str = "<run-time settings>";

/// The name under which the settings of all jails are set.
pub const DEFAULT: &str = "default";

/// Settings by jail and key, each in TOML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    tables: BTreeMap<String, BTreeMap<String, String>>,
}

impl Overlay {
    /// Sets `key` of `jail`, or of all jails if that is [`DEFAULT`], to a value in TOML.
    pub fn set(&mut self, jail: &str, key: &str, value: &str) {
        let table = self.tables.entry(jail.to_owned()).or_default();
        table.insert(key.to_owned(), value.to_owned());
    }

    /// The settings, each as `KEY of JAIL`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.tables
            .iter()
            .flat_map(|(jail, table)| table.keys().map(move |key| format!("{key} of {jail}")))
    }

    /// These settings above all of `texts`.
    #[must_use]
    pub fn above(&self, texts: &Texts) -> Texts {
        let mut texts = texts.clone();
        texts.jails.push(SourceText { path: PathBuf::from(RUN_TIME), text: self.to_text() });
        texts
    }

    /// The settings as a file has them.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (jail, table) in &self.tables {
            let head = if jail == DEFAULT { jail.clone() } else { format!("jail.{}", name(jail)) };
            let blank = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{blank}[{head}]");
            for (key, value) in table {
                let _ = writeln!(text, "{} = {value}", name(key));
            }
        }
        text
    }

    /// Reads what [`Overlay::to_text`] has written.
    ///
    /// # Errors
    ///
    /// When that is not what stands there, as a clause.
    pub fn read(text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|error| error.message().to_owned())?;
        let mut overlay = Self::default();
        for (key, value) in table.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                (DEFAULT, DeValue::Table(entries)) => overlay.take(text, DEFAULT, entries),
                ("jail", DeValue::Table(jails)) => {
                    for (jail, value) in jails {
                        let DeValue::Table(entries) = value.get_ref() else {
                            return Err(format!("jail.{} is no table", jail.get_ref()));
                        };
                        overlay.take(text, jail.get_ref(), entries);
                    }
                }
                (other, _) => return Err(format!("there is \"{other}\" in it")),
            }
        }
        Ok(overlay)
    }

    fn take(&mut self, text: &str, jail: &str, entries: &DeTable<'_>) {
        for (key, value) in entries {
            self.set(jail, key.get_ref(), text.get(value.span()).unwrap_or_default());
        }
    }

    /// What is wrong with the settings by themselves.
    fn errors(&self) -> Vec<Diagnostic> {
        let texts = self.above(&Texts::default());
        let mut sink = Sink::new(&texts);
        let layers = Layers::of_jails(&mut sink, &texts);
        let nobody = Layer::default();
        Draft::read(&mut sink, DEFAULT, &nobody, &layers.default);
        for (jail, layer) in &layers.jails {
            Draft::read(&mut sink, jail, layer, &nobody);
        }
        let mut found = sink.into_diagnostics();
        found.retain(|one| one.severity == Severity::Error);
        found
    }
}

/// The names of all jails, switched on or not.
#[must_use]
pub fn jail_names(texts: &Texts) -> BTreeSet<String> {
    Layers::of_jails(&mut Sink::new(texts), texts).jails.into_keys().collect()
}

/// What each jail's files set, switched on or not: the keys by the jail's name.
#[must_use]
pub fn keys_of_jails(texts: &Texts) -> BTreeMap<String, BTreeSet<String>> {
    let jails = Layers::of_jails(&mut Sink::new(texts), texts).jails.into_iter();
    jails.map(|(jail, layer)| (jail, layer.entries.into_keys().collect())).collect()
}

/// The value of the setting `key` as a person gives it on a command line, in TOML: as it is if it is
/// TOML, else as a string, and `yes` and `no` for what is true or false.
///
/// # Errors
///
/// What is wrong with it, whichever way it is taken.
pub fn setting(jail: &str, key: &str, value: &str) -> Result<String, Vec<Diagnostic>> {
    let truth = match value {
        "yes" | "on" | "1" => Some("true".to_owned()),
        "no" | "off" | "0" => Some("false".to_owned()),
        _ => None,
    };
    let mut first = Vec::new();
    for written in as_toml(value).into_iter().chain([quoted(value)]).chain(truth) {
        let mut overlay = Overlay::default();
        overlay.set(jail, key, &written);
        let errors = overlay.errors();
        if errors.is_empty() {
            return Ok(written);
        }
        if first.is_empty() {
            first = errors;
        }
    }
    Err(first)
}

/// The value alone, if the text is one in TOML.
fn as_toml(text: &str) -> Option<String> {
    let document = format!("x = {text}");
    let table = DeTable::parse(&document).ok()?;
    let mut entries = table.get_ref().iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else { return None };
    (key.get_ref() == "x").then(|| document.get(value.span()).map(str::to_owned)).flatten()
}

/// A string, in the quotes that people expect where that is possible.
fn quoted(text: &str) -> String {
    let is_plain = !text.contains(|c: char| c.is_control() || matches!(c, '"' | '\\'));
    if is_plain { format!("\"{text}\"") } else { written::string(text) }
}

/// A name as a key.
fn name(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(is_bare) {
        return text.to_owned();
    }
    written::basic(text)
}
