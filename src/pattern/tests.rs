//! The translation, case by case; against Python itself it is held in `tests/pattern.rs`.

mod plain;

use proptest::prelude::*;

use super::{Danger, FaultKind, Language, Options, Regex, Text, compile, shape};

fn regex(text: &str) -> Regex {
    Regex::new(text, Options::default()).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn found<'t>(regex: &Regex, text: &'t str) -> Option<&'t str> {
    let captures = regex.captures(text).expect("few steps are enough")?;
    Some(&text[captures.whole()])
}

fn group<'t>(regex: &Regex, text: &'t str, name: &str) -> Option<&'t str> {
    let captures = regex.captures(text).expect("few steps are enough")?;
    let numbers = regex.names().filter(|(known, _)| *known == name);
    numbers.filter_map(|(_, number)| captures.group(number)).map(|span| &text[span]).next()
}

#[test]
fn what_is_linear_stays_linear() {
    for text in ["a|b*", r"^\w+\s$", "(?P<x>[^[]+)", "[]a]{2,}?", "(?i)x", "{", "a{,3}", r"\."] {
        assert_eq!(regex(text).needs_backtracking(), None, "{text}");
    }
    for (text, why) in [
        ("a(?=b)", "a look-ahead"),
        ("(?<!a)b", "a look-behind"),
        (r"(a)\1", "a back-reference"),
        ("(?P<q>a)(?P=q)", "a back-reference"),
        ("(a)?(?(1)b|c)", "a conditional"),
        ("a++", "a possessive repetition"),
        ("(?>a|ab)c", "an atomic group"),
    ] {
        assert_eq!(regex(text).needs_backtracking(), Some(why), "{text}");
        let linear = Options { linear: true, ..Options::default() };
        let fault = Regex::new(text, linear).expect_err("it is not linear");
        assert_eq!(fault.kind, FaultKind::Backtracking(why));
    }
}

#[test]
fn the_end_is_before_a_last_newline_too() {
    let line = Options { text: Text::Line, ..Options::default() };
    let line = Regex::new("b$", line).expect("a regex");
    assert_eq!(found(&line, "ab\n"), Some("b"));
    assert_eq!(found(&regex("b$"), "ab\n"), None, "a message ends where it ends");
    assert_eq!(found(&regex("^b"), "a\nb"), None);
    let inner = Regex::new("(?m)^b", Options::default()).expect_err("inside of a message");
    assert_eq!(inner.kind, FaultKind::InnerLines);
    assert_eq!(found(&regex(r"b\Z"), "ab\n"), None);
    let lines = Options { text: Text::Lines, ..Options::default() };
    let last = Regex::new("b$", lines).expect("a regex");
    assert_eq!(last.captures("ab\nc\n"), Ok(None));
    let each = Options { multi_line: true, ..lines };
    let each = Regex::new("^b$", each).expect("a regex");
    assert!(each.captures("a\nb\nc\n").expect("linear").is_some());
}

#[test]
fn a_place_to_start_does_not_move_the_beginning() {
    let anchored = regex("^b");
    assert_eq!(anchored.captures_from("ab", 1), Ok(None));
    assert_eq!(anchored.captures_from("äb", 1), Ok(None), "inside of a character");
    let edge = regex(r"\bb");
    assert_eq!(edge.captures_from("ab", 1), Ok(None));
}

#[test]
fn mistakes_are_where_they_are() {
    for (text, span) in [
        ("a(b", 1..2),
        ("ab)", 2..3),
        ("a[b", 1..3),
        ("*a", 0..1),
        ("a**", 2..3),
        (r"a\q", 1..3),
        ("(?P<1>a)", 0..6),
        ("(?P=x)", 0..6),
        ("[b-a]", 1..4),
        ("(?y)", 0..4),
        ("a{3,2}", 0..6),
    ] {
        let fault = Regex::new(text, Options::default()).expect_err(text);
        assert_eq!(fault.span, span, "{text}: {fault}");
    }
}

