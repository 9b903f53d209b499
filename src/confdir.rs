//! The configuration directories: which files there are, and their texts.
//!
//! Of each directory `jailkeeper.toml` comes first, then `jails.d/*.toml` by name; beside them
//! `filters.d/*.toml`, and filters of fail2ban's there or in folders that jails name. A directory or
//! file that is not there is fine; one that cannot be read is told to the rules, which then trust no
//! jail that it could concern.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::dialect::Tree;
use crate::rules::{self, Needs, SourceText, Texts, Unreadable};

/// So long a file may be: ten times a list of the 10,000 networks that a jail may ignore.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// So many files a directory may hold; more is not a configuration but an accident.
pub const FILES_MAX: usize = 2000;

/// How the names of our files end, and those of fail2ban's.
const OURS: [&str; 1] = [".toml"];
const FAIL2BAN: [&str; 2] = [".conf", ".local"];

/// Where the configuration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    /// What the package brought.
    pub vendor: PathBuf,
    /// What overrides it, the strongest last.
    pub overrides: Vec<PathBuf>,
}

impl Directories {
    /// Those of the system, in the order of systemd's own (`UNIT FILE LOAD PATH` in
    /// systemd.unit(5)): /usr/lib, then /run, then /etc.
    #[must_use]
    pub fn system() -> Self {
        Self {
            vendor: "/usr/lib/jailkeeper".into(),
            overrides: vec!["/run/jailkeeper".into(), "/etc/jailkeeper".into()],
        }
    }

    /// The system's, with what is given put in place: another vendor directory; one directory
    /// instead of /run's and /etc's.
    #[must_use]
    pub fn with(vendor: Option<PathBuf>, overriding: Option<PathBuf>) -> Self {
        let system = Self::system();
        Self {
            vendor: vendor.unwrap_or(system.vendor),
            overrides: overriding.map_or(system.overrides, |directory| vec![directory]),
        }
    }
}

/// Reads all files, lowest layer first.
#[must_use]
pub fn read(directories: &Directories) -> Texts {
    let (mut texts, needs) = read_all_but_the_packages_filters(directories);
    add_folders(&mut texts, &needs.folders);
    let unread = std::mem::take(&mut texts.unread_filters);
    add_packages_filters(&mut texts, unread);
    texts
}

/// Reads what the service needs: of the package's filters only those of jails that are switched on,
/// and all of them without samples. Nobody but the package writes those that are left out, and its
/// tests hold them; the administrator's are all read, so that their mistakes are told.
#[must_use]
pub fn read_needed(directories: &Directories) -> (Texts, Needs) {
    let (mut texts, needs) = read_all_but_the_packages_filters(directories);
    add_folders(&mut texts, &needs.folders);
    add_needed(&mut texts, &needs.filters);
    (texts, needs)
}

/// Reads the filters of the package's that jails of `texts` have come to need.
pub fn read_missing(texts: &mut Texts) -> Needs {
    let needs = rules::needs(texts);
    add_needed(texts, &needs.filters);
    needs
}

/// Reads one of our own filters, and nothing else: to read all of them takes longer than to try one on
/// a short log.
#[must_use]
pub fn read_filter(directories: &Directories, name: &str) -> Texts {
    let mut texts = Texts::default();
    let layers = std::iter::once(&directories.vendor).chain(&directories.overrides);
    // What is hidden is no filter.
    for directory in layers.filter(|_| !name.starts_with('.')) {
        for ending in OURS {
            let path = directory.join("filters.d").join(format!("{name}{ending}"));
            add(path, &mut texts.filters, &mut texts.unreadable_filters);
        }
    }
    texts
}

fn read_all_but_the_packages_filters(directories: &Directories) -> (Texts, Needs) {
    let mut texts = Texts::default();
    for directory in std::iter::once(&directories.vendor).chain(&directories.overrides) {
        let (jails, unreadable) = (&mut texts.jails, &mut texts.unreadable_jails);
        add(directory.join("jailkeeper.toml"), jails, unreadable);
        add_all(&directory.join("jails.d"), &OURS, jails, unreadable);
        let (filters, unreadable) = (&mut texts.filters, &mut texts.unreadable_filters);
        let folder = directory.join("filters.d");
        if *directory == directories.vendor {
            texts.jails_of_package = jails.len();
            texts.unread_filters = listed(&folder, &OURS, unreadable);
        } else {
            add_all(&folder, &OURS, filters, unreadable);
        }
        add_fail2ban(&mut texts, &folder, PathBuf::new());
    }
    let needs = rules::needs(&texts);
    (texts, needs)
}

fn add_folders(texts: &mut Texts, folders: &BTreeSet<PathBuf>) {
    for folder in folders {
        add_fail2ban(texts, folder, folder.clone());
    }
}

