//! Journal fields and JSON: what holds, what is told, and what hostile lines can do.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{NOON, filter, recipe, run, short};
use crate::filter::json::Pointers;
use crate::filter::{
    Condition, Extract, Failure, Filter, KeyFault, Line, Memory, Operand, OperandFault, Part,
    Recipe, RecipeError, Stated, Verdict,
};
use crate::keeper::Timestamp;
use crate::pattern::Language;
use crate::record::{Fields, MESSAGE_BYTES_MAX};

fn keys(list: &[&str]) -> Vec<String> {
    list.iter().map(|&key| key.to_owned()).collect()
}

fn condition(key: &str, any_of: &[Operand]) -> Condition {
    Condition { key: key.to_owned(), any_of: any_of.to_vec() }
}

fn is(operand: &str) -> Operand {
    Operand::Text(operand.to_owned())
}

/// A filter that bans `/ip` when one condition holds.
fn banning(key: &str, any_of: &[Operand]) -> Recipe {
    let extract = Extract { offender: keys(&["/ip"]), ..Extract::default() };
    Recipe { conditions: vec![condition(key, any_of)], extract, ..Recipe::default() }
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::of(list.iter().map(|(name, _)| (*name).to_owned()));
    for (name, slot) in fields.slots() {
        *slot = list.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    }
    fields
}

fn judge(filter: &Filter, line: Line<'_>) -> Verdict {
    filter.judge(&mut Memory::default(), line, NOON)
}