#[test]
fn a_catastrophe_ends_soon() {
    let evil = regex(r"^(?:(a+)+\1b|x)$");
    let text = format!("{}!", "a".repeat(50_000));
    assert_eq!(evil.captures(&text), Ok(None), "the loose regex says no at once");
    let evil = regex(r"(?:(?:a|a)*)*(?<!a)!");
    assert!(evil.captures(&text).is_err(), "it gives up");
    let large = Regex::new("(?:(?:a{1000}){1000}){1000}", Options::default());
    assert_eq!(large.expect_err("too large").kind, FaultKind::TooLarge);
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(
        Regex::new(&deep, Options::default()).expect_err("too deep").kind,
        FaultKind::TooLarge
    );
}

#[test]
fn tags_remember_what_they_stand_for() {
    let tags = |text: &str, names| {
        let options = Options { text: Text::Line, ..Options::default() };
        compile(text, Language::Fail2ban, names, options).expect("a pattern")
    };
    let host = tags("from <HOST>$", true);
    assert_eq!(group(&host, "from 192.0.2.1\n", "ip4"), Some("192.0.2.1"));
    assert_eq!(group(&host, "from [2001:db8::1]", "ip6"), Some("2001:db8::1"));
    assert_eq!(group(&host, "from ::ffff:192.0.2.1", "ip4"), Some("192.0.2.1"));
    assert_eq!(group(&host, "from a.example.com", "dns"), Some("a.example.com"));
    assert_eq!(group(&tags("from <HOST>$", false), "from a.example.com", "dns"), None);
    let subnet = tags("<SUBNET>", false);
    assert_eq!(group(&subnet, "in 192.0.2.0/24", "cidr"), Some("24"));
    let own = tags("<F-MLFID>\\S+</F-MLFID> <F-ID>.*</F-ID> </F-NONE>", false);
    assert_eq!(group(&own, "17 a b </F-NONE>", "mlfid"), Some("17"));
    assert_eq!(group(&own, "17 a b </F-NONE>", "fid"), Some("a b"));
    let native = |text| compile(text, Language::Native, false, Options::default());
    assert_eq!(
        native("a <HOTS>").expect_err("no tag").kind,
        FaultKind::UnknownTag("<HOTS>".to_owned())
    );
    assert_eq!(native("<F-USER>x").expect_err("not closed").span, 0..8);
    assert_eq!(native("</F-USER>x").expect_err("not opened").span, 0..9);
    assert_eq!(native("<ADDR> x)").expect_err("a syntax error").span, 8..9);
    let alone = native("<ADDR>").expect("a pattern");
    assert_eq!(alone.captures("11192.0.2.1").expect("linear"), None, "a part of a number");
}

#[test]
fn progress_tells_where_a_text_leaves_the_pattern() {
    let regex = regex("^Failed (?:password|none) for (?i)X[0-9]+ from");
    assert_eq!(regex.progress("Failed none for x12 from"), None);
    let progress = regex.progress("Failed none for y12 from").expect("no match");
    assert_eq!(&"Failed none for y12"[..progress.reached], "Failed none for ");
    assert_eq!(progress.stopped_at, "(?i:X)");
    assert_eq!(regex.progress("other").expect("no match").reached, 0);
}

