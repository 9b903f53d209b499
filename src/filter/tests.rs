//! Lines and what filters say to them. Against fail2ban itself they are held in `tests/filters.rs`.

mod structured;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::groups::Names;
use super::session::{Sessions, Steering};
use super::{
    Examiner, Failure, Filter, Line, Memory, Offender, Part, Placed, Recipe, RecipeError, Verdict,
    place,
};
use crate::dates::Zone;
use crate::keeper::Timestamp;
use crate::pattern::{Captures, Language};
use crate::record::MESSAGE_BYTES_MAX;

const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn recipe(language: Language, failures: &[&str]) -> Recipe {
    let failures = failures.iter().map(|&text| text.to_owned()).collect();
    Recipe { language, failures, ..Recipe::default() }
}

fn filter(recipe: Recipe) -> Filter {
    Filter::compile(recipe).expect("a filter")
}

/// What the filter says to each line in turn, in short.
fn run(filter: &Filter, lines: &[&str]) -> Vec<String> {
    let mut memory = Memory::default();
    lines.iter().map(|line| short(&filter.judge(&mut memory, Line::plain(line), NOON))).collect()
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Failure(Failure { offender, user: None, .. }) => offender.to_string(),
        Verdict::Failure(Failure { offender, user: Some(user), .. }) => {
            format!("{offender} {user}")
        }
        Verdict::Helper { .. } => "helper".to_owned(),
        Verdict::Ignored { .. } => "ignored".to_owned(),
        Verdict::Nothing => String::new(),
        other => format!("{other:?}"),
    }
}

#[test]
fn verdicts() {
    let mut recipe = recipe(
        Language::Native,
        &[
            r"^a <ADDR>$",
            r"^(?:a|b) <F-USER>\S*</F-USER> ?<ADDR>$",
            r"^[<>] \<HOST> <ADDR>$",
            r"^(?:<ADDR> in|out <ADDR>)$",
        ],
    );
    recipe.prefix = Some("^app: <F-CONTENT>.+</F-CONTENT>$".to_owned());
    recipe.ignores = vec!["backup".to_owned()];
    let filter = filter(recipe);
    let found = run(
        &filter,
        &[
            "app: a 192.0.2.1",
            "app: b root 192.0.2.2",
            "app: < <HOST> 192.0.2.3",
            "app: out 2001:DB8::1",
            "app: b backup 192.0.2.1",
            "app: a 192.0.2.999",
            "a 192.0.2.1",
            "app: b \u{fffd}é 192.0.2.9",
            "app: a 192.0.2.1\n",
            "x\napp: a 192.0.2.1",
            "app: b x\ny 192.0.2.1",
            "",
        ],
    );
    let expected = [
        "192.0.2.1",
        "192.0.2.2 root",
        "192.0.2.3",
        "2001:db8::1",
        "ignored",
        "192.0.2.999",
        "",
        "192.0.2.9 \u{fffd}é",
        "",
        "",
        "",
        "",
    ];
    assert_eq!(found, expected);
    let unusable = filter.judge(&mut Memory::default(), Line::plain("app: a 192.0.2.999"), NOON);
    let Verdict::Failure(Failure { offender, .. }) = unusable else { panic!("{unusable:?}") };
    assert_eq!(offender, Offender::Other("192.0.2.999".to_owned()));
    let long = format!("app: b {} 192.0.2.1", "x".repeat(MESSAGE_BYTES_MAX));
    assert_eq!(filter.judge(&mut Memory::default(), Line::plain(&long), NOON), Verdict::TooLong);
}