fn failure(filter: &Filter, line: &str) -> Failure {
    match judge(filter, Line::plain(line)) {
        Verdict::Failure(failure) => failure,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn each_operator_compares_each_kind() {
    let text = |text: &str| vec![is(text)];
    let cases: &[(Vec<Operand>, &[&str], &[&str])] = &[
        (text("a"), &[r#""a""#, r#""\u0061""#], &[r#""A""#, r#""a ""#, r#""""#, "1", "null"]),
        (text("=a"), &[r#""a""#], &[r#""=a""#]),
        (text("= a"), &[r#""a""#], &[]),
        (text("=<none>"), &[r#""<none>""#], &[]),
        (text(""), &[r#""""#], &[r#""a""#, "0", "null"]),
        (text("400"), &["400", r#""400""#], &["400.0", "4e2", "401"]),
        (text("!=info"), &[r#""warn""#, "1", "true"], &[r#""info""#, "null", "{}", "[]"]),
        (text("~^a.c$"), &[r#""abc""#], &[r#""abcd""#, r#""abc\n""#, "1"]),
        (text("~ ^4[0-9]{2}$"), &["404", r#""404""#], &["200", "4040"]),
        (text("~(?i)fail"), &[r#""it FAILED""#], &[]),
        (text("!~^(?:info|debug)$"), &[r#""warn""#], &[r#""info""#, r#""debug""#, "null"]),
        (text(r"~^\<none>$"), &[r#""<none>""#], &[]),
        (text("<4"), &["3", "-1", "3.9", r#""3""#], &["4", "5", r#""x""#, "true", "null"]),
        (text("<=4"), &["4", "3", "4.0"], &["5", "4.1"]),
        (text(">4"), &["5", "4.1", "4e1", "1e999", r#""5""#], &["4", "inf", r#""inf""#]),
        (text(">= 4.5"), &["4.5", "5"], &["4.4"]),
        (text(">-2"), &["-1", "0"], &["-2"]),
        (vec![Operand::Number(400)], &["400", "400.0", "4e2", r#""400""#], &["401", r#""x""#]),
        (vec![Operand::Truth(false)], &["false", r#""false""#], &["true", "null", "0", r#""""#]),
        (vec![is("a"), is("b"), Operand::Number(3)], &[r#""a""#, r#""b""#, "3"], &[r#""c""#]),
    ];
    for (any_of, hold, fail) in cases {
        let filter = filter(banning("/x", any_of));
        for (value, expected) in
            hold.iter().map(|value| (value, "192.0.2.1")).chain(fail.iter().map(|v| (v, "")))
        {
            let line = format!(r#"{{"x": {value}, "ip": "192.0.2.1"}}"#);
            assert_eq!(run(&filter, &[&line]), [expected], "{any_of:?} {value}");
        }
        assert_eq!(run(&filter, &[r#"{"ip": "192.0.2.1"}"#]), [""], "{any_of:?} is absent");
    }
}

#[test]
fn journal_fields_are_asked_for_and_compared() {
    let mut recipe = banning("PRIORITY", &[is("<=4")]);
    recipe.conditions.push(condition("SYSLOG_IDENTIFIER", &[is("app"), is("app-worker")]));
    recipe.extract =
        Extract { offender: keys(&["REMOTE", "/ip"]), user: keys(&["LOGIN"]), ..recipe.extract };
    let filter = filter(recipe);
    let asked: Vec<&str> = filter.fields().collect();
    assert_eq!(asked, ["LOGIN", "PRIORITY", "REMOTE", "SYSLOG_IDENTIFIER"]);
    assert!(filter.needs_journal() && filter.reads_json());
    let app = ("SYSLOG_IDENTIFIER", "app");
    for (of_entry, message, expected) in [
        (&[app, ("PRIORITY", "3"), ("REMOTE", "192.0.2.1")][..], "{}", "192.0.2.1"),
        (&[app, ("PRIORITY", "3"), ("REMOTE", "")], r#"{"ip":"192.0.2.2"}"#, "192.0.2.2"),
        (
            &[app, ("PRIORITY", "3"), ("REMOTE", "192.0.2.1"), ("LOGIN", "joe")],
            r#"{"ip":"192.0.2.2"}"#,
            "192.0.2.1 joe",
        ),
        (&[app, ("PRIORITY", "5"), ("REMOTE", "192.0.2.1")], "{}", ""),
        (&[app, ("REMOTE", "192.0.2.1")], "{}", ""),
        (&[("SYSLOG_IDENTIFIER", "apple"), ("PRIORITY", "3")], "{}", ""),
        (&[app, ("PRIORITY", "3")], "{}", "NoAddress { pattern: None }"),
        (&[app, ("PRIORITY", "3"), ("REMOTE", "192.0.2.1")], "no JSON", ""),
    ] {
        let fields = fields(of_entry);
        let verdict = judge(&filter, Line::entry(message, &fields));
        assert_eq!(short(&verdict), expected, "{of_entry:?} {message}");
    }
    assert_eq!(run(&filter, &[r#"{"ip":"192.0.2.1"}"#]), [""], "a log file has no fields");
    // What the fields rule out is not even measured.
    let long = "x".repeat(MESSAGE_BYTES_MAX + 1);
    let (other, right) = (fields(&[app]), fields(&[app, ("PRIORITY", "1")]));
    assert_eq!(judge(&filter, Line::entry(&long, &other)), Verdict::Nothing);
    assert_eq!(judge(&filter, Line::entry(&long, &right)), Verdict::TooLong);
}

#[test]
fn a_log_file_serves_when_json_alone_can_tell() {
    let needs = |recipe: Recipe| filter(recipe).needs_journal();
    let json = banning("/x", &[is("a")]);
    assert!(!needs(json.clone()));
    let offender = |offender: &[&str]| Extract { offender: keys(offender), ..Extract::default() };
    assert!(!needs(Recipe { extract: offender(&["REMOTE", "/ip"]), ..json.clone() }));
    assert!(needs(Recipe { extract: offender(&["REMOTE", "PEER"]), ..json.clone() }));
    assert!(needs(Recipe {
        extract: Extract { message: keys(&["TEXT"]), ..json.extract.clone() },
        ..json
    }));
}

/// RFC 6901 section 5.
#[test]
fn pointers_lead_where_the_standard_says() {
    let document = r#"app: {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
        "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8, "\u006f": [{"x": "y"}], "00": 9, "-": [1]}"#;
    for (pointer, expected) in [
        ("/foo/0", Some("bar")),
        ("/foo/1", Some("baz")),
        ("/", Some("0")),
        ("/a~1b", Some("1")),
        ("/c%d", Some("2")),
        ("/e^f", Some("3")),
        ("/g|h", Some("4")),
        (r"/i\j", Some("5")),
        ("/k\"l", Some("6")),
        ("/ ", Some("7")),
        ("/m~0n", Some("8")),
        ("/o/0/x", Some("y")),
        ("/00", Some("9")),
        ("/foo", None),
        ("/foo/00", None),
        ("/foo/+1", None),
        ("/foo/-", None),
        ("/foo/2", None),
        ("/foo/0/x", None),
        ("/m~01n", None),
        ("/nowhere", None),
    ] {
        let mut pointers = Pointers::default();
        let slot = pointers.enter(pointer).expect("a pointer");
        let found = pointers.read(document).expect("an object");
        let text = found[slot].as_ref().map(|scalar| scalar.text.as_ref());
        assert_eq!(text, expected, "{pointer}");
    }
}

#[test]
fn the_offender_is_an_address_as_services_write_it() {
    let filter = filter(banning("/x", &[Operand::Number(1)]));
    for (written, expected) in [
        ("192.0.2.1", "Ok(192.0.2.1)"),
        ("192.0.2.1:4711", "Ok(192.0.2.1)"),
        ("[2001:db8::1]:4711", "Ok(2001:db8::1)"),
        ("[2001:DB8::1]", "Ok(2001:db8::1)"),
        ("2001:db8::1", "Ok(2001:db8::1)"),
        ("::ffff:192.0.2.1", "Ok(192.0.2.1)"),
        ("[::ffff:192.0.2.1]:22", "Ok(192.0.2.1)"),
        ("fe80::1%eth0", "Ok(fe80::1)"),
        ("[fe80::1%eth0]:22", "Ok(fe80::1)"),
        ("192.0.2.1:", "Err(192.0.2.1:)"),
        ("192.0.2.1:65536", "Err(192.0.2.1:65536)"),
        ("[2001:db8::1]4711", "Err([2001:db8::1]4711)"),
        ("[2001:db8::1]:ssh", "Err([2001:db8::1]:ssh)"),
        ("192.0.2.1, 192.0.2.2", "Err(192.0.2.1, 192.0.2.2)"),
        ("192.0.2.1/24", "Err(192.0.2.1/24)"),
        ("host.example.com", "Err(host.example.com)"),
        ("@", "Err(@)"),
    ] {
        let line = format!(r#"{{"x":1,"ip":"{written}"}}"#);
        let found = match failure(&filter, &line).offender {
            crate::filter::Offender::Address(address) => format!("Ok({address})"),
            other => format!("Err({other})"),
        };
        assert_eq!(found, expected, "{written}");
    }
    let missing = Verdict::NoAddress { pattern: None };
    for value in ["null", "{}", "[]", r#""""#] {
        let line = format!(r#"{{"x":1,"ip":{value}}}"#);
        assert_eq!(judge(&filter, Line::plain(&line)), missing, "{value}");
    }
}

#[test]
fn fields_and_patterns_tell_together() {
    let mut recipe = recipe(Language::Native, &["^denied$", "^denied <F-USER>.+</F-USER> <ADDR>$"]);
    recipe.prefix = Some("^auth: <F-CONTENT>.+</F-CONTENT>$".to_owned());
    recipe.ignores = vec!["friend".to_owned()];
    recipe.conditions = vec![condition("/level", &[is("error")])];
    recipe.extract = Extract {
        offender: keys(&["/peer/forwarded", "/peer/ip"]),
        user: keys(&["/user"]),
        message: keys(&["/msg"]),
        time: keys(&["/ts"]),
    };
    let filter = filter(recipe);
    assert!(!filter.needs_journal() && !filter.is_empty());
    let line = |msg: &str, rest: &str| format!(r#"{{"level":"error","msg":"{msg}"{rest}}}"#);
    let peer = r#","user":"joe","peer":{"ip":"192.0.2.1:9","forwarded":null}"#;
    for (line, expected) in [
        (line("auth: denied", peer), "192.0.2.1 joe"),
        (line("auth: denied ann 192.0.2.2", peer), "192.0.2.2 ann"),
        (line("auth: denied", r#","user":7,"peer":{"ip":"192.0.2.1"}"#), "192.0.2.1 7"),
        (line("auth: denied", ""), "NoAddress { pattern: Some(0) }"),
        (line("auth: denied friend 192.0.2.3", ""), "ignored"),
        (line("denied", peer), ""),
        (line("", peer), ""),
        (r#"{"level":"error","peer":{"ip":"192.0.2.1"}}"#.to_owned(), ""),
        ("auth: denied ann 192.0.2.2".to_owned(), ""),
    ] {
        assert_eq!(run(&filter, &[&line]), [expected], "{line}");
    }
    // Without a pattern, ignoreregexes look at the message all the same.
    let mut alone = banning("/x", &[Operand::Number(1)]);
    alone.ignores = vec![r"^ \\$".to_owned()];
    alone.extract.message = keys(&["/m"]);
    let alone = super::filter(alone);
    let lines = [
        r#"{"x":1,"m":" \\","ip":"192.0.2.1"}"#,
        r#"{"x":1,"m":"\n","ip":"192.0.2.1"}"#,
        r#"{"x":1,"ip":"192.0.2.1"}"#,
    ];
    assert_eq!(run(&alone, &lines), ["ignored", "192.0.2.1", ""]);
}

#[test]
fn the_time_is_a_number_or_a_text() {
    let mut recipe = banning("/x", &[Operand::Number(1)]);
    recipe.extract.time = keys(&["/time", "/ts"]);
    let filter = filter(recipe);
    let at = |micros| Some(Stated::At(Timestamp::from_micros(micros)));
    for (value, expected) in [
        ("1700000000", at(1_700_000_000_000_000)),
        ("1700000000.1234567", at(1_700_000_000_123_456)),
        ("1700000000.5", at(1_700_000_000_500_000)),
        ("1700000000123", at(1_700_000_000_123_000)),
        ("1700000000123.5", at(1_700_000_000_123_500)),
        ("1700000000123456", at(1_700_000_000_123_456)),
        ("1700000000123456789", at(1_700_000_000_123_456)),
        ("0", at(0)),
        ("18446744073709551615", at(18_446_744_073_709_551)),
        ("18446744073709551616", None),
        ("-1", None),
        ("1.7e9", None),
        ("true", None),
        ("null", None),
        (r#""2026-01-02T03:04:05Z""#, Some(Stated::Text("2026-01-02T03:04:05Z".to_owned()))),
        (r#""20260102030405""#, Some(Stated::Text("20260102030405".to_owned()))),
    ] {
        let line = format!(r#"{{"x":1,"ip":"192.0.2.1","ts":{value}}}"#);
        assert_eq!(failure(&filter, &line).time, expected, "{value}");
    }
}

#[test]
fn a_line_of_a_log_file_is_read_whole() {
    let filter = filter(banning("/x", &[Operand::Number(1)]));
    let line = Line { before: r#"{"x":"#, after: r#"1,"ip":"192.0.2.1"}"#, fields: None };
    assert_eq!(short(&judge(&filter, line)), "192.0.2.1");
}

/// Who may write a part of the JSON can neither hide a line nor hold us up.
#[test]
fn hostile_json_hides_nothing_and_takes_no_time() {
    let filter = filter(banning("/x", &[Operand::Number(1)]));
    let with = |part: &str| format!(r#"{{"part":{part},"x":1,"ip":"192.0.2.1"}}"#);
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let start = Instant::now();
    for part in [
        deep(30_000),
        format!("{}1{}", r#"{"x":"#.repeat(9_000), "}".repeat(9_000)),
        "1e999999999999999999".to_owned(),
        "9".repeat(60_000),
        r#""\ud800""#.to_owned(),
        r#"{"\udcff": "\udcff\u0000"}"#.to_owned(),
        r#"{"x": 2, "ip": "192.0.2.66"}"#.to_owned(),
        format!("[{}1]", "{},".repeat(20_000)),
        format!("{{{}\"x\":1}}", r#""x":1,"#.repeat(9_000)),
    ] {
        assert_eq!(run(&filter, &[&with(&part)]), ["192.0.2.1"], "{part:.40}");
    }
    // Where the pointer leads, it is the value that it is.
    for (ip, expected) in [
        (r#""\ud800192.0.2.1""#.to_owned(), "\u{fffd}\u{fffd}\u{fffd}192.0.2.1"),
        (r#""\u0031\u0039\u0032.0.2.1""#.to_owned(), "192.0.2.1"),
        (deep(30_000), "NoAddress { pattern: None }"),
        ("1e999".to_owned(), "1e999"),
    ] {
        let line = format!(r#"{{"x":1,"ip":{ip}}}"#);
        assert_eq!(run(&filter, &[&line]), [expected], "{ip:.40}");
    }
    for (line, expected) in [
        (r#"{"x":1,"ip":"192.0.2.66","ip":"192.0.2.1"}"#, "192.0.2.1"),
        (r#"{"x":1,"ip":"192.0.2.66","ip":{}}"#, "NoAddress { pattern: None }"),
        (r#"{"x":1,"x":2,"ip":"192.0.2.1"}"#, ""),
        (r#"{"ip":"192.0.2.66"} {"x":1,"ip":"192.0.2.1"}"#, ""),
        (r#"{"x":1,"ip":"192.0.2.66"} and more"#, ""),
        (r#"{"x":1,"ip":"192.0.2.66""#, ""),
        (r#"[{"x":1,"ip":"192.0.2.66"}]"#, ""),
        (r#"{"x":1,"ip":"192.0.2.66",}"#, ""),
        ("{", ""),
        ("", ""),
    ] {
        assert_eq!(run(&filter, &[line]), [expected], "{line}");
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn mistakes_say_which_part() {
    let compile = |recipe: Recipe| Filter::compile(recipe).expect_err("a mistake");
    let operand = |operand: &str| match &compile(banning("/x", &[is(operand)]))[..] {
        [RecipeError::Operand { part: Part::Operand(0, 0), fault }] => fault.clone(),
        other => panic!("{operand}: {other:?}"),
    };
    for (written, meant) in [("==1", "="), ("=~a", "~"), ("=> 1", ">="), ("!a", "!="), ("≤4", "<=")]
    {
        let fault = operand(written);
        assert!(
            matches!(fault, OperandFault::UnknownOperator { meant: found, .. } if found == meant),
            "{written}: {fault:?}"
        );
    }
    for written in ["<x", ">=", "< 4 5", ">inf", ">NaN", ">0x10"] {
        assert!(matches!(operand(written), OperandFault::NoNumber { .. }), "{written}");
    }
    let OperandFault::Regex(fault) = operand("!~ a(") else { panic!("a regex is wrong") };
    assert!(fault.span.start >= 3, "{fault:?}");
    assert!(matches!(operand("~^<ADDR>$"), OperandFault::Remembers));
    assert!(matches!(operand("~(?=a)"), OperandFault::Regex(_)));
    let errors = compile(banning("/x", &[is("a"), is("!=b")]));
    let fault = OperandFault::NegatedAmongOthers;
    assert_eq!(errors, [RecipeError::Operand { part: Part::Operand(0, 1), fault }]);

    let key = |key: &str| match &compile(banning(key, &[is("a")]))[..] {
        [RecipeError::Key { part: Part::Key(0), fault }] => fault.clone(),
        other => panic!("{key}: {other:?}"),
    };
    for written in ["", "level", "Priority", "a/b", "$.a", "ÄÖ"] {
        assert_eq!(key(written), KeyFault::Neither, "{written}");
    }
    assert_eq!(key("/a~2"), KeyFault::Tilde { offset: 2 });
    assert_eq!(key("/a~"), KeyFault::Tilde { offset: 2 });
    assert_eq!(key(&"/a".repeat(33)), KeyFault::TooLong);
    assert_eq!(key(&format!("/{}", "a".repeat(1024))), KeyFault::TooLong);

    let right = banning("/x", &[is("a")]);
    let extract = Extract { time: keys(&["/t", "TIME"]), ..right.extract.clone() };
    let errors = compile(Recipe { extract, ..right.clone() });
    assert_eq!(errors, [RecipeError::TimeOfField { part: Part::Time(1) }]);
    let errors = compile(Recipe { extract: Extract::default(), ..right.clone() });
    assert_eq!(errors, [RecipeError::NoOffender]);
    let errors = compile(Recipe { conditions: Vec::new(), ..right.clone() });
    assert_eq!(errors, [RecipeError::NoCondition]);
    let errors = compile(Recipe { failures: keys(&["^x$"]), extract: Extract::default(), ..right });
    assert_eq!(errors, [RecipeError::NoAddress { part: Part::Failure(0) }]);
    let errors = compile(banning("/x", &vec![is("a"); 501]));
    assert_eq!(errors, [RecipeError::TooMany { part: Part::Operand(0, 500) }]);
}

/// Any JSON; of an object's names some come often.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        let name = prop_oneof![3 => "[ab~/0]{1,2}", 1 => any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn pointers_find_what_a_tree_of_all_values_has(
        value in json(),
        pointers in prop::collection::vec("(/(a|b|~0|~1|0|1|ab)){1,3}", 1..6),
    ) {
        let object = serde_json::json!({ "a": value.clone(), "b": [value], "~": 1 });
        let text = object.to_string();
        let mut known = Pointers::default();
        let slots: Vec<usize> =
            pointers.iter().map(|pointer| known.enter(pointer).expect("a pointer")).collect();
        let found = known.read(&text).expect("an object");
        for (pointer, slot) in pointers.iter().zip(slots) {
            let expected = object.pointer(pointer).and_then(|value| match value {
                serde_json::Value::String(text) => Some((text.clone(), true)),
                serde_json::Value::Number(_) | serde_json::Value::Bool(_) => {
                    Some((value.to_string(), false))
                }
                _ => None,
            });
            let scalar = found[slot].as_ref();
            let scalar = scalar.map(|scalar| (scalar.text.clone().into_owned(), scalar.quoted));
            prop_assert_eq!(scalar, expected, "{} in {}", pointer, text);
        }
    }

    #[test]
    fn no_json_and_no_condition_panics(
        key in "[/A-Za-z~0-9.]{0,6}|\\PC{0,6}",
        operand in "(<|>|=|!|~|≤|4|a|\\(|\\[|<ADDR>| |\\\\){0,6}|\\PC{0,8}",
        line in "[\\{\\}\\[\\]\":,\\\\ud80aA/0-9e. ]{0,40}|\\PC{0,40}",
        value in any::<String>(),
    ) {
        let mut recipe = banning(&key, &[is(&operand), Operand::Number(4)]);
        recipe.extract.message = keys(&["/a"]);
        recipe.extract.time = keys(&[&key]);
        recipe.failures = vec!["^.".to_owned()];
        let fields = fields(&[("A", &value)]);
        for recipe in [recipe, banning("A", &[is(&operand)]), banning("/a", &[is(&operand)])] {
            if let Ok(filter) = Filter::compile(recipe) {
                let quoted = serde_json::json!({ "a": value, "ip": value }).to_string();
                judge(&filter, Line::entry(&line, &fields));
                judge(&filter, Line::entry(&quoted, &fields));
            }
        }
    }
}
