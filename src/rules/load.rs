//! Texts to jails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::chosen::Chosen;
use super::definition::{Definition, NORMAL};
use super::diagnostic::{Sink, Wrong};
use super::fail2ban::{self, Translated};
use super::filter::{self, Own};
use super::jail::{Draft, Jail};
use super::layers::{Layer, Layers};
use super::loaded::{BrokenJail, Doubt, Loaded, Sampled};
use super::needs::{Needs, needs_of_all};
use super::overlay::DEFAULT;
use super::safety;
use super::settings::Setting;
use super::sources::{Backend, SourceDraft, Usual};
use super::text::Texts;
use super::tree::At;
use super::value::{self, Read};
use super::wording;
use crate::filter::Filter;
use crate::pattern::Language;
use crate::record::{LogFiles, Matches, Origin, Sources, Want, is_namespace};

/// Reads the configuration. Filters that no enabled jail uses are read but not compiled.
#[must_use]
pub fn load(texts: &Texts) -> Loaded {
    Loader::new(texts, false).run()
}

/// Does the same after [`super::needs`], whose jails were read from the same texts.
#[must_use]
pub fn load_needed(texts: &Texts, needs: Needs) -> Loaded {
    Loader::after(texts, needs, false).run()
}

/// Reads the configuration as [`load`] does, and checks and compiles what is not enabled as well.
#[must_use]
pub fn load_all(texts: &Texts) -> Loaded {
    Loader::new(texts, true).run()
}

/// Reads texts to jails.
pub(super) struct Loader<'t> {
    pub(super) texts: &'t Texts,
    pub(super) sink: Sink<'t>,
    pub(super) layers: Layers,
    pub(super) definitions: BTreeMap<String, Definition>,
    compiled: BTreeMap<(String, String), Read<Arc<Filter>>>,
    everything: bool,
}

impl<'t> Loader<'t> {
    /// With `everything`, what is switched off is checked as well, and samples are read.
    pub(super) fn new(texts: &'t Texts, everything: bool) -> Self {
        Self::after(texts, needs_of_all(texts), everything)
    }

    fn after(texts: &'t Texts, Needs { jails, found, .. }: Needs, everything: bool) -> Self {
        let (mut sink, mut layers) = (Sink::after(texts, found), jails);
        layers.lay_filters(&mut sink, texts, everything);
        let definitions = layers.filters.iter();
        let definitions = definitions
            .map(|(name, layer)| (name.clone(), Definition::read(&mut sink, name, layer)))
            .collect();
        Self { texts, sink, layers, definitions, compiled: BTreeMap::new(), everything }
    }