#[test]
fn what_is_caught_and_who_is_to_blame() {
    let judge = |pattern: &str, line: &str| {
        let mut recipe = recipe(Language::Fail2ban, &[pattern]);
        recipe.names = true;
        let verdict = filter(recipe).judge(&mut Memory::default(), Line::plain(line), NOON);
        let Verdict::Failure(failure) = verdict else { panic!("{line}: {verdict:?}") };
        failure
    };
    let network = |first: [u8; 4], length| Offender::Network(IpAddr::from(first), length);
    for (pattern, line, offender) in [
        ("<SUBNET>", "192.0.2.77/24", network([192, 0, 2, 0], 24)),
        ("<SUBNET>", "192.0.2.77", Offender::Address(IpAddr::from([192, 0, 2, 77]))),
        ("<ADDR>/<CIDR>", "192.0.2.77/0", network([0, 0, 0, 0], 0)),
        ("<ADDR>/<CIDR>", "192.0.2.77/99", Offender::Other("192.0.2.77".to_owned())),
        ("<HOST>", "host.example.com", Offender::Name("host.example.com".to_owned())),
        ("<DNS>", "192.0.2.1", Offender::Address(IpAddr::from([192, 0, 2, 1]))),
        ("<F-ID>.+</F-ID>", "a b", Offender::Other("a b".to_owned())),
        ("<F-ID/> <ADDR>", "key 192.0.2.1", Offender::Other("key".to_owned())),
        (
            "<F-ID>a</F-ID> <F-TUPLE_ID>b's</F-TUPLE_ID>",
            "a b's",
            Offender::Other(r#"('a', "b's")"#.to_owned()),
        ),
    ] {
        assert_eq!(judge(pattern, line).offender, offender, "{pattern} {line}");
    }
    let alternate =
        judge("(?:<F-USER>a+</F-USER>|<F-ALT_USER_1>b+</F-ALT_USER_1>) <IP4>", "bb 192.0.2.1");
    assert_eq!(alternate.user.as_deref(), Some("bb"));
    let caught = alternate.caught.iter().map(|(name, value)| format!("{name}={value}"));
    let caught: Vec<String> = caught.collect();
    assert_eq!(caught, ["user=bb", "alt_user_1=bb", "ip4=192.0.2.1"]);
}

#[test]
fn a_session_ties_lines_together() {
    let mut recipe = recipe(
        Language::Fail2ban,
        &[
            r"^connect <F-NOFAIL>from</F-NOFAIL> <ADDR>$",
            r"^fail ?<F-USER>\w*</F-USER>$",
            r"^<F-MLFGAINED>welcome</F-MLFGAINED> <F-USER>\w+</F-USER>$",
            r"^<F-MLFFORGET><F-NOFAIL>bye</F-NOFAIL></F-MLFFORGET>$",
            r"^late <ADDR>$",
        ],
    );
    recipe.prefix = Some(r"^<F-MLFID>\d+</F-MLFID>: <F-CONTENT>.+</F-CONTENT>$".to_owned());
    let filter = filter(recipe);
    let expect = |lines: &[(&str, &str)]| {
        let (said, expected): (Vec<&str>, Vec<&str>) = lines.iter().copied().unzip();
        assert_eq!(run(&filter, &said), expected, "{said:?}");
    };
    expect(&[
        ("1: connect from 192.0.2.1", "helper"),
        ("2: connect from 192.0.2.2", "helper"),
        ("1: fail root", "192.0.2.1 root"),
        ("2: fail", "192.0.2.2 "),
        ("1: bye", "helper"),
        ("1: fail", "helper"),
    ]);
    // Whose failure it was comes later.
    expect(&[("3: fail joe", "helper"), ("3: late 192.0.2.3", "192.0.2.3 joe")]);
    // A success ends the matter, but not for whoever has tried several names.
    expect(&[
        ("4: connect from 192.0.2.4", "helper"),
        ("4: welcome joe", "helper"),
        ("5: connect from 192.0.2.5", "helper"),
        ("5: fail ann", "192.0.2.5 ann"),
        ("5: welcome joe", "192.0.2.5 joe"),
    ]);
}

#[test]
fn sessions_are_bounded_and_forgotten() {
    let mut names = Names::default();
    let steering = Steering::new(&mut names);
    let regex = crate::pattern::compile(
        "<F-MLFID>.*?</F-MLFID> (?:<ADDR>|<F-NOFAIL>.*</F-NOFAIL>)",
        Language::Fail2ban,
        false,
        crate::pattern::Options::default(),
    )
    .expect("a regex");
    let plan = super::groups::Plan::of(&regex, &mut names);
    let mut sessions = Sessions::default();
    let mut see = |line: &str, at: Timestamp| {
        let captures: Captures = regex.captures(line).expect("linear").expect("a match");
        sessions.merge(&steering, &[], plan.read(&names, &captures, line), at);
        sessions.len()
    };
    for id in 0..50_000 {
        assert!(see(&format!("{id} 192.0.2.1"), NOON) <= 10_000);
    }
    let large = "x".repeat(60_000);
    for id in 0..1_000 {
        see(&format!("{id} {large}"), NOON);
    }
    assert!(see("last x", NOON) < 200, "large ones push the others out");
}

#[test]
fn a_line_of_the_past_is_as_old_as_the_one_before() {
    let filter = Arc::new(filter(recipe(Language::Fail2ban, &["failed from <ADDR>$"])));
    let examiner = || Examiner::new(Arc::clone(&filter), Zone::of(TimeZone::UTC));
    let an_hour_ago = NOON.minus(Duration::from_hours(1));
    let dated = format!("{} failed from 192.0.2.1", an_hour_ago.seconds());
    let (mut past, mut present) = (examiner(), examiner());
    let undated = "failed from 192.0.2.1";
    assert_eq!(past.past_line(undated, NOON).time, None);
    for (line, has_date) in [(&*dated, true), (undated, false)] {
        let seen = past.past_line(line, NOON);
        assert_eq!((seen.time, seen.has_date), (Some(an_hour_ago), has_date));
        assert_eq!(short(&seen.verdict), "192.0.2.1");
    }
    assert_eq!(present.line(&dated, NOON).time, Some(an_hour_ago));
    assert_eq!(present.line(undated, NOON).time, None, "more than a minute has gone by");
}

#[test]
fn lines_are_matched_together() {
    let mut recipe = recipe(
        Language::Fail2ban,
        &[r"^(?P<id>\w+): fail$<SKIPLINES>^(?P=id): from <HOST>$", r"^alone <HOST>$"],
    );
    recipe.max_lines = 4;
    recipe.ignores = vec!["friend".to_owned()];
    let filter = filter(recipe);
    let expect = |lines: &[(&str, &str)]| {
        let (said, expected): (Vec<&str>, Vec<&str>) = lines.iter().copied().unzip();
        assert_eq!(run(&filter, &said), expected, "{said:?}");
    };
    expect(&[("a: fail", ""), ("x", ""), ("a: from 192.0.2.1", "192.0.2.1"), ("x", "")]);
    expect(&[("a: fail", ""), ("b: fail", ""), ("a: from 192.0.2.1", "192.0.2.1")]);
    expect(&[("a: fail", ""), ("b: from 192.0.2.1", ""), ("alone 192.0.2.2", "192.0.2.2")]);
    expect(&[("a: fail", ""), ("x", ""), ("x", ""), ("x", ""), ("a: from 192.0.2.1", "")]);
    // What is used is gone, what was skipped is there still.
    expect(&[
        ("a: fail", ""),
        ("b: fail", ""),
        ("a: from 192.0.2.1", "192.0.2.1"),
        ("b: from 192.0.2.2", "192.0.2.2"),
        ("a: from 192.0.2.1", ""),
    ]);
}

#[test]
fn dates_have_fractions_of_any_length() {
    let filter = Arc::new(filter(recipe(Language::Native, &["^app: <ADDR>$"])));
    let mut examiner = Examiner::new(filter, Zone::of(TimeZone::UTC));
    for fraction in ["", ".1", ".123456", ".123456789", ",12", ".1234567", ".5", ""] {
        for zone in ["Z", "+02:00", "-0530", ""] {
            let line = format!("2027-01-15T07:59:58{fraction}{zone} app: 192.0.2.1");
            let found = examiner.line(&line, NOON);
            assert_eq!(short(&found.verdict), "192.0.2.1", "{line}");
            let offset = match zone {
                "+02:00" => -7200,
                "-0530" => 19_800,
                _ => 0,
            };
            let time = Timestamp::from_seconds(1_799_999_998 + offset);
            assert_eq!(found.time, Some(time), "{line}");
        }
    }
}

#[test]
fn when_a_line_counts() {
    let ago = |seconds| Some(NOON.minus(Duration::from_secs(seconds)));
    let findtime = Duration::from_mins(10);
    let at = |seconds| Placed::At(NOON.minus(Duration::from_secs(seconds)));
    assert_eq!(place(None, NOON, false, findtime), Placed::Now { off: false });
    assert_eq!(place(ago(30), NOON, true, findtime), at(30));
    assert_eq!(place(ago(90), NOON, true, findtime), Placed::Now { off: true });
    assert_eq!(place(ago(90), NOON, false, findtime), at(90));
    assert_eq!(place(ago(601), NOON, false, findtime), Placed::TooOld);
    let ahead = Some(NOON.plus(Duration::from_hours(1)));
    assert_eq!(place(ahead, NOON, true, findtime), Placed::Now { off: true });
    assert_eq!(place(ahead, NOON, false, findtime), at(0));
}

#[test]
fn the_header_of_syslog_is_passed_over() {
    let mut recipe = recipe(Language::Native, &["^failed from <ADDR>$"]);
    recipe.programs = vec!["app".to_owned(), "app-worker".to_owned()];
    let filter = Arc::new(filter(recipe));
    let mut examiner = Examiner::new(filter, Zone::of(TimeZone::UTC));
    for (header, is_ours) in [
        ("Jan 15 07:59:58 host app[17]: ", true),
        ("Jan 15 07:59:58 host app: ", true),
        ("Jan 15 07:59:58 host app[]: ", true),
        ("Jan 15 07:59:58 host app[17-1]: ", true),
        ("Jan 15 07:59:58 host.example app[17]: ", true),
        ("Jan 15 07:59:58  host app[17]: ", true),
        ("Jan 15 07:59:58 app-worker[3]: ", true),
        ("2027-01-15T07:59:58.5+00:00 host app[17]: ", true),
        ("<34>1 2027-01-15T07:59:58.5Z host app 17 - - ", true),
        ("2027-01-15T07:59:58Z host app 17 ID1 [x@1 a=\"] b\" c=\"\\\"\"][y@1] ", true),
        ("2027-01-15T07:59:58Z host app - - - ", true),
        ("Jan 15 07:59:58 <auth.info> host app[17]: ", true),
        ("Jan 15 07:59:58 <4.6> host app[17]: ", true),
        ("Fri Jan 15 07:59:58 2027 authpriv.warn app[17]: ", true),
        ("Jan 15 07:59:58 host authpriv.warn app[17]: ", true),
        ("Jan 15 07:59:58 host app[17]: [ID 800047 auth.info] ", true),
        ("Jan 15 07:59:58 [app] ", true),
        ("Jan 15 07:59:58 [app]: ", true),
        ("Jan 15 07:59:58 host app(pam_unix)[17]: ", true),
        ("Jan 15 07:59:58 host @vserver_web app[17]: ", true),
        ("Jan 15 07:59:58 host x.y app[17]: ", false),
        ("Jan 15 07:59:58 host 1.2 app[17]: ", false),
        ("Jan 15 07:59:58 host other app[17]: ", false),
        ("Jan 15 07:59:58 host [other] app[17]: ", false),
        ("Jan 15 07:59:58 host other(app)[17]: ", false),
        ("Jan 15 07:59:58 host other[17]: ", false),
        ("Jan 15 07:59:58 host other[17]: app[17]: ", false),
        ("Jan 15 07:59:58 host apps[17]: ", false),
        ("Jan 15 07:59:58 host app[17: ", false),
        ("Jan 15 07:59:58 host app[17]:", true),
        ("Jan 15 07:59:58 host  app[17]: ", false),
        ("Jan 15 07:59:58 host : ", false),
        ("", false),
    ] {
        let line = format!("{header}failed from 192.0.2.1");
        let found = short(&examiner.line(&line, NOON).verdict);
        assert_eq!(found, if is_ours { "192.0.2.1" } else { "" }, "{line}");
    }
}

#[test]
fn mistakes_say_which_pattern() {
    let compile = |recipe: Recipe| Filter::compile(recipe).expect_err("a mistake");
    let errors = compile(recipe(Language::Native, &["<ADDR>", "x", "(?=a)<ADDR>"]));
    let [RecipeError::Pattern { part: Part::Failure(2), .. }] = errors[..] else {
        panic!("{errors:?}");
    };
    let errors = compile(recipe(Language::Native, &["<ADDR>", "x"]));
    assert_eq!(errors, [RecipeError::NoAddress { part: Part::Failure(1) }]);
    let errors = compile(recipe(Language::Native, &["<F-CONTENT><ADDR></F-CONTENT>"]));
    assert_eq!(errors, [RecipeError::ContentOutside { part: Part::Failure(0) }]);
    let prefix = Some("^a".to_owned());
    let errors = compile(Recipe { prefix, ..recipe(Language::Native, &["<ADDR>"]) });
    assert_eq!(errors, [RecipeError::NoContent]);
    let many = compile(recipe(Language::Native, &["<ADDR>"; 501]));
    assert_eq!(many, [RecipeError::TooMany { part: Part::Failure(500) }]);
}

/// A filter of which one line names the client of a connection, and another its failure.
fn connections() -> Filter {
    filter(recipe(
        Language::Native,
        &[
            r"^<F-MLFID>\d+</F-MLFID> <F-NOFAIL>from</F-NOFAIL> <ADDR>$",
            r"^<F-MLFID>\d+</F-MLFID> failed$",
        ],
    ))
}

#[test]
fn a_connections_number_that_comes_again_is_another_clients() {
    let lines = ["5 from 192.0.2.1", "5 failed", "5 from 2001:db8::7", "5 failed"];
    let found = run(&connections(), &lines);
    assert_eq!(found, ["helper", "192.0.2.1", "helper", "2001:db8::7"]);
}

#[test]
fn what_ties_lines_together_ties_none_of_two_files() {
    let mut examiner = Examiner::new(Arc::new(connections()), Zone::utc());
    let found =
        [(1, "5 from 192.0.2.1"), (2, "5 failed"), (2, "5 from 192.0.2.2"), (1, "5 failed")];
    let found = found.map(|(file, line)| {
        examiner.turn_to(file);
        short(&examiner.line(line, NOON).verdict)
    });
    assert_eq!(found, ["helper", "helper", "192.0.2.2", "192.0.2.1"]);
}
