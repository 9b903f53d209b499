//! Which of the package's jails the administrator's files are about.

use std::collections::BTreeSet;

use super::tree::{Document, Entry, Kind};

/// What files say about jails that are not theirs.
#[derive(Debug)]
pub(super) struct Mentions {
    jails: BTreeSet<String>,
    /// They may be about any jail.
    all: bool,
}

impl Mentions {
    /// Those in these files.
    pub(super) fn of<'d>(documents: impl Iterator<Item = &'d Document> + Clone) -> Self {
        let top = documents.clone().flat_map(|document| &document.entries);
        let inner = top.clone().filter(|entry| entry.key == "jail").flat_map(inside);
        // A table outside of [jail] may have been meant as one.
        let jails = top.clone().chain(inner).map(|entry| entry.key.clone()).collect();
        let mut of_all = top.filter(|entry| entry.key == "default").flat_map(inside);
        let switches_on = of_all.any(|entry| entry.key == "enabled");
        // What stands where nothing can be read may be about any of them.
        let is_unclear = documents.into_iter().any(|document| !document.sound);
        Self { jails, all: switches_on || is_unclear }
    }

    /// Whether a file of the package's matters beside them: it switches something on, or is about one of
    /// their jails, or about anything but jails.
    pub(super) fn concern(&self, text: &str) -> bool {
        let mut heads = text.lines().filter(|line| line.starts_with('[')).peekable();
        let is_idle = |head: &str| {
            let jail = head.strip_prefix("[jail.").and_then(|rest| rest.strip_suffix(']'));
            jail.is_some_and(|jail| !self.jails.contains(jail))
        };
        let is_on = |line: &str| line.starts_with("enabled") && line != "enabled = false";
        self.all || text.lines().any(is_on) || heads.peek().is_none() || !heads.all(is_idle)
    }
}

fn inside(entry: &Entry) -> &[Entry] {
    match &entry.value.kind {
        Kind::Table(entries) => entries,
        _ => &[],
    }
}
