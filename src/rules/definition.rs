//! A filter as its file defines it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::diagnostic::{Sink, Wrong};
use super::layers::Layer;
use super::settings::Setting;
use super::structured::{self, Structured};
use super::tree::{Entry, Kind, Node};
use super::value::{self, Read, Text, all};
use super::wording;
use crate::pattern::Language;
use crate::record::{Fields, Matches};

/// The mode that every filter has: the patterns that stand outside of a mode.
pub(super) const NORMAL: &str = "normal";

/// What a filter's file may say.
pub const KEYS: [&str; 13] = [
    "description",
    "language",
    "journalmatch",
    "prefregex",
    "failregex",
    "ignoreregex",
    "identifier",
    "datepattern",
    "maxlines",
    "match",
    "extract",
    "mode",
    "sample",
];
const MODE_KEYS: [&str; 4] = ["failregex", "ignoreregex", "match", "extract"];
const SAMPLE_KEYS: [&str; 6] = ["message", "fields", "offender", "user", "mode", "why"];

/// A filter that was taken over from fail2ban says that its patterns are fail2ban's: they may need
/// backtracking, and lines are judged as fail2ban judges them.
const LANGUAGES: [(&str, Language); 2] =
    [("jailkeeper", Language::Native), ("fail2ban", Language::Fail2ban)];

/// A filter's text, understood but not compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) language: Language,
    pub(super) matches: Option<Matches>,
    pub(super) prefix: Option<Text>,
    pub(super) max_lines: usize,
    pub(super) programs: Vec<String>,
    pub(super) dates: Vec<Text>,
    pub(super) failures: Vec<Text>,
    pub(super) ignores: Vec<Text>,
    pub(super) structured: Structured,
    pub(super) modes: BTreeMap<String, Mode>,
    pub(super) samples: Vec<Sample>,
    pub(super) broken: Option<Wrong>,
}

/// What a mode adds.
#[derive(Clone, Debug, Default)]
pub(super) struct Mode {
    pub(super) failures: Vec<Text>,
    pub(super) ignores: Vec<Text>,
    pub(super) structured: Structured,
}

/// A message, and what the filter is to say to it (`[[sample]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The message.
    pub message: String,
    /// The journal's fields beside it.
    pub fields: Fields,
    /// Whom it tells of; none when it tells of no failure.
    pub offender: Option<IpAddr>,
    /// As whom, if the sample says so.
    pub user: Option<String>,
    /// In which mode.
    pub mode: String,
    /// Why this sample is here.
    pub why: Option<String>,
    /// In which file it stands.
    pub path: PathBuf,
    /// In which line, from 1.
    pub line: usize,
}

impl Definition {
    /// The modes' names.
    pub(super) fn mode_names(&self) -> Vec<&str> {
        std::iter::once(NORMAL).chain(self.modes.keys().map(String::as_str)).collect()
    }

    /// The patterns in `mode`, each with its place.
    pub(super) fn patterns(&self, sink: &Sink<'_>, mode: &str) -> Vec<Setting> {
        let nothing = Mode::default();
        let added = self.modes.get(mode).unwrap_or(&nothing);
        let row = |key| move |text: &Text| Setting::of_text(sink, key, text);
        let failures = self.failures.iter().chain(&added.failures).map(row("filter.failregex"));
        let ignores = self.ignores.iter().chain(&added.ignores).map(row("filter.ignoreregex"));
        failures.chain(ignores).collect()
    }

    /// Reads the filter `name` from all of its files.
    pub(super) fn read(sink: &mut Sink<'_>, name: &str, layer: &Layer) -> Self {
        let mut it = Self { name: name.to_owned(), ..Self::default() };
        it.broken.clone_from(&layer.broken);
        for entry in layer.entries.values() {
            if let Err(wrong) = it.key(sink, entry) {
                it.broken.get_or_insert(wrong);
            }
        }
        for sample in &it.samples {
            if sample.mode != NORMAL && !it.modes.contains_key(&sample.mode) {
                let problem = wording::unknown_mode(&sample.mode, name, &it.mode_names());
                let at = layer.entries.get("sample").map(|entry| entry.key_at.clone());
                let wrong = at.map(|at| sink.report(&at, problem));
                it.broken = it.broken.or(wrong);
                break;
            }
        }
        it
    }

