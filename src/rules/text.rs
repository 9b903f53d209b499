//! The configuration as it comes in.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// One configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Where it was read.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// A file or directory that is there and could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// What went wrong, as a clause without a full stop.
    pub why: String,
}

/// The whole configuration, lowest layer first: what comes later overrides what came before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// `jailkeeper.toml` and `jails.d/*.toml`.
    pub jails: Vec<SourceText>,
    /// So many of them, the first, are the package's.
    pub jails_of_package: usize,
    /// `filters.d/*.toml`; the file's name without `.toml` is the filter's name.
    pub filters: Vec<SourceText>,
    /// Filters of fail2ban's, `*.conf` and `*.local`: those of `filters.d` under the empty path,
    /// those of other folders that jails name under theirs. Of two of a name the last counts.
    pub fail2ban: BTreeMap<PathBuf, Vec<SourceText>>,
    /// What of the first could not be read. No jail is safe from what stands there.
    pub unreadable_jails: Vec<Unreadable>,
    /// What of the second could not be read.
    pub unreadable_filters: Vec<Unreadable>,
    /// The files of the package's filters that no jail needs and that were left unread, sorted.
    pub unread_filters: Vec<PathBuf>,
}

impl Texts {
    /// The names of the filters that were left unread.
    pub(super) fn unread_filters(&self) -> impl Iterator<Item = &str> {
        self.unread_filters.iter().filter_map(|path| path.file_stem()?.to_str())
    }
}
