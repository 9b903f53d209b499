//! Plain patterns: steps find what the engine finds.

use proptest::prelude::*;

use super::super::{Captures, Language, Options, Regex, Text, compile};

/// Pieces of patterns, and of texts that meet them.
const PIECES: &[&str] = &[
    "a",
    "b",
    "ab",
    "ab ab1",
    "b1 1b a",
    " ",
    "1",
    ".",
    "[ab]",
    "[^a]",
    r"\d",
    r"\w",
    r"\S",
    r"\s",
    r"\b",
    r"\B",
    "(?i:aB)",
    "(?i:[^a])",
    r"\.",
    "(?:)",
    "(?:a|b1)",
    "(?P<x>a|ab)",
    "(?P<y>.*)",
    "(?:(?P<z>a)|(?P<w>b))",
    r"(?:\d{1,2}\.){2}",
    "(?:a b?)",
    "$",
    r"\Z",
    "^",
];
const ENDS: &[&str] =
    &["", "", "", "?", "*", "+", "??", "*?", "+?", "{2}", "{1,3}", "{0,2}?", "{2,}"];

/// Texts in which the pieces of patterns are often enough.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![Just("ab ab1".to_owned()), Just("b1 1b a".to_owned()), "[abB1. _%\\n]"];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn pattern() -> impl Strategy<Value = String> {
    let piece = (prop::sample::select(PIECES), prop::sample::select(ENDS));
    let piece = piece.prop_map(|(piece, end)| match end {
        "" => piece.to_owned(),
        end => format!("(?:{piece}){end}"),
    });
    let line = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    prop::collection::vec(line, 1..3).prop_map(|ways| match &ways[..] {
        [way] => format!("^{way}"),
        ways => format!("^(?:{})$", ways.join("|")),
    })
}

/// What the steps have caught, and what the engine has; nothing where the pattern is not plain.
fn both(pattern: &str, text: &str, kind: Text) -> Option<[Option<Captures>; 2]> {
    let options = Options { text: kind, linear: true, ..Options::default() };
    let regex = Regex::new(pattern, options).ok()?;
    regex.first_bytes()?;
    let walked = regex.captures(text).expect("linear");
    Some([walked, regex.captures_from(text, 0).expect("linear")])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn steps_find_what_the_engine_finds(pattern in pattern(), text in text()) {
        if let Some([walked, searched]) = both(&pattern, &text, Text::Message) {
            prop_assert_eq!(walked, searched, "{} in {:?}", pattern, text);
        }
        let line = text.replace('\n', "") + "\n";
        if let Some([walked, searched]) = both(&pattern, &line, Text::Line) {
            prop_assert_eq!(walked, searched, "{} in {:?}", pattern, line);
        }
    }

    #[test]
    fn steps_find_addresses_as_the_engine_does(
        text in "(from |x )?[0-9a-f:.%\\[\\] ]{0,20}( port [0-9]{1,5})?",
    ) {
        for pattern in [
            r"^from <HOST>(?: port \d+)?$",
            r"^(?:.* )?<F-USER>\S*</F-USER> ?<ADDR>:? .*$",
            r"^(?:from |x )<SUBNET>.*$",
        ] {
            let options = Options { linear: true, ..Options::default() };
            let regex = compile(pattern, Language::Native, false, options).expect("a pattern");
            prop_assert!(regex.first_bytes().is_some(), "{} is plain", pattern);
            let searched = regex.captures_from(&text, 0);
            prop_assert_eq!(regex.captures(&text), searched, "{} in {:?}", pattern, text);
        }
    }
}

#[test]
fn what_takes_too_many_steps_is_left_to_the_engine() {
    let options = Options { linear: true, ..Options::default() };
    let regex = Regex::new("^(?:a|b|ab)*(?:.*c){6}$", options).expect("a regex");
    assert!(regex.first_bytes().is_some());
    let text = "ab".repeat(2000) + &"c ".repeat(500);
    assert_eq!(regex.captures(&text), Ok(None));
    assert!(regex.captures(text.trim_end()).expect("linear").is_some());
}
