//! The texts of a configuration directory, and which of them make up a configuration.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::config::{Config, Vars};
use super::file::{self, Entry, File};
use super::mistake::{Fault, Outcome, Sink};
use super::text::{Span, Text};
use super::work::Work;

/// So many files may a configuration have.
pub const FILES_MAX: usize = 1000;

/// So long may a file be, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// So deep may files include each other.
const INCLUDE_DEPTH_MAX: usize = 20;

/// So many includes are followed on the way to one configuration, each as often as it comes.
const INCLUDES_MAX: usize = 1000;

/// The configuration directory as it is on the disk: every text under its path relative to the root,
/// like `jail.d/mine.conf` or `filter.d/sshd.conf`.
#[derive(Clone, Debug)]
pub struct Tree {
    root: String,
    /// Sorted by path.
    files: Vec<(String, String)>,
    /// Where the lines of each file start.
    lines: Vec<Vec<usize>>,
}

impl Tree {
    /// The texts of the directory `root`, which is named in values as `%(fail2ban_confpath)s` and at
    /// the start of absolute includes.
    pub fn new(root: &str, texts: BTreeMap<String, String>) -> Self {
        let root = root.trim_end_matches('/').to_owned();
        let starts = |text: &String| text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let lines = texts.values().map(starts).collect();
        Self { root, files: texts.into_iter().collect(), lines }
    }

    /// What a file says.
    pub fn text(&self, path: &str) -> Option<&str> {
        let (_, text) = self.files.get(self.find(path)?)?;
        Some(text)
    }

    pub(super) fn find(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|(known, _)| known.as_str().cmp(path)).ok()
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn path(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |(path, _)| path)
    }

    /// The line in which a stretch starts, from 1.
    pub(super) fn line(&self, span: &Span) -> usize {
        let starts = self.lines.get(span.file).map_or(&[][..], Vec::as_slice);
        1 + starts.partition_point(|start| *start <= span.range.start)
    }

    /// The names of the definitions in a directory: `filter.d` or `action.d`.
    pub(super) fn names_in(&self, folder: &str) -> Vec<&str> {
        let name = |path: &'_ str| {
            let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
            let name = rest.strip_suffix(".conf").or_else(|| rest.strip_suffix(".local"))?;
            (!name.contains('/')).then_some(name.len())
        };
        let stem = |path: &'_ str| name(path).map(|len| folder.len() + 1..folder.len() + 1 + len);
        self.files.iter().filter_map(|(path, _)| path.get(stem(path)?)).collect()
    }

    /// The files that make up the configuration `name`, lowest layer first: the file, those in its
    /// directory, and then the same with `.local` instead of `.conf`.
    pub(super) fn layers(&self, name: &str) -> Vec<usize> {
        let folder = format!("{name}.d/");
        let mut found = Vec::new();
        for ending in [".conf", ".local"] {
            found.extend(self.find(&format!("{name}{ending}")));
            let start = self.files.partition_point(|(path, _)| *path < folder);
            let below = self.files.iter().enumerate().skip(start);
            for (index, (path, _)) in below.take_while(|(_, (path, _))| path.starts_with(&folder)) {
                let rest = path.get(folder.len()..).unwrap_or_default();
                if rest.ends_with(ending) && !rest.starts_with('.') && !rest.contains('/') {
                    found.push(index);
                }
            }
        }
        found
    }

    /// The path of what a file includes, relative to the root.
    fn included(&self, from: &str, name: &str) -> Option<String> {
        let joined = match name.strip_prefix('/') {
            Some(_) => name.strip_prefix(&self.root)?.strip_prefix('/')?.to_owned(),
            None => match from.rsplit_once('/') {
                Some((folder, _)) => format!("{folder}/{name}"),
                None => name.to_owned(),
            },
        };
        normal(&joined)
    }
}

/// A path without `.` and `..`; none when it leaves the root.
pub(super) fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// One question put to a tree: what was read so far, what is wrong, what work is left.
pub(super) struct Session<'t> {
    pub(super) tree: &'t Tree,
    pub(super) sink: Sink,
    pub(super) work: Work,
    files: BTreeMap<usize, Rc<File>>,
    configs: BTreeMap<String, Option<Rc<Config>>>,
}

