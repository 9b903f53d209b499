//! The way in for the fuzz target: what would be written of a tree of files, without any disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Ours, Plan};
use crate::dialect::Tree;
use crate::rules::{self, SourceText, Texts};

/// Where the files would be.
const ROOT: &str = "/import";

/// Takes all jails of a configuration over, switched on or not, beside a filter `sshd` of ours. Returns
/// the texts by their names.
///
/// # Errors
///
/// When what comes of it is no configuration.
pub fn take_over(tree: &Tree) -> Result<BTreeMap<String, String>, String> {
    let jails = tree.jails().value.jails;
    let filters = BTreeSet::from(["sshd".to_owned()]);
    let ours = Ours { filters, jails: BTreeMap::new() };
    let mut plan = Plan::new(tree, jails.iter().collect(), ours);
    let examine = |written: &BTreeMap<String, String>| Ok(examined(written));
    match plan.settle(Path::new(ROOT), examine) {
        Ok(()) => Ok(plan.texts),
        Err(error) => Err(error.text().unwrap_or_default()),
    }
}

fn examined(written: &BTreeMap<String, String>) -> Vec<rules::Diagnostic> {
    let sshd = "failregex = '^<ADDR>$'\njournalmatch = \"_COMM=sshd\"\n";
    let ours = SourceText { path: "/ours/filters.d/sshd.toml".into(), text: sshd.to_owned() };
    let mut texts = Texts { filters: vec![ours], ..Texts::default() };
    for (name, text) in written {
        let file = SourceText { path: Path::new(ROOT).join(name), text: text.clone() };
        let kind =
            if name.starts_with("filters.d") { &mut texts.filters } else { &mut texts.jails };
        kind.push(file);
    }
    rules::load_all(&texts).diagnostics
}
