//! Addresses by the thousand, in and out: `ban -`, `unban -`, `export` and `import-bans`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jailkeeper::bus::{BanRow, BusAnswer, Call, Failure, MAX_ADDRESSES};
use jailkeeper::keeper::{Network, Sentence, Spared, Timestamp, Until};
use serde_json::Value;

use crate::bus::{jail, network, snapshot};
use crate::cli::{Left, Served, client};
use crate::support::fail2ban;
use crate::support::house::House;

/// A ban that a service was told.
type Told = (String, Network, Option<Sentence>);

/// A service with the jails sshd and recidive that keeps what it is told, and spares 192.0.2.66.
struct Keeping {
    served: Served,
    told: Arc<Mutex<Vec<Told>>>,
    calls: Arc<Mutex<usize>>,
}

impl Keeping {
    fn start() -> Self {
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let calls: Arc<Mutex<usize>> = Arc::default();
        let (bans, count) = (Arc::clone(&told), Arc::clone(&calls));
        let served =
            Served::with(snapshot([("sshd", jail()), ("recidive", jail())]), move |call| {
                *count.lock().expect("no panic") += 1;
                Some(answer(&mut bans.lock().expect("no panic"), call))
            });
        Self { served, told, calls }
    }

    fn told(&self) -> Vec<Told> {
        let mut told = self.told.lock().expect("no panic").clone();
        told.sort_by_key(|(jail, offender, _)| (jail.clone(), *offender));
        told
    }

