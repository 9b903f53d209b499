//! Patterns: tags, the translation of the regex, and the two engines.

use jailkeeper::pattern::{self, Language, Options, Regex, Text};

/// Each language with the options that filters give it.
const WAYS: [(Language, bool, Options); 4] = [
    (Language::Native, false, Options { text: Text::Message, multi_line: false, linear: true }),
    (Language::Fail2ban, true, Options { text: Text::Line, multi_line: false, linear: false }),
    (Language::Fail2ban, true, Options { text: Text::Lines, multi_line: true, linear: false }),
    (Language::Fail2ban, false, Options { text: Text::Message, multi_line: false, linear: false }),
];

/// Compiles the first text as a pattern, and matches it against the others.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    let Some((written, texts)) = texts.split_first() else { return };
    for (language, names, options) in WAYS {
        match pattern::compile(written, language, names, options) {
            Ok(regex) => texts.iter().for_each(|text| matched(&regex, text)),
            Err(fault) => {
                let start = fault.span.start;
                assert!(start <= fault.span.end && start <= written.len(), "{fault:?}");
            }
        }
    }
}

fn matched(regex: &Regex, text: &str) {
    let Ok(found) = regex.captures(text) else { return };
    if let Some(found) = &found {
        let groups = regex.names().filter_map(|(_, group)| found.group(group));
        for span in groups.chain([found.whole()]) {
            assert!(text.get(span.clone()).is_some(), "{span:?}");
        }
    }
    if let Some(progress) = regex.progress(text) {
        assert!(text.get(progress.reached..).is_some(), "{progress:?}");
    }
    let middle = text.len() / 2;
    if let Ok(Some(found)) = regex.captures_from(text, middle) {
        assert!(found.whole().start >= middle, "{found:?}");
    }
}
