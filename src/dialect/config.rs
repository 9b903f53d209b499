//! Several files laid over each other, and their options with `%(name)s` put in.

use super::dict::Dict;
use super::file::{Entry, File, Section};
use super::mistake::{Fault, Trouble, did_you_mean, nearest_hint, quoted};
use super::text::{Span, Text};
use super::work::{Work, fits};

/// So deep may options refer to options, as in Python's `configparser`.
const DEPTH_MAX: usize = 10;

/// The section under which the values are kept that a later file replaced.
const KNOWN: &str = "KNOWN/";

/// Values that count more than any section's, under lower-case names.
pub(super) type Vars = Dict<Text>;

/// The options of several files, the later ones over the earlier ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    pub(super) sections: Dict<Section>,
    pub(super) defaults: Dict<Entry>,
}

impl Config {
    /// Lays a file over what is there. `[Init?family=inet6]` adds to `[Init]` options whose names
    /// end in the condition.
    pub(super) fn merge(&mut self, file: &File) {
        self.defaults.update(&file.defaults);
        for (name, section) in file.sections.iter() {
            let (name, condition) = split_condition(name);
            let mut entries = Dict::default();
            for (key, entry) in section.entries.iter() {
                entries.insert(&format!("{key}{condition}"), entry.clone());
            }
            let Some(old) = self.sections.get(name) else {
                self.sections.insert(name, Section { entries, heading: section.heading.clone() });
                continue;
            };
            let mut replaced = Dict::default();
            for (key, entry) in old.entries.iter().filter(|(key, _)| entries.contains(key)) {
                replaced.insert(key, entry.clone());
            }
            if let Some(known) = self.sections.entry(&format!("{KNOWN}{name}"), Section::default) {
                known.entries.update(&replaced);
            }
            if let Some(old) = self.sections.entry(name, Section::default) {
                old.entries.update(&entries);
            }
        }
    }

    /// The sections that files have, without the values they replaced.
    pub(super) fn section_names(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().filter(|name| !name.starts_with(KNOWN))
    }

    /// An option of a section, inherited or its own, as it was written.
    pub(super) fn entry(&self, section: &str, option: &str) -> Option<&Entry> {
        let own = self.sections.get(section).and_then(|section| section.entries.get(option));
        own.or_else(|| self.defaults.get(option))
    }

    /// An option's value with every `%(name)s` put in; none when nobody sets it.
    pub(super) fn get(
        &self,
        work: &mut Work,
        section: &str,
        option: &str,
        vars: &Vars,
    ) -> Result<Option<Text>, Trouble> {
        if !self.sections.contains(section) {
            return Ok(None);
        }
        let option = option.to_lowercase();
        let own = || self.entry(section, &option).map(|entry| &entry.value);
        let Some(raw) = vars.get(&option).or_else(own) else { return Ok(None) };
        let mut out = Text::default();
        let mut interpolation = Interpolation { config: self, section, vars, work, out: &mut out };
        interpolation.expand(raw, 1)?;
        Ok(Some(out))
    }

    /// What `%(section/option)s` stands for: the option of that section, else of [DEFAULT]. Of
    /// `known`, it is what the option was before the last file that sets it.
    fn elsewhere(&self, here: &str, name: &str) -> Option<&Text> {
        let (section, option) = name.split_once('/')?;
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if section.is_empty() || !section.chars().all(word) {
            return None;
        }
        let own = match section {
            "default" => None,
            "known" => self.sections.get(&format!("{KNOWN}{here}")),
            other => Some(self.sections.get(other)?),
        };
        let entry = own.and_then(|section| section.entries.get(option));
        entry.or_else(|| self.defaults.get(option)).map(|entry| &entry.value)
    }

