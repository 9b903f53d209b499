//! The jails: every section of `jail.conf`, `jail.d/*.conf`, `jail.local` and `jail.d/*.local`.

use std::collections::BTreeMap;

use super::action::{ActionSettings, Asked};
use super::config::{Config, Vars};
use super::dict::Dict;
use super::file::{DEFAULT, Entry, Section};
use super::filter::{FILTER_OPTIONS, Filter, FilterSettings, settings_of};
use super::lint;
use super::mistake::{Fault, Outcome, Trouble};
use super::reference::{NotAReference, Parts, Reference, many, parts};
use super::text::{Span, Text};
use super::tree::{Session, Tree, with_builtins};
use super::value::{Value, is_yes};

/// How an option's value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Whole,
    Boolean,
    Time,
}

/// The options of a jail that are its own, besides those of its filter.
pub(super) const JAIL_OPTIONS: [(&str, Kind); 22] = [
    ("enabled", Kind::Boolean),
    ("backend", Kind::Word),
    ("maxretry", Kind::Whole),
    ("maxmatches", Kind::Whole),
    ("findtime", Kind::Time),
    ("bantime", Kind::Time),
    ("bantime.increment", Kind::Boolean),
    ("bantime.factor", Kind::Word),
    ("bantime.formula", Kind::Word),
    ("bantime.multipliers", Kind::Word),
    ("bantime.maxtime", Kind::Time),
    ("bantime.rndtime", Kind::Time),
    ("bantime.overalljails", Kind::Boolean),
    ("ignorecommand", Kind::Word),
    ("ignoreself", Kind::Boolean),
    ("ignoreip", Kind::Word),
    ("ignorecache", Kind::Word),
    ("filter", Kind::Word),
    ("logtimezone", Kind::Word),
    ("logencoding", Kind::Word),
    ("logpath", Kind::Word),
    ("action", Kind::Word),
];

/// One line of `logpath`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPath {
    /// The path, which may have wildcards.
    pub path: Value,
    /// Whether what is in the file already is passed over.
    pub from_end: bool,
}

/// What a jail means, once everything is put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailSettings {
    /// The section's name.
    pub name: String,
    /// Whether it is to run.
    pub enabled: bool,
    /// All options that are set for it, by name.
    pub options: BTreeMap<String, Value>,
    /// What the journal or the files are read with.
    pub backend: String,
    /// The filter with what it is given; none when the patterns are the jail's own.
    pub filter: Option<Reference>,
    /// What the filter and the jail's own patterns find.
    pub rules: FilterSettings,
    /// The files to read. They do not count when the backend is `systemd`.
    pub logpath: Vec<LogPath>,
    /// What is done with offenders.
    pub actions: Vec<ActionSettings>,
    /// The ports that the jail is about (`port`). They count only where an action is given them.
    pub port: Option<Value>,
}

/// What `[DEFAULT]` says for all jails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JailDefaults {
    /// The options, by name.
    pub options: BTreeMap<String, Value>,
    /// What is done with offenders; nothing where that cannot be read.
    pub actions: Vec<ActionSettings>,
    /// The ports (`port`).
    pub port: Option<Value>,
}

/// A jail that cannot be read. Why is among the mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableJail {
    /// The section's name.
    pub name: String,
    /// Whether it was to run.
    pub enabled: bool,
}

/// All jails of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jails {
    /// Those that can be read, in the order of their sections.
    pub jails: Vec<JailSettings>,
    /// The others. The first do not suffer from them.
    pub unreadable: Vec<UnreadableJail>,
}

