//! Texts to jails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::definition::{Definition, Sample};
use super::diagnostic::{Diagnostic, Severity, Sink, Wrong};
use super::fail2ban;
use super::filter::{self, Own};
use super::jail::{Draft, Jail};
use super::layers::{Layer, Layers};
use super::sources::{Backend, SourceDraft};
use super::text::Texts;
use super::tree::{At, Kind};
use super::value::{self, Read};
use super::wording;
use crate::filter::Filter;
use crate::pattern::Language;
use crate::record::{LogFiles, Matches, Origin, Sources, Want, is_namespace};

/// What became of the configuration.
#[derive(Debug)]
pub struct Loaded {
    /// Which journal is to be read.
    pub origin: Origin,
    /// The jails that are enabled and right, sorted by name.
    pub jails: Vec<Jail>,
    /// The jails that are enabled and wrong, sorted by name.
    pub broken: Vec<BrokenJail>,
    /// Every mistake, file by file from top to bottom.
    pub diagnostics: Vec<Diagnostic>,
    /// The filters' samples; only [`load_all`] fills it.
    pub sampled: Vec<Sampled>,
    doubt: Option<Doubt>,
}

/// A part of the configuration could not be read, and nobody knows which jails it is about.
#[derive(Debug)]
struct Doubt {
    why: Wrong,
    /// The jails about which it does not matter.
    certain: BTreeSet<String>,
}

impl Loaded {
    /// Whether any of the mistakes is an error, and not just a warning.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Why the jail `name` may be missing here by mistake: what could not be read may have switched
    /// it on. A file that could be read and that comes later may say that it is off.
    #[must_use]
    pub fn in_doubt(&self, name: &str) -> Option<&str> {
        let Doubt { why: Wrong(why), certain } = self.doubt.as_ref()?;
        let is_known = certain.contains(name) || self.jails.iter().any(|jail| jail.name == name);
        (!is_known).then_some(why)
    }
}

/// A jail that cannot run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenJail {
    /// Its name.
    pub name: String,
    /// The first thing that is wrong, as a sentence without a full stop.
    pub why: String,
}

/// A filter in a mode, and the samples that are written for it.
#[derive(Debug)]
pub struct Sampled {
    /// The filter.
    pub filter: Arc<Filter>,
    /// The samples for its mode, in the order of the file.
    pub samples: Vec<Sample>,
}

/// Reads the configuration. Filters that no enabled jail uses are read but not compiled.
#[must_use]
pub fn load(texts: &Texts) -> Loaded {
    Loader::new(texts, false).run()
}

/// Reads the configuration as [`load`] does, and checks and compiles what is not enabled as well.
#[must_use]
pub fn load_all(texts: &Texts) -> Loaded {
    Loader::new(texts, true).run()
}

/// The folders in which the jails have filters of fail2ban's, beside our own: what is to be read
/// before [`load`] can find them ([`Texts::fail2ban`]).
#[must_use]
pub fn fail2ban_folders(texts: &Texts) -> Vec<PathBuf> {
    let mut sink = Sink::new(texts);
    let layers = Layers::read(&mut sink, texts);
    let tables = layers.jails.values().chain([&layers.default]);
    let named = tables.filter_map(|layer| layer.entries.get("filter"));
    let named = named.filter_map(|entry| match &entry.value.kind {
        Kind::Text(text) => fail2ban::folder(text),
        _ => None,
    });
    let mut folders: Vec<PathBuf> = named.collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}

/// A filter that was asked for by its name.
#[derive(Debug)]
pub struct Chosen {
    /// The filter.
    pub filter: Arc<Filter>,
    /// Which journal entries it is for, if it says so.
    pub matches: Option<Matches>,
}

/// Why a filter cannot be had.
#[derive(Debug)]
pub enum NotChosen {
    /// There is none of that name; what to do, as a sentence without a full stop.
    Unknown(String),
    /// It has no such mode; what to do.
    UnknownMode(String),
    /// Its files have mistakes.
    Mistakes(Vec<Diagnostic>),
}

