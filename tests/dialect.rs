//! fail2ban's configuration language, compared with fail2ban itself, and the five how-tos.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jailkeeper::dialect::{
    ActionSettings, FilterSettings, JailOptions, JailSettings, Mistake, Reference, Severity, Tree,
    Value,
};
use serde::Deserialize;

use crate::support::fail2ban::package;

/// What fail2ban's readers made of a directory (`tests/oracle/dialect.py`).
#[derive(Deserialize)]
struct Oracle {
    filters: Vec<FilterCase>,
    jails: Vec<JailCase>,
}

#[derive(Deserialize)]
struct FilterCase {
    filter: String,
    backend: String,
    given: BTreeMap<String, String>,
    rules: Option<Rules>,
}

#[derive(Deserialize)]
struct JailCase {
    jail: String,
    options: Option<BTreeMap<String, String>>,
    rules: Option<Rules>,
    actions: Option<Vec<ActionCase>>,
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

fn oracle(directory: &Path) -> Oracle {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/dialect.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(directory)
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
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut all = texts(&package().join("etc/fail2ban"));
    all.extend(overlay.clone());
    for (name, text) in all {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
        fs::write(path, text).expect("a new file");
    }
    directory
}

/// How many cases there were.
struct Compared {
    filters: usize,
    jails: usize,
    actions: usize,
}

/// Reads a directory as fail2ban does, and fails where something differs. What fail2ban cannot read,
/// we may not read either.
fn compare(directory: &Path) -> Compared {
    let oracle = oracle(directory);
    let tree = tree(directory);
    let mut different = Vec::new();
    let mut compared = Compared { filters: 0, jails: 0, actions: 0 };
    for case in &oracle.filters {
        let options = case.given.clone().into_iter().collect();
        let reference = Reference { name: case.filter.clone(), options };
        let jail = JailOptions { backend: case.backend.clone(), options: Vec::new() };
        let ours = tree.filter(&reference, &jail).value.map(Rules::from);
        compared.filters += 1;
        if ours != case.rules {
            let what = format!("{} {:?} {}", case.filter, case.given, case.backend);
            different.push(format!("filter {what}\n ours   {ours:?}\n theirs {:?}", case.rules));
        }
    }
    let jails = tree.jails().value;
    let mut ours: BTreeMap<String, JailSettings> =
        jails.jails.into_iter().map(|jail| (jail.name.clone(), jail)).collect();
    for case in oracle.jails {
        compared.jails += 1;
        let our = ours.remove(&case.jail);
        let theirs = (case.options, case.rules, case.actions);
        let our = match our {
            Some(jail) => {
                let options = jail.options.into_iter().map(|(name, value)| (name, value.text));
                let actions: Vec<ActionCase> =
                    jail.actions.into_iter().map(ActionCase::from).collect();
                compared.actions += actions.len();
                (Some(with_defaults(options.collect())), Some(jail.rules.into()), Some(actions))
            }
            None => (None, None, None),
        };
        if our != theirs {
            different.push(format!("jail {}\n ours   {our:?}\n theirs {theirs:?}", case.jail));
        }
    }
    different.extend(ours.into_keys().map(|name| format!("the jail {name} is ours alone")));
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
    let Compared { filters, jails, actions } = compared;
    println!("{filters} readings of filters, {jails} jails and {actions} actions are the same");
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