impl Tree {
    /// Reads all jails, those too that are switched off. What is wrong with those is a warning.
    pub fn jails(&self) -> Outcome<Jails> {
        let mut session = Session::new(self);
        let Some(config) = session.config("jail") else {
            let fault = Fault::new(
                "the configuration has no jail.conf and no jail.local",
                "name the directory in which they are",
            );
            session.sink.error(fault.at(None));
            return session.outcome(Jails::default());
        };
        let mut config = (*config).clone();
        with_builtins(&mut config, self.root());
        lint::files(&mut session, &config);
        let mut names: Vec<(usize, String, bool)> = Vec::new();
        let sections: Vec<String> = config.section_names().map(str::to_owned).collect();
        for name in sections.iter().filter(|name| *name != "INCLUDES") {
            let enabled = config.get(&mut session.work, name, "enabled", &Vars::default());
            let enabled = enabled.unwrap_or_else(|trouble| {
                session.sink.error(trouble);
                None
            });
            let enabled = enabled.is_some_and(|value| is_yes(value.as_str()));
            names.push((names.len(), name.clone(), enabled));
        }
        // What those that run refer to is looked at with them first, so that its mistakes are errors.
        names.sort_by_key(|(_, _, enabled)| !*enabled);
        let mut found = Vec::new();
        let mut unreadable = Vec::new();
        for (rank, name, enabled) in names {
            session.sink.set_lenient(!enabled);
            let mut reader = JailReader { session: &mut session, config: &mut config, name: &name };
            match reader.read(enabled) {
                Ok(jail) => found.push((rank, jail)),
                Err(trouble) => {
                    let heading = config.sections.get(&name).and_then(|s| s.heading.clone());
                    session.sink.error(trouble.or_at(heading.as_ref()));
                    unreadable.push((rank, UnreadableJail { name, enabled }));
                }
            }
        }
        session.sink.set_lenient(false);
        found.sort_by_key(|(rank, _)| *rank);
        unreadable.sort_by_key(|(rank, _)| *rank);
        let jails: Vec<JailSettings> = found.into_iter().map(|(_, jail)| jail).collect();
        lint::together(&mut session, &config, &jails);
        let unreadable = unreadable.into_iter().map(|(_, jail)| jail).collect();
        session.outcome(Jails { jails, unreadable })
    }

    /// What all jails have in common. What is wrong with it is told where jails are read
    /// ([`Tree::jails`]), as far as it takes effect.
    pub fn jail_defaults(&self) -> JailDefaults {
        let mut session = Session::new(self);
        let Some(config) = session.config("jail") else { return JailDefaults::default() };
        let mut config = (*config).clone();
        with_builtins(&mut config, self.root());
        config.sections.insert(DEFAULT, Section::default());
        let mut reader = JailReader { session: &mut session, config: &mut config, name: DEFAULT };
        let Ok((raw, options)) = reader.options() else { return JailDefaults::default() };
        let actions = reader.actions(&raw, &options).unwrap_or_default();
        JailDefaults { options: reader.values(&raw), actions, port: reader.port() }
    }
}

/// One jail on its way from its section to what it means.
struct JailReader<'j, 't> {
    session: &'j mut Session<'t>,
    config: &'j mut Config,
    name: &'j str,
}

impl JailReader<'_, '_> {
    fn read(&mut self, enabled: bool) -> Result<JailSettings, Trouble> {
        let mut first = Dict::default();
        first.insert("enabled", Text::plain(if enabled { "True" } else { "False" }));
        for (option, otherwise) in [("backend", "auto"), ("filter", "")] {
            let value = self.get(option)?.unwrap_or_else(|| Text::plain(otherwise));
            first.insert(option, value);
        }
        let mut filter = self.filter(&first)?;
        if let Some((_, filter)) = &mut filter {
            self.keep_known(filter, &first)?;
        }
        let (raw, options) = self.options()?;
        let rules = match &mut filter {
            Some((_, filter)) => {
                let work = &mut self.session.work;
                filter.definition.read(work, &FILTER_OPTIONS, &options, false)?;
                filter.settings(self.session, &options)?
            }
            None => settings_of(self.session, &Dict::default(), &options),
        };
        lint::rules(self.session, &rules, self.entry("filter").as_ref());
        let actions = self.actions(&raw, &options)?;
        let tree = self.session.tree;
        Ok(JailSettings {
            name: self.name.to_owned(),
            enabled,
            backend: options.get("backend").map_or("", Text::as_str).to_owned(),
            logpath: raw.get("logpath").map(|text| logpaths(tree, text)).unwrap_or_default(),
            options: self.values(&raw),
            filter: filter.map(|(reference, _)| reference),
            rules,
            actions,
            port: self.port(),
        })
    }

