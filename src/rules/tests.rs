//! Tests of the rules: configuration texts in, jails, verdicts and diagnostics out.

mod bantime;
mod stock;

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::filter::{Failure, Filter, Line, Memory, Offender, Verdict};
use crate::keeper::Timestamp;
use crate::keeper::{
    Action, CountBy, Escalate, Network, Ports, Prefix, Protocol, Protocols, Scope, Sentence,
};
use crate::record::{Matches, Origin, Sources};

fn texts(jails: &[&str], filters: &[(&str, &str)]) -> Texts {
    let jails = jails.iter().enumerate().map(|(index, text)| SourceText {
        path: format!("jails.d/{index}.toml").into(),
        text: (*text).to_owned(),
    });
    let filters = filters.iter().map(|(name, text)| SourceText {
        path: format!("filters.d/{name}.toml").into(),
        text: (*text).to_owned(),
    });
    Texts { jails: jails.collect(), filters: filters.collect(), ..Texts::default() }
}

const TEST_FILTER: (&str, &str) = (
    "test",
    "journalmatch = \"_COMM=test\"\nfailregex = '^bad <F-USER>.*</F-USER> from <ADDR>$'\n",
);

fn jail(settings: &str) -> Jail {
    let text = format!("[jail.test]\nenabled = true\n{settings}");
    let mut loaded = load(&texts(&[&text], &[TEST_FILTER]));
    assert_eq!(loaded.diagnostics, [], "{}", render(&loaded.diagnostics, false));
    loaded.jails.remove(0)
}

fn filter(text: &str) -> std::sync::Arc<Filter> {
    let filters = [("test", text)];
    let texts = texts(&["[jail.test]\nenabled = true\njournalmatch = \"any\""], &filters);
    let mut loaded = load(&texts);
    assert_eq!(loaded.diagnostics, [], "{}", render(&loaded.diagnostics, false));
    loaded.jails.remove(0).filter
}

fn matches_of(jail: &Jail) -> Matches {
    jail.sources.journal.as_ref().expect("it reads the journal").1.matches.clone()
}

fn judge(filter: &Filter, message: &str) -> Verdict {
    filter.judge(&mut Memory::default(), Line::plain(message), Timestamp::default())
}

fn address(filter: &Filter, message: &str) -> Option<String> {
    match judge(filter, message) {
        Verdict::Failure(Failure { offender: Offender::Address(address), .. }) => {
            Some(address.to_string())
        }
        _ => None,
    }
}

#[test]
fn a_jail_has_fail2bans_defaults() {
    let jail = jail("");
    assert_eq!(jail.policy.maxretry, NonZeroU32::new(5).unwrap());
    assert_eq!(jail.policy.findtime, Duration::from_mins(10));
    assert_eq!(jail.policy.bantime, Sentence::For(Duration::from_mins(10)));
    assert_eq!(jail.policy.prefix, Prefix { ipv4: 32, ipv6: 64 });
    assert_eq!(jail.policy.max_prefix, Prefix { ipv4: 16, ipv6: 32 });
    assert_eq!(jail.policy.escalate, None);
    assert!(jail.policy.ignoreself);
    assert_eq!(matches_of(&jail), Matches::parse("_COMM=test").unwrap());
    assert_eq!((jail.ports, jail.protocols), (Ports::All, Protocols::Only(vec![Protocol::Tcp])));
    assert_eq!((jail.action, jail.scope), (Action::Drop, Scope::Host));
}

#[test]
fn settings_mean_what_they_say() {
    let jail = jail(concat!(
        "maxretry = 3\nfindtime = \"1d12h30m 5s\"\nbantime = -1\nport = \"http,https, 6000:6002 6003\"\n",
        "protocol = [\"udp\", \"tcp\"]\naction = \"reject\"\nscope = \"forward\"\nignoreself = false\n",
        "prefix = { ipv4 = 24 }\njournalmatch = [\"A=1\", \"B=2\"]\nignoreip = \"192.0.2.0/24 ::1\"\n",
    ));
    assert_eq!(jail.policy.findtime, Duration::from_secs(86_400 + 12 * 3600 + 30 * 60 + 5));
    assert_eq!(jail.policy.bantime, Sentence::Forever);
    assert_eq!(jail.ports, Ports::Only(vec![80..=80, 443..=443, 6000..=6003]));
    assert_eq!(jail.protocols, Protocols::Only(vec![Protocol::Tcp, Protocol::Udp]));
    assert_eq!((jail.action, jail.scope), (Action::Reject, Scope::Forward));
    assert_eq!(jail.policy.prefix, Prefix { ipv4: 24, ipv6: 64 });
    assert_eq!(matches_of(&jail), Matches::parse("A=1 + B=2").unwrap());
    let networks = ["192.0.2.0/24", "::1"].map(|network| network.parse::<Network>().unwrap());
    assert_eq!(jail.policy.ignore.networks, networks.into_iter().collect());
}

