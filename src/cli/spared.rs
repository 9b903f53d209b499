//! The lists of those who are never banned, for verbs that work without the service.

use std::collections::BTreeSet;
use std::path::Path;

use crate::keeper::{IgnoreList, ListId, Policy};
use crate::lists;

/// What the lists of some jails hold.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// The lists that stand in files, as far as they can be read.
    pub(super) read: Vec<(ListId, IgnoreList)>,
    /// What is wrong with them, each as one sentence.
    pub(super) mistakes: Vec<String>,
    /// The hosts' names, which are not asked for here.
    pub(super) names: BTreeSet<String>,
}

impl Lists {
    /// Reads the lists that these policies name.
    pub(super) fn of<'p>(policies: impl Iterator<Item = &'p Policy>) -> Self {
        let exempts = policies.flat_map(|policy| [&policy.ignore, &policy.proxies]);
        let ids: BTreeSet<&ListId> = exempts.flat_map(|exempt| &exempt.lists).collect();
        let mut all = Self::default();
        for id in ids {
            match id {
                ListId::Host(name) => {
                    all.names.insert(name.to_string());
                }
                ListId::File(path) => all.take(id, path),
            }
        }
        all
    }

    fn take(&mut self, id: &ListId, path: &str) {
        match lists::read(Path::new(path)) {
            Ok(list) => {
                let mistakes =
                    list.mistakes.iter().map(|mistake| format!("list {path}: {mistake}"));
                self.mistakes.extend(mistakes);
                let more = list.mistakes_in_all - list.mistakes.len();
                if more > 0 {
                    self.mistakes.push(format!("list {path}: {more} more lines make no sense"));
                }
                self.names.extend(list.hosts.iter().map(ToString::to_string));
                self.read.push((id.clone(), list.networks));
            }
            Err(why) => self.mistakes.push(format!("list {path}: {why}")),
        }
    }
}