/// A look-ahead that goes through the whole text wherever it is tried.
#[test]
fn a_long_text_gets_fewer_steps() {
    let regex = regex("a(?=.*z)b|x");
    let tried = |count| "ab ".repeat(count) + "x";
    assert_eq!(found(&regex, &tried(2_000)), Some("x"));
    assert!(regex.captures(&tried(20_000)).is_err(), "it gives up");
    // Where it need not be tried there are no steps.
    assert_eq!(found(&regex, &("aa ".repeat(20_000) + "x")), Some("x"));
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in r"[\[\](){}?:<>|*+a\\^$.,0-9PiIxX=!#&~é -]{0,60}") {
        for language in [Language::Native, Language::Fail2ban] {
            if let Err(fault) = compile(&text, language, true, Options::default()) {
                prop_assert!(fault.span.end <= text.len(), "{fault:?}");
                prop_assert!(text.get(fault.span).is_some());
            }
        }
    }

    #[test]
    fn the_loose_regex_misses_nothing(text in "[ab!]{0,12}", from in 0usize..13) {
        for source in [
            r"(a+)b\1",
            "a(?=b)",
            "(?<!a)b+",
            "(a)?(?(1)b|!)",
            "(?>a+)b",
            "(?=.*!)b?a",
            "(?<=a)(?:b|!)*$",
            "^(?!b)|!",
            "a*+!",
        ] {
            let engine = fancy_regex::Regex::new(source).expect("a regex");
            let expected = engine.captures_from_pos(&text, from).expect("few steps");
            let expected = expected.and_then(|found| found.get(0)).map(|whole| whole.range());
            let expected = expected.filter(|_| from <= text.len());
            let found = regex(source).captures_from(&text, from).expect("few steps");
            prop_assert_eq!(found.map(|found| found.whole()), expected, "{}", source);
        }
    }
}

#[test]
fn what_a_client_could_abuse_is_known() {
    for (pattern, danger) in [
        (r"^Failed for .* from <ADDR> port \d+$", None),
        (r"^Failed for .* from <ADDR>(?: port \d+)?", Some(Danger::OpenEnd)),
        (r"^Failed for .* from <ADDR>: .*$", Some(Danger::TextBehind)),
        (r"^Failed for \S+ from <ADDR>: .*$", None),
        (r#"^user "[^"]*" from <ADDR>: .*$"#, None),
        (r#"^user "[^"]*"? from <ADDR>: .*$"#, Some(Danger::TextBehind)),
        (r#"^user "(?:[^"\\]|\\.)*" from <ADDR>: .*$"#, None),
        (r"^user=\S*,ip=<ADDR>,agent=\S*$", Some(Danger::TextBehind)),
        (r"^user=[^,]*,ip=<ADDR>,agent=.*$", None),
        (r"^(?:a .*|b) <ADDR>(?: \w+| .*)$", Some(Danger::TextBehind)),
        (r"^.*<HOST>$", None),
        (r"^\d+ \w+: <ADDR> .*$", None),
        (r"^(?i:x[a-z.0-9]+)X<ADDR> X.*$", Some(Danger::TextBehind)),
    ] {
        let shape = shape(pattern).expect("a pattern");
        assert_eq!(shape.danger, danger, "{pattern}");
        assert!(shape.tied_to_start, "{pattern}");
    }
    let open = |pattern| shape(pattern).expect("a pattern").takes_any_text;
    assert!(open("^user .* from <ADDR>$") && open(r"^from <ADDR> \S+$"));
    assert!(!open(r"^from <ADDR> port \d+ \w+$"));
    let loose = shape("x|^from <ADDR>").expect("a pattern");
    assert!(!loose.tied_to_start && !loose.tied_to_end);
}

#[test]
fn no_regex_becomes_larger_than_was_estimated() {
    let pieces = [
        "a", "k", "é", ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[^\"]", "[a-z.]", "[é-ü]",
        "[^é]", r"[^\w.-]", r"[\d:]", "^", "$", r"\b", "<", r"\.", "(?i:k)", "(?i:é)", r"(?i:\w)",
        "(a|bc|d)",
    ];
    let ends = ["", "?", "+", "*", "{3}", "{2,9}", "{0,40}"];
    for text in pieces.iter().flat_map(|piece| ends.map(|end| format!("(?:{piece}){end}"))) {
        for text in [text.clone(), format!("x(?:{text}){{1,5}}y"), text.repeat(7)] {
            // What is too large is refused.
            let Ok(regex) = Regex::new(&text, Options::default()) else { continue };
            let built = regex::RegexBuilder::new(regex.loose()).size_limit(regex.size()).build();
            assert!(built.is_ok(), "{text}: {}", regex.size());
        }
    }
}