    fn values(&self, raw: &Dict<Text>) -> BTreeMap<String, Value> {
        let value = |(name, text): (&str, &Text)| {
            let otherwise = self.entry(name).and_then(|entry| entry.key);
            (name.to_owned(), Value::new(self.session.tree, text, otherwise.as_ref()))
        };
        raw.iter().map(value).collect()
    }

    /// The jail's `port`. A mistake in it is told where an action asks for it.
    fn port(&mut self) -> Option<Value> {
        let text = self.get("port").ok().flatten()?;
        Some(Value::new(self.session.tree, &text, None))
    }

    fn get(&mut self, option: &str) -> Result<Option<Text>, Trouble> {
        self.config.get(&mut self.session.work, self.name, option, &Vars::default())
    }

    fn entry(&self, option: &str) -> Option<Entry> {
        self.config.entry(self.name, option).cloned()
    }

    /// The filter, opened; none when the jail names none.
    fn filter(&mut self, first: &Dict<Text>) -> Result<Option<(Reference, Filter)>, Trouble> {
        let text = first.get("filter").cloned().unwrap_or_default();
        if text.len() == 0 {
            return Ok(None);
        }
        let entry = self.entry("filter");
        let span = entry.as_ref().and_then(Entry::value_span);
        let parsed = parts(text.as_str()).map_err(|wrong| misread(&text, wrong));
        let parts = parsed.map_err(|trouble| trouble.or_at(span.as_ref()))?;
        let mut given = Dict::default();
        for (name, value) in parts.values(&text) {
            given.insert(&name, value);
        }
        // A jail that sets its mode means it, also where its own `filter` does not pass it on.
        let section = self.config.sections.get(self.name);
        let has_mode = section.is_some_and(|section| section.entries.contains("mode"));
        if has_mode
            && !given.contains("mode")
            && let Some(mode) = self.get("mode")?
        {
            given.insert("mode", mode);
        }
        let reference = reference(&text, &parts, &given);
        let backend = first.get("backend").map_or("", Text::as_str).to_owned();
        let at = text.span(parts.name.clone()).or(span);
        let filter = Filter::open(self.session, &reference.name, given, &backend)
            .map_err(|trouble| trouble.or_at(at.as_ref()))?;
        Ok(Some((reference, filter)))
    }

    /// Makes what the filter says known to the jail's options, as `%(known/option)s`.
    fn keep_known(&mut self, filter: &mut Filter, first: &Dict<Text>) -> Result<(), Trouble> {
        let work = &mut self.session.work;
        filter.definition.read(work, &FILTER_OPTIONS, first, true)?;
        let known = filter.definition.combined(work, &[])?;
        let Some(section) = self.config.sections.entry(self.name, Default::default) else {
            return Ok(());
        };
        for (name, value) in known.iter() {
            if !name.starts_with("known/") && name != "__name__" {
                let entry = Entry { value: value.clone(), key: None };
                section.entries.insert(&format!("known/{name}"), entry);
            }
        }
        Ok(())
    }

