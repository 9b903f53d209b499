//! From the paths that are wanted to the files that are there, and to the directories in which
//! others may appear.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::error::Trouble;
use super::log::Inode;

/// At most so many names are followed at a time. Each takes two descriptors: what has the name, and
/// what had it before.
pub const FILES_MAX: usize = 10_000;

/// At most so many names are looked at in one look at all paths.
const LOOKS_MAX: usize = 200_000;

/// As many symbolic links as the kernel follows in one path (path_resolution(7)).
const LINKS_MAX: u8 = 40;

/// As in a shell: a name that begins with a dot is matched only by a pattern that does.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// One part of a path, between slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Exact(OsString),
    Glob(Pattern),
}

impl Name {
    fn new(text: &OsStr) -> Self {
        let exact = || Self::Exact(text.to_owned());
        match text.to_str() {
            // Two stars in a row mean what one does: names have no slash in them.
            Some(glob) if glob.contains(['*', '?', '[']) => {
                let mut single = glob.to_owned();
                while single.contains("**") {
                    single = single.replace("**", "*");
                }
                Pattern::new(&single).map_or_else(|_| exact(), Self::Glob)
            }
            _ => exact(),
        }
    }

    pub(super) fn matches(&self, name: &OsStr) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob(pattern) => pattern.matches_with(&name.to_string_lossy(), OPTIONS),
        }
    }
}

/// What may appear in a directory and would be news.
pub(super) type Names = BTreeSet<Name>;

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, by their names without symbolic links.
    pub(super) files: BTreeMap<PathBuf, (Inode, Wanted)>,
    /// The directories on the way.
    pub(super) directories: BTreeMap<PathBuf, Names>,
    /// What is in the way.
    pub(super) troubles: Vec<Trouble>,
    looks: usize,
}

/// Who wants a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The wants, by their index.
    pub(super) by: BTreeSet<usize>,
    /// Whether a path without a glob leads to it, so that it is awaited also when it is gone.
    pub(super) by_name: bool,
}

/// A path that is wanted, in parts.
#[derive(Clone, Debug)]
pub(super) struct Search {
    want: usize,
    names: Vec<Name>,
    is_glob: bool,
}

/// Where a search has come to.
struct Step<'a> {
    search: &'a Search,
    directory: PathBuf,
    /// What is still to be found in it, last part first.
    rest: Vec<Name>,
    links: u8,
    /// The last link on the way, and how much there was to find behind it.
    link: Option<(PathBuf, usize)>,
}

impl Search {
    /// The search for an absolute path; none if it is not absolute.
    pub(super) fn new(want: usize, path: &str) -> Option<Self> {
        let path = Path::new(path);
        let names: Vec<Name> = path.is_absolute().then(|| parts(path))?;
        let is_glob = names.iter().any(|name| matches!(name, Name::Glob(_)));
        Some(Self { want, names, is_glob })
    }

    /// Whether a file of this name would be found, if no symbolic link is on the way.
    fn matches(&self, path: &Path) -> bool {
        let parts: Vec<&OsStr> = path.iter().skip(1).collect();
        parts.len() == self.names.len()
            && self.names.iter().zip(parts).all(|(name, part)| name.matches(part))
    }
}

/// Who would want a file of this name.
pub(super) fn wanted(searches: &[Search], path: &Path) -> Option<Wanted> {
    let mut wanted = None;
    for search in searches.iter().filter(|search| search.matches(path)) {
        add(wanted.get_or_insert_with(Wanted::default), search);
    }
    wanted
}

fn add(wanted: &mut Wanted, search: &Search) {
    wanted.by.insert(search.want);
    wanted.by_name |= !search.is_glob;
}

/// Looks for all paths.
pub(super) fn find(searches: &[Search]) -> Found {
    let mut found = Found::default();
    for search in searches {
        let mut rest = search.names.clone();
        rest.reverse();
        let directory = PathBuf::from("/");
        let mut steps = vec![Step { search, directory, rest, links: 0, link: None }];
        while let Some(step) = steps.pop() {
            found.take(step, &mut steps);
        }
    }
    found
}

