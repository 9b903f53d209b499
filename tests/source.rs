//! The house rules that a compiler does not hold: which room may know which.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may import of this crate. `keeper` may import nothing but `std`.
const ARROWS: &[(&str, &[&str])] = &[
    ("keeper", &[]),
    ("record", &["keeper"]),
    ("pattern", &[]),
    ("dates", &["keeper", "pattern"]),
    ("filter", &["keeper", "record", "pattern", "dates"]),
    ("rules", &["keeper", "record", "pattern", "dates", "filter", "dialect"]),
    ("dialect", &[]),
    ("confdir", &["rules", "dialect"]),
    ("files", &["keeper", "record", "control"]),
    ("control", &[]),
    ("journal", &["keeper", "record", "control"]),
    ("nft", &["keeper"]),
    ("host", &[]),
    ("names", &[]),
    ("lists", &["keeper", "rules", "control"]),
    ("sessions", &[]),
    ("pledge", &[]),
    ("store", &["keeper"]),
    ("bus", &["keeper"]),
    ("systemd", &[]),
    (
        "cli",
        &[
            "keeper", "record", "pattern", "dates", "filter", "dialect", "rules", "confdir",
            "files", "journal", "bus", "lists", "systemd",
        ],
    ),
    (
        "daemon",
        &[
            "names", "control", "keeper", "record", "dates", "filter", "rules", "confdir", "files",
            "journal", "nft", "host", "store", "bus", "systemd", "lists", "sessions", "pledge",
        ],
    ),
];

/// Rooms without input or output, and what they may use from outside.
const PURE: &[(&str, &[&str])] = &[
    ("keeper", &["std", "core", "super", "crate", "self"]),
    ("record", &["std", "core", "super", "crate", "self"]),
    ("dialect", &["std", "core", "super", "crate", "self", "regex", "strsim", "thiserror"]),
    (
        "pattern",
        &[
            "std",
            "core",
            "super",
            "crate",
            "self",
            "fancy_regex",
            "memchr",
            "regex",
            "regex_syntax",
            "thiserror",
        ],
    ),
    (
        "filter",
        &[
            "std",
            "core",
            "super",
            "crate",
            "self",
            "jiff",
            "regex",
            "serde",
            "serde_json",
            "thiserror",
        ],
    ),
    (
        "dates",
        &["std", "core", "super", "crate", "self", "jiff", "memchr", "regex_syntax", "thiserror"],
    ),
    (
        "rules",
        &[
            "std",
            "core",
            "super",
            "crate",
            "self",
            "annotate_snippets",
            "regex",
            "regex_syntax",
            "serde",
            "strsim",
            "thiserror",
            "toml",
        ],
    ),
];

/// What no pure room may name, whatever crate it comes from.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os",
    "SystemTime",
    "Instant",
    "println!",
    "eprintln!",
];

fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = house.join(format!("{room}.rs"));
    if file.exists() {
        return vec![(file.clone(), fs::read_to_string(file).expect("a source is readable"))];
    }
    let mut found = Vec::new();
    let mut folders = vec![house.join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the room exists").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source is readable");
                found.push((path, text));
            }
        }
    }
    found
}

/// The sources without comments and without test modules.
fn code(room: &str) -> Vec<(PathBuf, String)> {
    let is_test = |path: &Path| {
        path.file_stem().is_some_and(|stem| stem == "tests")
            || path.components().any(|part| part.as_os_str() == "tests")
    };
    let without_comments = |text: &str| -> String {
        let line = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
        text.lines().map(line).collect()
    };
    sources(room)
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (path, without_comments(&text)))
        .collect()
}

/// The names behind each `prefix` in `text`: `crate::bus::Call` and `crate::{bus, nft}` alike.
fn named_behind(prefix: &str, text: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut names = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (offset, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && !c.is_whitespace() => {
                        names.push(word(&list[offset..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            names.push(word(rest));
        }
    }
    names
}

#[test]
fn arrows_point_one_way() {
    let rooms: Vec<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    let mut wrong = Vec::new();
    for (room, may) in ARROWS {
        for (path, text) in code(room) {
            for name in named_behind("crate::", &text) {
                if rooms.contains(&name.as_str()) && name != *room && !may.contains(&name.as_str())
                {
                    wrong.push(format!("{} imports {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_plan() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"))
        .expect("lib.rs is readable");
    let mut declared: Vec<String> = named_behind("pub mod ", &library);
    let mut planned: Vec<String> = ARROWS.iter().map(|(room, _)| (*room).to_owned()).collect();
    declared.sort();
    planned.sort();
    assert_eq!(declared, planned);
}

#[test]
fn the_pure_rooms_are_pure() {
    let mut wrong = Vec::new();
    for (room, may) in PURE {
        for (path, text) in code(room) {
            for name in IMPURE.iter().filter(|name| text.contains(**name)) {
                wrong.push(format!("{} names {name}", path.display()));
            }
            for name in named_behind("\nuse ", &text) {
                let module = path.with_file_name(format!("{name}.rs")).exists();
                if !may.contains(&name.as_str()) && !module {
                    wrong.push(format!("{} uses {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "impure:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_about_one_thing() {
    let mut long = BTreeMap::new();
    for (room, _) in ARROWS {
        for (path, text) in code(room) {
            let lines = text.lines().count();
            if lines > 450 {
                long.insert(path, lines);
            }
        }
    }
    assert!(long.is_empty(), "longer than 450 lines: {long:#?}");
}

#[test]
fn the_reader_of_imports_sees_what_it_should() {
    let text = "use crate::{bus, nft::{Firewall, Monitor},\n    store};\ncrate::host::addresses()";
    assert_eq!(named_behind("crate::", text), ["bus", "nft", "store", "host"]);
}
