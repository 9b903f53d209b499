//! The replay of the past, as a person runs it: logs of our own making, and what bans they are worth.

mod journal;
mod oracle;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What all runs take for now: 2026-11-21T00:00:00Z.
const NOW: i32 = 1_795_219_200;

/// When the logs begin: 2026-11-20T10:00:00Z.
const START: i32 = 1_795_168_800;

const FILTER: &str = "journalmatch = \"SYSLOG_IDENTIFIER=app\"\n\
                      identifier = \"app\"\n\
                      failregex = ['^login failed from <ADDR>$']\n";

/// A configuration and logs in a directory of their own.
struct Place(TempDir);

impl Place {
    /// With one filter, `app`, and these jails.
    fn with(jails: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        for folder in ["vendor/filters.d", "vendor/jails.d", "etc"] {
            fs::create_dir_all(place.path(folder)).expect("a directory");
        }
        place.write("vendor/filters.d/app.toml", FILTER);
        place.write("vendor/jails.d/all.toml", jails);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jailkeeper"));
        command.arg("replay").args(arguments.split_whitespace());
        command.args(["--vendor", "vendor", "--config", "etc"]);
        command.current_dir(self.0.path()).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    /// A run for which it is the end of the day.
    fn at_night(&self, arguments: &str) -> Command {
        let mut command = self.command(arguments);
        command.args(["--now", &format!("@{NOW}")]);
        command
    }

    /// What a run prints that goes well.
    fn shown(&self, arguments: &str) -> String {
        let output = self.at_night(arguments).output().expect("the client runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && told.is_empty(), "{arguments}: {told}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The bans, and the sums.
    fn replay(&self, arguments: &str) -> (Vec<Value>, Value) {
        objects(&self.shown(&format!("{arguments} --json")))
    }

    /// What a run tells that ends with `code`.
    fn refused(&self, arguments: &str, code: i32) -> String {
        let output = self.at_night(arguments).output().expect("the client runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {told}");
        assert!(output.stdout.is_empty(), "{arguments}");
        told
    }
}

fn objects(text: &str) -> (Vec<Value>, Value) {
    let mut objects: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect();
    let totals = objects.pop().expect("the sums");
    (objects, totals)
}

/// Of each ban, when, in which jail, whom, until when, and for how many attempts.
fn rows(bans: &[Value]) -> Vec<(f64, &str, &str, f64, u64)> {
    let number = |ban: &Value, key: &str| ban[key].as_f64().expect("a number");
    bans.iter()
        .map(|ban| {
            assert_eq!(ban.as_object().expect("an object").len(), 5, "{ban}");
            (
                number(ban, "at"),
                ban["jail"].as_str().expect("a text"),
                ban["offender"].as_str().expect("a text"),
                number(ban, "until"),
                ban["attempts"].as_u64().expect("a count"),
            )
        })
        .collect()
}

/// A line of a log, so many milliseconds after the start.
fn line(after: i64, text: &str) -> String {
    let millis = i64::from(START) * 1000 + after;
    let time = jiff::Timestamp::from_millisecond(millis).expect("a time");
    format!("{} host {text}\n", time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
}

fn failure(after: i64, offender: &str) -> String {
    line(after, &format!("app[7]: login failed from {offender}"))
}

/// A failure every ten seconds, of one offender after the other.
fn rounds(offenders: &[&str], count: usize) -> String {
    let failures = offenders.iter().cycle().take(offenders.len() * count);
    failures.zip((0..).step_by(10_000)).map(|(offender, after)| failure(after, offender)).collect()
}

fn seconds(after: i32) -> f64 {
    f64::from(START) + f64::from(after)
}

const JAILS: &str = "[jail.app]\nenabled = true\nmaxretry = 3\nfindtime = 60\nbantime = \"2m\"\n\
                     ignoreip = \"198.51.100.0/24\"\n\
                     [jail.slow]\nenabled = true\nfilter = \"app\"\nmaxretry = 4\n\
                     findtime = \"10m\"\nbantime = -1\n\
                     [jail.off]\nfilter = \"app\"\n";

#[test]
fn bans_are_told_with_their_times() {
    let place = Place::with(JAILS);
    place.write("app.log", rounds(&["192.0.2.1", "2001:db8::7", "198.51.100.9"], 5));
    let (bans, totals) = place.replay("app app.log app app.log");
    assert_eq!(
        rows(&bans),
        [
            (seconds(60), "app", "192.0.2.1", seconds(180), 3),
            (seconds(70), "app", "2001:db8::/64", seconds(190), 3),
        ]
    );
    assert_eq!(
        totals,
        json!({
            "records": 15, "attempts": 10, "bans": 2, "spared": 5, "undated": 0, "nameless": 0,
            "unjudged": 0,
        })
    );
    let (bans, totals) = place.replay("app.log");
    assert_eq!(
        rows(&bans),
        [
            (seconds(60), "app", "192.0.2.1", seconds(180), 3),
            (seconds(70), "app", "2001:db8::/64", seconds(190), 3),
            (seconds(90), "slow", "192.0.2.1", -1.0, 4),
            (seconds(100), "slow", "2001:db8::/64", -1.0, 4),
            (seconds(110), "slow", "198.51.100.9", -1.0, 4),
        ]
    );
    assert_eq!((&totals["records"], &totals["attempts"]), (&json!(15), &json!(25)));
}

#[test]
fn accounts_count_where_the_jail_counts_by_them() {
    let place = Place::with(
        "[jail.app]\nenabled = true\nmaxretry = 3\ncount_by = \"user\"\n\
         [jail.plain]\nenabled = true\nmaxretry = 3\nfilter = \"app\"\n",
    );
    let filter = FILTER.replace("login failed", "login of <F-USER>\\S*</F-USER> failed");
    place.write("vendor/filters.d/app.toml", filter);
    let tried = [("bob", 1), ("amy", 2), ("bob", 3), ("bob", 4), ("amy", 4), ("amy", 5)];
    let log: String = tried
        .iter()
        .zip((0..).step_by(10_000))
        .map(|((user, n), after)| {
            line(after, &format!("app[7]: login of {user} failed from 192.0.2.{n}"))
        })
        .collect();
    place.write("app.log", log);
    let (bans, _) = place.replay("app.log");
    // What 192.0.2.4 still does after its ban counts no more, so that amy is tried twice.
    assert_eq!(rows(&bans), [(seconds(30), "app", "192.0.2.4", seconds(630), 3)]);
}

#[test]
fn people_get_a_table_and_sums() {
    let place = Place::with(JAILS);
    place.write("app.log", rounds(&["192.0.2.1", "2001:db8::7", "198.51.100.9"], 5));
    insta::assert_snapshot!(place.shown("app.log"), @r"
    AT                   JAIL  OFFENDER       UNTIL                ATTEMPTS
    2026-11-20 10:01:00  app   192.0.2.1      2026-11-20 10:03:00         3
    2026-11-20 10:01:10  app   2001:db8::/64  2026-11-20 10:03:10         3
    2026-11-20 10:01:30  slow  192.0.2.1      for ever                    4
    2026-11-20 10:01:40  slow  2001:db8::/64  for ever                    4
    2026-11-20 10:01:50  slow  198.51.100.9   for ever                    4

    JAIL  ATTEMPTS  BANS
    app         10     2
    slow        15     3

    15 records, 25 attempts, 5 bans.
    Left out: 5 attempts of somebody who is never banned.
    ");
    insta::assert_snapshot!(place.shown("slow app.log --since 2026-11-20T11:00:00Z"), @"15 records, 0 attempts, 0 bans.");
}

#[test]
fn bans_grow_and_are_heard_by_other_jails() {
    let place = Place::with(
        "[jail.app]\nenabled = true\nenforce = false\nmaxretry = 1\nfindtime = 60\n\
         bantime = { time = 10, increment = true }\n\
         [jail.again]\nenabled = true\nbackend = \"bans\"\nmaxretry = 3\nfindtime = \"1h\"\n",
    );
    place.write("app.log", rounds(&["192.0.2.1"], 8));
    let (bans, _) = place.replay("app.log");
    assert_eq!(
        rows(&bans),
        [
            (seconds(0), "app", "192.0.2.1", seconds(10), 1),
            (seconds(10), "app", "192.0.2.1", seconds(30), 1),
            (seconds(30), "app", "192.0.2.1", seconds(70), 1),
            (seconds(30), "again", "192.0.2.1", seconds(630), 3),
            (seconds(70), "app", "192.0.2.1", seconds(150), 1),
        ]
    );
    let alone = place.refused("again", 2);
    assert!(alone.contains("counts the bans of others"), "{alone}");
}

#[test]
fn a_ban_that_is_over_can_be_earned_again() {
    let place = Place::with(JAILS);
    place.write("app.log", rounds(&["192.0.2.1"], 30));
    let (bans, _) = place.replay("app app.log");
    assert_eq!(
        rows(&bans),
        [
            (seconds(20), "app", "192.0.2.1", seconds(140), 3),
            // The attempt at the end of the ban is the first that counts again.
            (seconds(160), "app", "192.0.2.1", seconds(280), 3),
        ]
    );
}

#[test]
fn a_filter_is_run_with_a_policy_of_ones_own() {
    let place = Place::with("");
    place.write("my.conf", "[Definition]\nfailregex = login failed from <ADDR>$\n");
    place.write("app.log", rounds(&["192.0.2.1"], 6));
    let bans = |arguments: &str| place.replay(&format!("--filter my.conf app.log {arguments}")).0;
    let ban = |at, until, attempts| vec![(seconds(at), "my", "192.0.2.1", until, attempts)];
    assert_eq!(rows(&bans("")), ban(40, seconds(640), 5));
    assert_eq!(rows(&bans("--maxretry 2 --bantime 1h")), ban(10, seconds(3610), 2));
    assert_eq!(rows(&bans("--maxretry 2 --bantime forever")), ban(10, -1.0, 2));
    assert_eq!(rows(&bans("--maxretry 2 --findtime 9s")), []);
    assert_eq!(rows(&bans("--since @1795168815 --maxretry 2")), ban(30, seconds(630), 2));
}

#[test]
fn several_logs_are_read_in_the_order_of_time() {
    let place = Place::with(JAILS);
    let whole = rounds(&["192.0.2.1", "192.0.2.2"], 8);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines[..6].concat().as_bytes()).expect("memory");
    place.write("app.log.2.gz", gzip.finish().expect("memory"));
    let odd = |parity| -> String {
        let chosen = lines[6..].iter().enumerate().filter(|(index, _)| index % 2 == parity);
        chosen.map(|(_, line)| *line).collect()
    };
    place.write("app.log.1", odd(0));
    place.write("app.log", odd(1));
    place.write("whole.log", &whole);
    let (bans, totals) = place.replay("whole.log");
    assert_eq!(rows(&bans).len(), 4);
    assert_eq!(totals["records"], 16);
    // As a shell sorts them: the newest first.
    assert_eq!(place.replay("app.log app.log.1 app.log.2.gz"), (bans.clone(), totals.clone()));

    let mut command = place.at_night("--json app.log.2.gz - app.log");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the client runs");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(odd(0).as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(objects(&text), (bans, totals));
}

#[test]
fn a_line_without_a_date_is_as_old_as_the_one_before() {
    let place = Place::with(JAILS);
    let undated = "host app[7]: login failed from 192.0.2.1\n";
    let log = [undated, &failure(0, "192.0.2.1"), undated, undated].concat();
    place.write("app.log", log);
    let (bans, totals) = place.replay("app app.log");
    assert_eq!(rows(&bans), [(seconds(0), "app", "192.0.2.1", seconds(120), 3)]);
    assert_eq!((&totals["attempts"], &totals["undated"]), (&json!(3), &json!(1)));
}

#[test]
fn a_session_lasts_in_the_time_of_the_log() {
    let place = Place::with("");
    place.write(
        "pair.conf",
        "[Definition]\nprefregex = app\\[<F-MLFID>\\d+</F-MLFID>\\]: <F-CONTENT>.+</F-CONTENT>$\n\
         failregex = ^<F-NOFAIL>connection</F-NOFAIL> from <ADDR>$\n            ^login failed$\n",
    );
    let pair = |after| {
        [line(0, "app[7]: connection from 192.0.2.1"), line(after, "app[7]: login failed")].concat()
    };
    place.write("soon.log", pair(60_000));
    place.write("late.log", pair(600_000));
    let (bans, _) = place.replay("--filter pair.conf --maxretry 1 soon.log");
    assert_eq!(rows(&bans), [(seconds(60), "pair", "192.0.2.1", seconds(660), 1)]);
    let (bans, _) = place.replay("--filter pair.conf --maxretry 1 late.log");
    assert_eq!(rows(&bans), []);
}

#[test]
fn hostile_lines_do_no_harm() {
    let place = Place::with(JAILS);
    let mut log = Vec::new();
    log.extend_from_slice(&[0, 0xff, 0xfe, 0x1b, b'[', b'2', b'J', b'\n', b'\n']);
    log.extend(failure(0, "192.0.2.1\u{1b}[2J").bytes());
    log.extend(std::iter::repeat_n(b'x', 1 << 20));
    log.push(b'\n');
    // The clock of whoever writes this is wrong, or he would have it so.
    for year in ["9999", "2500"] {
        let line = format!("{year}-01-01T00:00:00Z host app: login failed from 203.0.113.1\n");
        log.extend(line.bytes());
    }
    log.extend("0000-00-00T99:99:99Z host app: login failed from 203.0.113.2\n".bytes());
    log.extend(rounds(&["192.0.2.1"], 3).bytes());
    log.extend(b"2026-11-20T10:00:30Z host app: login failed from 203.0.113.7, no end of line");
    place.write("app.log", &log);
    let shown = place.shown("app app.log");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let (bans, totals) = place.replay("app app.log");
    assert!(bans.iter().all(|ban| ban["at"].as_f64() <= Some(f64::from(NOW))), "{bans:?}");
    assert_eq!((&totals["records"], &totals["unjudged"]), (&json!(11), &json!(1)));
}

#[test]
fn what_is_not_there_is_told_before_anything_is_read() {
    let place = Place::with(JAILS);
    place.write("app.log", rounds(&["192.0.2.1"], 3));
    let told = place.refused("ap app.log", 5);
    assert!(told.contains("did you mean app?\nthe jails are: app, slow"), "{told}");
    assert!(place.refused("off app.log", 5).contains("no jail \"off\""));
    assert!(place.refused("app ./none.log", 1).contains("./none.log: No such file"));
    assert!(place.refused("--filter ^<ADDR> none.log", 1).contains("none.log: No such file"));
    assert!(place.refused("app app.log --journal", 2).contains("exclude each other"));
    assert!(place.refused("--filter ^<ADDR>", 2).contains("name a log, -"));
    assert!(place.refused("app app.log --maxretry 3", 2).contains("--filter"));
    assert!(place.refused("--filter app --maxretry 0 app.log", 2).contains("from 1 to 1000"));
    assert!(place.refused("--filter app --findtime forever app.log", 2).contains("10m"));
    assert!(place.refused("app --since soon", 2).contains("1d, 2h30m"));
    assert!(place.refused("app --journal-file none*.journal", 1).contains("none*.journal"));
    // A jail comes before a file of its name.
    place.write("app", "");
    assert_eq!(place.replay("app app.log").1["records"], 3);
    assert_eq!(place.replay("./app app.log").1["records"], 3);

    place.write("etc/jailkeeper.toml", "[jail.slow]\nmaxretry = \"many\"\n");
    assert!(place.refused("slow app.log", 78).contains("jailkeeper check"));
    let output = place.at_night("app.log --json").output().expect("the client runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the jail slow is left out"));
    assert_eq!(objects(&String::from_utf8_lossy(&output.stdout)).0.len(), 1);
    place.write("etc/jailkeeper.toml", "[default]\nenabled = false\n");
    place.write("vendor/jails.d/all.toml", "[jail.off]\nfilter = \"app\"\n");
    assert!(place.refused("app.log", 1).contains("there is no jail to replay"));
}

#[test]
fn a_jail_reads_its_own_logs_when_none_is_named() {
    let place = Place::with(JAILS);
    fs::create_dir(place.path("logs")).expect("a directory");
    // Both are in the zone and the encoding that the jail says.
    let text = |failures: String| failures.replace('Z', "").replace("host", "h\u{f4}te");
    let latin1 = |text: String| -> Vec<u8> {
        text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect()
    };
    let hour = 3_600_000;
    let failures = |from: i64| -> String {
        (0..2).map(|n| failure(hour + from + 20_000 * n, "192.0.2.1")).collect()
    };
    place.write("logs/one.log", latin1(text(failures(0))));
    place.write("logs/two.log", latin1(text(failures(10_000))));
    place.write("logs/old.log", text(failure(-48 * hour, "192.0.2.2")));
    place.write("logs/.hidden.log", text(rounds(&["192.0.2.3"], 9)));
    place.write(
        "etc/jailkeeper.toml",
        format!(
            "[jail.app]\nlogpath = \"{}\"\nlogtimezone = \"UTC+0100\"\n\
             logencoding = \"latin1\"\n[jail.slow]\nenabled = false\n",
            path_text(&place.path("logs/*.log"))
        ),
    );
    let (bans, totals) = place.replay("");
    assert_eq!(rows(&bans), [(seconds(20), "app", "192.0.2.1", seconds(140), 3)]);
    assert_eq!((&totals["records"], &totals["attempts"]), (&json!(5), &json!(4)));
    assert_eq!(place.replay("app --since 1w").1["attempts"], 5);
    assert!(place.refused("app --journal-file ./none", 2).contains("nothing to read"));
    fs::remove_dir_all(place.path("logs")).expect("it is there");
    let told = place.refused("app", 2);
    assert!(told.contains("app: there is no log ") && told.contains("nothing to read"), "{told}");
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
