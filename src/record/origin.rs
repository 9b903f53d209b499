//! Which journal is read.

use std::path::PathBuf;

/// Where the journal is (`[journal]` in the configuration).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// This machine's own, all of its files.
    #[default]
    System,
    /// A namespace of it (`journal.namespace`; see "JOURNAL NAMESPACES" in
    /// systemd-journald.service(8)).
    Namespace(String),
    /// The journal files in a directory (`journal.directory`).
    Directory(PathBuf),
}
