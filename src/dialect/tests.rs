//! Rule by rule, on texts made by hand. What fail2ban itself says to such texts stands in
//! `tests/dialect.rs`.

mod bounds;
mod mistakes;

use super::*;

fn tree(files: &[(&str, &str)]) -> Tree {
    let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Tree::new("/etc/fail2ban", texts.collect())
}

/// The patterns of the filter `x` with this text, read for a jail with a file.
fn patterns(text: &str) -> Vec<String> {
    patterns_of(&[("filter.d/x.conf", text)], "x", "auto")
}

fn patterns_of(files: &[(&str, &str)], reference: &str, backend: &str) -> Vec<String> {
    let jail = JailOptions { backend: backend.to_owned(), options: Vec::new() };
    let outcome = tree(files).filter(&Reference::parse(reference).expect("a reference"), &jail);
    let others = outcome.mistakes.iter().filter(|mistake| !mistake.title.contains("no <HOST>"));
    assert_eq!(others.count(), 0, "{:?}", outcome.mistakes);
    let settings = outcome.value.expect("a filter");
    settings.failregex.into_iter().map(|value| value.text).collect()
}

#[test]
fn lines_comments_and_blanks() {
    let text = "# first\n; second\n[Definition]\n\nFailRegex : one ; comment\n  two;no comment\n\n\
                \t# comment\n\tthree = 3\nother = x\n";
    assert_eq!(patterns(text), ["one", "two;no comment", "three = 3"]);
    assert_eq!(patterns("[Definition]\r\nfailregex = a\r\n b\rx = y"), ["a", "b"]);
    assert_eq!(patterns("[Definition] behind\n  failregex = a\n    b\n  x = y"), ["a", "b"]);
}

#[test]
fn layers_and_includes_come_in_order() {
    let files = [
        ("filter.d/x.conf", "[INCLUDES]\nbefore = a.conf\nafter = b.conf\n[Definition]\np = x\n"),
        ("filter.d/x.local", "[Definition]\nq = local\n"),
        ("filter.d/x.d/1.conf", "[Definition]\nq = 1\nr = 1\n"),
        ("filter.d/a.conf", "[Definition]\nfailregex = %(p)s %(q)s %(r)s\np = a\n"),
        ("filter.d/a.local", "[Definition]\nr = beside a\n"),
        ("filter.d/b.conf", "[INCLUDES]\nbefore = x.conf\n[Definition]\np = b %(known/p)s\n"),
    ];
    assert_eq!(patterns_of(&files, "x", "auto"), ["b x local 1"]);
}

#[test]
fn percent_interpolation() {
    let text = "[DEFAULT]\nd = default\n[Definition]\na = %(b)s%%\nb = [%(D)s]\n\
                failregex = %(a)s %(__name__)s\n            %(other/o)s %(default/d)s\n[other]\no = %(d)s";
    assert_eq!(patterns(text), ["[default]% Definition", "default default"]);
}

#[test]
fn tags_may_stand_in_tags_and_unknown_ones_stay() {
    let text = "[Definition]\nfailregex = <lt_<logtype>/pre> <mdre-<mode>> <HOST> <known/mode>\n\
                mdre-a = A\nmdre-b = B\nmode = a\n[Init]\nmode = b\n[lt_file]\npre = file\n\
                [lt_journal]\npre = journal\n";
    let files = [("filter.d/x.conf", text)];
    assert_eq!(patterns_of(&files, "x", "auto"), ["file B <HOST> b"]);
    assert_eq!(patterns_of(&files, "x[mode=a]", "systemd"), ["journal A <HOST> b"]);
    assert_eq!(
        patterns_of(&files, "x[mode=c,logtype=short]", "systemd"),
        ["<lt_short/pre> <mdre-c> <HOST> b"]
    );
}

#[test]
fn the_jail_counts_more_than_init_and_that_more_than_the_definition() {
    let text = "[Definition]\nfailregex = <a><b><c>\na = 1\nb = 1\nc = 1\n[Init]\nb = 2\nc = 2\n";
    assert_eq!(patterns_of(&[("filter.d/x.conf", text)], "x[c=3]", "auto"), ["123"]);
}