/// Compiles the filter `name` in `mode`.
///
/// # Errors
///
/// When there is none, or its files have mistakes; those of other files do not matter.
pub fn load_filter(texts: &Texts, name: &str, mode: &str) -> Result<Chosen, NotChosen> {
    let mut loader = Loader::new(texts, false);
    let known = loader.definitions.keys().map(String::as_str);
    let Some(definition) = loader.definitions.get(name) else {
        let problem = wording::unknown_filter(name, known);
        return Err(NotChosen::Unknown(problem.hint.unwrap_or_default()));
    };
    let modes = definition.mode_names();
    if !modes.contains(&mode) {
        let problem = wording::unknown_mode(mode, name, &modes);
        return Err(NotChosen::UnknownMode(problem.hint.unwrap_or_default()));
    }
    let (matches, broken) = (definition.matches.clone(), definition.broken.is_some());
    let at = loader.layers.filters.get(name).and_then(|layer| layer.at.clone());
    let filter = loader.compile(name, mode, &at.unwrap_or(At { file: 0, span: 0..0 }));
    match filter.and_then(|filter| loader.with_names(name, mode).unwrap_or(Ok(filter))) {
        Ok(filter) if !broken => Ok(Chosen { filter, matches }),
        _ => {
            let file_of = |found: &Diagnostic| {
                found.path.file_stem().is_some_and(|stem| stem == name)
                    && texts.filters.iter().any(|file| file.path == found.path)
            };
            let mut own = loader.sink.into_diagnostics();
            own.retain(file_of);
            Err(NotChosen::Mistakes(own))
        }
    }
}

struct Loader<'t> {
    texts: &'t Texts,
    sink: Sink<'t>,
    layers: Layers,
    definitions: BTreeMap<String, Definition>,
    compiled: BTreeMap<(String, String), Read<Arc<Filter>>>,
    everything: bool,
}

impl<'t> Loader<'t> {
    fn new(texts: &'t Texts, everything: bool) -> Self {
        let mut sink = Sink::new(texts);
        let layers = Layers::read(&mut sink, texts);
        let definitions = layers.filters.iter();
        let definitions = definitions
            .map(|(name, layer)| (name.clone(), Definition::read(&mut sink, name, layer)))
            .collect();
        Self { texts, sink, layers, definitions, compiled: BTreeMap::new(), everything }
    }

    fn run(mut self) -> Loaded {
        let origin = self.origin();
        let nobody = Layer::default();
        Draft::read(&mut self.sink, "default", &nobody, &self.layers.default);
        let (mut jails, mut broken) = (Vec::new(), Vec::new());
        let tables = std::mem::take(&mut self.layers.jails);
        let mut off = BTreeSet::new();
        for (name, layer) in &tables {
            let mut draft = Draft::read(&mut self.sink, name, layer, &self.layers.default);
            if !draft.enabled && self.layers.is_certain(layer) {
                off.insert(name.clone());
            }
            if !draft.enabled && !self.everything {
                continue;
            }
            if let Err(wrong) = &origin {
                draft.broken.get_or_insert(wrong.clone());
            }
            let enabled = draft.enabled;
            match self.jail(draft, origin.as_ref().unwrap_or(&Origin::System)) {
                Ok(jail) if enabled => jails.push(jail),
                Err(Wrong(why)) if enabled => broken.push(BrokenJail { name: name.clone(), why }),
                _ => {}
            }
        }
        let sampled = if self.everything { self.sampled() } else { Vec::new() };
        let diagnostics = self.sink.into_diagnostics();
        let doubt = self.layers.doubt.map(|(_, why)| Doubt { why, certain: off });
        Loaded { origin: origin.unwrap_or_default(), jails, broken, diagnostics, sampled, doubt }
    }

    fn jail(&mut self, draft: Draft, origin: &Origin) -> Read<Jail> {
        if let (Some(wrong), true) = (&draft.broken, draft.unreadable) {
            return Err(wrong.clone());
        }
        let filter = self.filter_of(&draft);
        let has_filter = self.definitions.contains_key(draft.filter_name());
        if !has_filter && draft.own.failures.is_empty() && filter.is_err() {
            return Err(filter.err().unwrap_or(Wrong(String::new())));
        }
        let said = filter.as_ref().ok().and_then(|found| found.matches.clone());
        let sources = self.sources_of(&draft, said, origin);
        let (filter, mut sources) = (filter?.filter, sources?);
        if sources.files.is_some() && filter.needs_journal() {
            let at = place(draft.sources.paths_at.as_ref(), &draft);
            return Err(self.sink.report(&at, wording::needs_journal(filter.name())));
        }
        if let Some((_, want)) = &mut sources.journal {
            want.fields = filter.fields().map(str::to_owned).collect();
        }
        match &draft.broken {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(draft.into_jail(filter, sources)),
        }
    }