    /// The jail's options as they are written, and as filters and actions see them.
    fn options(&mut self) -> Result<(Dict<Text>, Dict<Text>), Trouble> {
        let filters = FILTER_OPTIONS.map(|name| (name, Kind::Word));
        let (mut raw, mut seen) = (Dict::default(), Dict::default());
        for (name, kind) in JAIL_OPTIONS.into_iter().chain(filters) {
            let kind = if name == "maxlines" { Kind::Whole } else { kind };
            let Some(value) = self.get(name)? else {
                let otherwise = match name {
                    "enabled" => "False",
                    "backend" => "auto",
                    "filter" | "action" => "",
                    _ => continue,
                };
                seen.insert(name, Text::plain(otherwise));
                continue;
            };
            let entry = self.entry(name);
            lint::value(self.session, (name, kind), &value, entry.as_ref());
            if let Some(value) = as_seen(kind, &value) {
                seen.insert(name, value);
            }
            raw.insert(name, value);
        }
        Ok((raw, seen))
    }

    fn actions(
        &mut self,
        raw: &Dict<Text>,
        options: &Dict<Text>,
    ) -> Result<Vec<ActionSettings>, Trouble> {
        let Some(list) = raw.get("action") else { return Ok(Vec::new()) };
        let entry = self.entry("action");
        let span = entry.as_ref().and_then(Entry::value_span);
        self.session.work.spend(list.len(), span.clone())?;
        let all = many(list.as_str()).map_err(|wrong| misread(list, wrong).or_at(span.as_ref()))?;
        let (mut found, mut trouble) = (Vec::new(), None);
        for parts in all {
            match self.action(list, &parts, options) {
                Ok(action) => found.push(action),
                Err(wrong) => {
                    if let Some(earlier) = trouble.replace(wrong.or_at(span.as_ref())) {
                        self.session.sink.error(earlier);
                    }
                }
            }
        }
        trouble.map_or(Ok(found), Err)
    }

    fn action(
        &mut self,
        list: &Text,
        parts: &Parts,
        options: &Dict<Text>,
    ) -> Result<ActionSettings, Trouble> {
        let mut given = Dict::default();
        for (name, value) in parts.values(list) {
            given.insert(&name, value);
        }
        let reference = reference(list, parts, &given);
        let at = list.span(parts.name.clone());
        let asked = Asked { reference, given };
        asked.read(self.session, self.name, options).map_err(|wrong| wrong.or_at(at.as_ref()))
    }
}

/// A reference with its options as they are after interpolation.
fn reference(text: &Text, parts: &Parts, given: &Dict<Text>) -> Reference {
    let name = text.as_str().get(parts.name.clone()).unwrap_or_default().to_owned();
    let option = |(name, value): (&str, &Text)| (name.to_owned(), value.as_str().to_owned());
    Reference { name, options: given.iter().map(option).collect() }
}

/// A reference that cannot be read, at its place in the file.
fn misread(text: &Text, wrong: NotAReference) -> Trouble {
    let at = wrong.at;
    let end =
        text.as_str().get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let span: Option<Span> = text.span(at..at + end);
    Fault::new(wrong.why, wrong.hint).at(span)
}

/// A value as filters and actions see it: Python has made a number or a truth of it by then. What is
/// to be a number and is none counts as not set.
fn as_seen(kind: Kind, value: &Text) -> Option<Text> {
    let python = match kind {
        Kind::Boolean if is_yes(value.as_str()) => "True".to_owned(),
        Kind::Boolean => "False".to_owned(),
        Kind::Whole => value.as_str().parse::<i64>().ok()?.to_string(),
        Kind::Word | Kind::Time => return Some(value.clone()),
    };
    Some(if python == value.as_str() { value.clone() } else { Text::plain(&python) })
}

/// The files in `logpath`, one a line. A last word behind a blank says where to begin.
fn logpaths(tree: &Tree, text: &Text) -> Vec<LogPath> {
    let path = |line: Text| {
        let (end, from_end) = match line.as_str().rsplit_once(' ') {
            Some((path, last)) => (path.len(), last == "tail"),
            None => (line.len(), false),
        };
        LogPath { path: Value::new(tree, &line.part(0..end), None), from_end }
    };
    text.lines().into_iter().filter(|line| line.len() > 0).map(path).collect()
}