    /// What the tag `<name>` of a definition stands for, if it names an option. `<section/option>`
    /// is that section's, `<known/option>` the replaced value or else the present one.
    pub(super) fn tag(
        &self,
        work: &mut Work,
        name: &str,
        vars: &Vars,
    ) -> Result<Option<Text>, Trouble> {
        const HERE: &str = "Definition";
        let none = Vars::default();
        if let Some((section, option)) = split_tag(name) {
            let replaced = format!("{KNOWN}{HERE}");
            let sections: &[&str] = match section.to_lowercase().as_str() {
                "known" => &[&replaced, HERE],
                "default" => &[super::file::DEFAULT],
                _ => &[section],
            };
            for section in sections {
                let found = if *section == super::file::DEFAULT {
                    self.default_value(work, option)?
                } else {
                    self.get(work, section, option, &none)?
                };
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        self.get(work, HERE, name, vars)
    }

    fn default_value(&self, work: &mut Work, option: &str) -> Result<Option<Text>, Trouble> {
        let Some(entry) = self.defaults.get(&option.to_lowercase()) else { return Ok(None) };
        let vars = Vars::default();
        let mut out = Text::default();
        let section = super::file::DEFAULT;
        Interpolation { config: self, section, vars: &vars, work, out: &mut out }
            .expand(&entry.value, 1)?;
        Ok(Some(out))
    }
}

/// `Init?family=inet6` is `Init` under a condition.
fn split_condition(name: &str) -> (&str, &str) {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    match name.find('?') {
        Some(at) if at > 0 && at + 1 < name.len() => {
            let (base, condition) = name.split_at(at);
            if base.chars().all(word) { (base, condition) } else { (name, "") }
        }
        _ => (name, ""),
    }
}

/// Whether an option's name ends in a condition, and its name without it.
pub(super) fn conditional(name: &str) -> Option<&str> {
    let (base, condition) = split_condition(name);
    (!condition.is_empty()).then_some(base)
}

fn split_tag(name: &str) -> Option<(&str, &str)> {
    let (section, option) = name.split_once('/')?;
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let plain = !option.is_empty() && !option.contains(super::text::is_space);
    (!section.is_empty() && section.chars().all(word) && plain).then_some((section, option))
}

/// One value on its way from what is written to what it means.
struct Interpolation<'i> {
    config: &'i Config,
    section: &'i str,
    vars: &'i Vars,
    work: &'i mut Work,
    out: &'i mut Text,
}

impl Interpolation<'_> {
    fn expand(&mut self, raw: &Text, depth: usize) -> Result<(), Trouble> {
        if depth > DEPTH_MAX && raw.as_str().contains('%') {
            let fault = Fault::new(
                "options refer to each other in a circle, or more than ten deep",
                "follow the %(name)s from this option on, and break the circle",
            );
            return Err(fault.at(raw.span(0..raw.len())));
        }
        self.work.spend(raw.len(), raw.span(0..raw.len()))?;
        let string = raw.as_str();
        let mut at = 0;
        while let Some(percent) = string.get(at..).and_then(|rest| rest.find('%')) {
            self.copy(raw, at..at + percent)?;
            at += percent;
            let rest = string.get(at + 1..).unwrap_or_default();
            if rest.starts_with('%') {
                self.copy(raw, at..at + 1)?;
                at += 2;
            } else {
                let len = reference_len(rest).ok_or_else(|| lonely_percent(raw, at))?;
                let name = rest.get(1..len - 2).unwrap_or_default();
                self.put(raw, at..at + 1 + len, name, depth)?;
                at += 1 + len;
            }
        }
        self.copy(raw, at..raw.len())
    }

    fn copy(&mut self, raw: &Text, range: std::ops::Range<usize>) -> Result<(), Trouble> {
        let span = || raw.span(range.clone());
        fits(self.out.len() + range.len(), span())?;
        self.out.push_part(raw, range.clone());
        Ok(())
    }

    /// Puts in what `name` stands for, which is written as `range` in `raw`.
    fn put(
        &mut self,
        raw: &Text,
        range: std::ops::Range<usize>,
        name: &str,
        depth: usize,
    ) -> Result<(), Trouble> {
        let key = name.to_lowercase();
        if key == "__name__" {
            self.out.push(self.section, None);
            return fits(self.out.len(), raw.span(range));
        }
        let entry = || self.config.entry(self.section, &key).map(|entry| &entry.value);
        let found = self.vars.get(&key).or_else(entry);
        // A section is found by the name that is written, its option by the name in small letters.
        let elsewhere = || self.config.elsewhere(self.section, name).filter(|_| key == name);
        match found.or_else(elsewhere) {
            Some(value) => self.expand(value, depth + 1),
            None => Err(self.undefined(raw.span(range), name)),
        }
    }

    fn undefined(&self, span: Option<Span>, name: &str) -> Trouble {
        let own = self.config.sections.get(self.section).map(|section| section.entries.keys());
        let known = own.into_iter().flatten().chain(self.config.defaults.keys());
        let nearest = did_you_mean(name, known.chain(self.vars.keys()));
        let otherwise = format!("set `{name}` in [{}] or in [DEFAULT]", self.section);
        let title = format!("%({name})s is defined nowhere");
        Fault::new(title, nearest_hint(nearest, &otherwise)).at(span)
    }
}

/// The length of `(name)s`.
fn reference_len(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('(')?;
    let close = inside.find(')').filter(|close| *close > 0)?;
    let is_string = inside.get(close + 1..).is_some_and(|behind| behind.starts_with('s'));
    is_string.then_some(close + 3)
}

fn lonely_percent(raw: &Text, at: usize) -> Trouble {
    let written = quoted(raw.as_str().get(at..).unwrap_or_default());
    let fault = Fault::new(
        format!("a single % is neither %% nor %(name)s: {written}"),
        "write %% for the character %, or %(name)s for the value of an option",
    );
    fault.at(raw.span(at..at + 1))
}