impl<'t> Session<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        let mut sink = Sink::default();
        if tree.files.len() > FILES_MAX {
            let fault = Fault::new(
                format!("the configuration has more than {FILES_MAX} files"),
                "remove those that nothing needs",
            );
            sink.error(fault.at(None));
        }
        let (files, configs) = (BTreeMap::new(), BTreeMap::new());
        Self { tree, sink, work: Work::new(), files, configs }
    }

    /// Ends the question.
    pub(super) fn outcome<T>(self, value: T) -> Outcome<T> {
        let mistakes = self.sink.into_mistakes(|file| self.tree.path(file).to_owned());
        Outcome { value, mistakes }
    }

    /// A file's content, read at most once.
    pub(super) fn file(&mut self, index: usize) -> Rc<File> {
        if let Some(known) = self.files.get(&index) {
            return Rc::clone(known);
        }
        let text = self.tree.files.get(index).map_or("", |(_, text)| text.as_str());
        let read = if text.len() > FILE_BYTES_MAX {
            let fault = Fault::new("the file is longer than 1 MiB", "split it, or clear it out");
            self.sink.error(fault.at(Some(Span { file: index, range: 0..0 })));
            File::default()
        } else {
            file::parse(&mut self.sink, index, text)
        };
        let read = Rc::new(read);
        self.files.insert(index, Rc::clone(&read));
        read
    }

    /// The configuration of that name, with all its layers and what they include; none when there
    /// is no such file. Read at most once.
    pub(super) fn config(&mut self, name: &str) -> Option<Rc<Config>> {
        if let Some(known) = self.configs.get(name) {
            return known.clone();
        }
        let layers =
            if self.tree.files.len() > FILES_MAX { vec![] } else { self.tree.layers(name) };
        let config = (!layers.is_empty()).then(|| {
            let mut config = Config::default();
            for index in self.files_of(layers) {
                config.merge(&self.file(index));
            }
            Rc::new(config)
        });
        self.configs.insert(name.to_owned(), config.clone());
        config
    }

    /// The files that make up a configuration, includes and all, in the order in which they count.
    pub(super) fn files_of(&mut self, layers: Vec<usize>) -> Vec<usize> {
        let mut walk = Walk { session: self, order: Vec::new(), visits: 0 };
        for index in layers {
            walk.visit(index, &mut Vec::new());
        }
        walk.order
    }

    /// The files of the jails' configuration.
    pub(super) fn jail_files(&mut self) -> Vec<usize> {
        let layers = self.tree.layers("jail");
        self.files_of(layers)
    }
}

/// The walk through files that include each other.
struct Walk<'s, 't> {
    session: &'s mut Session<'t>,
    order: Vec<usize>,
    visits: usize,
}

impl Walk<'_, '_> {
    /// Puts a file in its place among those it includes. `above` are those that led here.
    fn visit(&mut self, index: usize, above: &mut Vec<usize>) {
        let file = self.session.file(index);
        above.push(index);
        self.follow(&file, "before", above);
        self.order.push(index);
        self.follow(&file, "after", above);
        above.pop();
    }

    fn follow(&mut self, file: &File, option: &str, above: &mut Vec<usize>) {
        let entry = file.sections.get("INCLUDES").and_then(|section| section.entries.get(option));
        let Some(entry) = entry.or_else(|| file.defaults.get(option)) else { return };
        if !file.sections.contains("INCLUDES") {
            return;
        }
        for name in self.names(file, option, entry) {
            if self.visits > INCLUDES_MAX {
                return;
            }
            self.include(&name, above);
        }
    }

    /// The names in an option, one a line.
    fn names(&mut self, file: &File, option: &str, entry: &Entry) -> Vec<Text> {
        let mut alone = Config::default();
        alone.merge(file);
        let work = &mut self.session.work;
        match alone.get(work, "INCLUDES", option, &Vars::default()) {
            Ok(value) => value.map(|value| value.lines()).unwrap_or_default(),
            Err(trouble) => {
                self.session.sink.error(trouble.or_at(entry.value_span().as_ref()));
                Vec::new()
            }
        }
    }

    fn include(&mut self, name: &Text, above: &mut Vec<usize>) {
        let tree = self.session.tree;
        let span = name.span(0..name.len());
        if name.len() == 0 {
            return;
        }
        self.visits += 1;
        if above.len() >= INCLUDE_DEPTH_MAX || self.visits > INCLUDES_MAX {
            let fault = Fault::new(
                "files include each other too often, or more than twenty deep",
                "follow the includes from here on, and break the circle",
            );
            return self.session.sink.error(fault.at(span));
        }
        let from = above.last().map_or("", |index| tree.path(*index));
        let Some(path) = tree.included(from, name.as_str()) else {
            let fault = Fault::new(
                format!("{} is outside of the configuration", name.as_str()),
                "copy the file into it, and include it from there",
            );
            return self.session.sink.warn(fault.at(span));
        };
        let local = local_of(&path);
        let found = tree.find(&path);
        let beside = tree.find(&local).filter(|_| local != path);
        if found.is_none() && beside.is_none() && local != path {
            let fault = Fault::new(
                format!("there is no file {path} to include"),
                "put the file there, or take its name out",
            );
            self.session.sink.warn(fault.at(span.clone()));
        }
        // A file is not read again below itself; it counts as below itself only once it was included.
        let (_, includers) = above.split_last().unwrap_or((&0, &[]));
        if found.is_some_and(|index| includers.contains(&index)) {
            return;
        }
        for index in [found, beside].into_iter().flatten() {
            self.visit(index, above);
        }
    }
}

/// The `.local` file beside a `.conf` file.
fn local_of(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let stem = match name.rfind('.') {
        Some(dot) if dot > 0 => name.get(..dot).unwrap_or(name),
        _ => name,
    };
    if folder.is_empty() { format!("{stem}.local") } else { format!("{folder}/{stem}.local") }
}

/// What every jail can refer to besides the options of its files.
pub(super) fn with_builtins(config: &mut Config, root: &str) {
    /// The version whose configuration language this is.
    const VERSION: &str = "1.0.2";
    let plain = |value: &str| Entry { value: Text::plain(value), key: None };
    config.defaults.insert("fail2ban_version", plain(VERSION));
    config.defaults.insert("fail2ban_confpath", plain(root));
}
