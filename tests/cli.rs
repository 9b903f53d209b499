//! The client against a service on a private bus, as a person runs it.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;

use jailkeeper::bus::{Bus, BusAnswer, Call, Failure, JailState, Snapshot};
use jailkeeper::keeper::{Network, Sentence, Spared, Timestamp, Until};

use crate::bus::{jail, network, row, snapshot};
use crate::support::dbus::{PrivateBus, answering};

/// A service on a bus of its own.
pub(crate) struct Served {
    pub(crate) bus: PrivateBus,
    service: Option<Bus>,
}

impl Served {
    pub(crate) fn with(
        first: Snapshot,
        answer: impl FnMut(Call) -> Option<BusAnswer> + Send + 'static,
    ) -> Self {
        let bus = PrivateBus::start();
        let service = Bus::serve_at(&bus.address(), answering(answer), Arc::new(first));
        Self { bus, service: Some(service.expect("the service is on the bus")) }
    }

    /// Two jails, one of them broken, and a service that answers each call with the same.
    fn answering(answer: BusAnswer) -> Self {
        Self::with(jails(), move |_| Some(answer.clone()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(service) = self.service.take() {
            service.close();
        }
    }
}

pub(crate) fn jails() -> Snapshot {
    let mut broken = jail();
    broken.health.state = JailState::Broken("the filter \"nginx\" is not there".to_owned());
    "nginx.toml:3:1: \u{1b}[2Jsomething".clone_into(&mut broken.health.last_error);
    snapshot([("sshd", jail()), ("nginx-http-auth", broken)])
}

fn bans(count: u32) -> BusAnswer {
    let address = |n: u32| Network::address(std::net::Ipv4Addr::from_bits(n).into());
    let first = u32::from_be_bytes([192, 0, 2, 0]);
    let plain = row("sshd", "192.0.2.0", Until::Forever);
    let rows = (0..count).map(|n| {
        let until = match n {
            1 => Until::At(Timestamp::from_seconds(1_700_003_600)),
            _ => Until::Forever,
        };
        let attempts = if n == 2 { 0 } else { 5 };
        jailkeeper::bus::BanRow { network: address(first + n), until, attempts, ..plain.clone() }
    });
    BusAnswer::Bans(rows.collect())
}

/// What a run of the client has left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn client(bus: &PrivateBus) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jailkeeper"));
    command.env("DBUS_SYSTEM_BUS_ADDRESS", bus.address()).env("TZ", "UTC").env_remove("NO_COLOR");
    command
}

fn run(bus: &PrivateBus, arguments: &str) -> Left {
    let output = client(bus).args(arguments.split_whitespace()).output().expect("the client runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Left { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The standard output of a run that goes well.
fn shown(served: &Served, arguments: &str) -> String {
    let left = run(&served.bus, arguments);
    assert_eq!((left.code, left.stderr.as_str()), (Some(0), ""), "{arguments}: {}", left.stdout);
    left.stdout
}

/// The standard error of a run that ends with `code`.
fn refused(bus: &PrivateBus, arguments: &str, code: i32) -> String {
    let left = run(bus, arguments);
    assert_eq!((left.code, left.stdout.as_str()), (Some(code), ""), "{arguments}: {}", left.stderr);
    left.stderr
}

#[test]
fn status_shows_the_service_and_each_jail() {
    let served = Served::answering(bans(0));
    insta::assert_snapshot!(shown(&served, "status"), @r#"
    Guarding 1 jail.

    JAIL             STATE                                    ATTEMPTS  IN ALL  BANS  IN ALL  LAST ATTEMPT
    nginx-http-auth  broken: the filter "nginx" is not there         3     120     2      40  never
    sshd             running                                         3     120     2      40  never
    "#);
}

#[test]
fn status_of_a_jail_shows_all_of_it() {
    let mut quiet = jail();
    quiet.health.last_record = None;
    let served = Served::with(snapshot([("sshd", quiet)]), |_| Some(bans(12)));
    insta::assert_snapshot!(shown(&served, "status sshd"), @r"
    sshd: running
    Failed logins over SSH

    Settings
      Filter        sshd (mode aggressive)
      Judged        5 attempts within 10 min are a ban for 1 h
      Closed        port 22, 8000-8100 of tcp
      Action        drop (scope host)
      Banned as     /32 of IPv4, /64 of IPv6
      Spared        this host, whoever is logged in, 198.51.100.0/24

    Health
      Reads         journal
      Last record   never
      Last attempt  never

    Counts
      Attempts      3 now, 120 in all
      Bans          2 now, 40 in all

    Banned
      OFFENDER   SINCE                UNTIL                    LEFT  ATTEMPTS  BAN
      192.0.2.0  2023-11-14 22:13:20  never                for ever         5  2nd
      192.0.2.1  2023-11-14 22:13:20  2023-11-14 23:13:20       0 s         5  2nd
      192.0.2.2  2023-11-14 22:13:20  never                for ever   by hand  2nd
      192.0.2.3  2023-11-14 22:13:20  never                for ever         5  2nd
      192.0.2.4  2023-11-14 22:13:20  never                for ever         5  2nd
      192.0.2.5  2023-11-14 22:13:20  never                for ever         5  2nd
      192.0.2.6  2023-11-14 22:13:20  never                for ever         5  2nd
      192.0.2.7  2023-11-14 22:13:20  never                for ever         5  2nd
      192.0.2.8  2023-11-14 22:13:20  never                for ever         5  2nd
      192.0.2.9  2023-11-14 22:13:20  never                for ever         5  2nd
      … and 2 more: jailkeeper list sshd
    ");
}

#[test]
fn a_broken_jail_says_why_and_moves_no_cursor() {
    let served = Served::answering(bans(0));
    let text = shown(&served, "status nginx-http-auth");
    assert!(text.starts_with("nginx-http-auth: broken: the filter \"nginx\" is not there\n"));
    assert!(text.contains("Last error    nginx.toml:3:1: \u{fffd}[2Jsomething"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn list_shows_who_is_banned() {
    let served = Served::answering(bans(3));
    insta::assert_snapshot!(shown(&served, "list"), @r"
    JAIL  OFFENDER   SINCE                UNTIL                    LEFT  ATTEMPTS  BAN
    sshd  192.0.2.0  2023-11-14 22:13:20  never                for ever         5  2nd
    sshd  192.0.2.1  2023-11-14 22:13:20  2023-11-14 23:13:20       0 s         5  2nd
    sshd  192.0.2.2  2023-11-14 22:13:20  never                for ever   by hand  2nd
    ");
    let trial = shown(&served, "list --would-be");
    assert!(
        trial.starts_with("Nobody of these is banned: their jails have enforce = false.\n\nJAIL")
    );
    let served = Served::answering(bans(0));
    assert_eq!(shown(&served, "list sshd"), "Nobody is banned.\n");
    assert_eq!(shown(&served, "list sshd --would-be"), "Nobody would be banned.\n");
}

#[test]
fn json_of_bans_has_the_documented_keys() {
    let served = Served::answering(bans(1));
    insta::assert_snapshot!(shown(&served, "list --json"), @r#"
    [
      {
        "jail": "sshd",
        "offender": "192.0.2.0",
        "since": 1700000000,
        "until": -1,
        "attempts": 5,
        "nth": 2
      }
    ]
    "#);
}

#[test]
fn json_of_a_status_has_the_documented_keys() {
    let served = Served::answering(bans(1));
    insta::assert_snapshot!(shown(&served, "status sshd --json"), @r#"
    {
      "jail": "sshd",
      "state": "running",
      "description": "Failed logins over SSH",
      "filter": "sshd",
      "mode": "aggressive",
      "maxretry": 5,
      "findtime": 600,
      "bantime": 3600,
      "ports": [
        "22",
        "8000-8100"
      ],
      "protocols": [
        "tcp"
      ],
      "action": "drop",
      "scope": "host",
      "ignoreip": [
        "198.51.100.0/24"
      ],
      "ignoreself": true,
      "ignoresessions": true,
      "trusted_proxies": [],
      "ignore": [],
      "prefix_ipv4": 32,
      "prefix_ipv6": 64,
      "count_by": "address",
      "maxmatches": 5,
      "enforce": true,
      "ban_time_grows": false,
      "current_attempts": 3,
      "total_attempts": 120,
      "current_bans": 2,
      "would_be_bans": 0,
      "total_bans": 40,
      "sources": [
        "journal"
      ],
      "last_record": 1700000000,
      "last_attempt": 0,
      "last_error": "",
      "last_refusal": "",
      "warnings": [],
      "bans": [
        {
          "jail": "sshd",
          "offender": "192.0.2.0",
          "since": 1700000000,
          "until": -1,
          "attempts": 5,
          "nth": 2
        }
      ]
    }
    "#);
    let status: serde_json::Value =
        serde_json::from_str(&shown(&served, "status --json")).expect("JSON");
    assert_eq!(status["version"], "1.2.3");
    assert_eq!(status["state"], "Guarding 1 jail.");
    assert_eq!(status["jails"][1]["jail"], "sshd");
    assert_eq!(status["jails"][1]["total_bans"], 40);
}

#[test]
fn json_of_what_is_done_has_the_documented_keys() {
    let served = Served::answering(BusAnswer::Done(2));
    insta::assert_snapshot!(shown(&served, "--json ban sshd 192.0.2.1 --for 1h"), @r#"
    {
      "jail": "sshd",
      "offenders": [
        "192.0.2.1"
      ],
      "seconds": 3600
    }
    "#);
    insta::assert_snapshot!(shown(&served, "unban 192.0.2.1 --json"), @r#"
    {
      "jail": null,
      "lifted": 2
    }
    "#);
    insta::assert_snapshot!(shown(&served, "reload --json"), @r#"
    {
      "reloaded": true
    }
    "#);
}

#[test]
fn orders_arrive_as_they_were_meant() {
    let (heard, calls) = mpsc::channel();
    let served = Served::with(jails(), move |call| {
        heard.send(call).expect("the test listens");
        Some(BusAnswer::Done(2))
    });
    let sshd = || "sshd".to_owned();
    let ban = |address: &str, sentence| Call::Ban {
        jail: sshd(),
        networks: vec![network(address)],
        sentence,
    };
    let attempts = |user: &str, times| Call::Attempt {
        jail: sshd(),
        networks: vec![network("192.0.2.1")],
        user: user.to_owned(),
        times,
    };
    let seconds = |seconds| Some(Sentence::For(std::time::Duration::from_secs(seconds)));
    let everybody = |jail| Call::Unban { jail, networks: None };
    let one = |jail| Call::Unban { jail, networks: Some(vec![network("192.0.2.1")]) };
    let cases = [
        (
            "ban sshd 192.0.2.1",
            ban("192.0.2.1", None),
            "192.0.2.1 is banned in jail sshd as long as its bantime says.\n",
        ),
        (
            "ban sshd 2001:db8::/48 --for 1h30m",
            ban("2001:db8::/48", seconds(5400)),
            "2001:db8::/48 is banned in jail sshd for 1 h 30 min.\n",
        ),
        (
            "ban --for forever sshd 192.0.2.1",
            ban("192.0.2.1", Some(Sentence::Forever)),
            "192.0.2.1 is banned in jail sshd for ever.\n",
        ),
        (
            "ban sshd 192.0.2.1 --for -1",
            ban("192.0.2.1", Some(Sentence::Forever)),
            "192.0.2.1 is banned in jail sshd for ever.\n",
        ),
        (
            "attempt sshd 192.0.2.1 --user root --times 3",
            attempts("root", 3),
            "2 attempts count in jail sshd.\n",
        ),
        ("attempt sshd 192.0.2.1", attempts("", 1), "2 attempts count in jail sshd.\n"),
        ("unban 192.0.2.1", one(None), "Lifted 2 bans.\n"),
        ("unban 192.0.2.1 --jail sshd", one(Some(sshd())), "Lifted 2 bans.\n"),
        ("unban --all", everybody(None), "Lifted 2 bans.\n"),
        ("unban --all --jail sshd", everybody(Some(sshd())), "Lifted 2 bans.\n"),
        ("reload", Call::Reload, "The configuration is read, and in force.\n"),
    ];
    for (arguments, call, text) in cases {
        assert_eq!(shown(&served, arguments), text, "{arguments}");
        assert_eq!(calls.try_recv(), Ok(call), "{arguments}");
    }
}

#[test]
fn banned_tells_in_which_jails_somebody_is() {
    let served = Served::with(jails(), |call| match call {
        Call::ListBans { jail: None } => Some(BusAnswer::Bans(vec![
            row("nginx-http-auth", "2001:db8::/64", Until::Forever),
            row("sshd", "192.0.2.1", Until::Forever),
            row("sshd", "2001:db8::/64", Until::Forever),
        ])),
        other => panic!("{other:?}"),
    });
    assert!(shown(&served, "banned").starts_with("JAIL "));
    assert_eq!(
        shown(&served, "banned 192.0.2.1 2001:db8::7 192.0.2.2"),
        "192.0.2.1 is banned in sshd\n\
         2001:db8::7 is banned in nginx-http-auth, sshd\n\
         192.0.2.2 is not banned\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&shown(&served, "banned 192.0.2.1 --json")).expect("JSON");
    assert_eq!(json, serde_json::json!([{ "offender": "192.0.2.1", "jails": ["sshd"] }]));
}

#[test]
fn ping_goes_through_the_loop_and_version_tells_both() {
    let served = Served::answering(BusAnswer::Failed(Failure::NoSuchJail));
    let pong = shown(&served, "ping");
    assert!(pong.starts_with("pong (") && pong.ends_with(" ms)\n"), "{pong}");
    let versions = shown(&served, "version");
    let expected = format!("client   {}\nservice  1.2.3 (to run", env!("CARGO_PKG_VERSION"));
    assert!(versions.starts_with(&expected), "{versions}");

    let stopping = Served::with(jails(), |_| None);
    assert!(refused(&stopping.bus, "ping", 1).contains("the service is stopping"));
    let bus = PrivateBus::start();
    assert!(refused(&bus, "ping", 3).contains("the service is not running"));
    assert!(run(&bus, "version").stdout.ends_with("service  not running\n"));
}

#[test]
fn words_of_fail2ban_are_done_or_answered() {
    let (heard, calls) = mpsc::channel();
    let served = Served::with(jails(), move |call| {
        heard.send(call).expect("the test listens");
        Some(BusAnswer::Done(1))
    });
    let left = run(&served.bus, "set sshd banip 192.0.2.1");
    assert_eq!(
        (left.code, left.stderr.as_str()),
        (Some(0), "jailkeeper: here this is: jailkeeper ban sshd 192.0.2.1\n")
    );
    assert_eq!(left.stdout, "192.0.2.1 is banned in jail sshd as long as its bantime says.\n");
    assert!(matches!(calls.try_recv(), Ok(Call::Ban { .. })));
    let left = run(&served.bus, "--json set sshd unbanip 192.0.2.1");
    assert!(left.stdout.contains("\"lifted\": 1"), "{left:?}");
    let hint = refused(&served.bus, "get dbfile", 2);
    assert_eq!(
        hint,
        "jailkeeper: the state is in /var/lib/jailkeeper/state.db, and nowhere else\n"
    );
}

/// The client's watch, which ends with this value.
struct Watch {
    client: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Watch {
    fn start(bus: &PrivateBus, arguments: &[&str]) -> Self {
        let mut command = client(bus);
        command.arg("watch").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().expect("the client runs");
        let stdout = std::io::BufReader::new(client.stdout.take().expect("a pipe"));
        Self { client, lines: std::io::BufRead::lines(stdout) }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("one more line").expect("UTF-8")
    }

    /// The rest of a line that begins with a date.
    fn told(&mut self) -> String {
        self.line()["2023-11-14 22:13:20  ".len()..].to_owned()
    }

    /// Waits for its end; the exit code, and what it complained about.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.lines);
        let status = self.client.wait().expect("it ends");
        let mut stderr = String::new();
        let pipe = self.client.stderr.as_mut().expect("a pipe");
        pipe.read_to_string(&mut stderr).expect("UTF-8");
        (status.code(), stderr)
    }
}

fn announce_everything(service: &Bus) {
    use jailkeeper::bus::Announcement::{Banned, Found, Ignored, Refused, Unbanned};
    let (jail, offender): (Arc<str>, _) = ("sshd".into(), network("192.0.2.1"));
    let time = Timestamp::from_seconds(1_700_000_000);
    let user = "ro\u{1b}ot".to_owned();
    let other = "nginx-http-auth".into();
    for announcement in [
        Found { jail: jail.clone(), offender, user, time, banned: true },
        Ignored { jail: jail.clone(), offender, why: "it is mine".to_owned() },
        Banned { jail: other, offender, until: Until::Forever, attempts: 0 },
        Banned { jail: jail.clone(), offender, until: Until::Forever, attempts: 5 },
        Refused { jail: jail.clone(), offender, reason: "no room".to_owned() },
        Unbanned { jail, offender, why: jailkeeper::keeper::Lifted::ByHand },
    ] {
        service.announce(announcement).expect("there is room");
    }
}

#[test]
fn watch_tells_every_event_and_waits_for_the_service() {
    let bus = PrivateBus::start();
    let mut watch = Watch::start(&bus, &[]);
    assert_eq!(watch.told(), "the service is not running; waiting until it is");
    for _ in 0..2 {
        let service = Bus::serve_at(&bus.address(), answering(|_| None), Arc::new(jails()));
        let service = service.expect("the service is on the bus");
        assert_eq!(watch.told(), "the service is running");
        announce_everything(&service);
        for told in [
            "sshd  192.0.2.1  found as ro\u{fffd}ot, of 2023-11-14 22:13:20 (already banned)",
            "sshd  192.0.2.1  ignored: it is mine",
            "nginx-http-auth  192.0.2.1  banned for ever by hand",
            "sshd  192.0.2.1  banned for ever after 5 attempts",
            "sshd  192.0.2.1  NOT banned, the kernel refused: no room",
            "sshd  192.0.2.1  unbanned (by-hand)",
        ] {
            assert_eq!(watch.told(), told);
        }
        service.close();
        assert_eq!(watch.told(), "the service is not running; waiting until it is");
    }
    let pid = nix::unistd::Pid::from_raw(watch.client.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    assert_eq!(watch.end(), (Some(0), String::new()));
}

#[test]
fn watch_of_a_jail_leaves_out_the_others_and_ends_with_its_reader() {
    let served = Served::answering(bans(0));
    let mut watch = Watch::start(&served.bus, &["sshd", "--json"]);
    assert!(watch.line().contains("\"event\":\"running\""));
    announce_everything(served.service.as_ref().expect("it is there"));
    let events: Vec<serde_json::Value> =
        (0..5).map(|_| serde_json::from_str(&watch.line()).expect("JSON")).collect();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["found", "ignored", "banned", "refused", "unbanned"]);
    assert_eq!(events[0]["user"], "ro\u{1b}ot");
    assert_eq!((&events[2]["until"], &events[2]["attempts"]), (&(-1).into(), &5.into()));
    // Nothing more happens, and yet it notices.
    assert_eq!(watch.end(), (Some(0), String::new()));
    assert!(refused(&served.bus, "watch ssdh", 5).contains("did you mean sshd?"));
}

#[test]
fn watch_does_not_believe_others() {
    let served = Served::answering(bans(0));
    let mut watch = Watch::start(&served.bus, &[]);
    assert_eq!(watch.told(), "the service is running");
    let forged = ["emit", "/org/jailkeeper1", "org.jailkeeper1.Manager", "Ignored", "sss"];
    let forged = [&forged[..], &["sshd", "192.0.2.66", "it is forged"]].concat();
    assert!(served.bus.busctl(&forged).status.success());
    announce_everything(served.service.as_ref().expect("it is there"));
    assert!(watch.told().starts_with("sshd  192.0.2.1  found"));
}

#[test]
fn what_is_wrong_with_the_arguments_is_found_before_anybody_is_asked() {
    let bus = PrivateBus::start();
    for (arguments, text) in [
        ("ban sshd 192.0.2.300", "this is not an IP address"),
        ("ban sshd 192.0.2.0/33", "the prefix length of an IPv4 network is 0 to 32"),
        ("ban sshd", "<ADDR>..."),
        ("ban sshd 192.0.2.1 --for soon", "this is no length of time"),
        ("ban sshd 192.0.2.1 --for 0", "this is no length of time"),
        ("unban", "<ADDR>..."),
        ("unban --all 192.0.2.1", "cannot be used with"),
        ("unban sshd", "this is not an IP address"),
        ("attempt sshd 192.0.2.1 --times 0", "0 is not in 1.."),
        ("statu", "status"),
        ("", "Usage"),
    ] {
        let told = refused(&bus, arguments, 2);
        assert!(told.contains(text), "{arguments}: {told}");
    }
}

#[test]
fn each_refusal_has_its_exit_code_and_says_what_to_do() {
    let here: Network = network("192.0.2.1");
    let cases = [
        (Failure::Refused("no memory".to_owned()), 1, "the firewall refused: no memory"),
        (Failure::Ignored(here, Spared::OwnAddress), 1, "an address of this host itself"),
        (Failure::TooWide(network("192.0.2.0/24"), 28), 1, "name narrower networks"),
        (Failure::NoSuchJail, 5, "the jails are: nginx-http-auth, sshd"),
        (
            Failure::ReloadFailed(
                "old rules: a\n\nsshd.toml:3:1: no such key\n  hint: maxretry".to_owned(),
            ),
            78,
            "old rules: a\n\nsshd.toml:3:1: no such key\n  hint: maxretry",
        ),
    ];
    for (failure, code, text) in cases {
        let served = Served::answering(BusAnswer::Failed(failure));
        let verb = if code == 78 { "reload" } else { "ban sshd 192.0.2.1" };
        let told = refused(&served.bus, verb, code);
        assert!(told.contains(text), "{told}");
    }
    let stopping = Served::with(jails(), |_| None);
    assert!(refused(&stopping.bus, "reload", 1).contains("the service is stopping"));
}

#[test]
fn an_unknown_jail_is_answered_with_the_known_ones() {
    let served = Served::with(jails(), |_| Some(BusAnswer::Failed(Failure::NoSuchJail)));
    for arguments in ["status ssdh", "list ssdh", "ban ssdh 192.0.2.1", "unban --all --jail ssdh"] {
        assert_eq!(
            refused(&served.bus, arguments, 5),
            "jailkeeper: there is no jail \"ssdh\" that is switched on; did you mean sshd?\n\
             the jails are: nginx-http-auth, sshd\n\
             those that are off: jailkeeper show; to switch one on: jailkeeper set JAIL enabled \
             true --save\n",
            "{arguments}"
        );
    }
    let told = refused(&served.bus, "status postfix", 5);
    assert!(!told.contains("did you mean"), "{told}");
    let none = Served::with(snapshot([]), |_| None);
    assert!(
        refused(&none.bus, "status sshd", 5)
            .contains("no jail is\nthose that are off: jailkeeper show")
    );
}

#[test]
fn a_service_that_is_not_there_is_told_with_what_to_do() {
    let mut bus = PrivateBus::start();
    for verb in ["status", "list", "ban sshd 192.0.2.1", "unban --all", "reload"] {
        let told = refused(&bus, verb, 3);
        assert!(told.starts_with("jailkeeper: the service is not running\n"), "{told}");
        assert!(told.contains("systemctl enable --now jailkeeper\n"), "{told}");
    }
    bus.down();
    let told = refused(&bus, "status", 3);
    assert!(told.starts_with("jailkeeper: cannot reach the system bus: "), "{told}");
}

#[test]
fn who_may_not_is_told_so() {
    let policy = r#"<policy context="mandatory">
      <deny send_interface="org.jailkeeper1.Manager" send_member="Ban"/>
      <deny send_interface="org.jailkeeper1.Manager" send_member="ListBans"/></policy>"#;
    let bus = PrivateBus::with_policy(policy);
    let service = Bus::serve_at(&bus.address(), answering(|_| None), Arc::new(jails()));
    let told = refused(&bus, "ban sshd 192.0.2.1", 4);
    assert!(told.contains("you are not permitted to do that; run it as root"), "{told}");
    let told = refused(&bus, "list", 4);
    assert!(told.contains("only root and the group adm may see bans"), "{told}");
    service.expect("the service is on the bus").close();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let served = Served::answering(bans(50_000));
    let mut list = client(&served.bus)
        .arg("list")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the client runs");
    let mut start = [0; 16];
    list.stdout.take().expect("a pipe").read_exact(&mut start).expect("the beginning");
    let output = list.wait_with_output().expect("the client ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// Runs the client on a terminal of so many columns, made by script(1).
fn on_a_terminal(served: &Served, columns: u32, environment: &str, arguments: &str) -> String {
    let client = env!("CARGO_BIN_EXE_jailkeeper");
    let line = format!("stty cols {columns}; {environment} {client} {arguments}");
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("DBUS_SYSTEM_BUS_ADDRESS", served.bus.address())
        .env("TZ", "UTC")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .expect("script runs");
    String::from_utf8(output.stdout).expect("UTF-8").replace("\r\n", "\n")
}

#[test]
fn tables_fit_the_terminal_and_colour_is_for_terminals() {
    let served = Served::answering(bans(3));
    let plain = on_a_terminal(&served, 60, "NO_COLOR=1", "status");
    assert!(plain.lines().all(|line| line.chars().count() <= 60), "{plain}");
    assert!(plain.contains('…') && !plain.contains('\u{1b}'), "{plain}");
    let list = on_a_terminal(&served, 60, "NO_COLOR=1", "list");
    assert!(list.starts_with("JAIL  OFFENDER       LEFT  ATTEMPTS  BAN\n"), "{list}");
    let wide = on_a_terminal(&served, 200, "", "status");
    assert!(wide.contains("the filter \"nginx\" is not there"), "{wide}");
    assert!(wide.contains("\u{1b}[31mbroken") && wide.contains("\u{1b}[32mrunning"), "{wide}");
}

#[test]
fn help_teaches_and_the_version_is_told() {
    let bus = PrivateBus::start();
    let verbs = ["status", "list", "ban", "unban", "attempt", "banned", "watch", "stats", "ping"];
    for verb in verbs.into_iter().chain(["version", "reload", "check"]) {
        let left = run(&bus, &format!("{verb} --help"));
        assert_eq!(left.code, Some(0));
        assert!(left.stdout.contains(&format!("jailkeeper {verb}")), "{}", left.stdout);
        assert!(left.stdout.contains("Example"), "{verb} has an example");
    }
    let version = format!("jailkeeper {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&bus, "--version").stdout, version);
}