    /// What a jail reads. A filter may say which journal entries it is for.
    fn sources_of(
        &mut self,
        draft: &Draft,
        filters: Option<Matches>,
        origin: &Origin,
    ) -> Read<Sources> {
        let SourceDraft { backend, backend_at, paths, paths_at, encoding, zone } = &draft.sources;
        let mut sources = Sources::default();
        if draft.sources.reads_journal(draft.matches.is_some()) {
            let matches = self.matches_of(draft, filters)?;
            let origin = match backend {
                Backend::Journal(Some(other)) => other.clone(),
                _ => origin.clone(),
            };
            sources.journal = Some((origin, Want { matches, fields: Vec::new() }));
        }
        if draft.sources.reads_files() {
            let (paths, encoding, zone) = (paths.clone(), encoding.clone(), zone.clone());
            sources.files = Some(LogFiles { paths, encoding, zone });
        } else if *backend == Backend::Files {
            let problem = wording::no_logs(&draft.name);
            return Err(self.sink.report(&place(backend_at.as_ref(), draft), problem));
        } else if let Some(at) = paths_at.as_ref().filter(|_| !paths.is_empty()) {
            self.sink.report(at, wording::logs_unread());
        }
        Ok(sources)
    }

    fn filter_of(&mut self, draft: &Draft) -> Read<Chosen> {
        let at = place(draft.filter.as_ref().map(|text| &text.at), draft);
        if fail2ban::is_meant(draft.filter_name()) {
            return self.fail2ban_filter(draft, &at);
        }
        let has_own = !draft.own.failures.is_empty();
        let Some(definition) = self.definitions.get(draft.filter_name()) else {
            if has_own && draft.filter.is_none() {
                let filter = self.own_filter(draft)?;
                return Ok(Chosen { filter, matches: None });
            }
            let known = self.definitions.keys().map(String::as_str);
            let problem = wording::unknown_filter(draft.filter_name(), known);
            return Err(self.sink.report(&at, problem));
        };
        if definition.broken.is_some() {
            return Err(self.sink.report(&at, wording::broken_filter(&definition.name)));
        }
        let known = definition.mode_names();
        if !known.contains(&draft.mode_name()) {
            let at = place(draft.mode.as_ref().map(|text| &text.at), draft);
            let problem = wording::unknown_mode(draft.mode_name(), &definition.name, &known);
            return Err(self.sink.report(&at, problem));
        }
        let matches = definition.matches.clone();
        if !draft.own.is_empty() {
            let filter =
                filter::compile(&mut self.sink, definition, draft.mode_name(), &draft.own)?;
            return Ok(Chosen { filter: Arc::new(filter), matches });
        }
        let name = definition.name.clone();
        let filter = self.compile(&name, draft.mode_name(), &at)?;
        Ok(Chosen { filter, matches })
    }

    /// One of fail2ban's own filters, read as it is.
    fn fail2ban_filter(&mut self, draft: &Draft, at: &At) -> Read<Chosen> {
        let asked = fail2ban::Asked {
            text: draft.filter_name(),
            mode: draft.mode.as_ref().map(|mode| mode.text.as_str()),
            reads_files: draft.sources.reads_files(),
            own: &draft.own,
        };
        match fail2ban::find(self.texts, &asked) {
            Ok(found) => {
                self.sink.take_over(found.warnings);
                Ok(Chosen { filter: Arc::new(found.filter), matches: found.matches })
            }
            Err(fault) => Err(self.sink.adopt(at, fault)),
        }
    }

    /// The filter of a jail that has no filter but patterns of its own.
    fn own_filter(&mut self, draft: &Draft) -> Read<Arc<Filter>> {
        let empty = Definition { name: draft.name.clone(), ..Definition::default() };
        if let Some(mode) = draft.mode.as_ref().filter(|mode| mode.text != "normal") {
            let problem = wording::unknown_mode(&mode.text, &draft.name, &["normal"]);
            return Err(self.sink.report(&mode.at, problem));
        }
        filter::compile(&mut self.sink, &empty, draft.mode_name(), &draft.own).map(Arc::new)
    }