    fn run(mut self) -> Loaded {
        let origin = self.origin();
        let nobody = Layer::default();
        let default = Draft::read(&mut self.sink, DEFAULT, &nobody, &self.layers.default);
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
            if self.everything && self.is_ours(draft.filter_name()) {
                safety::warn(&mut self.sink, &draft.own.failures);
            }
            match self.jail(draft, origin.as_ref().unwrap_or(&Origin::System)) {
                Ok(jail) if enabled => jails.push(jail),
                Err(Wrong(why)) if enabled => broken.push(BrokenJail { name: name.clone(), why }),
                _ => {}
            }
        }
        let sampled = if self.everything { self.sampled() } else { Vec::new() };
        let diagnostics = self.sink.into_diagnostics();
        let doubt = self.layers.doubt.map(|(_, why)| Doubt { why, certain: off });
        let default = default.default_settings();
        Loaded {
            origin: origin.unwrap_or_default(),
            jails,
            broken,
            diagnostics,
            sampled,
            default,
            doubt,
        }
    }

    pub(super) fn jail(&mut self, draft: Draft, origin: &Origin) -> Read<Jail> {
        if let (Some(wrong), true) = (&draft.broken, draft.unreadable) {
            return Err(wrong.clone());
        }
        if draft.hears_bans() {
            return self.jail_of_bans(draft);
        }
        let filter = self.filter_of(&draft);
        let has_filter = self.definitions.contains_key(draft.filter_name());
        if !has_filter && draft.own.failures.is_empty() && filter.is_err() {
            return Err(filter.err().unwrap_or(Wrong(String::new())));
        }
        let nothing = Usual::default();
        let usual = filter.as_ref().map_or(&nothing, |found| &found.usual);
        let sources = self.sources_of(&draft, usual, origin);
        let (chosen, mut sources) = (filter?, sources?);
        if sources.files.is_some() && chosen.filter.needs_journal() {
            let at = place(draft.sources.paths_at.as_ref(), &draft);
            return Err(self.sink.report(&at, wording::needs_journal(chosen.filter.name())));
        }
        if let Some((_, want)) = &mut sources.journal {
            want.fields = chosen.filter.fields().map(str::to_owned).collect();
        }
        match &draft.broken {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(draft.into_jail(chosen, sources)),
        }
    }

    /// A jail without records, and so with a filter that nothing ever meets.
    fn jail_of_bans(&mut self, draft: Draft) -> Read<Jail> {
        let nothing = Definition::default();
        let filter = filter::compile(&mut self.sink, &nothing, NORMAL, &Own::default())?;
        if let Some(wrong) = &draft.broken {
            return Err(wrong.clone());
        }
        let chosen = Chosen { filter: Arc::new(filter), usual: Usual::default(), says: Vec::new() };
        Ok(draft.into_jail(chosen, Sources::default()))
    }

    /// What a jail reads. A filter may say where its log usually is.
    fn sources_of(&mut self, draft: &Draft, usual: &Usual, origin: &Origin) -> Read<Sources> {
        let SourceDraft { backend, backend_at, paths, paths_at, encoding, zone } = &draft.sources;
        let mut sources = Sources::default();
        let has_match = draft.matches.is_some();
        if draft.sources.reads_journal(has_match, usual) {
            let matches = self.matches_of(draft, usual.matches.clone())?;
            let origin = match backend {
                Backend::Journal(Some(other)) => other.clone(),
                _ => origin.clone(),
            };
            sources.journal = Some((origin, Want { matches, fields: Vec::new() }));
        }
        let files = draft.sources.files(has_match, usual);
        if !files.is_empty() {
            let (paths, encoding, zone) = (files.to_vec(), encoding.clone(), zone.clone());
            let usual = draft.sources.paths.is_empty();
            sources.files = Some(LogFiles { paths, usual, encoding, zone });
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
                return Ok(Chosen { filter, usual: Usual::default(), says: Vec::new() });
            }
            let known = self.definitions.keys().map(String::as_str);
            let known = known.chain(self.texts.unread_filters());
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
        let usual = definition.usual.clone();
        if !draft.own.is_empty() {
            let filter =
                filter::compile(&mut self.sink, definition, draft.mode_name(), &draft.own)?;
            let says = self.what_says(draft.filter_name(), draft.mode_name());
            return Ok(Chosen { filter: Arc::new(filter), usual, says });
        }
        let name = definition.name.clone();
        let filter = self.compile(&name, draft.mode_name(), &at)?;
        let says = self.what_says(&name, draft.mode_name());
        Ok(Chosen { filter, usual, says })
    }

    /// One of fail2ban's own filters, read as it is.
    fn fail2ban_filter(&mut self, draft: &Draft, at: &At) -> Read<Chosen> {
        let asked = fail2ban::Asked {
            text: draft.filter_name(),
            mode: draft.mode.as_ref().map(|mode| mode.text.as_str()),
            reads_files: !draft.sources.files(false, &Usual::default()).is_empty(),
            own: &draft.own,
        };
        match fail2ban::find(self.texts, &asked) {
            Ok(mut found) => {
                self.sink.take_over(std::mem::take(&mut found.warnings));
                let Translated { filter, matches, says, .. } = found;
                let usual = Usual { matches, ..Usual::default() };
                Ok(Chosen { filter: Arc::new(filter), usual, says })
            }
            Err(fault) => Err(self.sink.adopt(at, fault)),
        }
    }

    /// What a filter of ours says in a mode: its patterns one by one, the rest as it is written.
    pub(super) fn what_says(&self, name: &str, mode: &str) -> Vec<Setting> {
        let (Some(layer), Some(definition)) =
            (self.layers.filters.get(name), self.definitions.get(name))
        else {
            return Vec::new();
        };
        let apart = ["description", "failregex", "ignoreregex", "mode", "sample"];
        let entries = layer.entries.values().filter(|entry| !apart.contains(&entry.key.as_str()));
        let mut says: Vec<Setting> =
            entries.map(|entry| Setting::of_entry(&self.sink, entry)).collect();
        for setting in &mut says {
            setting.key.insert_str(0, "filter.");
        }
        says.extend(definition.patterns(&self.sink, mode));
        says
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
    pub(super) fn compile(&mut self, name: &str, mode: &str, at: &At) -> Read<Arc<Filter>> {
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

    /// A filter for whoever asks for it by itself: no jail says whether hosts' names count, so they
    /// are shown, as fail2ban's own tool does.
    pub(super) fn with_names(&mut self, name: &str, mode: &str) -> Option<Read<Arc<Filter>>> {
        let definition = self.definitions.get(name)?;
        let own = Own { names: true, ..Own::default() };
        Some(filter::compile(&mut self.sink, definition, mode, &own).map(Arc::new))
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
    pub(super) fn origin(&mut self) -> Read<Origin> {
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

    /// Whether patterns beside those of the filter `name` are in our language.
    fn is_ours(&self, name: &str) -> bool {
        let definition = self.definitions.get(name);
        !fail2ban::is_meant(name) && definition.is_none_or(|it| it.language == Language::Native)
    }

    fn sampled(&mut self) -> Vec<Sampled> {
        for definition in self.definitions.values() {
            if definition.language == Language::Native {
                safety::warn(&mut self.sink, definition.failures());
            }
        }
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
