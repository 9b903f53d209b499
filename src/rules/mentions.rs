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
        let jails = top.chain(inner).map(|entry| entry.key.clone()).collect();
        // What stands where nothing can be read may be about any of them.
        let all = documents.into_iter().any(|document| !document.sound);
        Self { jails, all }
    }

    /// Whether a file of the package's matters beside them. It does not if it is plainly that of one jail
    /// that is off, whatever is said of all jails, and is none of theirs.
    pub(super) fn concern(&self, text: &str) -> bool {
        let head = only(text.lines().filter(|line| line.trim_start().starts_with('[')));
        let switch = only(text.lines().filter(|line| line.contains("enabled")));
        let jail = head.and_then(|head| head.strip_prefix("[jail.")?.strip_suffix(']'));
        let is_another = jail.is_some_and(|jail| !self.jails.contains(jail));
        self.all || !is_another || switch != Some("enabled = false")
    }
}

/// The line, if there is one and no other.
fn only<'t>(mut lines: impl Iterator<Item = &'t str>) -> Option<&'t str> {
    lines.next().filter(|_| lines.next().is_none())
}

fn inside(entry: &Entry) -> &[Entry] {
    match &entry.value.kind {
        Kind::Table(entries) => entries,
        _ => &[],
    }
}