#[test]
fn what_the_jail_sets_takes_the_place_of_the_filters() {
    let text = "[Definition]\nfailregex = <HOST> filter\ndatepattern = filter\nmaxlines = 2\n";
    let jail = [("failregex", "<HOST> jail"), ("datepattern", "jail")];
    let options = jail.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let jail = JailOptions { backend: "auto".to_owned(), options };
    let reference = Reference { name: "x".to_owned(), options: Vec::new() };
    let settings = tree(&[("filter.d/x.conf", text)]).filter(&reference, &jail).value;
    let settings = settings.expect("a filter");
    let texts: Vec<&str> = settings.failregex.iter().map(|value| value.text.as_str()).collect();
    assert_eq!(texts, ["<HOST> jail"]);
    assert_eq!(settings.datepattern.map(|value| value.text).as_deref(), Some("jail"));
    assert_eq!(settings.maxlines.map(|value| value.text).as_deref(), Some("2"));
    assert_eq!(settings.logtype, "file");
}

#[test]
fn a_pattern_knows_its_line_wherever_it_was_put_together() {
    let files = [
        (
            "filter.d/x.conf",
            "[INCLUDES]\nbefore = c.conf\n[Definition]\nfailregex = <own>\n  %(common)s\n",
        ),
        ("filter.d/c.conf", "[Definition]\ncommon = one <HOST>\n  two <HOST>\nown = three\n"),
    ];
    let reference = Reference::parse("x").expect("a reference");
    let outcome = tree(&files).filter(&reference, &JailOptions::default());
    let settings = outcome.value.expect("a filter");
    let place = |value: &Value| {
        let origin = value.origin.clone().expect("an origin");
        let (_, text) = files.iter().find(|(path, _)| *path == origin.path).expect("the file");
        assert_eq!(text[origin.span.clone()], value.text);
        (origin.path, origin.line, value.text.clone())
    };
    let line = |path: &str, line, text: &str| (path.to_owned(), line, text.to_owned());
    assert_eq!(
        settings.failregex.iter().map(place).collect::<Vec<_>>(),
        [
            line("filter.d/c.conf", 4, "three"),
            line("filter.d/c.conf", 2, "one <HOST>"),
            line("filter.d/c.conf", 3, "two <HOST>"),
        ]
    );
}

#[test]
fn jails_are_read_with_their_filters_and_actions() {
    let files = [
        (
            "jail.conf",
            "[DEFAULT]\nfilter = %(__name__)s[mode=%(mode)s]\nmode = normal\nport = 0:65535\n\
             action = ban[port=\"%(port)s\", chain=\"<known/chain>\"]\nbantime = 10m\n\
             [one]\nport = 22,23\nlogpath = /var/log/a tail\n          /var/log/b\n\
             [two]\nfilter =\nfailregex = <HOST>\naction =\n",
        ),
        ("jail.d/x.conf", "[one]\nenabled = true\n"),
        ("jail.local", "[one]\nfailregex = %(known/failregex)s\n  more <HOST>\n"),
        ("filter.d/one.conf", "[Definition]\nfailregex = <mode> <HOST>\n"),
        (
            "action.d/ban.conf",
            "[Definition]\nactionban = <chain> <port> <ip>\n[Init]\nchain = IN\n",
        ),
    ];
    let outcome = tree(&files).jails();
    assert_eq!(outcome.mistakes, []);
    let [one, two] = &outcome.value.jails[..] else { panic!("two jails: {outcome:?}") };
    assert!(one.enabled && !two.enabled);
    assert_eq!(
        one.rules.failregex.iter().map(|v| v.text.as_str()).collect::<Vec<_>>(),
        ["normal <HOST>", "more <HOST>"]
    );
    let action = one.actions.first().expect("an action");
    assert_eq!(action.option("actionban").map(|v| v.text.as_str()), Some("IN 22,23 <ip>"));
    assert_eq!(action.reference.option("port"), Some("22,23"));
    let paths: Vec<_> = one.logpath.iter().map(|p| (p.path.text.as_str(), p.from_end)).collect();
    assert_eq!(paths, [("/var/log/a", true), ("/var/log/b", false)]);
    assert_eq!(one.options.get("bantime").map(|v| v.text.as_str()), Some("10m"));
    assert_eq!((two.filter.as_ref(), two.actions.len()), (None, 0));
}

#[test]
fn a_jails_mode_reaches_its_filter_whatever_its_filter_option_says() {
    let read = |jail: &str| {
        let filter = "[Definition]\nfailregex = <mode> <HOST>\nmode = own\n";
        let files = [("jail.conf", jail), ("filter.d/f.conf", filter)];
        let jails = tree(&files).jails();
        assert_eq!(jails.mistakes, []);
        jails.value.jails.first().expect("a jail").rules.failregex[0].text.clone()
    };
    assert_eq!(read("[a]\nfilter = f\nmode = aggressive"), "aggressive <HOST>");
    assert_eq!(read("[a]\nfilter = f[mode=x]\nmode = aggressive"), "x <HOST>");
    assert_eq!(read("[DEFAULT]\nmode = normal\n[a]\nfilter = f"), "own <HOST>");
}

