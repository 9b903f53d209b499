//! What is built in is known, and why.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file")
}

/// The names in backquotes; `-core` behind `netlink-packet-netfilter` is `netlink-packet-core`.
fn names(cell: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in cell.split('`').skip(1).step_by(2) {
        let whole = match (name.strip_prefix('-'), names.first()) {
            (Some(end), Some(first)) => {
                let stem = first.rsplit_once('-').map_or(first.as_str(), |(stem, _)| stem);
                format!("{stem}-{end}")
            }
            _ => name.to_owned(),
        };
        names.push(whole);
    }
    names
}

#[test]
fn each_dependency_has_its_reason_in_the_architecture() {
    let manifest: toml::Table = text("Cargo.toml").parse().expect("TOML");
    let listed = |table: &str| -> BTreeSet<String> {
        manifest[table].as_table().expect("a table").keys().cloned().collect()
    };
    let page = text("ARCHITECTURE.md");
    let (_, section) = page.split_once("## Why each dependency\n").expect("the section");
    let section = section.split("\n## ").next().expect("a section");
    let (table, tests) = section.split_once("\nFor the tests alone: ").expect("two parts");
    let mut reasons = BTreeSet::new();
    for row in table.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, crates, licence, why, _] = cells.as_slice() else {
            panic!("not three cells: {row}")
        };
        assert!(!licence.is_empty() && why.len() > 10, "{row}");
        reasons.extend(names(crates));
    }
    assert_eq!(reasons, listed("dependencies"));
    let for_tests: BTreeSet<String> = names(tests).into_iter().collect();
    assert_eq!(for_tests, listed("dev-dependencies").difference(&reasons).cloned().collect());
}
