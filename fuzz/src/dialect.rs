//! fail2ban's configuration language: files to jails, filters and actions.

use std::collections::BTreeMap;

use jailkeeper::dialect::{JailOptions, Mistake, Reference, Tree, Value, seconds};

/// The files that an input's texts are.
const FILES: [&str; 6] = [
    "jail.conf",
    "filter.d/x.conf",
    "action.d/x.conf",
    "jail.local",
    "filter.d/x.local",
    "jail.d/a.conf",
];

/// Reads a configuration and everything in it. Wherever it points to lies in a file.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    if let Some(text) = texts.first() {
        reference(text);
    }
    let files: BTreeMap<String, String> =
        FILES.iter().map(|&file| file.to_owned()).zip(texts).collect();
    let tree = Tree::new("/etc/fail2ban", files);
    let jails = tree.jails();
    check(&tree, &jails.mistakes);
    for value in jails.value.jails.iter().flat_map(|jail| &jail.rules.failregex) {
        origin(&tree, value);
    }
    let named = Reference { name: "x".to_owned(), options: Vec::new() };
    for backend in ["auto", "systemd"] {
        let jail = JailOptions { backend: backend.to_owned(), options: Vec::new() };
        let filter = tree.filter(&named, &jail);
        check(&tree, &filter.mistakes);
        if let Some(settings) = filter.value {
            settings.failregex.iter().chain(&settings.prefregex).for_each(|it| origin(&tree, it));
        }
    }
    check(&tree, &tree.action(&named, "a").mistakes);
}

fn reference(text: &str) {
    for read in [Reference::parse(text).map(|_| ()), Reference::parse_many(text).map(|_| ())] {
        if let Err(wrong) = read {
            assert!(text.get(wrong.at..).is_some(), "{wrong:?}");
        }
    }
    if let Err(wrong) = seconds(text) {
        assert!(text.get(wrong.at..).is_some(), "{wrong:?}");
    }
}

fn check(tree: &Tree, mistakes: &[Mistake]) {
    for mistake in mistakes.iter().filter(|mistake| mistake.span != (0..0)) {
        let text = tree.text(&mistake.path).expect("the mistake's file");
        assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?}");
    }
}

fn origin(tree: &Tree, value: &Value) {
    if let Some(origin) = &value.origin {
        let text = tree.text(&origin.path).expect("the origin's file");
        assert!(text.get(origin.span.clone()).is_some(), "{value:?}");
    }
}