impl Found {
    fn take<'a>(&mut self, mut step: Step<'a>, steps: &mut Vec<Step<'a>>) {
        let names = self.directories.entry(step.directory.clone()).or_default();
        let Some(name) = step.rest.pop() else {
            self.troubles.push(Trouble::NotAFile { path: step.directory, kind: "a directory" });
            return;
        };
        match &name {
            Name::Exact(exact) if exact == ".." => {
                step.directory.pop();
                steps.push(step);
            }
            Name::Exact(exact) => {
                let path = step.directory.join(exact);
                self.look_at(step, path, &name, steps);
            }
            Name::Glob(_) => {
                names.insert(name.clone());
                let listed = match fs::read_dir(&step.directory) {
                    Ok(listed) => listed,
                    Err(e) => return self.troubles.extend(trouble(&step.directory, e)),
                };
                for entry in listed.flatten().filter(|entry| name.matches(&entry.file_name())) {
                    let (directory, rest) = (step.directory.clone(), step.rest.clone());
                    let (links, link) = (step.links, step.link.clone());
                    let next = Step { search: step.search, directory, rest, links, link };
                    self.look_at(next, entry.path(), &name, steps);
                }
            }
        }
    }

    /// Looks at what has the name in a directory.
    fn look_at<'a>(
        &mut self,
        mut step: Step<'a>,
        path: PathBuf,
        name: &Name,
        steps: &mut Vec<Step<'a>>,
    ) {
        self.looks += 1;
        if self.looks > LOOKS_MAX {
            if self.looks == LOOKS_MAX + 1 {
                self.troubles.push(Trouble::TooMany { path, limit: LOOKS_MAX });
            }
            return;
        }
        let meta = fs::symlink_metadata(&path);
        let inode = meta.as_ref().map_or((0, 0), |meta| (meta.dev(), meta.ino()));
        let kind = meta.map(|meta| meta.file_type());
        let is_way = kind.as_ref().is_ok_and(FileType::is_dir) && !step.rest.is_empty();
        if !is_way {
            // A directory on the way tells by itself when it moves.
            let names = self.directories.entry(step.directory.clone()).or_default();
            names.insert(name.clone());
        }
        match kind {
            Err(e) => self.cannot(&step, &path, e),
            Ok(kind) if kind.is_symlink() => self.follow(step, path, steps),
            Ok(kind) if kind.is_dir() => {
                step.directory = path;
                steps.push(step);
            }
            // A glob may match what is no directory.
            Ok(_) if !step.rest.is_empty() => {
                if matches!(name, Name::Exact(_)) {
                    self.troubles.push(Trouble::NotADirectory { path });
                }
            }
            Ok(kind) if kind.is_file() => {
                let (_, wanted) = self.files.entry(path).or_insert((inode, Wanted::default()));
                add(wanted, step.search);
            }
            Ok(kind) => self.troubles.push(Trouble::NotAFile { path, kind: kind_of(kind) }),
        }
    }

    fn cannot(&mut self, step: &Step<'_>, path: &Path, error: io::Error) {
        match (error.kind(), &step.link) {
            // Missing is a part of what the link says, not one behind it.
            (io::ErrorKind::NotFound, Some((link, behind))) if step.rest.len() >= *behind => {
                self.troubles.push(Trouble::Dangling { path: link.clone() });
            }
            _ => self.troubles.extend(trouble(path, error)),
        }
    }

    /// Goes on where a symbolic link leads.
    fn follow<'a>(&mut self, mut step: Step<'a>, link: PathBuf, steps: &mut Vec<Step<'a>>) {
        step.links += 1;
        if step.links > LINKS_MAX {
            self.troubles.push(Trouble::Dangling { path: link });
            return;
        }
        match fs::read_link(&link) {
            Ok(target) => {
                if target.is_absolute() {
                    step.directory = PathBuf::from("/");
                }
                // What a link says is no pattern.
                let ways = target.components().filter_map(|part| match part {
                    Component::ParentDir => Some(Name::Exact("..".into())),
                    Component::Normal(name) => Some(Name::Exact(name.to_owned())),
                    _ => None,
                });
                let ways: Vec<Name> = ways.collect();
                step.link = Some((link, step.rest.len()));
                step.rest.extend(ways.into_iter().rev());
                steps.push(step);
            }
            Err(e) => self.cannot(&step, &link, e),
        }
    }
}

fn parts(path: &Path) -> Vec<Name> {
    let parts = path.components().filter_map(|part| match part {
        Component::ParentDir => Some(Name::Exact("..".into())),
        Component::Normal(name) => Some(Name::new(name)),
        _ => None,
    });
    parts.collect()
}

/// What is worth telling of an error; what is not there is not.
pub(super) fn trouble(path: &Path, source: io::Error) -> Option<Trouble> {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => None,
        io::ErrorKind::PermissionDenied => Some(Trouble::Denied { path }),
        _ => Some(Trouble::Unreadable { path, source }),
    }
}

fn kind_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// The last part of a path, as bytes.
pub(super) fn base(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_bytes()
}