#[test]
fn how_wide_a_jail_bans() {
    let policy = |text| jail(text).policy;
    let escalate = |after, ipv4, ipv6| Some(Escalate { after, prefix: Prefix { ipv4, ipv6 } });
    assert_eq!(policy("escalate = { after = 5 }\n").escalate, escalate(5, 24, 56));
    let bounded = policy("max_prefix = { ipv6 = 29 }\nescalate = { after = 2, ipv6 = 29 }\n");
    assert_eq!(bounded.max_prefix, Prefix { ipv4: 16, ipv6: 29 });
    assert_eq!(bounded.escalate, escalate(2, 24, 29));
}

#[test]
fn what_is_counted_and_kept_can_be_said() {
    let policy = jail("").policy;
    assert_eq!((policy.count_by, policy.matches_kept()), (CountBy::Address, 5));
    let policy = jail("count_by = \"user\"\nmaxretry = 200\n").policy;
    assert_eq!((policy.count_by, policy.matches_kept()), (CountBy::User, 100));
    assert_eq!(jail("maxmatches = 0\n").policy.matches_kept(), 0);
    for (wrong, told) in [("maxmatches = 101", "from 0 to 100"), ("count_by = \"users\"", "user")] {
        let text = format!("[jail.test]\nenabled = true\n{wrong}\n");
        let shown = render(&load(&texts(&[&text], &[TEST_FILTER])).diagnostics, false);
        assert!(shown.contains(":3:") && shown.contains(told), "{shown}");
    }
}