    fn key(&mut self, sink: &mut Sink<'_>, entry: &Entry) -> Read<()> {
        let node = &entry.value;
        match entry.key.as_str() {
            "description" => drop(value::prose(sink, node)?),
            "language" => self.language = value::choice(sink, node, &LANGUAGES)?,
            "journalmatch" => self.matches = Some(value::matches(sink, node)?),
            "prefregex" => self.prefix = Some(value::word(sink, node)?),
            "failregex" => self.failures = value::patterns(sink, node)?,
            "ignoreregex" => self.ignores = value::patterns(sink, node)?,
            "identifier" => {
                let names = value::texts(sink, node)?;
                self.programs = names.into_iter().map(|name| name.text).collect();
            }
            "datepattern" => self.dates = value::texts(sink, node)?,
            "maxlines" => self.max_lines = value::line_count(sink, node)?,
            "match" => self.structured.conditions = structured::conditions(sink, node)?,
            "extract" => self.structured.extract = structured::extract(sink, node)?,
            "mode" => self.modes = modes(sink, node)?,
            "sample" => self.samples = samples(sink, node)?,
            other => return Err(sink.report(&entry.key_at, wording::unknown_key(other, &KEYS))),
        }
        Ok(())
    }
}

fn modes(sink: &mut Sink<'_>, node: &Node) -> Read<BTreeMap<String, Mode>> {
    let Kind::Table(entries) = &node.kind else {
        return Err(sink.report(&node.at, wording::not_a_table("[mode.NAME]", node.kind.name())));
    };
    let modes = entries.iter().map(|entry| Ok((entry.key.clone(), mode(sink, &entry.value)?)));
    Ok(all(modes)?.into_iter().collect())
}

fn mode(sink: &mut Sink<'_>, node: &Node) -> Read<Mode> {
    let Kind::Table(entries) = &node.kind else {
        return Err(sink.report(&node.at, wording::not_a_table("[mode.NAME]", node.kind.name())));
    };
    let mut mode = Mode::default();
    all(entries.iter().map(|entry| {
        let node = &entry.value;
        match entry.key.as_str() {
            "failregex" => mode.failures = value::patterns(sink, node)?,
            "ignoreregex" => mode.ignores = value::patterns(sink, node)?,
            "match" => mode.structured.conditions = structured::conditions(sink, node)?,
            "extract" => mode.structured.extract = structured::extract(sink, node)?,
            other => {
                return Err(sink.report(&entry.key_at, wording::unknown_key(other, &MODE_KEYS)));
            }
        }
        Ok(())
    }))?;
    Ok(mode)
}

fn samples(sink: &mut Sink<'_>, node: &Node) -> Read<Vec<Sample>> {
    let Kind::List(list) = &node.kind else {
        return Err(sink.report(&node.at, wording::wrong_kind("[[sample]]", node.kind.name())));
    };
    all(list.iter().map(|node| sample(sink, node)))
}

fn sample(sink: &mut Sink<'_>, node: &Node) -> Read<Sample> {
    let Kind::Table(entries) = &node.kind else {
        return Err(sink.report(&node.at, wording::not_a_table("[[sample]]", node.kind.name())));
    };
    let (mut message, mut offender, mut user, mut mode, mut why) = (None, None, None, None, None);
    let mut fields = Fields::default();
    all(entries.iter().map(|entry| {
        let node = &entry.value;
        match entry.key.as_str() {
            "message" => message = Some(value::prose(sink, node)?),
            "fields" => fields = structured::sample_fields(sink, node)?,
            "offender" => offender = Some(offender_of(sink, node)?),
            "user" => user = Some(value::prose(sink, node)?),
            "mode" => mode = Some(value::prose(sink, node)?),
            "why" => why = Some(value::prose(sink, node)?),
            other => {
                return Err(sink.report(&entry.key_at, wording::unknown_key(other, &SAMPLE_KEYS)));
            }
        }
        Ok(())
    }))?;
    let (Some(message), Some(offender)) = (message, offender) else {
        return Err(sink.report(&node.at, wording::missing("the sample's message or offender")));
    };
    Ok(Sample {
        message,
        fields,
        offender,
        user,
        mode: mode.unwrap_or_else(|| NORMAL.to_owned()),
        why,
        path: sink.file(node.at.file).path.clone(),
        line: sink.line(&node.at),
    })
}

fn offender_of(sink: &mut Sink<'_>, node: &Node) -> Read<Option<IpAddr>> {
    let word = value::word(sink, node)?;
    if word.text == "none" {
        return Ok(None);
    }
    let problem = || wording::bad_address(&word.text, "an address or \"none\" is to stand here");
    word.text.parse().map(Some).map_err(|_| sink.report(&word.at, problem()))
}
