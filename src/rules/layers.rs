//! The files laid over each other, key by key.

use std::collections::BTreeMap;

use super::bantime;
use super::diagnostic::{Sink, Wrong};
use super::mentions::Mentions;
use super::overlay::DEFAULT;
use super::text::Texts;
use super::tree::{At, Document, Entry, Kind, Node, parse, parse_without_samples};
use super::wording;

/// So many jails there may be.
const JAILS_MAX: usize = 1000;

/// What is known of one table after all files were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// Where the table is named last.
    pub(super) at: Option<At>,
    /// The last entry of each key.
    pub(super) entries: BTreeMap<String, Entry>,
    /// Something about the table as a whole is wrong.
    pub(super) broken: Option<Wrong>,
}

impl Layer {
    fn lay(&mut self, at: At, entries: Vec<Entry>) {
        self.at = Some(at);
        for entry in entries {
            self.entries.insert(entry.key.clone(), entry);
        }
    }
}

/// All tables of all files.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) journal: Layer,
    pub(super) default: Layer,
    pub(super) jails: BTreeMap<String, Layer>,
    pub(super) filters: BTreeMap<String, Layer>,
    /// The last part that could not be read and may be about any jail: the number of its file, and
    /// what is wrong with it.
    pub(super) doubt: Option<(usize, Wrong)>,
}

impl Layers {
    /// Parses and lays the files of jails.
    pub(super) fn of_jails(sink: &mut Sink<'_>, texts: &Texts) -> Self {
        let documents = (0..texts.jails.len()).map(|file| (file, parse(sink, file))).collect();
        Self::of_documents(sink, texts, documents)
    }

    /// Does so without the files of the package's that are about no jail that may run.
    pub(super) fn of_jails_in_use(sink: &mut Sink<'_>, texts: &Texts) -> Self {
        let others = texts.jails_of_package..texts.jails.len();
        let mut documents: BTreeMap<usize, Document> =
            others.map(|file| (file, parse(sink, file))).collect();
        let mentions = Mentions::of(documents.values());
        for (file, source) in texts.jails.iter().enumerate().take(texts.jails_of_package) {
            if mentions.concern(&source.text) {
                documents.insert(file, parse(sink, file));
            }
        }
        Self::of_documents(sink, texts, documents)
    }

    /// Lays the files with these numbers.
    fn of_documents(
        sink: &mut Sink<'_>,
        texts: &Texts,
        documents: BTreeMap<usize, Document>,
    ) -> Self {
        let mut layers = Self::default();
        for (file, document) in documents {
            layers.lay_jails(sink, file, document);
        }
        for unreadable in &texts.unreadable_jails {
            let wrong = sink.report_file(&unreadable.path, wording::unreadable(&unreadable.why));
            layers.cast_doubt(usize::MAX, &wrong);
            layers.default.broken.get_or_insert(wrong);
        }
        layers
    }