    /// The filter in a mode, compiled at most once.
    fn compile(&mut self, name: &str, mode: &str, at: &At) -> Read<Arc<Filter>> {
        let key = (name.to_owned(), mode.to_owned());
        if let Some(known) = self.compiled.get(&key) {
            return known.clone();
        }
        let definition = &self.definitions[name];
        let filter = match filter::compile(&mut self.sink, definition, mode, &Own::default()) {
            Ok(filter) if filter.is_empty() => {
                let problem = wording::no_patterns(&format!("the filter \"{name}\""));
                Err(self.sink.report(at, problem))
            }
            other => other.map(Arc::new),
        };
        self.compiled.insert(key, filter.clone());
        filter
    }

    /// A filter in fail2ban's language, for whoever asks for it by itself: no jail says whether hosts'
    /// names count, and fail2ban's own tool takes them.
    fn with_names(&mut self, name: &str, mode: &str) -> Option<Read<Arc<Filter>>> {
        let definition = self.definitions.get(name)?;
        let own = Own { names: true, ..Own::default() };
        let compiled = || filter::compile(&mut self.sink, definition, mode, &own).map(Arc::new);
        (definition.language == Language::Fail2ban).then(compiled)
    }

    fn matches_of(&mut self, draft: &Draft, filters: Option<Matches>) -> Read<Matches> {
        let wrongly_set = draft.matches.is_none() && draft.broken.is_some();
        match draft.matches.clone().or(filters) {
            Some(matches) => Ok(matches),
            // What broke the jail may have been its journalmatch: one complaint is enough.
            None if wrongly_set => Err(draft.broken.clone().unwrap_or(Wrong(String::new()))),
            None => {
                let problem = wording::whole_journal(&draft.name);
                Err(self.sink.report(&place(None, draft), problem))
            }
        }
    }

    /// Which journal; a mistake here breaks every jail, since none would read what it should.
    fn origin(&mut self) -> Read<Origin> {
        let mut found: Option<Origin> = None;
        let mut wrong = self.layers.journal.broken.clone();
        for entry in self.layers.journal.entries.values() {
            let sink = &mut self.sink;
            let read = match entry.key.as_str() {
                "namespace" | "directory" if found.is_some() => {
                    Err(sink.report(&entry.key_at, wording::two_journals()))
                }
                "namespace" => value::word(sink, &entry.value).and_then(|word| {
                    if is_namespace(&word.text) {
                        return Ok(Origin::Namespace(word.text));
                    }
                    Err(sink.report(&word.at, wording::bad_namespace()))
                }),
                "directory" => value::word(sink, &entry.value).and_then(|word| {
                    let path = PathBuf::from(&word.text);
                    if path.is_absolute() {
                        return Ok(Origin::Directory(path));
                    }
                    Err(sink.report(&word.at, wording::relative_directory()))
                }),
                other => {
                    let known = ["namespace", "directory"];
                    Err(sink.report(&entry.key_at, wording::unknown_key(other, &known)))
                }
            };
            match read {
                Ok(origin) => found = Some(origin),
                Err(reported) => wrong = wrong.or(Some(reported)),
            }
        }
        wrong.map_or(Ok(found.unwrap_or_default()), Err)
    }

    fn sampled(&mut self) -> Vec<Sampled> {
        let all: Vec<(String, String, At)> = self
            .definitions
            .values()
            .filter(|definition| definition.broken.is_none())
            .flat_map(|definition| {
                let at = self.layers.filters[&definition.name].at.clone();
                let at = at.unwrap_or(At { file: 0, span: 0..0 });
                let modes = definition.mode_names();
                modes.into_iter().map(move |m| (definition.name.clone(), m.to_owned(), at.clone()))
            })
            .collect();
        let mut filters = Vec::new();
        for (name, mode, at) in all {
            let Ok(filter) = self.compile(&name, &mode, &at) else { continue };
            let samples = self.definitions[&name].samples.iter();
            let samples = samples.filter(|sample| sample.mode == mode).cloned().collect();
            filters.push(Sampled { filter, samples });
        }
        filters
    }
}

fn place(own: Option<&At>, draft: &Draft) -> At {
    own.or(draft.at.as_ref()).cloned().unwrap_or(At { file: 0, span: 0..0 })
}
