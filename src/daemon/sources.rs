//! The sources of records: their names in the state file and in the status, and their numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::keeper::SourceId;
use crate::record::Origin;

/// What the names of log files begin with.
const FILE: &str = "file:";

/// The name of a journal.
pub(super) fn journal_name(origin: &Origin) -> String {
    match origin {
        Origin::System => "journal".to_owned(),
        Origin::Namespace(name) => format!("journal:{name}"),
        Origin::Directory(path) => format!("journal:{}", path.display()),
    }
}

/// The name of a log file.
pub(super) fn file_name(path: &Path) -> String {
    format!("{FILE}{}", path.display())
}

/// Whether this is the name of a log file.
pub(super) fn is_file(name: &str) -> bool {
    name.starts_with(FILE)
}

/// Gives every source a number of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    next: Arc<AtomicU32>,
}

impl Numbers {
    /// A number that no source has.
    pub(super) fn next(&self) -> SourceId {
        SourceId(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// The numbers of the sources that are known.
#[derive(Debug, Default)]
pub(super) struct Register {
    pub(super) numbers: Numbers,
    by_name: BTreeMap<String, SourceId>,
}

impl Register {
    /// The number of a source, which is new or known.
    pub(super) fn enter(&mut self, name: &str) -> SourceId {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let number = self.numbers.next();
        self.by_name.insert(name.to_owned(), number);
        number
    }

    /// A source has this number, as its reader says.
    pub(super) fn note(&mut self, name: &str, number: SourceId) {
        if self.by_name.get(name) != Some(&number) {
            self.by_name.insert(name.to_owned(), number);
        }
    }

    /// Forgets a source; its number.
    pub(super) fn forget(&mut self, name: &str) -> Option<SourceId> {
        self.by_name.remove(name)
    }
}
