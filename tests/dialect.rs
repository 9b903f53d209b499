//! fail2ban's configuration language, compared with fail2ban itself, and the five how-tos.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jailkeeper::dialect::{
    ActionSettings, FilterSettings, JailOptions, JailSettings, Mistake, Reference, Severity, Tree,
    Value,
};
use serde::Deserialize;

use crate::support::fail2ban::package;

mod strange;

/// What fail2ban's readers made of a directory (`tests/oracle/dialect.py`). They give up on the whole
/// of it where a file that all jails share is malformed.
#[derive(Deserialize)]
struct Oracle {
    #[serde(default)]
    filters: Vec<FilterCase>,
    #[serde(default)]
    jails: Vec<JailCase>,
    wrong: Option<String>,
}

#[derive(Deserialize)]
struct FilterCase {
    filter: String,
    backend: String,
    given: BTreeMap<String, String>,
    rules: Option<Rules>,
    wrong: Option<String>,
}

#[derive(Deserialize)]
struct JailCase {
    jail: String,
    options: Option<BTreeMap<String, String>>,
    rules: Option<Rules>,
    actions: Option<Vec<ActionCase>>,
    wrong: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct ActionCase {
    name: String,
    options: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Rules {
    failregex: Vec<String>,
    ignoreregex: Vec<String>,
    journalmatch: Vec<Vec<String>>,
    prefregex: Option<String>,
    datepattern: Option<String>,
    maxlines: Option<String>,
    usedns: Option<String>,
}

impl From<FilterSettings> for Rules {
    fn from(settings: FilterSettings) -> Self {
        let texts = |values: Vec<Value>| values.into_iter().map(|value| value.text).collect();
        let one = |value: Option<Value>| value.map(|value| value.text);
        Self {
            failregex: texts(settings.failregex),
            ignoreregex: texts(settings.ignoreregex),
            journalmatch: settings.journalmatch.into_iter().map(|line| line.words).collect(),
            prefregex: one(settings.prefregex),
            datepattern: one(settings.datepattern),
            maxlines: one(settings.maxlines),
            usedns: one(settings.usedns),
        }
    }
}

impl From<ActionSettings> for ActionCase {
    fn from(action: ActionSettings) -> Self {
        let options = action.options.into_iter();
        let options = options.map(|(name, value)| (name, value.text)).collect();
        Self { name: action.name, options }
    }
}

fn oracle(directories: &[&Path]) -> Vec<Oracle> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/dialect.py");
    let output = Command::new("python3")
        .arg(script)
        .args(directories)
        .env("PYTHONPATH", package().join("usr/lib/python3/dist-packages"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the oracle failed:\n{errors}");
    serde_json::from_slice(&output.stdout).expect("the oracle speaks JSON")
}

/// The texts of a directory under their paths below it.
fn texts(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "conf" || e == "local") {
                let name = path.strip_prefix(directory).expect("a path below").to_owned();
                let text = fs::read_to_string(&path).expect("a readable text");
                found.insert(name.to_str().expect("a plain name").to_owned(), text);
            }
        }
    }
    found
}

fn tree(directory: &Path) -> Tree {
    Tree::new(directory.to_str().expect("a plain path"), texts(directory))
}

/// Debian's configuration with other texts laid over it, in a directory of its own.
fn laid_over(overlay: &BTreeMap<String, String>) -> tempfile::TempDir {
    let mut all = texts(&package().join("etc/fail2ban"));
    all.extend(overlay.clone());
    written(&all)
}

/// A directory with these texts.
fn written(texts: &BTreeMap<String, String>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in texts {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
        fs::write(path, text).expect("a new file");
    }
    directory
}

/// How many cases there were, and why fail2ban could not read some.
#[derive(Default)]
struct Compared {
    filters: usize,
    jails: usize,
    actions: usize,
    unreadable: Vec<String>,
    different: Vec<String>,
}

impl Compared {
    /// Reads a directory and compares it with what fail2ban makes of it. What fail2ban cannot read
    /// must be missing from ours, or be the place of an error.
    fn directory(&mut self, directory: &Path, oracle: Oracle) {
        let tree = tree(directory);
        for case in oracle.filters {
            self.filter(&tree, case);
        }
        let outcome = tree.jails();
        let error = outcome.mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
        if let Some(wrong) = oracle.wrong {
            self.unreadable.push(wrong.clone());
            if !error {
                self.different.push(format!("fail2ban alone finds this wrong: {wrong}"));
            }
            return;
        }
        let jails = outcome.value.jails.into_iter();
        let mut ours: BTreeMap<_, _> = jails.map(|jail| (jail.name.clone(), jail)).collect();
        for case in oracle.jails {
            let our = ours.remove(&case.jail);
            self.jail(our, case, error);
        }
        self.different.extend(ours.into_keys().map(|name| format!("jail {name} is ours alone")));
    }

