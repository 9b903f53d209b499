//! Which journal is read.

use std::path::PathBuf;

/// Whether a journald can have this name (`log_namespace_name_valid` in systemd's sources: it can be
/// part of a unit's and a file's name). sd-journal takes any, and finds nothing under others.
#[must_use]
pub fn is_namespace(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

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
