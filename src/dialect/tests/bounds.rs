//! No text makes us panic, hang or fill the memory.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// The titles of what is wrong with the filter `x`.
fn wrong(text: &str) -> Vec<String> {
    let reference = Reference { name: "x".to_owned(), options: Vec::new() };
    let outcome = tree(&[("filter.d/x.conf", text)]).filter(&reference, &JailOptions::default());
    assert!(outcome.value.is_none());
    outcome.mistakes.into_iter().map(|mistake| mistake.title).collect()
}

/// `n` options, each of which names the next one `times` over.
fn tower(n: usize, times: usize, reference: impl Fn(usize) -> String, last: &str) -> String {
    let mut text = String::from("[Definition]\n");
    for level in 0..n {
        let name = if level == 0 { "failregex".to_owned() } else { format!("o{level}") };
        writeln!(text, "{name} = {}", reference(level + 1).repeat(times)).expect("a string");
    }
    writeln!(text, "o{n} = {last}").expect("a string");
    text
}

#[test]
fn options_that_grow_are_stopped() {
    let percent = |level: usize| format!("%(o{level})s");
    let tag = |level: usize| format!("<o{level}>");
    let grows = "the value grows beyond 1 MiB once its options are put in";
    assert_eq!(wrong(&tower(8, 10, percent, "xxxxxxxxxx")), [grows]);
    assert_eq!(wrong(&tower(8, 10, tag, "xxxxxxxxxx")), [grows]);
    // Nothing grows here, and there is a million of million of it.
    let often = "the configuration is too much work to read";
    assert_eq!(wrong(&tower(8, 30, percent, "")), [often]);
}

#[test]
fn circles_are_found() {
    let deep = "options refer to each other in a circle, or more than ten deep";
    assert_eq!(wrong("[Definition]\nfailregex = %(a)s\na = %(b)s\nb = %(a)s"), [deep]);
    let percent = |level: usize| format!("%(o{level})s");
    assert_eq!(wrong(&tower(11, 1, percent, "x")), [deep]);
    assert_eq!(patterns(&tower(10, 1, percent, "x")), ["x"]);
    for circle in ["a = <a>", "a = <b>\nb = <a>", "a = <b><b>\nb = x<a>x<a>"] {
        let titles = wrong(&format!("[Definition]\nfailregex = <a>\n[Init]\n{circle}\n"));
        assert_eq!(titles.len(), 1, "{circle}: {titles:?}");
    }
}

#[test]
fn includes_are_stopped() {
    let mut files = BTreeMap::new();
    let all: String = (0..20).fold(String::new(), |all, n| all + &format!(" f{n}.conf\n"));
    for n in 0..20 {
        files.insert(format!("filter.d/f{n}.conf"), format!("[INCLUDES]\nbefore ={all}"));
    }
    let reference = Reference { name: "f0".to_owned(), options: Vec::new() };
    let outcome = Tree::new("/", files).filter(&reference, &JailOptions::default());
    assert!(outcome.mistakes.iter().any(|mistake| mistake.title.starts_with("files include")));
}

#[test]
fn files_and_their_number_are_bounded() {
    let long = format!("[a]\nport = {}\n", "1".repeat(FILE_BYTES_MAX));
    let found = tree(&[("jail.conf", &long)]).jails();
    assert_eq!(found.mistakes[0].title, "the file is longer than 1 MiB");
    let many = (0..=FILES_MAX).map(|n| (format!("jail.d/{n}.conf"), "[a]\n".to_owned())).collect();
    let found = Tree::new("/", many).jails();
    assert_eq!(found.mistakes[0].title, "the configuration has more than 1000 files");
}

#[test]
fn long_lists_and_deep_brackets_are_read_in_no_time() {
    let open = "a[b=\"".repeat(100_000);
    assert!(Reference::parse(&open).is_err());
    assert!(Reference::parse_many(&open).is_err());
    assert!(Reference::parse_many(&"a[b=\" ".repeat(10_000)).is_err());
    let nested = format!(
        "[Definition]\nfailregex = {}x{} <HOST>\n",
        "<".repeat(400_000),
        ">".repeat(400_000)
    );
    assert_eq!(patterns(&nested).len(), 1);
    let many: String =
        (0..20_000).fold(String::from("[a]\n"), |all, n| all + &format!("o{n} = %(o{n})s\n"));
    let found = tree(&[("jail.conf", &many)]).jails();
    assert!(found.mistakes.len() <= 200);
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "[Definition]",
            "[Init]",
            "[DEFAULT]",
            "[INCLUDES]",
            "[a]",
            "\nbefore = x.conf\n",
            "\n",
            "\n ",
            "=",
            ":",
            "failregex",
            "filter",
            "action",
            "%(a)s",
            "%(known/a)s",
            "%(default/filter)s",
            "%",
            "<a>",
            "<",
            ">",
            "<known/a>",
            "\na = ",
            "\nfilter = x[",
            "]",
            ",",
            "\"",
            "'",
            ";",
            "#",
            "x",
            "enabled = 1\n",
            "bantime = ",
            "1h",
            "“",
            "\r",
            "\u{a0}",
            "é",
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read(jail in text(), filter in text(), action in text()) {
        let jail = format!("[a]\nenabled = yes\nfilter = x\naction = x[a={action}]\n{jail}");
        let files = [
            ("jail.conf", jail.as_str()),
            ("filter.d/x.conf", filter.as_str()),
            ("action.d/x.conf", action.as_str()),
        ];
        let tree = tree(&files);
        let outcome = tree.jails();
        for mistake in outcome.mistakes {
            let text = tree.text(&mistake.path).expect("the mistake's file");
            prop_assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?}");
        }
        for value in outcome.value.jails.iter().flat_map(|jail| &jail.rules.failregex) {
            if let Some(origin) = &value.origin {
                let text = tree.text(&origin.path).expect("the origin's file");
                prop_assert!(text.get(origin.span.clone()).is_some(), "{value:?}");
            }
        }
    }

    #[test]
    fn any_reference_is_read(text in text()) {
        for read in [Reference::parse(&text).map(|_| ()), Reference::parse_many(&text).map(|_| ())] {
            if let Err(wrong) = read {
                prop_assert!(text.get(wrong.at..).is_some(), "{wrong:?}");
            }
        }
    }

    #[test]
    fn any_length_of_time_is_read(text in "[0-9a-z+*/%() .-]{0,40}") {
        if let Err(wrong) = seconds(&text) {
            prop_assert!(text.get(wrong.at..).is_some(), "{wrong:?}");
        }
    }
}
