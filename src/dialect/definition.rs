//! What filters and actions have in common: a file with `[Definition]` and `[Init]`, read for one
//! jail. What the jail says about it in brackets counts more than `[Init]`, and that more than
//! `[Definition]`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::config::{Config, Vars, conditional};
use super::dict::Dict;
use super::mistake::Trouble;
use super::tags::Tags;
use super::text::Text;
use super::tree::Session;
use super::tree::normal;
use super::work::Work;

/// The section with what a filter or an action does.
const DEFINITION: &str = "Definition";

/// The section with what may be set from outside.
const INIT: &str = "Init";

/// Values that stand in the way of nothing.
static NOTHING: std::sync::LazyLock<Vars> = std::sync::LazyLock::new(Vars::default);

/// A filter's or an action's file, on its way to what it means for one jail.
pub(super) struct Definition {
    config: Rc<Config>,
    /// What was given in brackets, and then what `[Init]` adds to it.
    pub(super) given: Dict<Text>,
    options: Dict<Text>,
    vars: Vars,
    /// What tags stand for that are none of the options. They keep the value they had first.
    tags: BTreeMap<String, Option<Text>>,
}

impl Definition {
    /// Opens `folder/name`, if there is such a file.
    pub(super) fn open(
        session: &mut Session<'_>,
        folder: &str,
        name: &str,
        given: Dict<Text>,
    ) -> Option<Self> {
        let path = normal(&format!("{folder}/{name}"))?;
        let config = session.config(&path)?;
        let (options, vars, tags) = (Dict::default(), Vars::default(), BTreeMap::new());
        Some(Self { config, given, options, vars, tags })
    }

    /// Whether `[Definition]` itself sets an option.
    pub(super) fn defines(&self, option: &str) -> bool {
        let section = self.config.sections.get(DEFINITION);
        section.is_some_and(|section| section.entries.contains(option))
    }

    /// Reads the options `names`, but for those that the jail sets; with `all`, every other option
    /// of `[Definition]` too. The jail's own options can be referred to.
    pub(super) fn read(
        &mut self,
        work: &mut Work,
        names: &[&str],
        jail: &Dict<Text>,
        all: bool,
    ) -> Result<(), Trouble> {
        let mut outside = jail.clone();
        outside.update(&self.given);
        self.vars = Vars::default();
        for (name, value) in outside.iter() {
            self.vars.insert(&name.to_lowercase(), value.clone());
        }
        self.options = Dict::default();
        for name in names.iter().filter(|name| !outside.contains(name)) {
            if let Some(value) = self.config.get(work, DEFINITION, name, &self.vars)? {
                self.options.insert(name, value);
            }
        }
        self.read_init(work)?;
        if all {
            self.read_others(work)?;
        }
        Ok(())
    }

    fn read_init(&mut self, work: &mut Work) -> Result<(), Trouble> {
        let config = Rc::clone(&self.config);
        let Some(init) = config.sections.get(INIT) else { return Ok(()) };
        for name in init.entries.keys() {
            let Some(value) = config.get(work, INIT, name, &NOTHING)? else { continue };
            if !name.starts_with("known/") {
                self.given.insert(&format!("known/{name}"), value.clone());
            }
            if !self.given.contains(name) {
                self.given.insert(name, value);
            }
        }
        Ok(())
    }

    fn read_others(&mut self, work: &mut Work) -> Result<(), Trouble> {
        let config = Rc::clone(&self.config);
        let Some(definition) = config.sections.get(DEFINITION) else { return Ok(()) };
        for name in definition.entries.keys() {
            if self.options.contains(name) {
                continue;
            }
            if let Some(value) = config.get(work, DEFINITION, name, &NOTHING)? {
                self.options.insert(name, value);
            }
        }
        Ok(())
    }

    /// All options with their tags replaced, but for the tags in `ignored`.
    pub(super) fn combined(
        &mut self,
        work: &mut Work,
        ignored: &[&str],
    ) -> Result<Dict<Text>, Trouble> {
        let mut options = self.options.clone();
        options.update(&self.given);
        let mut ignored: BTreeSet<String> = ignored.iter().map(|name| (*name).to_owned()).collect();
        ignored.extend(options.keys().filter_map(conditional).map(str::to_owned));
        let (config, vars, known) = (&self.config, &self.vars, &mut self.tags);
        let elsewhere = |work: &mut Work, name: &str| {
            if let Some(value) = known.get(name) {
                return Ok(value.clone());
            }
            let value = config.tag(work, name, vars)?;
            known.insert(name.to_owned(), value.clone());
            Ok(value)
        };
        Tags { options, ignored }.resolve(work, elsewhere)
    }

    /// What a tag stands for that is none of the options.
    pub(super) fn tag(&self, work: &mut Work, name: &str) -> Result<Option<Text>, Trouble> {
        self.config.tag(work, name, &self.vars)
    }
}