    /// Parses and lays the files of filters, with their samples or without.
    pub(super) fn lay_filters(&mut self, sink: &mut Sink<'_>, texts: &Texts, samples: bool) {
        for (index, source) in texts.filters.iter().enumerate() {
            let file = texts.jails.len() + index;
            let name =
                source.path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into());
            let read = if samples { parse } else { parse_without_samples };
            let document = read(sink, file);
            let layer = self.filters.entry(name).or_default();
            if document.sound {
                layer.lay(At { file, span: 0..0 }, document.entries);
            } else {
                layer.broken.get_or_insert(syntax_error(sink, file));
            }
        }
        for unreadable in &texts.unreadable_filters {
            let wrong = sink.report_file(&unreadable.path, wording::unreadable(&unreadable.why));
            if let Some(name) = unreadable.path.file_stem().and_then(|stem| stem.to_str()) {
                self.filters.entry(name.to_owned()).or_default().broken.get_or_insert(wrong);
            }
        }
    }

    fn cast_doubt(&mut self, file: usize, wrong: &Wrong) {
        if self.doubt.as_ref().is_none_or(|(before, _)| *before < file) {
            self.doubt = Some((file, wrong.clone()));
        }
    }

    /// Whether a jail is switched on or off by a file behind everything that could not be read.
    pub(super) fn is_certain(&self, jail: &Layer) -> bool {
        let said = jail.entries.get("enabled").map(|entry| entry.key_at.file);
        self.doubt.as_ref().is_none_or(|(doubtful, _)| said.is_some_and(|file| file > *doubtful))
    }

    /// A jail never runs without a setting that its author wrote but got wrong. So a file with a
    /// syntax error breaks each jail that it names; it breaks all of them when it sets `[default]`,
    /// or when nothing in it tells for which jail it is.
    fn lay_jails(&mut self, sink: &mut Sink<'_>, file: usize, document: Document) {
        let broken = (!document.sound).then(|| syntax_error(sink, file));
        if let Some(wrong) = &broken {
            self.cast_doubt(file, wrong);
        }
        let mut named = false;
        for entry in document.entries {
            match (entry.key.as_str(), entry.value) {
                ("journal", Node { kind: Kind::Table(entries), .. }) => {
                    self.journal.lay(entry.key_at, entries);
                    self.journal.broken = self.journal.broken.take().or(broken.clone());
                    named = true;
                }
                ("default", Node { kind: Kind::Table(entries), .. }) => {
                    let (entries, wrong) = bantime::flatten(sink, entries);
                    self.default.lay(entry.key_at, entries);
                    let wrong = wrong.or(broken.clone());
                    self.default.broken = self.default.broken.take().or(wrong);
                    named = true;
                }
                ("jail", Node { kind: Kind::Table(jails), .. }) => {
                    named = true;
                    for jail in jails {
                        self.lay_jail(sink, jail, broken.as_ref());
                    }
                }
                (name, value) => {
                    self.top_level(sink, name, &entry.key_at, &value);
                }
            }
        }
        if let (Some(wrong), false) = (broken, named) {
            self.default.broken.get_or_insert(wrong);
        }
    }

    /// Reports a misplaced table or key, and breaks what it was meant for: the jail of that name,
    /// or all.
    fn top_level(&mut self, sink: &mut Sink<'_>, name: &str, key_at: &At, value: &Node) {
        let is_jail = looks_like_a_jail(name, value) && self.jails.len() < JAILS_MAX;
        let problem = match (&value.kind, name) {
            (Kind::Table(_), _) => wording::unknown_table(name, is_jail),
            (other, "journal" | "default" | "jail") => {
                wording::not_a_table(&format!("\"{name}\""), other.name())
            }
            _ => wording::stray_key(name),
        };
        let wrong = sink.report(key_at, problem);
        if is_jail {
            let layer = self.jails.entry(name.to_owned()).or_default();
            layer.at.get_or_insert(key_at.clone());
            layer.broken.get_or_insert(wrong);
        } else {
            self.default.broken.get_or_insert(wrong);
        }
    }

    fn lay_jail(&mut self, sink: &mut Sink<'_>, jail: Entry, broken: Option<&Wrong>) {
        let Entry { key: name, key_at, value } = jail;
        if name == DEFAULT {
            let wrong = sink.report(&key_at, wording::jail_called_default());
            self.default.broken.get_or_insert(wrong);
            return;
        }
        if !is_jail_name(&name) {
            sink.report(&key_at, wording::bad_jail_name(&name));
            return;
        }
        if self.jails.len() >= JAILS_MAX && !self.jails.contains_key(&name) {
            let wrong = sink.report(&key_at, wording::too_many_jails(JAILS_MAX));
            self.cast_doubt(usize::MAX, &wrong);
            return;
        }
        let layer = self.jails.entry(name).or_default();
        match value.kind {
            Kind::Table(entries) => {
                let (entries, wrong) = bantime::flatten(sink, entries);
                layer.lay(key_at, entries);
                layer.broken = layer.broken.take().or(wrong);
            }
            other => {
                let problem = wording::not_a_table("[jail.NAME]", other.name());
                layer.broken.get_or_insert(sink.report(&value.at, problem));
                layer.at = Some(key_at);
            }
        }
        if let Some(wrong) = broken {
            layer.broken.get_or_insert(wrong.clone());
        }
    }
}

fn syntax_error(sink: &Sink<'_>, file: usize) -> Wrong {
    Wrong(format!("{} is not valid TOML", sink.file(file).path.display()))
}

/// Whether a table outside of `[jail]` was meant as a jail, and not as one of the other tables.
fn looks_like_a_jail(name: &str, value: &Node) -> bool {
    let Kind::Table(entries) = &value.kind else { return false };
    is_jail_name(name)
        && wording::closest(name, wording::TABLES).is_none()
        && entries.iter().any(|entry| super::jail::KEYS.contains(&entry.key.as_str()))
}

fn is_jail_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