    /// A run with this on the standard input.
    fn run(&self, arguments: &[&str], input: &str) -> Left {
        let mut run = client(&self.served.bus);
        run.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut run = run.spawn().expect("the client runs");
        let mut stdin = run.stdin.take().expect("a pipe");
        let input = input.to_owned();
        // A client that is told no does not read.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = run.wait_with_output().expect("the client ends");
        writer.join().expect("no panic");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Left {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn said(&self, arguments: &[&str], input: &str) -> String {
        let Left { code, stdout, stderr } = self.run(arguments, input);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}: {stdout}");
        stdout
    }
}

fn answer(told: &mut Vec<Told>, call: Call) -> BusAnswer {
    let spared = network("192.0.2.66");
    if let Call::ListBans { .. } = call {
        return BusAnswer::Bans(told.iter().map(row).collect());
    }
    let before = told.len();
    match call {
        Call::Ban { networks, .. } if networks.contains(&spared) => {
            return BusAnswer::Failed(Failure::Ignored(spared, Spared::OwnAddress));
        }
        Call::Ban { jail, networks, sentence } => {
            told.extend(networks.into_iter().map(|network| (jail.clone(), network, sentence)));
        }
        Call::Unban { networks, .. } => {
            told.retain(|(_, banned, _)| !networks.iter().flatten().any(|one| one == banned));
        }
        _ => {}
    }
    BusAnswer::Done(u32::try_from(before.abs_diff(told.len())).expect("few"))
}

/// Far enough, and less than half a century off: 2060.
const LATER: i64 = 2_840_140_800;

fn row((jail, network, sentence): &Told) -> BanRow {
    let until = match sentence {
        Some(Sentence::Forever) => Until::Forever,
        _ => Until::At(Timestamp::from_seconds(LATER)),
    };
    let since = Timestamp::from_seconds(1_700_000_000);
    BanRow { jail: jail.as_str().into(), network: *network, since, until, attempts: 5, nth: 1 }
}

#[test]
fn a_list_is_banned_and_unbanned() {
    let keeping = Keeping::start();
    let list = "# bad people\n192.0.2.1\n\n  2001:db8::/64   # a network\n192.0.2.1\n192.0.2.2\r\n";
    assert_eq!(
        keeping.said(&["ban", "sshd", "-", "192.0.2.3", "--for", "1h"], list),
        "192.0.2.1, 2001:db8::/64, 192.0.2.2, 192.0.2.3 are banned in jail sshd for 1 h.\n"
    );
    assert_eq!(keeping.told().len(), 4);
    assert_eq!(keeping.said(&["unban", "-"], list), "Lifted 3 bans.\n");
    assert_eq!(keeping.told().len(), 1);
}

#[test]
fn a_list_with_mistakes_does_nothing_and_tells_them_all() {
    let keeping = Keeping::start();
    let left = keeping.run(&["ban", "sshd", "-"], "192.0.2.1\nsomebody\n  192.0.2.0/40 # wide\n");
    assert_eq!(
        (left.code, left.stderr.as_str()),
        (
            Some(2),
            "jailkeeper: <stdin>:2:1: \"somebody\": this is not an IP address\n\
             <stdin>:3:3: \"192.0.2.0/40\": the prefix length of an IPv4 network is 0 to 32\n\
             nothing was done\n"
        )
    );
    assert!(keeping.told().is_empty());
    let wrong = "x\n".repeat(30);
    assert!(keeping.run(&["unban", "-"], &wrong).stderr.contains("\nand 10 mistakes more\n"));
    for verb in [&["ban", "sshd", "-"][..], &["unban", "-"]] {
        let left = keeping.run(verb, "# nobody\n");
        assert!(left.stderr.contains("the standard input names no address"), "{}", left.stderr);
        assert_eq!(left.code, Some(2));
    }
    assert!(keeping.run(&["ban", "sshd", "-", "-"], "192.0.2.1\n").stderr.contains("write - once"));
    assert!(keeping.told().is_empty());
}

#[test]
fn a_list_that_is_too_long_for_one_call_takes_more() {
    let keeping = Keeping::start();
    let count = MAX_ADDRESSES + 10;
    let first = u32::from_be_bytes([10, 0, 0, 0]);
    let address = |n: usize| std::net::Ipv4Addr::from_bits(first + u32::try_from(n).expect("few"));
    let list = (0..count).fold(String::new(), |list, n| list + &address(n).to_string() + "\n");
    assert_eq!(
        keeping.said(&["ban", "sshd", "-"], &list),
        format!(
            "{count} addresses and networks are banned in jail sshd as long as its bantime says.\n"
        )
    );
    assert_eq!((keeping.told().len(), *keeping.calls.lock().expect("no panic")), (count, 2));

    let list = format!("{list}192.0.2.66\n");
    let left = keeping.run(&["ban", "sshd", "-"], &list);
    assert!(left.stderr.contains("an address of this host itself"), "{}", left.stderr);
    let rest = format!("the first {MAX_ADDRESSES} were banned before that, and stay so");
    assert!(left.stderr.contains(&rest), "{}", left.stderr);
    assert_eq!(left.code, Some(1));
}

#[test]
fn what_is_exported_can_be_imported() {
    let here = Keeping::start();
    here.said(&["ban", "sshd", "192.0.2.2", "192.0.2.10", "2001:db8::/64"], "");
    here.said(&["ban", "recidive", "192.0.2.2", "--for", "forever"], "");
    insta::assert_snapshot!(here.said(&["export", "--format", "csv"], ""), @r"
    jail,offender,since,until,attempts
    sshd,192.0.2.2,2023-11-14T22:13:20Z,2060-01-01T00:00:00Z,5
    sshd,192.0.2.10,2023-11-14T22:13:20Z,2060-01-01T00:00:00Z,5
    sshd,2001:db8::/64,2023-11-14T22:13:20Z,2060-01-01T00:00:00Z,5
    recidive,192.0.2.2,2023-11-14T22:13:20Z,forever,5
    ");
    let text = here.said(&["export", "--format", "text"], "");
    assert_eq!(text, "192.0.2.2\n192.0.2.10\n2001:db8::/64\n");
    for arguments in [&["export"][..], &["export", "--format", "csv"], &["export", "--json"]] {
        let there = Keeping::start();
        let list = here.said(arguments, "");
        assert_eq!(
            there.said(&["import-bans", "-"], &list),
            "Imported 4 bans: 1 into recidive, 3 into sshd.\n",
            "{arguments:?}"
        );
        let told = there.told();
        let names = |told: &[Told]| told.iter().map(|t| (t.0.clone(), t.1)).collect::<Vec<_>>();
        assert_eq!(names(&told), names(&here.told()));
        assert_eq!(told[0].2, Some(Sentence::Forever));
        let Some(Sentence::For(left)) = told[1].2 else { panic!("an end: {:?}", told[1]) };
        let now = jiff::Timestamp::now().as_second();
        let end = now + i64::try_from(left.as_secs()).expect("less than a century");
        // The list was read a moment before.
        assert!((LATER..LATER + 3600).contains(&end), "{end}");
    }
    let twice = here.run(&["export", "--json", "--format", "csv"], "");
    assert!(twice.stderr.contains("exclude each other"), "{}", twice.stderr);
    let again = here.said(&["import-bans"], &here.said(&["export"], ""));
    assert!(
        again.contains("Left out: 4 bans in force already, for as long or longer.\n"),
        "{again}"
    );
}

#[test]
fn what_cannot_be_imported_is_told_and_the_rest_goes_in() {
    let keeping = Keeping::start();
    let list = r#"[
        {"jail": "sshd", "offender": "192.0.2.1", "until": 4102444800},
        {"jail": "sshd", "offender": "192.0.2.66", "until": 4102444800},
        {"jail": "sshd", "offender": "192.0.2.2", "until": 4102444800},
        {"jail": "sshd", "offender": "192.0.2.3", "until": 1000},
        {"jail": "nginx", "offender": "192.0.2.4", "until": -1}
    ]"#;
    let left = keeping.run(&["import-bans", "-"], list);
    assert_eq!(left.code, Some(1));
    insta::assert_snapshot!(left.stdout, @r#"
    Imported 2 bans: 2 into sshd.
    Left out: 1 ban of which the end is past.
    Left out: 1 ban of the jail "nginx", which is not there; switch it on, or put all into another with --jail.
    Refused in jail sshd: 192.0.2.66: 192.0.2.66 is an address of this host itself, which is never banned (ignoreself)
    "#);
    let all =
        keeping.run(&["import-bans", "-", "--jail", "recidive", "--for", "1w", "--json"], list);
    let report: Value = serde_json::from_str(&all.stdout).expect("JSON");
    assert_eq!((all.code, &report["jails"]["recidive"]), (Some(1), &Value::from(3)), "{report}");
    assert_eq!(report["refused"][0]["offender"], "192.0.2.66");
    let week = Duration::from_hours(24 * 7);
    let told = keeping.told();
    let Some(Sentence::For(span)) = told[0].2 else { panic!("a week: {:?}", told[0]) };
    assert!((Duration::from_hours(24 * 6)..=week).contains(&span), "{span:?}");

    let unsaid = keeping.run(&["import-bans", "-"], "192.0.2.9\n");
    assert_eq!(unsaid.code, Some(2));
    assert!(unsaid.stderr.contains("name one with --jail"), "{}", unsaid.stderr);
    let nowhere = keeping.run(&["import-bans", "-", "--jail", "ssdh"], "192.0.2.9\n");
    assert_eq!(nowhere.code, Some(5));
    assert!(nowhere.stderr.contains("did you mean sshd?"), "{}", nowhere.stderr);
    assert_eq!(keeping.run(&["import-bans", "/nowhere"], "").code, Some(1));
}

/// fail2ban's server, with two jails that read nothing and do nothing. It ends with this value.
struct Fail2Ban {
    place: tempfile::TempDir,
    server: Child,
}

impl Fail2Ban {
    fn start() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let at = |name: &str| place.path().join(name).display().to_string();
        fs::create_dir_all(place.path().join("etc/filter.d")).expect("a directory");
        let server = format!(
            "[Definition]\nloglevel = INFO\nlogtarget = {}\nsyslogsocket = auto\nsocket = {}\n\
             pidfile = {}\ndbfile = {}\ndbpurgeage = 1d\ndbmaxmatches = 10\nallowipv6 = auto\n",
            at("log"),
            at("socket"),
            at("pid"),
            at("fail2ban.sqlite3")
        );
        let jail = |name: &str, bantime: &str| {
            format!(
                "[{name}]\nenabled = true\nfilter =\nfailregex = ^never <HOST>\nlogpath = {}\n\
                 backend = polling\naction =\nbantime = {bantime}\n",
                at("nothing.log")
            )
        };
        let jails = jail("sshd", "600") + &jail("recidive", "-1");
        fs::write(at("etc/fail2ban.conf"), server).expect("a configuration");
        fs::write(at("etc/jail.conf"), jails).expect("a configuration");
        fs::write(at("nothing.log"), "").expect("a log");
        // It must not outlive a test that is killed.
        let server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "python3"])
            .arg(program("fail2ban-server"))
            .args(["-c", &at("etc"), "-s", &at("socket"), "-p", &at("pid"), "-f", "start"])
            .env("PYTHONPATH", packages())
            .env("TZ", "UTC")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let started = Self { place, server };
        while !started.client(&["ping"]).status.success() {
            std::thread::sleep(Duration::from_millis(50));
        }
        started
    }

    fn client(&self, arguments: &[&str]) -> Output {
        let at = |name: &str| self.place.path().join(name);
        Command::new("python3")
            .arg(program("fail2ban-client"))
            .arg("-c")
            .arg(at("etc"))
            .arg("-s")
            .arg(at("socket"))
            .arg("-p")
            .arg(at("pid"))
            .args(arguments)
            .env("PYTHONPATH", packages())
            .env("TZ", "UTC")
            .output()
            .expect("the client runs")
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.client(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for Fail2Ban {
    fn drop(&mut self) {
        self.client(&["stop"]);
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn program(name: &str) -> PathBuf {
    fail2ban::package().join("usr/bin").join(name)
}

fn packages() -> PathBuf {
    fail2ban::package().join("usr/lib/python3/dist-packages")
}

/// fail2ban bans a moment after it has said so.
fn has_banned(database: &Path, bans: u64) -> bool {
    let database = rusqlite::Connection::open(database).expect("a database");
    let count = database.query_row("SELECT count(*) FROM bips", [], |row| row.get::<_, u64>(0));
    count.is_ok_and(|count| count == bans)
}

#[test]
fn fail2ban_s_own_bans_are_taken_over() {
    let theirs = Fail2Ban::start();
    let database = theirs.place.path().join("fail2ban.sqlite3");
    theirs.said(&["set", "sshd", "banip", "192.0.2.1", "2001:db8::7"]);
    theirs.said(&["set", "recidive", "banip", "198.51.100.9"]);
    while !has_banned(&database, 3) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let database = database.display().to_string();
    let banned = theirs.said(&["banned"]);
    let with_time = theirs.said(&["get", "sshd", "banip", "--with-time"]);
    let forever = theirs.said(&["get", "recidive", "banip", "--with-time"]);
    let plain = theirs.said(&["get", "sshd", "banip"]);
    let both = "Imported 3 bans: 1 into recidive, 2 into sshd.\n";
    let two = "Imported 2 bans: 2 into sshd.\n";
    let one = "Imported 1 ban: 1 into recidive.\n";
    for (arguments, input, text, times) in [
        (&[database.as_str()][..], "", both, true),
        (&["-"], &banned, both, false),
        (&["--jail", "sshd"], &with_time, two, true),
        (&["--jail", "recidive"], &forever, one, true),
        (&["--jail", "sshd"], &plain, two, false),
    ] {
        let ours = Keeping::start();
        let arguments = [&["import-bans"], arguments].concat();
        assert_eq!(ours.said(&arguments, input), text, "{input}");
        for (jail, offender, sentence) in ours.told() {
            match sentence {
                None => assert!(!times, "{offender}: {input}"),
                Some(Sentence::Forever) => assert_eq!(jail, "recidive", "{input}"),
                // Ten minutes, but for what the test takes.
                Some(Sentence::For(left)) => {
                    assert_eq!(jail, "sshd", "{input}");
                    assert!((1..=600).contains(&left.as_secs()), "{left:?}: {input}");
                }
            }
        }
    }
}

#[test]
fn imported_bans_are_in_the_kernel_for_what_is_left() {
    let house = House::guarded("[default]\nignoreip = [\"198.51.100.0/24\"]\n");
    let now = jiff::Timestamp::now().as_second();
    let list = house.path("bans.csv");
    let mut rows = "jail,offender,until\n".to_owned();
    // Each has an end of its own, and is a call of its own.
    for (address, left) in (0..200).zip(3_600..) {
        rows = format!("{rows}sshd,192.0.2.{address},{}\n", now + left);
    }
    rows += "sshd,203.0.113.1,forever\nsshd,203.0.113.2,1000\nsshd,198.51.100.1,forever\n";
    fs::write(&list, rows).expect("a list");
    let list = list.display().to_string();
    let output = house.client(&["import-bans", &list]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}{output:?}");
    assert!(text.starts_with("Imported 201 bans: 201 into sshd.\n"), "{text}");
    assert!(text.contains("1 ban of which the end is past"), "{text}");
    assert!(text.contains("198.51.100.1 lies within 198.51.100.0/24 of ignoreip"), "{text}");
    let set = house.set("sshd4");
    for element in ["192.0.2.7 timeout", "192.0.2.199 timeout", "203.0.113.1"] {
        assert!(set.contains(element), "{element} is not in:\n{set}");
    }
    let behind = set.split("192.0.2.7 timeout ").nth(1).expect("it has a timeout");
    let left: u32 = behind.split('s').next().expect("seconds").parse().expect("a number");
    assert!((1..=3_607).contains(&left), "what is left, and not more: {left}");
    assert!(!set.contains("203.0.113.2 ") && !set.contains("198.51.100.1 "), "{set}");

    let again = house.client(&["import-bans", &list, "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!((&again["imported"], &again["already"]), (&Value::from(0), &Value::from(201)));
}