#[test]
fn times() {
    for (text, seconds) in [
        ("600", 600),
        (" 10m ", 600),
        ("1h 30m", 5400),
        ("1d12h", 129_600),
        ("2 weeks", 1_209_600),
        ("6mo", 15_778_800),
        ("1y", 31_557_600),
        ("100y", 3_155_760_000),
    ] {
        assert_eq!(span::parse(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "m", "10x", "-5", "1.5h", "101y", "99999999999999999999y", "10m!"] {
        assert!(span::parse(text).is_err(), "{text}");
    }
}

#[test]
fn later_files_override_key_by_key() {
    let default = "[default]\nmaxretry = 7\nbantime = 60\n";
    let vendor = "[jail.test]\nport = 1\nfindtime = 5\n";
    let local = "[jail.test]\nenabled = true\nport = 2\nbantime = 90\n";
    let loaded = load(&texts(&[default, vendor, local], &[TEST_FILTER]));
    let jail = &loaded.jails[0];
    assert_eq!(jail.policy.maxretry.get(), 7);
    assert_eq!(jail.ports, Ports::Only(vec![2..=2]));
    assert_eq!(jail.policy.findtime, Duration::from_secs(5));
    assert_eq!(jail.policy.bantime, Sentence::For(Duration::from_secs(90)));
    let places: Vec<_> = jail
        .settings
        .iter()
        .filter(|s| s.line > 0 && !s.key.starts_with("filter."))
        .map(|s| format!("{} {}:{}", s.key, s.path.display(), s.line))
        .collect();
    assert_eq!(
        places,
        [
            "enabled jails.d/2.toml:2",
            "maxretry jails.d/0.toml:2",
            "findtime jails.d/1.toml:3",
            "bantime jails.d/2.toml:4",
            "port jails.d/2.toml:3",
        ]
    );
}

#[test]
fn filters_are_overridden_key_by_key() {
    let local = ("test", "failregex = '^worse from <ADDR>$'");
    let loaded = load(&texts(&["[jail.test]\nenabled = true"], &[TEST_FILTER, local]));
    let jail = &loaded.jails[0];
    assert_eq!(matches_of(jail), Matches::parse("_COMM=test").unwrap());
    assert_eq!(address(&jail.filter, "worse from 192.0.2.1").as_deref(), Some("192.0.2.1"));
    assert_eq!(address(&jail.filter, "bad x from 192.0.2.1"), None);
}

#[test]
fn a_jail_can_bring_its_patterns() {
    let text = "[jail.own]\nenabled = true\njournalmatch = \"A=b\"\nfailregex = '^no <HOST>$'\nignoreregex = '7$'";
    let loaded = load(&texts(&[text], &[]));
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(address(&loaded.jails[0].filter, "no 192.0.2.1").as_deref(), Some("192.0.2.1"));
    let verdict = judge(&loaded.jails[0].filter, "no 192.0.2.7");
    assert_eq!(verdict, Verdict::Ignored { pattern: 0 });
}

#[test]
fn origins() {
    for (text, origin) in [
        ("", Origin::System),
        ("[journal]\nnamespace = \"demo\"", Origin::Namespace("demo".into())),
        (
            "[journal]\ndirectory = \"/var/log/journal/x\"",
            Origin::Directory("/var/log/journal/x".into()),
        ),
    ] {
        assert_eq!(load(&texts(&[text], &[])).origin, origin);
    }
}

#[test]
fn a_jail_reads_what_it_names() {
    let sources = |settings: &str| jail(settings).sources;
    let name = |sources: &Sources| sources.journal.as_ref().map(|(origin, _)| origin.clone());
    let paths = |sources: &Sources| -> Vec<String> {
        let files = sources.files.iter().flat_map(|files| &files.paths);
        files.map(|path| format!("{} {}", path.path, path.from_end)).collect()
    };
    let alone = sources("");
    assert_eq!((name(&alone), paths(&alone)), (Some(Origin::System), Vec::new()));
    let files = sources("logpath = [\"/var/log/*.log\", \"/b tail\"]");
    assert_eq!(name(&files), None);
    assert_eq!(paths(&files), ["/var/log/*.log false", "/b true"]);
    let both = sources("logpath = \"/a\\n/b\"\njournalmatch = \"A=b\"");
    assert_eq!((name(&both), paths(&both).len()), (Some(Origin::System), 2));
    let other = sources("backend = \"systemd[namespace=web]\"");
    assert_eq!(name(&other), Some(Origin::Namespace("web".to_owned())));
    let text = "[jail.test]\nenabled = true\nbackend = \"systemd\"\nlogpath = \"/a\"";
    let loaded = load(&texts(&[text], &[TEST_FILTER]));
    let told = render(&loaded.diagnostics, false);
    assert!(told.contains("warning: these log files are not read"), "{told}");
    assert_eq!(paths(&loaded.jails[0].sources), [""; 0]);
}

#[test]
fn addresses_in_their_forms() {
    let both = filter("failregex = '^from <ADDR>: x$'");
    for (text, expected) in [
        ("192.0.2.1", Some("192.0.2.1")),
        ("[192.0.2.1]", Some("192.0.2.1")),
        ("::ffff:192.0.2.1", Some("192.0.2.1")),
        ("[::ffff:192.0.2.1]", Some("192.0.2.1")),
        ("2001:db8::1", Some("2001:db8::1")),
        ("[2001:DB8::1]", Some("2001:db8::1")),
        ("fe80::1%eth0", Some("fe80::1")),
        ("[fe80::1%eth0.7]", Some("fe80::1")),
        ("2001:db8::", Some("2001:db8::")),
        ("::1", Some("::1")),
        ("192.0.2.256", None),
        ("1192.0.2.1", None),
        ("192.0.2.1111", None),
        ("host.example", None),
        ("1:2:3", None),
        ("", None),
    ] {
        assert_eq!(address(&both, &format!("from {text}: x")).as_deref(), expected, "{text}");
    }
    let open = filter("failregex = '^from <ADDR>'");
    for (message, expected) in [
        ("from 2001:db8::1: closed", Some("2001:db8::1")),
        ("from 192.0.2.1: closed", Some("192.0.2.1")),
        ("from 192.0.2.1234", None),
    ] {
        assert_eq!(address(&open, message).as_deref(), expected, "{message}");
    }
    let (four, six) = (filter("failregex = '^<IP4>$'"), filter("failregex = '^<IP6>$'"));
    assert_eq!(address(&four, "::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
    assert_eq!(address(&four, "2001:db8::1"), None);
    assert_eq!(address(&six, "2001:db8::1").as_deref(), Some("2001:db8::1"));
    assert_eq!(address(&six, "192.0.2.1"), None);
}

/// One mistake each: the file is `jails.d/0.toml` unless it is the filter `test`.
const MISTAKES: &[(&str, &str)] = &[
    (
        "multi-line",
        "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = '(?m)^<ADDR>$'\n",
    ),
    ("syntax", "[jail.test]\nenabled = true\nmaxretry = = 3\n"),
    ("curly quotes", "[jail.test]\nenabled = true\nport = “ssh”\n"),
    ("unknown table", "[defualt]\nmaxretry = 3\n"),
    ("a jail's table without jail", "[sshd]\nenabled = true\n"),
    ("fail2ban's default", "[DEFAULT]\nmaxretry = 3\n"),
    ("a stray key", "maxretry = 3\n"),
    ("unknown key", "[jail.test]\nmaxrety = 3\n"),
    ("unknown key without a likeness", "[jail.test]\nfoo = 3\n"),
    ("logpath", "[jail.test]\nenabled = true\nlogpath = [\"/var/log/a.log\", \"b.log\"]\n"),
    ("glob", "[jail.test]\nenabled = true\nlogpath = \"/var/log/[a.log\"\n"),
    ("backend", "[jail.test]\nenabled = true\nbackend = \"inotify\"\n"),
    ("backend options", "[jail.test]\nenabled = true\nbackend = \"systemd[namespace=a b]\"\n"),
    (
        "two journals",
        "[jail.test]\nenabled = true\nbackend = \"systemd[namespace=a, journalpath=/b]\"\n",
    ),
    ("files without paths", "[jail.test]\nenabled = true\nbackend = \"files\"\n"),
    ("encoding", "[jail.test]\nenabled = true\nlogpath = \"/a\"\nlogencoding = \"ebcdic\"\n"),
    (
        "time zone",
        "[jail.test]\nenabled = true\nlogpath = \"/a\"\nlogtimezone = \"Mars/Olympus\"\n",
    ),
    ("date pattern", "[jail.test]\nenabled = true\nlogpath = \"/a\"\ndatepattern = \"%Q\"\n"),
    ("maxlines", "[jail.test]\nenabled = true\nmaxlines = 0\n"),
    ("fail2ban's filter", "[jail.test]\nenabled = true\nfilter = \"nothing.conf[mode=x]\"\n"),
    ("a broken reference", "[jail.test]\nenabled = true\nfilter = \"x.conf[mode=x y=z]\"\n"),
    ("banaction", "[default]\nbanaction = \"nftables\"\n"),
    ("jail name", "[jail.\"a b\"]\nenabled = true\n"),
    ("not a table", "[jail]\ntest = true\n"),
    ("enabled as text", "[jail.test]\nenabled = \"yes\"\n"),
    ("comment in the value", "[jail.test]\nmaxretry = \"5 #x\"\n"),
    ("out of range", "[jail.test]\nmaxretry = 0\n"),
    ("unknown unit", "[jail.test]\nfindtime = \"10 mintues\"\n"),
    ("zero", "[jail.test]\nbantime = 0\n"),
    ("negative", "[jail.test]\nfindtime = -1\n"),
    ("port name", "[jail.test]\nport = \"http,htps\"\n"),
    ("port number", "[jail.test]\nport = [22, 70000]\n"),
    ("en dash", "[jail.test]\nport = \"6000–6100\"\n"),
    (
        "addresses",
        "[jail.test]\nignoreip = [\"192.0.2.1 192.0.2.0/33\", \"\\u0041 host_.example- file:x\"]\n",
    ),
    (
        "rules of ignore",
        "[jail.test]\nignore = [{ user = \"\" }, {}, { adress = \"::1\" }, { address = \"x\" }, \"me\"]\n",
    ),
    ("ignorecommand", "[jail.test]\nignorecommand = \"/bin/true\"\n"),
    ("protocol", "[jail.test]\nprotocol = \"tpc\"\n"),
    ("action", "[jail.test]\naction = \"iptables\"\n"),
    ("prefix", "[jail.test]\nprefix = { ipv4 = 33, ipv5 = 1 }\n"),
    ("everybody", "[jail.test]\nprefix = { ipv4 = 0 }\nmax_prefix = { ipv6 = 0 }\n"),
    ("wider than max_prefix", "[jail.test]\nprefix = { ipv4 = 12 }\n"),
    ("narrower than max_prefix", "[jail.test]\nmax_prefix = { ipv6 = 96 }\n"),
    ("escalate after nothing", "[jail.test]\nescalate = { ipv4 = 24 }\n"),
    ("escalate as a number", "[jail.test]\nescalate = 5\n"),
    ("escalate after one", "[jail.test]\nescalate = { after = 1, by = 24 }\n"),
    ("escalate too far", "[jail.test]\nescalate = { after = 5, ipv4 = 12 }\n"),
    ("escalate to oneself", "[jail.test]\nprefix = { ipv4 = 24 }\nescalate = { after = 5 }\n"),
    ("escalate to too few", "[jail.test]\nescalate = { after = 300 }\n"),
    ("journalmatch", "[jail.test]\njournalmatch = \"_COMM=a comm=b\"\n"),
    ("unknown filter", "[jail.test]\nenabled = true\nfilter = \"tets\"\n"),
    ("implied filter", "[jail.other]\nenabled = true\n"),
    ("unknown mode", "[jail.test]\nenabled = true\nmode = \"agressive\"\n"),
    ("whole journal", "[jail.own]\nenabled = true\nfailregex = '<ADDR>'\n"),
    (
        "no address",
        "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = ['^a <ADDR>$', '^b$']\n",
    ),
    ("regex", "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = '^a <ADDR> (b'\n"),
    (
        "escaped regex",
        "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = \"^\\\\S <ADDR> [z-a]$\"\n",
    ),
    (
        "look-around",
        "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = '^<ADDR>(?!x)'\n",
    ),
    (
        "too large",
        "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = '^<ADDR>(?:a{1000}){1000}'\n",
    ),
    ("unknown tag", "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = '^<ADR>'\n"),
    (
        "tag not closed",
        "[jail.own]\nenabled = true\njournalmatch = \"any\"\nfailregex = '^<ADDR> <F-USER>.*'\n",
    ),
    ("namespace", "[journal]\nnamespace = \"a/b\"\n"),
    ("two journals", "[journal]\nnamespace = \"a\"\ndirectory = \"/b\"\n"),
];

#[test]
fn each_mistake_is_shown_where_it_is() {
    let filter = format!("{}[mode.aggressive]\nfailregex = '<ADDR>'\n", TEST_FILTER.1);
    let mut all = String::new();
    for (name, text) in MISTAKES {
        let loaded = load(&texts(&[text], &[("test", &filter)]));
        assert!(!loaded.diagnostics.is_empty(), "{name}");
        assert!(loaded.jails.is_empty(), "{name}: a jail runs in spite of it");
        write!(all, "== {name}\n{}", render(&loaded.diagnostics, false)).unwrap();
    }
    insta::assert_snapshot!("mistakes", all);
}

#[test]
fn each_mistake_in_a_filter_is_shown_where_it_is() {
    let mut all = String::new();
    for text in [
        "failregx = '<ADDR>'",
        "failregex = '^x$'",
        "failregex = 3",
        "failregex = '<ADDR>'\n[mode.a]\nfailregexes = 'x'",
        "failregex = '<ADDR>'\n[[sample]]\nmessage = 'x'",
        "failregex = '<ADDR>'\n[[sample]]\nmessage = 'x'\noffender = 'nobody'",
        "failregex = '<ADDR>'\n[[sample]]\nmessage = 'x'\noffender = 'none'\nmode = 'b'",
        "failregex = '<ADDR>'\nprefregex = '^x$'",
        "failregex = '^<F-CONTENT><ADDR></F-CONTENT>$'",
        "failregex = '<ADDR> “x”'",
        "description = 'nothing in it'",
        "failregex = [ '<ADDR>'",
        "match = 3",
        "match.level = 'info'\nextract.offender = '/ip'",
        "match.request.ip = 'x'\nextract.offender = '/ip'",
        "match.\"$.user id\" = 'info'\nextract.offender = '/ip'",
        "match.\"/a~b\" = 'info'\nextract.offender = '/ip'",
        "match.PRIORITY = '=<4'\nextract.offender = '/ip'",
        "match.PRIORITY = '< notice'\nextract.offender = '/ip'",
        "match.PRIORITY = ['3', 'Warning']\nextract.offender = '/ip'",
        "match.\"/x\" = '<notice'\nextract.offender = '/ip'",
        "match.PRIORITY = ['!=6', '!=7']\nextract.offender = '/ip'",
        "match.PRIORITY = []\nextract.offender = '/ip'",
        "match.\"/x\" = 1.5\nextract.offender = '/ip'",
        "match.\"/x\" = '~^(a'\nextract.offender = '/ip'",
        "match.\"/x\" = '~ <ADDR>'\nextract.offender = '/ip'",
        "match.\"/x\" = 1",
        "extract.offender = '/ip'",
        "failregex = '^x$'\nextract.user = '/user'",
        "match.\"/x\" = 1\n[extract]\nofender = '/ip'",
        "match.\"/x\" = 1\n[extract]\noffender = ['/ip', 'ip']\nuser = []\n",
        "match.\"/x\" = 1\nextract.offender = ['/ip', 'ip']",
        "match.\"/x\" = 1\n[extract]\noffender = '/ip'\ntime = 'TIME'\n",
        "match.\"/x\" = 1\nextract.offender = '/ip'\n[mode.a.match]\n\"/y\" = '!x'",
        "match.\"/x\" = 1\nextract.offender = '/ip'\n[[sample]]\nmessage = ''\noffender = 'none'\nfields = { priority = '3' }",
    ] {
        let jail = "[jail.test]\nenabled = true\njournalmatch = \"A=b\"";
        let loaded = load_all(&texts(&[jail], &[("test", text)]));
        assert!(!loaded.diagnostics.is_empty(), "{text}");
        write!(all, "== {text}\n{}", render(&loaded.diagnostics, false)).unwrap();
    }
    insta::assert_snapshot!("filter_mistakes", all);
}

/// A mode lays its conditions over those of the filter.
#[test]
fn structured_logs_need_no_regex() {
    let text = r#"
        [match]
        PRIORITY = "<=4"
        "/path" = ["/login", "/token"]
        "/ok" = false

        [extract]
        offender = ["/peer", "PEER"]
        user = "/user"

        [mode.strict.match]
        PRIORITY = "<=6"
        "/code" = ">=400"

        [mode.strict.extract]
        user = "/name"

        [[sample]]
        message = 'app: {"path":"/login","ok":false,"peer":"192.0.2.1:80","user":"joe"}'
        fields = { PRIORITY = "4" }
        offender = "192.0.2.1"
        user = "joe"

        [[sample]]
        message = '{"path":"/token","ok":false}'
        fields = { PRIORITY = "0", PEER = "2001:db8::1" }
        offender = "2001:db8::1"

        [[sample]]
        message = '{"path":"/login","ok":true,"peer":"192.0.2.1","user":"joe"}'
        fields = { PRIORITY = "4" }
        offender = "none"

        [[sample]]
        message = '{"path":"/login","ok":false,"peer":"192.0.2.1"}'
        offender = "none"

        [[sample]]
        mode = "strict"
        message = '{"path":"/login","ok":false,"peer":"192.0.2.1","name":"ann","user":"joe","code":401}'
        fields = { PRIORITY = "6" }
        offender = "192.0.2.1"
        user = "ann"

        [[sample]]
        mode = "strict"
        message = '{"path":"/login","ok":false,"peer":"192.0.2.1","code":200}'
        fields = { PRIORITY = "6" }
        offender = "none"
    "#;
    let loaded = load_all(&texts(&[], &[("test", text)]));
    assert_eq!(loaded.diagnostics, [], "{}", render(&loaded.diagnostics, false));
    let samples: Vec<usize> = loaded.sampled.iter().map(|s| s.samples.len()).collect();
    assert_eq!(samples, [4, 2]);
    for Sampled { filter, samples } in &loaded.sampled {
        let asked: Vec<&str> = filter.fields().collect();
        assert_eq!(asked, ["PEER", "PRIORITY"]);
        assert!(filter.needs_journal());
        for sample in samples {
            let (found, user) = match sample.judge(filter) {
                Verdict::Failure(Failure { offender: Offender::Address(a), user, .. }) => {
                    (Some(a), user)
                }
                _ => (None, None),
            };
            assert_eq!(found, sample.offender, "{}", sample.text());
            assert!(
                sample.user.is_none() || user.as_deref() == sample.user.as_deref(),
                "{}",
                sample.text()
            );
        }
    }
}

#[test]
fn all_mistakes_are_shown_and_the_right_jails_run() {
    let wrong = "[jail.a]\nenabled = true\nfilter = \"test\"\nmaxretry = 0\nport = \"htp\"\n";
    let right = "[jail.b]\nenabled = true\nfilter = \"test\"\n";
    let loaded = load(&texts(&[wrong, right, "[jail.c]\nenabled = tru"], &[TEST_FILTER]));
    assert_eq!(loaded.jails.iter().map(|jail| jail.name.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(loaded.broken.iter().map(|jail| jail.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert!(loaded.diagnostics.len() >= 3, "{}", render(&loaded.diagnostics, false));
}

#[test]
fn a_wrong_default_breaks_those_that_inherit_it() {
    let jails = "[default]\nmaxretry = 0\n[jail.a]\nenabled = true\nfilter = \"test\"\n\
                 [jail.b]\nenabled = true\nfilter = \"test\"\nmaxretry = 1\n";
    let loaded = load(&texts(&[jails], &[TEST_FILTER]));
    assert_eq!(loaded.broken.iter().map(|jail| jail.name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(loaded.jails[0].name, "b");
    assert_eq!(loaded.diagnostics.len(), 1);
}

#[test]
fn a_misplaced_table_breaks_the_jail_that_it_means_and_no_other() {
    let right = "[jail.b]\nenabled = true\nfilter = \"test\"\n";
    for (table, broken) in [
        ("[sshd]\nenabled = true\n", &["sshd"][..]),
        ("[b]\nmaxretry = 2\n", &["b"]),
        ("[defualt]\nmaxretry = 2\n", &["b"]),
        ("[DEFAULT]\nmaxretry = 2\n", &["b"]),
    ] {
        let loaded = load(&texts(&[right, table], &[TEST_FILTER]));
        let names: Vec<&str> = loaded.broken.iter().map(|jail| jail.name.as_str()).collect();
        assert_eq!(names, broken, "{table}");
    }
}

#[test]
fn diagnostics_are_bounded() {
    let many: Vec<String> = (0..1000).map(|n| format!("[jail.j{n}]\nfoo{n} = 1")).collect();
    let many = many.join("\n");
    let loaded = load(&texts(&[&many], &[]));
    assert_eq!(loaded.diagnostics.len(), 201);
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(jail in "\\PC{0,80}", value in "\\PC{0,40}", raw in any::<String>()) {
        let value = value.replace(['"', '\\'], "");
        let text = format!(
            "[jail.test]\nenabled=true\nport=\"{value}\"\nfindtime=\"{value}\"\nignoreip=\"{value}\"\n\
             journalmatch=\"{value}\"\nfilter=\"{value}\"\nprotocol=\"{value}\"\n"
        );
        for source in [jail.as_str(), &raw, &text] {
            let loaded = load_all(&texts(&[source], &[("test", source)]));
            prop_assert!(render(&loaded.diagnostics, true).is_empty() == loaded.diagnostics.is_empty());
        }
    }

    #[test]
    fn no_condition_makes_the_loader_panic(key in "\\PC{0,12}", value in "\\PC{0,12}") {
        let (key, value) = (key.replace(['"', '\\'], ""), value.replace(['"', '\\'], ""));
        let text = format!(
            "[match]\n\"{key}\" = \"{value}\"\nA = [\"{value}\"]\n[extract]\noffender = \"{key}\"\n\
             [[sample]]\nmessage = \"{value}\"\noffender = \"none\"\nfields = {{ \"{key}\" = \"{value}\" }}\n"
        );
        let loaded = load_all(&texts(&[], &[("test", &text)]));
        prop_assert!(render(&loaded.diagnostics, false).is_empty() == loaded.diagnostics.is_empty());
        prop_assert!(loaded.diagnostics.is_empty() != loaded.sampled.is_empty());
    }

    #[test]
    fn no_pattern_makes_the_translation_or_the_judge_panic(
        pattern in "(<ADDR>|<F-USER>|</F-USER>|<HOST>|<|>|\\[|\\]|\\^|\\\\|\\(|\\)|\\?|\\*|é|a|\\{|2|\\}|\\|){0,12}",
        message in any::<String>(),
    ) {
        let quoted = pattern.replace('\\', "\\\\");
        let text = format!("failregex = \"{quoted}\"");
        let loaded = load_all(&texts(&[], &[("test", &text)]));
        prop_assert!(render(&loaded.diagnostics, false).is_empty() == loaded.diagnostics.is_empty());
        for sampled in &loaded.sampled {
            judge(&sampled.filter, &message);
        }
    }
}

#[test]
fn every_setting_has_a_built_in_value_that_is_what_happens_without_it() {
    let known: Vec<&str> = settings::stock().map(|(key, _)| key).collect();
    assert_eq!(known, jail::KEYS, "the list of what is built in has the keys of the settings");
    let written: String = settings::stock()
        .filter(|(key, value)| !value.is_empty() && *key != "enabled")
        .fold(String::new(), |text, (key, value)| text + &format!("{key:?} = {value}\n"));
    let (written, plain) = (jail(&written), jail(""));
    assert_eq!(written.policy, plain.policy);
    let outside = |jail: &Jail| {
        let Jail { ports, protocols, action, scope, description, resolves, .. } = jail;
        format!("{ports:?} {protocols:?} {action:?} {scope:?} {description} {resolves}")
    };
    assert_eq!(outside(&written), outside(&plain));
    assert_eq!(written.filter, plain.filter);
    let all: Vec<&str> = plain.settings.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(all[..jail::KEYS.len()], jail::KEYS);
    assert_eq!(plain.settings[1].value, "\"test\"", "a jail's own name is its filter's");
    let says = |key: &str| plain.settings.iter().find(|s| s.key == key).expect("a row");
    let pattern = says("filter.failregex");
    assert_eq!(pattern.value, "'^bad <F-USER>.*</F-USER> from <ADDR>$'");
    assert_eq!((pattern.path.to_str(), pattern.line), (Some("filters.d/test.toml"), 2));
    assert_eq!(says("filter.journalmatch").line, 1);
}

#[test]
fn a_setting_is_taken_as_a_command_line_has_it() {
    for (key, value, written) in [
        ("maxretry", "5", "5"),
        ("maxretry", "5 # five", "5"),
        ("findtime", "1h", "\"1h\""),
        ("bantime", "-1", "-1"),
        ("bantime", "\"2w\"", "\"2w\""),
        ("enabled", "true", "true"),
        ("enabled", "no", "false"),
        ("ignoreself", "0", "false"),
        ("usedns", "yes", "\"yes\""),
        ("ignoreip", "192.0.2.1 198.51.100.0/24", "\"192.0.2.1 198.51.100.0/24\""),
        ("port", "22", "22"),
        ("port", "22,2222", "\"22,2222\""),
        ("description", "5", "\"5\""),
        ("prefix", "{ ipv4 = 24 }", "{ ipv4 = 24 }"),
        ("failregex", "^bad \\d+ from <ADDR>$", "'^bad \\d+ from <ADDR>$'"),
        ("failregex", "[0] <ADDR>", "\"[0] <ADDR>\""),
        ("logpath", "/var/log/a\n/var/log/b", "'''/var/log/a\n/var/log/b'''"),
    ] {
        assert_eq!(setting("test", key, value).as_deref(), Ok(written), "{key} {value}");
    }
    for (key, value, title) in [
        ("maxretry", "0", "this number is to be from 1 to 1000"),
        ("maxretry", "many", "this is to be a number"),
        ("maxretri", "5", "there is no setting \"maxretri\""),
        ("findtime", "-5", "this is no length of time"),
        ("prefix", "{ ipv4 = 0 }", "this number is to be from 1 to 32"),
        ("maxretry", "5\nenabled = false", "this is to be a number"),
    ] {
        let found = setting("test", key, value).expect_err("a mistake");
        assert_eq!(found[0].path.to_str(), Some(RUN_TIME), "{key} {value}");
        assert!(found[0].title.starts_with(title), "{key} {value}: {}", found[0].title);
    }
}

#[test]
fn an_overlay_reads_what_it_writes() {
    let mut overlay = Overlay::default();
    overlay.set(DEFAULT, "maxretry", "3");
    overlay.set("sshd", "ignoreip", "[\n    \"192.0.2.1\",\n]");
    overlay.set("sshd", "odd key", "'a'");
    assert_eq!(Overlay::read(&overlay.to_text()), Ok(overlay.clone()));
    assert!(Overlay::read("maxretry = 3").is_err());
    assert!(Overlay::read("[jail]\nsshd = 3").is_err());
    assert!(Overlay::read("[jail.sshd").is_err());
}

#[test]
fn values_that_cannot_be_are_refused_with_what_to_do() {
    for (text, told) in [
        ("[jail.test]\nfindtime = -600", "negative"),
        ("[jail.test]\nbantime = -600", "negative"),
        ("[jail.test]\nbantime = \"-1h\"", "a number is to stand here"),
        ("[jail.test]\nprefix = { ipv4 = 0 }", "from 1 to 32"),
        ("[jail.test]\nprefix = { ipv6 = 0 }", "from 1 to 128"),
        ("[jail.\"a/b\"]\nenabled = true", "a letter or digit, then letters, digits, - and _"),
        ("[jail.default]\nmaxretry = 3", "[default]"),
    ] {
        let loaded = load(&texts(&[text], &[TEST_FILTER]));
        let rendered = render(&loaded.diagnostics, false);
        assert!(loaded.has_errors() && rendered.contains(told), "{text}:\n{rendered}");
        assert!(rendered.contains("jails.d/0.toml:"), "{rendered}");
    }
}

#[test]
fn the_thousand_and_first_jail_is_one_too_many() {
    let jails = |count: usize| {
        let tables = (0..count).map(|n| format!("[jail.j{n}]\n"));
        load(&texts(&[&tables.collect::<String>()], &[]))
    };
    assert_eq!(jails(1000).diagnostics, []);
    let told = render(&jails(1001).diagnostics, false);
    assert!(told.contains("there are more than 1000 jails"), "{told}");
}