#[test]
fn references() {
    let parse = |text: &str| {
        let read = Reference::parse(text).expect("a reference");
        let option = |(name, value): &(String, String)| format!("{name}={value}");
        (read.name.clone(), read.options.iter().map(option).collect::<Vec<_>>().join("|"))
    };
    let both = |name: &str, options: &str| (name.to_owned(), options.to_owned());
    assert_eq!(parse("sshd"), both("sshd", ""));
    assert_eq!(parse("sshd[]"), both("sshd", ""));
    assert_eq!(
        parse("sshd[mode=aggressive, x=\"a,b\"][y='z]', x=2,]"),
        both("sshd", "mode=aggressive|x=2|y=z]")
    );
    assert_eq!(parse("a[x= b c ,y=\"\n d\"]\n"), both("a", "x=b c|y=d"));
}

#[test]
fn a_malformed_reference_is_wrong_at_its_place() {
    let wrong = |text: &str| {
        let wrong = Reference::parse(text).expect_err("no reference");
        text.get(wrong.at..).expect("a position").to_owned()
    };
    assert_eq!(wrong("a[port=\"1,2\" protocol=tcp]"), "protocol=tcp]");
    assert_eq!(wrong("a[port=1,2]"), "2]");
    assert_eq!(wrong("a[x = 1]"), "x = 1]");
    assert_eq!(wrong("a[x=1"), "[x=1");
    assert_eq!(wrong("a[x=1]b"), "b");
    assert_eq!(wrong("a [x=1]"), " [x=1]");
    assert_eq!(wrong("[x=1]"), "[x=1]");
    assert_eq!(wrong(""), "");
}

#[test]
fn lists_of_references() {
    let names = |text: &str| {
        let list = Reference::parse_many(text).expect("references");
        list.into_iter().map(|one| one.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("a[x=1]\n  b[y=\"1 2\",\n z=3][w=4] c\n\n"), "a b c");
    assert_eq!(names("a[x='\n b'] smtp.py[q=\"[x]\"]"), "a smtp.py");
    assert_eq!(names(" \n "), "");
    let wrong = Reference::parse_many("a[x=1] b[y=1 z=2,3]").expect_err("no list");
    assert_eq!(wrong.at, "a[x=1] b[y=1 z=2,".len());
}

#[test]
fn lengths_of_time() {
    let table = [
        ("600", 600.0),
        ("10m", 600.0),
        ("1d12h30m", 131_400.0),
        ("1d 12h 5s", 129_605.0),
        ("2 weeks", 1_209_600.0),
        ("1y-6mo", 15_778_800.0),
        ("1month", 2_629_800.0),
        ("1.5h", 5400.0),
        ("3 * (1h + 30m)", 16_200.0),
        ("7 // 2", 3.0),
        ("-7 % 3", 2.0),
        ("-1", -1.0),
        ("1Hour+30MIN", 5400.0),
    ];
    for (text, expected) in table {
        let read = seconds(text).expect(text);
        assert!((read - expected).abs() < 1e-6, "{text}: {read}");
    }
    let deep = "(".repeat(100_000);
    let huge = "9".repeat(400);
    for text in
        ["", "x", "5 #x", "10 parsecs", "1/0", "1h)", "(1h", "1d,", "__import__", &deep, &huge]
    {
        assert!(seconds(text).is_err(), "{text}");
    }
}

#[test]
fn yes_and_no() {
    for text in ["1", "on", "True", "YES"] {
        assert!(is_yes(text), "{text}");
    }
    for text in ["0", "off", "false", "", "y", "yes #x"] {
        assert!(!is_yes(text), "{text}");
    }
}

#[test]
fn words_of_a_journal_match() {
    let split = |line: &str| words::words(line).map(|words| words.join("|"));
    assert_eq!(
        split(" A=b  'C=d e' + \"F=\\\"g\\n\" h\\ i'' ").as_deref(),
        Some("A=b|C=d e|+|F=\"g\\n|h i")
    );
    assert_eq!(split("").as_deref(), Some(""));
    for open in ["'a", "\"a", "a\\", "\"a\\"] {
        assert_eq!(split(open), None, "{open}");
    }
}
