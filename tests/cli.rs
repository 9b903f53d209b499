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
struct Served {
    bus: PrivateBus,
    service: Option<Bus>,
}

impl Served {
    fn with(
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

fn jails() -> Snapshot {
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
struct Left {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn client(bus: &PrivateBus) -> Command {
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
      Spared        this host, 198.51.100.0/24

    Health
      Reads         journal
      Last record   never
      Last attempt  never

    Counts
      Attempts      3 now, 120 in all
      Bans          2 now, 40 in all

    Banned
      OFFENDER   SINCE                UNTIL                    LEFT  ATTEMPTS
      192.0.2.0  2023-11-14 22:13:20  never                for ever         5
      192.0.2.1  2023-11-14 22:13:20  2023-11-14 23:13:20       0 s         5
      192.0.2.2  2023-11-14 22:13:20  never                for ever   by hand
      192.0.2.3  2023-11-14 22:13:20  never                for ever         5
      192.0.2.4  2023-11-14 22:13:20  never                for ever         5
      192.0.2.5  2023-11-14 22:13:20  never                for ever         5
      192.0.2.6  2023-11-14 22:13:20  never                for ever         5
      192.0.2.7  2023-11-14 22:13:20  never                for ever         5
      192.0.2.8  2023-11-14 22:13:20  never                for ever         5
      192.0.2.9  2023-11-14 22:13:20  never                for ever         5
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
    JAIL  OFFENDER   SINCE                UNTIL                    LEFT  ATTEMPTS
    sshd  192.0.2.0  2023-11-14 22:13:20  never                for ever         5
    sshd  192.0.2.1  2023-11-14 22:13:20  2023-11-14 23:13:20       0 s         5
    sshd  192.0.2.2  2023-11-14 22:13:20  never                for ever   by hand
    ");
    let served = Served::answering(bans(0));
    assert_eq!(shown(&served, "list sshd"), "Nobody is banned.\n");
}

#[test]
fn json_of_what_is_has_the_documented_keys() {
    let served = Served::answering(bans(1));
    insta::assert_snapshot!(shown(&served, "list --json"), @r#"
    [
      {
        "jail": "sshd",
        "offender": "192.0.2.0",
        "since": 1700000000,
        "until": -1,
        "attempts": 5
      }
    ]
    "#);
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
      "prefix_ipv4": 32,
      "prefix_ipv6": 64,
      "current_attempts": 3,
      "total_attempts": 120,
      "current_bans": 2,
      "total_bans": 40,
      "sources": [
        "journal"
      ],
      "last_record": 1700000000,
      "last_attempt": 0,
      "last_error": "",
      "bans": [
        {
          "jail": "sshd",
          "offender": "192.0.2.0",
          "since": 1700000000,
          "until": -1,
          "attempts": 5
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
    let seconds = |seconds| Some(Sentence::For(std::time::Duration::from_secs(seconds)));
    let everybody = |jail| Call::Unban { jail, networks: None };
    let one = |jail| Call::Unban { jail, networks: Some(vec![network("192.0.2.1")]) };
    let cases = [
        (
            "ban sshd 192.0.2.1",
            ban("192.0.2.1", None),
            "192.0.2.1 is banned in jail sshd for the jail's own time.\n",
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
        (Failure::TooWide(network("192.0.2.0/24")), 1, "name narrower networks"),
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
             the jails are: nginx-http-auth, sshd\n",
            "{arguments}"
        );
    }
    let told = refused(&served.bus, "status postfix", 5);
    assert!(!told.contains("did you mean"), "{told}");
    let none = Served::with(snapshot([]), |_| None);
    assert!(refused(&none.bus, "status sshd", 5).contains("no jail is; switch one on"));
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
      <deny send_interface="org.jailkeeper1.Manager" send_member="Ban"/></policy>"#;
    let bus = PrivateBus::with_policy(policy);
    let service = Bus::serve_at(&bus.address(), answering(|_| None), Arc::new(jails()));
    let told = refused(&bus, "ban sshd 192.0.2.1", 4);
    assert!(told.contains("you are not permitted to do that; run it as root"), "{told}");
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
    assert!(
        list.starts_with("JAIL  OFFENDER   SINCE                    LEFT  ATTEMPTS\n"),
        "{list}"
    );
    let wide = on_a_terminal(&served, 200, "", "status");
    assert!(wide.contains("the filter \"nginx\" is not there"), "{wide}");
    assert!(wide.contains("\u{1b}[31mbroken") && wide.contains("\u{1b}[32mrunning"), "{wide}");
}

#[test]
fn help_teaches_and_the_version_is_told() {
    let bus = PrivateBus::start();
    for verb in ["status", "list", "ban", "unban", "reload", "check"] {
        let left = run(&bus, &format!("{verb} --help"));
        assert_eq!(left.code, Some(0));
        assert!(left.stdout.contains(&format!("jailkeeper {verb}")), "{}", left.stdout);
        assert!(left.stdout.contains("Example"), "{verb} has an example");
    }
    let version = format!("jailkeeper {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&bus, "--version").stdout, version);
}