    fn filter(&mut self, tree: &Tree, case: FilterCase) {
        let options = case.given.clone().into_iter().collect();
        let reference = Reference { name: case.filter.clone(), options };
        let jail = JailOptions { backend: case.backend.clone(), options: Vec::new() };
        let outcome = tree.filter(&reference, &jail);
        let error = outcome.mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
        let ours = outcome.value.map(Rules::from);
        self.filters += 1;
        if case.rules.is_none() && error {
            self.unreadable.extend(case.wrong);
        } else if ours != case.rules {
            let what = format!("filter {} {:?} {}", case.filter, case.given, case.backend);
            self.differ(&what, &ours, &(case.rules, case.wrong));
        }
    }

    fn jail(&mut self, ours: Option<JailSettings>, case: JailCase, error: bool) {
        self.jails += 1;
        let theirs = (case.options, case.rules, case.actions);
        if theirs.0.is_none() && (error || ours.is_none()) {
            self.unreadable.extend(case.wrong);
            return;
        }
        let Some(jail) = ours else {
            return self.differ(&case.jail, &"nothing", &(theirs, case.wrong));
        };
        let options = jail.options.into_iter().map(|(name, value)| (name, value.text)).collect();
        let actions: Vec<ActionCase> = jail.actions.into_iter().map(ActionCase::from).collect();
        self.actions += actions.len();
        let ours = (Some(with_defaults(options)), Some(Rules::from(jail.rules)), Some(actions));
        if ours != theirs {
            self.differ(&case.jail, &ours, &(theirs, case.wrong));
        }
    }

    fn differ(&mut self, what: &str, ours: &impl Debug, theirs: &impl Debug) {
        self.different.push(format!("{what}\n ours   {ours:?}\n theirs {theirs:?}"));
    }
}

/// Compares one directory, and fails where something differs.
fn compare(directory: &Path) -> Compared {
    let mut compared = Compared::default();
    let oracle = oracle(&[directory]).pop().expect("one answer");
    compared.directory(directory, oracle);
    let different = &compared.different;
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    compared
}

/// What fail2ban puts in for options that nobody sets.
fn with_defaults(mut options: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for (name, value) in [("enabled", "False"), ("backend", "auto"), ("filter", ""), ("action", "")]
    {
        options.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    options
}

#[test]
fn debians_configuration_means_what_it_means_to_fail2ban() {
    let directory = package().join("etc/fail2ban");
    let compared = compare(&directory);
    let Compared { filters, jails, actions, unreadable, .. } = compared;
    println!("{filters} readings of filters, {jails} jails and {actions} actions are the same");
    // selinux-common cannot be read by itself: what includes it defines what it needs.
    assert_eq!(unreadable.len(), 4, "{unreadable:?}");
    assert!(filters > 400 && jails > 80 && actions > 80);
    let outcome = tree(&directory).jails();
    assert_eq!(outcome.mistakes, []);
}

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds")
}

const SEEDS: [&str; 5] =
    ["1-qmail-pop3", "2-qmail-sagredo", "3-hestia", "4-sendmail-sasl", "5-asterisk"];

/// A how-to's configuration, without what stands in `as-printed`.
fn seed(name: &str) -> BTreeMap<String, String> {
    let mut texts = texts(&seeds().join(name));
    texts.retain(|path, _| !path.starts_with("as-printed/"));
    texts
}

#[test]
fn the_five_how_tos_mean_what_they_mean_to_fail2ban() {
    for name in SEEDS {
        let directory = laid_over(&seed(name));
        compare(directory.path());
        let mistakes = tree(directory.path()).jails().mistakes;
        let errors = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error);
        assert_eq!(errors.collect::<Vec<_>>(), Vec::<&Mistake>::new(), "{name}");
    }
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug, Clone)]
struct Listed {
    file: String,
    line: usize,
}

#[test]
fn the_mistakes_of_the_printed_how_tos_are_found_where_they_are() {
    for name in ["1-qmail-pop3", "4-sendmail-sasl", "5-asterisk"] {
        let printed = seeds().join(name).join("as-printed");
        let listed = fs::read_to_string(printed.join("errors.json")).expect("a list of mistakes");
        let listed: BTreeSet<Listed> = serde_json::from_str(&listed).expect("a list of mistakes");
        let mut overlay = seed(name);
        overlay.extend(texts(&printed));
        let directory = laid_over(&overlay);
        let tree = tree(directory.path());
        let mistakes = tree.jails().mistakes;
        let found = |mistake: &Mistake| {
            let text = tree.text(&mistake.path).expect("the mistake's file");
            let before = &text[..mistake.span.start];
            Listed { file: mistake.path.clone(), line: 1 + before.matches('\n').count() }
        };
        let found: BTreeSet<Listed> = mistakes.iter().map(found).collect();
        assert_eq!(found, listed, "{name}: {mistakes:#?}");
    }
}
