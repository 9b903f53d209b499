//! Our own configuration: files and settings at run time, to jails, filters and mistakes.

use jailkeeper::rules::{self, Diagnostic, Overlay, SourceText, Texts};

/// The texts are `jailkeeper.toml`, a jail's file, two filters, and settings as `JAIL KEY VALUE`, one a
/// line.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    let file = |path: &str, index: usize| SourceText {
        path: path.into(),
        text: texts.get(index).cloned().unwrap_or_default(),
    };
    let mut all = Texts {
        jails: vec![file("jailkeeper.toml", 0), file("jails.d/a.toml", 1)],
        filters: vec![file("filters.d/x.toml", 2), file("filters.d/y.toml", 3)],
        ..Texts::default()
    };
    let overlay = overlay(texts.get(4).map(String::as_str).unwrap_or_default());
    read(&all);
    all = overlay.above(&all);
    read(&all);
    for jail in rules::jail_names(&all) {
        let _ = rules::inspect(&all, &jail);
    }
}

/// The settings that are right, one above the other. A file has them as they were set.
fn overlay(text: &str) -> Overlay {
    let mut overlay = Overlay::default();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (jail, key, value) = (word(), word(), word());
        match rules::setting(jail, key, value) {
            Ok(written) => overlay.set(jail, key, &written),
            Err(found) => drop(rules::render(&found, false)),
        }
    }
    let text = overlay.to_text();
    assert_eq!(Overlay::read(&text).as_ref(), Ok(&overlay), "{text}");
    overlay
}

fn read(texts: &Texts) {
    let everything = rules::load_all(texts);
    check(texts, &everything.diagnostics);
    let _ = rules::render(&everything.diagnostics, true);
    check(texts, &rules::load(texts).diagnostics);
    let cards = rules::catalogue(texts);
    for card in cards {
        let _ = rules::load_filter(texts, &card.name, "normal");
    }
}

/// Whatever a mistake points to lies in its file.
fn check(texts: &Texts, found: &[Diagnostic]) {
    for mistake in found {
        let Some(spot) = &mistake.spot else { continue };
        let file = texts.jails.iter().chain(&texts.filters).find(|file| file.path == mistake.path);
        let text = &file.expect("the mistake's file").text;
        assert!(text.get(spot.span.clone()).is_some(), "{mistake:?}");
        assert!(spot.source_line.get(spot.marked.clone()).is_some(), "{mistake:?}");
    }
}
