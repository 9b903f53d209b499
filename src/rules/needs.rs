//! What is to be read beside the jails before they can be loaded.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::diagnostic::{Found, Sink};
use super::fail2ban;
use super::layers::{Layer, Layers};
use super::text::Texts;
use super::tree::Kind;

/// What jails name, and the jails themselves as far as they are read.
#[derive(Debug)]
pub struct Needs {
    /// The filters that jails have which are switched on, as far as anybody knows.
    pub filters: BTreeSet<String>,
    /// The folders in which jails, switched on or not, have filters of fail2ban's, beside our own
    /// ([`Texts::fail2ban`]).
    pub folders: BTreeSet<PathBuf>,
    pub(super) jails: Layers,
    pub(super) found: Found,
}

/// What the jails of `texts` need that may run. Those of the package's that nobody switches on or says
/// anything about are not even parsed: nobody but the package writes them, and its tests hold them.
#[must_use]
pub fn needs(texts: &Texts) -> Needs {
    needs_by(texts, Layers::of_jails_in_use)
}

/// What all jails need.
pub(super) fn needs_of_all(texts: &Texts) -> Needs {
    needs_by(texts, Layers::of_jails)
}

fn needs_by(texts: &Texts, read: fn(&mut Sink<'_>, &Texts) -> Layers) -> Needs {
    let mut sink = Sink::new(texts);
    let jails = read(&mut sink, texts);
    let tables = jails.jails.values().chain([&jails.default]);
    let folders = tables.filter_map(|layer| fail2ban::folder(filter_of(layer)?)).collect();
    let may_run = |layer: &Layer| layer.broken.is_some() || !is_off(layer, &jails.default);
    let running = jails.jails.iter().filter(|(_, layer)| may_run(layer));
    let filter = |name, layer| filter_of(layer).or(filter_of(&jails.default)).unwrap_or(name);
    let filters = running.map(|(name, layer)| filter(name.as_str(), layer).to_owned()).collect();
    Needs { filters, folders, jails, found: sink.into_found() }
}

fn filter_of(layer: &Layer) -> Option<&str> {
    match &layer.entries.get("filter")?.value.kind {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a jail is plainly off.
fn is_off(jail: &Layer, default: &Layer) -> bool {
    let written = jail.entries.get("enabled").or(default.entries.get("enabled"));
    written.is_none_or(|entry| matches!(entry.value.kind, Kind::Truth(false)))
}