/// Adds the package's filters that are needed: by a jail, or by a file that changes a part of them.
fn add_needed(texts: &mut Texts, filters: &BTreeSet<String>) {
    let changed: Vec<OsString> =
        texts.filters.iter().filter_map(|file| Some(file.path.file_name()?.to_owned())).collect();
    let is_needed = |path: &PathBuf| {
        let stem = path.file_stem().and_then(OsStr::to_str);
        stem.is_some_and(|stem| filters.contains(stem))
            || path.file_name().is_some_and(|name| changed.iter().any(|it| it == name))
    };
    let (needed, unread) =
        std::mem::take(&mut texts.unread_filters).into_iter().partition(is_needed);
    texts.unread_filters = unread;
    add_packages_filters(texts, needed);
    for filter in &mut texts.filters {
        filter.text.truncate(rules::without_samples(&filter.text).len());
        filter.text.shrink_to_fit();
    }
}

/// Adds these filters of the package's below all others.
fn add_packages_filters(texts: &mut Texts, paths: Vec<PathBuf>) {
    let mut found = Vec::new();
    for path in paths {
        add(path, &mut found, &mut texts.unreadable_filters);
    }
    texts.filters.splice(0..0, found);
}

/// Adds the filters of fail2ban's in `directory`; a jail that uses one which is not read cannot run.
fn add_fail2ban(texts: &mut Texts, directory: &Path, folder: PathBuf) {
    let mut found = Vec::new();
    add_all(directory, &FAIL2BAN, &mut found, &mut texts.unreadable_filters);
    if !found.is_empty() {
        texts.fail2ban.entry(folder).or_default().extend(found);
    }
}

fn add_all(
    directory: &Path,
    endings: &[&str],
    texts: &mut Vec<SourceText>,
    unreadable: &mut Vec<Unreadable>,
) {
    let paths = listed(directory, endings, unreadable);
    for path in paths {
        add(path, texts, unreadable);
    }
}

/// The files of a directory with one of these endings, or what is wrong with it.
fn listed(directory: &Path, endings: &[&str], unreadable: &mut Vec<Unreadable>) -> Vec<PathBuf> {
    list(directory, endings).unwrap_or_else(|why| {
        unreadable.push(Unreadable { path: directory.to_owned(), why });
        Vec::new()
    })
}

/// The files of a directory with one of these endings, by name; hidden ones are editors' and package
/// managers'.
fn list(directory: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, String> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        let bytes = name.as_encoded_bytes();
        let ends = endings.iter().any(|ending| bytes.ends_with(ending.as_bytes()));
        if !ends || bytes.starts_with(b".") {
            continue;
        }
        if names.len() == FILES_MAX {
            return Err(format!("there are more than {FILES_MAX} files in it"));
        }
        names.push(name);
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

fn add(path: PathBuf, texts: &mut Vec<SourceText>, unreadable: &mut Vec<Unreadable>) {
    match read_file(&path) {
        Ok(Some(text)) => texts.push(SourceText { path, text }),
        Ok(None) => {}
        Err(why) => unreadable.push(Unreadable { path, why }),
    }
}

fn read_file(path: &Path) -> Result<Option<String>, String> {
    // A FIFO in its place must not stop the service at its start.
    let length = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err("it is not a file".to_owned()),
        Ok(metadata) => metadata.len().min(FILE_BYTES_MAX),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
    };
    // One byte more than there is, so that the end is seen at the first read but one.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let length = read.map_err(|error| error.to_string())?;
    if u64::try_from(length).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
        format!("line {line} is not UTF-8")
    })
}

/// Reads fail2ban's configuration in the directory `root`: `*.conf` and `*.local` in it and in its
/// `jail.d`, `filter.d` and `action.d`.
///
/// # Errors
///
/// When a directory or a file that is there cannot be read, or there are too many; which, and why.
pub fn read_tree(root: &Path) -> Result<Tree, Unreadable> {
    let mut texts = BTreeMap::new();
    for folder in ["", "fail2ban.d", "jail.d", "filter.d", "action.d"] {
        read_into(&mut texts, &root.join(folder), folder)?;
    }
    Ok(Tree::new(&root.to_string_lossy(), texts))
}

/// Reads the filters of fail2ban's in one folder, whatever its name: `*.conf` and `*.local`.
///
/// # Errors
///
/// As [`read_tree`].
pub fn read_filter_folder(folder: &Path) -> Result<Tree, Unreadable> {
    let root = folder.parent().unwrap_or(folder);
    let mut texts = BTreeMap::new();
    read_into(&mut texts, folder, "filter.d")?;
    Ok(Tree::new(&root.to_string_lossy(), texts))
}

/// Reads `*.conf` and `*.local` of a directory as files of `folder`.
fn read_into(
    texts: &mut BTreeMap<String, String>,
    directory: &Path,
    folder: &str,
) -> Result<(), Unreadable> {
    let unreadable = |path: &Path, why| Unreadable { path: path.to_owned(), why };
    let paths = list(directory, &FAIL2BAN);
    for path in paths.map_err(|why| unreadable(directory, why))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = read_file(&path).map_err(|why| unreadable(&path, why))?;
        let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if let Some(text) = text {
            texts.insert(key, text);
        }
    }
    Ok(())
}
