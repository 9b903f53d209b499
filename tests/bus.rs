//! The bus edge against a real dbus-daemon, asked with busctl and with zbus.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_lite::{StreamExt as _, future};
use jailkeeper::bus::{
    AllowedRow, Announcement, BanRow, Bus, BusAnswer, BusError, Call, Diagnosis, Failure, Health,
    JAIL, JailSettings, JailSnapshot, JailState, JailView, Link, MANAGER, MAX_ADDRESSES,
    MAX_ANNOUNCEMENTS, NAME, PATH, SettingRow, Snapshot, Tally,
};
use jailkeeper::keeper::{
    Action, Allowance, CountBy, Entry, Lifted, Network, Ports, Prefix, Protocol, Protocols, Scope,
    Sentence, Session, Spared, SparedBy, Timestamp, Until,
};
use zbus::connection::Builder;
use zbus::{Connection, Message, MessageStream};

use crate::support::dbus::{Desk, PrivateBus, answering, desk};

/// Long enough for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn jail() -> JailSnapshot {
    JailSnapshot {
        settings: Arc::new(JailSettings {
            description: "Failed logins over SSH".to_owned(),
            filter: "sshd".to_owned(),
            mode: "aggressive".to_owned(),
            maxretry: 5,
            findtime: Duration::from_mins(10),
            bantime: Sentence::For(Duration::from_hours(1)),
            ports: Ports::Only(vec![22..=22, 8000..=8100]),
            protocols: Protocols::Only(vec![Protocol::Tcp]),
            action: Action::Drop,
            scope: Scope::Host,
            ignoreip: vec!["198.51.100.0/24".to_owned()],
            ignoreself: true,
            ignoresessions: true,
            proxies: Vec::new(),
            ignore: Vec::new(),
            prefix: Prefix::default(),
            count_by: CountBy::Address,
            maxmatches: 5,
            enforce: true,
            grows: false,
        }),
        tally: Tally { attempts: 3, attempts_in_all: 120, bans: 2, bans_in_all: 40, would_be: 0 },
        health: Health {
            state: JailState::Running,
            sources: vec!["journal".to_owned()],
            last_record: Some(Timestamp::from_seconds(1_700_000_000)),
            last_attempt: None,
            last_error: String::new(),
            last_refusal: String::new(),
            warnings: Vec::new(),
        },
    }
}

pub(crate) fn snapshot(jails: impl IntoIterator<Item = (&'static str, JailSnapshot)>) -> Snapshot {
    let jails: BTreeMap<Arc<str>, Arc<JailSnapshot>> =
        jails.into_iter().map(|(name, jail)| (name.into(), Arc::new(jail))).collect();
    Snapshot { version: "1.2.3".to_owned(), state: "Guarding 1 jail.".to_owned(), jails }
}

pub(crate) fn network(text: &str) -> Network {
    text.parse().expect("an address")
}

pub(crate) fn row(jail: &str, address: &str, until: Until) -> BanRow {
    let since = Timestamp::from_seconds(1_700_000_000);
    BanRow { jail: jail.into(), network: network(address), since, until, attempts: 5, nth: 2 }
}

pub(crate) fn sshd() -> Arc<Snapshot> {
    Arc::new(snapshot([("sshd", jail())]))
}

pub(crate) fn served(bus: &PrivateBus, desk: Arc<Desk>) -> Bus {
    Bus::serve_at(&bus.address(), desk, sshd()).expect("the service is on the bus")
}

/// Calls a method of the manager with busctl: what it printed, or the error it printed.
fn call(bus: &PrivateBus, arguments: &[&str]) -> Result<String, String> {
    let output = bus.busctl(&[&["call", NAME, PATH, MANAGER], arguments].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The future's output, or a panic if it does not come in time.
pub(crate) fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let (done, output) = mpsc::channel();
    std::thread::spawn(move || drop(done.send(zbus::block_on(future))));
    output.recv_timeout(PATIENCE).expect("it comes to an end in time, and without a panic")
}

pub(crate) async fn client(address: String) -> Connection {
    Builder::address(address.as_str()).build().await.expect("a client of the bus")
}

/// Calls a method of the manager with zbus.
pub(crate) async fn ask<B>(client: &Connection, method: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType,
{
    client.call_method(Some(NAME), PATH, Some(MANAGER), method, body).await
}

/// The name of the error.
pub(crate) fn error_name(result: zbus::Result<Message>) -> String {
    match result.expect_err("an error") {
        zbus::Error::MethodError(name, _, _) => name.to_string(),
        zbus::Error::FDO(error) => zbus::DBusError::name(&*error).to_string(),
        error => panic!("an error of the service: {error}"),
    }
}

/// Whether `condition` comes true in time.
fn comes_true(mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if condition() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// The cells of busctl's table, one line each.
fn introspected(bus: &PrivateBus, path: &str, interface: &str) -> String {
    let output = bus.busctl(&["introspect", "--no-legend", "--full", NAME, path, interface]);
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.lines().map(squeezed).collect::<Vec<_>>().join("\n")
}

#[test]
fn busctl_sees_the_manager_as_it_is_documented() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| None));
    insta::assert_snapshot!(introspected(&bus, PATH, MANAGER), @r#"
    .Allow method sasxs - -
    .Attempt method sassu u -
    .Ban method sasx - -
    .Diagnose method - (xsassuasuas) -
    .Disallow method sas u -
    .ListAllowed method - a(ssxxs) -
    .ListBans method s a(ssxxuu) -
    .ListJails method - a(so) -
    .ListWouldBeBans method s a(ssxxuu) -
    .Matches method ss as -
    .Reload method - - -
    .Set method sss ss -
    .Settings method s a(sssu) -
    .Unban method sas u -
    .Why method s a(sa(sxxuub)a(sxxuub)axasutsa(sxxuub)tt) -
    .Jails property as 1 "sshd" emits-change
    .State property s "Guarding 1 jail." emits-change
    .Version property s "1.2.3" const
    .Banned signal ssxu - -
    .Found signal sssxb - -
    .Ignored signal sss - -
    .Missed signal t - -
    .Refused signal sss - -
    .Unbanned signal sss - -
    "#);
    service.close();
}

#[test]
fn busctl_sees_a_jail_as_it_is_documented() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| None));
    insta::assert_snapshot!(introspected(&bus, "/org/jailkeeper1/jail/sshd", JAIL), @r#"
    .Action property s "drop" emits-change
    .BanTime property x 3600 emits-change
    .BanTimeGrows property b false emits-change
    .CountBy property s "address" emits-change
    .CurrentAttempts property t 3 emits-change
    .CurrentBans property t 2 emits-change
    .Description property s "Failed logins over SSH" emits-change
    .Enforce property b true emits-change
    .Filter property s "sshd" emits-change
    .FindTime property t 600 emits-change
    .Ignore property as 0 emits-change
    .IgnoreIp property as 1 "198.51.100.0/24" emits-change
    .IgnoreSelf property b true emits-change
    .IgnoreSessions property b true emits-change
    .LastAttempt property x 0 emits-change
    .LastError property s "" emits-change
    .LastRecord property x 1700000000 emits-change
    .LastRefusal property s "" emits-change
    .MaxMatches property u 5 emits-change
    .MaxRetry property u 5 emits-change
    .Mode property s "aggressive" emits-change
    .Ports property as 2 "22" "8000-8100" emits-change
    .PrefixIpv4 property u 32 emits-change
    .PrefixIpv6 property u 64 emits-change
    .Protocols property as 1 "tcp" emits-change
    .Scope property s "host" emits-change
    .Sources property as 1 "journal" emits-change
    .State property s "running" emits-change
    .TotalAttempts property t 120 emits-change
    .TotalBans property t 40 emits-change
    .TrustedProxies property as 0 emits-change
    .Warnings property as 0 emits-change
    .WouldBeBans property t 0 emits-change
    "#);
    service.close();
}

#[test]
fn a_ban_arrives_as_the_keepers_values_and_is_answered_only_when_it_is_done() {
    let bus = PrivateBus::start();
    let (desk, requests, _) = desk(8);
    let service = served(&bus, desk);
    let address = bus.address();
    let caller = std::thread::spawn(move || {
        run(async move {
            let client = client(address).await;
            ask(&client, "Ban", &("sshd", vec!["192.0.2.1", "::ffff:192.0.2.2"], -1i64)).await
        })
    });
    let request = requests.recv_timeout(PATIENCE).expect("the call arrives");
    let networks = vec![network("192.0.2.1"), network("192.0.2.2")];
    let sentence = Some(Sentence::Forever);
    assert_eq!(request.call, Call::Ban { jail: "sshd".to_owned(), networks, sentence });
    // Others are served while this one waits.
    assert_eq!(
        bus.busctl(&["get-property", NAME, PATH, MANAGER, "Version"]).stdout,
        b"s \"1.2.3\"\n"
    );
    assert!(!caller.is_finished());
    request.answer.send(BusAnswer::Done(2));
    caller.join().expect("no panic").expect("the ban is done");
    service.close();
}

fn allowed(jail: Option<&str>) -> AllowedRow {
    let allowance = Allowance {
        since: Timestamp::from_seconds(1_700_000_000),
        until: Until::Forever,
        comment: "office".into(),
    };
    AllowedRow { jail: jail.map(Arc::from), network: network("192.0.2.1"), allowance }
}

/// Some answer of the kind that the call wants.
fn made_up(call: &Call) -> BusAnswer {
    match call {
        Call::Settings { .. } => BusAnswer::Settings(vec![SettingRow {
            key: "maxretry".to_owned(),
            value: "5".to_owned(),
            path: "/etc/a.toml".to_owned(),
            line: 7,
        }]),
        Call::Set { value, .. } => BusAnswer::Set { before: "5".to_owned(), now: value.clone() },
        Call::Ban { .. } | Call::Reload => BusAnswer::Done(1),
        Call::Unban { .. } | Call::Attempt { .. } => BusAnswer::Done(7),
        Call::Allow { .. } => BusAnswer::Done(0),
        Call::Disallow { .. } => BusAnswer::Done(2),
        Call::ListAllowed => BusAnswer::Allowed(vec![allowed(None), allowed(Some("sshd"))]),
        Call::ListBans { .. } | Call::ListWouldBeBans { .. } => BusAnswer::Bans(vec![
            row("sshd", "192.0.2.1", Until::At(Timestamp::from_seconds(1_700_003_600))),
            row("sshd", "2001:db8::/64", Until::Forever),
        ]),
        Call::Why { .. } => BusAnswer::Views(vec![JailView {
            jail: "sshd".to_owned(),
            attempts: vec![1_700_000_000],
            ..JailView::default()
        }]),
        Call::Diagnose => BusAnswer::Diagnosis(Diagnosis {
            loaded: 1_700_000_000,
            deviations: 2,
            ..Diagnosis::default()
        }),
        Call::Matches { .. } => BusAnswer::Matches(vec!["first".into(), "last, with a \0".into()]),
    }
}

/// What `busctl call` is given, what it prints, and what the service is asked.
fn every_method() -> Vec<(&'static str, &'static str, Option<Call>)> {
    let sshd = || "sshd".to_owned();
    let one = || vec![network("192.0.2.1")];
    let hour = Some(Sentence::For(Duration::from_hours(1)));
    vec![
        (
            "Ban sasx sshd 1 192.0.2.1 3600",
            "",
            Some(Call::Ban { jail: sshd(), networks: one(), sentence: hour }),
        ),
        (
            "Ban sasx sshd 1 192.0.2.1 0",
            "",
            Some(Call::Ban { jail: sshd(), networks: one(), sentence: None }),
        ),
        (
            "Unban sas sshd 1 192.0.2.1",
            "u 7",
            Some(Call::Unban { jail: Some(sshd()), networks: Some(one()) }),
        ),
        (
            "Attempt sassu sshd 1 192.0.2.1 root 7",
            "u 7",
            Some(Call::Attempt { jail: sshd(), networks: one(), user: "root".into(), times: 7 }),
        ),
        ("Unban sas  0", "u 7", Some(Call::Unban { jail: None, networks: None })),
        (
            "Allow sasxs sshd 1 192.0.2.1 3600 office",
            "",
            Some(Call::Allow {
                jail: Some(sshd()),
                networks: one(),
                sentence: Sentence::For(Duration::from_hours(1)),
                comment: "office".to_owned(),
            }),
        ),
        ("Disallow sas  1 192.0.2.1", "u 2", Some(Call::Disallow { jail: None, networks: one() })),
        (
            "ListAllowed",
            "a(ssxxs) 2 \"\" \"192.0.2.1\" 1700000000 -1 \"office\" \
             \"sshd\" \"192.0.2.1\" 1700000000 -1 \"office\"",
            Some(Call::ListAllowed),
        ),
        (
            "ListBans s sshd",
            "a(ssxxuu) 2 \"sshd\" \"192.0.2.1\" 1700000000 1700003600 5 2 \
             \"sshd\" \"2001:db8::/64\" 1700000000 -1 5 2",
            Some(Call::ListBans { jail: Some(sshd()) }),
        ),
        (
            "Matches ss sshd 192.0.2.1",
            r#"as 2 "first" "last, with a \357\277\275""#,
            Some(Call::Matches { jail: sshd(), network: network("192.0.2.1") }),
        ),
        (
            "ListWouldBeBans s ",
            "a(ssxxuu) 2 \"sshd\" \"192.0.2.1\" 1700000000 1700003600 5 2 \
             \"sshd\" \"2001:db8::/64\" 1700000000 -1 5 2",
            Some(Call::ListWouldBeBans { jail: None }),
        ),
        ("Reload", "", Some(Call::Reload)),
        (
            "Why s 192.0.2.1",
            "a(sa(sxxuub)a(sxxuub)axasutsa(sxxuub)tt) 1 \"sshd\" 0 0 1 1700000000 0 0 0 \"\" 0 0 0",
            Some(Call::Why { network: network("192.0.2.1") }),
        ),
        ("Diagnose", "xsassuasuas 1700000000 \"\" 0 \"\" 2 0 0 0", Some(Call::Diagnose)),
        ("ListJails", "a(so) 1 \"sshd\" \"/org/jailkeeper1/jail/sshd\"", None),
    ]
}

#[test]
fn busctl_calls_every_method() {
    let bus = PrivateBus::start();
    let (heard, calls) = mpsc::channel();
    let service = served(
        &bus,
        answering(move |call| {
            let answer = made_up(&call);
            heard.send(call).expect("the test listens");
            Some(answer)
        }),
    );
    for (arguments, printed, expected) in every_method() {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        assert_eq!(call(&bus, &arguments), Ok(printed.to_owned()), "{arguments:?}");
        assert_eq!(calls.try_recv().ok(), expected, "{arguments:?}");
    }
    service.close();
}

fn entry(network: Network, by: SparedBy) -> Entry {
    Entry { network, name: None, file: None, by }
}

/// Each with its name on the bus, and with what its text holds.
fn every_failure() -> Vec<(Failure, &'static str, &'static str)> {
    let here = network("192.0.2.1");
    let own = network("192.0.2.0/24");
    vec![
        (Failure::NoSuchJail, "NoSuchJail", "there is no jail \"sshd\" that is switched on"),
        (Failure::Ignored(here, Spared::OwnAddress), "Ignored", "an address of this host itself"),
        (
            Failure::Ignored(here, Spared::Within(entry(own, SparedBy::IgnoreIp))),
            "Ignored",
            "192.0.2.1 lies within 192.0.2.0/24 of ignoreip, so it is never banned",
        ),
        (
            Failure::Ignored(here, Spared::Within(entry(here, SparedBy::IgnoreIp))),
            "Ignored",
            "192.0.2.1 is in ignoreip",
        ),
        (
            Failure::TooWide(own, 28),
            "TooWide",
            "192.0.2.0/24 is wider than the /28 that max_prefix of jail \"sshd\" allows",
        ),
        (
            Failure::Ignored(
                here,
                Spared::Within(Entry {
                    name: Some("home.example.net".into()),
                    file: Some("/etc/friends".into()),
                    ..entry(here, SparedBy::IgnoreIp)
                }),
            ),
            "Ignored",
            "192.0.2.1 lies within home.example.net of ignoreip (file /etc/friends)",
        ),
        (
            Failure::Ignored(here, Spared::Within(entry(here, SparedBy::Hand))),
            "Ignored",
            "192.0.2.1 is allowed by hand, so it is not banned; `jailkeeper disallow 192.0.2.1`",
        ),
        (
            Failure::Ignored(own, Spared::Holds(entry(here, SparedBy::TrustedProxies))),
            "Ignored",
            "a ban of 192.0.2.0/24 would also hit 192.0.2.1 of trusted_proxies",
        ),
        (
            Failure::Ignored(
                here,
                Spared::Session(Session {
                    id: "4".into(),
                    user: "root".into(),
                    address: here.first(),
                }),
            ),
            "Ignored",
            "(user root, session 4); end that session first (loginctl terminate-session 4)",
        ),
        (Failure::TooManyAllowed, "TooManyAllowed", "put them into a file"),
        (Failure::Refused("EPERM\0".to_owned()), "Refused", "the firewall refused: EPERM\u{fffd}"),
        (Failure::ReloadFailed("a.toml:1: no".to_owned()), "ReloadFailed", "a.toml:1: no"),
        (Failure::JailBroken("no filter".to_owned()), "JailBroken", "does not run: no filter"),
        (Failure::InvalidSetting("it is zero".to_owned()), "InvalidSetting", "it is zero"),
    ]
}

#[test]
fn each_failure_has_its_name_and_a_reason() {
    let bus = PrivateBus::start();
    let (failures, next) = mpsc::channel();
    let service =
        served(&bus, answering(move |_| Some(BusAnswer::Failed(next.recv().expect("one more")))));
    let address = bus.address();
    run(async move {
        let client = client(address).await;
        for (failure, name, text) in every_failure() {
            failures.send(failure).expect("the service listens");
            let error = ask(&client, "Ban", &("sshd", vec!["192.0.2.1"], 0i64)).await;
            let error = error.expect_err("a failure");
            assert!(error.to_string().contains(text), "{error}");
            assert_eq!(error_name(Err(error)), format!("org.jailkeeper1.Error.{name}"));
        }
    });
    service.close();
}

#[test]
fn wrong_arguments_are_refused_before_anybody_is_asked() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|call| panic!("{call:?}")));
    let address = bus.address();
    run(async move {
        let client = client(address).await;
        let long = "9".repeat(100_000);
        for text in ["", "sshd", "192.0.2", "192.0.2.1/33", "192.0.2.1\n", "2001:db8::/129", &long]
        {
            for (method, error) in [
                ("Ban", ask(&client, "Ban", &("sshd", vec![text], 0i64)).await),
                ("Unban", ask(&client, "Unban", &("sshd", vec![text])).await),
                ("Matches", ask(&client, "Matches", &("sshd", text)).await),
            ] {
                let told = error.as_ref().expect_err("an error").to_string();
                assert!(told.len() < 500, "{method}: {} bytes", told.len());
                assert_eq!(error_name(error), "org.jailkeeper1.Error.InvalidAddress", "{text}");
            }
        }
        let nobody = ask(&client, "Ban", &("sshd", Vec::<&str>::new(), 0i64)).await;
        assert_eq!(error_name(nobody), "org.jailkeeper1.Error.InvalidAddress");
        for seconds in [-2, i64::MIN, i64::MAX, 200 * 366 * 86_400] {
            let error = ask(&client, "Ban", &("sshd", vec!["192.0.2.1"], seconds)).await;
            assert_eq!(error_name(error), "org.jailkeeper1.Error.InvalidTime", "{seconds}");
        }
        let crowd = vec!["192.0.2.1"; MAX_ADDRESSES + 1];
        for error in [
            ask(&client, "Ban", &("sshd", &crowd, 0i64)).await,
            ask(&client, "Unban", &("sshd", &crowd)).await,
            ask(&client, "Attempt", &("sshd", &crowd[..2], "", u32::MAX)).await,
            ask(&client, "Attempt", &("sshd", &crowd[..2], "", 0u32)).await,
        ] {
            assert_eq!(error_name(error), "org.jailkeeper1.Error.TooMany");
        }
        let short = ask(&client, "Ban", &("sshd",)).await;
        assert_eq!(error_name(short), "org.freedesktop.DBus.Error.InvalidArgs");
        let error = ask(&client, "Flush", &()).await;
        assert_eq!(error_name(error), "org.freedesktop.DBus.Error.UnknownMethod");
    });
    service.close();
}

#[test]
fn a_full_queue_is_busy_and_a_dropped_call_is_told() {
    let bus = PrivateBus::start();
    let (desk, requests, _) = desk(1);
    let service = served(&bus, desk);
    let address = bus.address();
    run(async move {
        let client = client(address).await;
        let waiting = ask(&client, "Reload", &());
        let refused = async {
            let mut busy = ask(&client, "Reload", &()).await;
            // Which of the two calls is the first is the service's affair.
            if busy.is_ok() {
                busy = ask(&client, "Reload", &()).await;
            }
            assert_eq!(error_name(busy), "org.jailkeeper1.Error.Busy");
            drop(requests);
        };
        let (waiting, ()) = future::zip(waiting, refused).await;
        assert_eq!(error_name(waiting), "org.jailkeeper1.Error.Stopping");
    });
    service.close();
}

#[test]
fn signals_come_in_order_with_their_values() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| None));
    let address = bus.address();
    let (ready, listening) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        run(async move {
            let mut stream = signals(address).await;
            ready.send(()).expect("the test waits");
            let mut seen = Vec::new();
            while seen.len() < 1001 {
                seen.push(stream.next().await.expect("one more").expect("a message"));
            }
            seen
        })
    });
    listening.recv_timeout(PATIENCE).expect("a listener");
    for attempts in 0..1000 {
        let until = Until::At(Timestamp::from_seconds(1_700_000_000));
        let (jail, offender) = ("sshd".into(), network("192.0.2.1"));
        let banned = Announcement::Banned { jail, offender, until, attempts };
        service.announce(banned).expect("there is room");
    }
    let (jail, offender) = ("sshd".into(), network("2001:db8::/64"));
    let unbanned = Announcement::Unbanned { jail, offender, why: Lifted::ByHand };
    service.announce(unbanned).expect("there is room");
    let seen = listener.join().expect("no panic");
    for (attempts, message) in (0u32..1000).zip(&seen) {
        assert_eq!(message.header().member().expect("a name").as_str(), "Banned");
        let values: (String, String, i64, u32) = message.body().deserialize().expect("ssxu");
        assert_eq!(values, ("sshd".into(), "192.0.2.1".into(), 1_700_000_000, attempts));
    }
    assert_eq!(seen[1000].header().member().expect("a name").as_str(), "Unbanned");
    let values: (String, String, String) = seen[1000].body().deserialize().expect("sss");
    assert_eq!(values, ("sshd".into(), "2001:db8::/64".into(), "by-hand".into()));
    service.close();
}

#[test]
fn attempts_refusals_and_gaps_are_signalled_with_their_values() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| None));
    let address = bus.address();
    let (ready, listening) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        run(async move {
            let mut stream = signals(address).await;
            ready.send(()).expect("the test waits");
            let mut seen = Vec::new();
            while seen.len() < 3 {
                let message = stream.next().await.expect("one more").expect("a message");
                seen.push((message.header().member().expect("a name").to_string(), message));
            }
            seen
        })
    });
    listening.recv_timeout(PATIENCE).expect("a listener");
    let (jail, offender): (Arc<str>, _) = ("sshd".into(), network("192.0.2.1"));
    let time = Timestamp::from_seconds(1_700_000_000);
    for announcement in [
        Announcement::Found {
            jail: jail.clone(),
            offender,
            user: "a\0b".to_owned(),
            time,
            banned: true,
        },
        Announcement::Ignored { jail: jail.clone(), offender, why: "it is mine".to_owned() },
        Announcement::Refused { jail, offender, reason: "no room".to_owned() },
    ] {
        service.announce(announcement).expect("there is room");
    }
    let seen = listener.join().expect("no panic");
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Found", "Ignored", "Refused"]);
    let found: (String, String, String, i64, bool) = seen[0].1.body().deserialize().expect("sssxb");
    let [sshd, who] = ["sshd", "192.0.2.1"].map(str::to_owned);
    assert_eq!(found, (sshd.clone(), who.clone(), "a\u{fffd}b".into(), 1_700_000_000, true));
    for ((_, message), why) in seen[1..].iter().zip(["it is mine", "no room"]) {
        let values: (String, String, String) = message.body().deserialize().expect("sss");
        assert_eq!(values, (sshd.clone(), who.clone(), why.to_owned()));
    }
    service.close();
}

/// Everything that the manager signals.
async fn signals(address: String) -> MessageStream {
    let client = client(address).await;
    let rule = "type='signal',interface='org.jailkeeper1.Manager'";
    let room = NonZeroUsize::new(4096);
    MessageStream::for_match_rule(rule, &client, room).await.expect("a subscription")
}

#[test]
fn only_what_changed_is_told() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| None));
    let address = bus.address();
    let (ready, listening) = mpsc::channel();
    let (told, changes) = mpsc::channel();
    std::thread::spawn(move || {
        zbus::block_on(async move {
            let client = client(address).await;
            let rule = "type='signal',member='PropertiesChanged'";
            let stream = MessageStream::for_match_rule(rule, &client, None).await;
            let mut stream = stream.expect("a subscription");
            ready.send(()).expect("the test waits");
            while let Some(Ok(message)) = stream.next().await {
                let path = message.header().path().expect("a path").to_string();
                let body: (String, HashMap<String, zbus::OwnedVariant>, Vec<String>) =
                    message.body().deserialize().expect("sa{sv}as");
                let mut names: Vec<String> = body.1.into_keys().collect();
                names.sort();
                if told.send((path, names)).is_err() {
                    return;
                }
            }
        });
    });
    listening.recv_timeout(PATIENCE).expect("a listener");
    let change = |path: &str, names: &[&str]| {
        let heard = changes.recv_timeout(PATIENCE).expect("a change is told");
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(heard, (path.to_owned(), names));
    };

    let mut attacked = jail();
    attacked.tally.attempts = 4;
    attacked.tally.attempts_in_all = 121;
    attacked.health.last_attempt = Some(Timestamp::from_seconds(1_700_000_001));
    service.publish(Arc::new(snapshot([("sshd", attacked.clone())])));
    change("/org/jailkeeper1/jail/sshd", &["CurrentAttempts", "LastAttempt", "TotalAttempts"]);

    // The same again is no news; a new jail is an object and a name.
    service.publish(Arc::new(snapshot([("sshd", attacked.clone())])));
    service.publish(Arc::new(snapshot([("sshd", attacked.clone()), ("nginx-auth", jail())])));
    change(PATH, &["Jails"]);
    let path = "/org/jailkeeper1/jail/nginx_2dauth";
    let output = bus.busctl(&["get-property", NAME, path, JAIL, "State", "CurrentBans"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "s \"running\"\nt 2\n");

    attacked.health.state = JailState::Broken("the filter has no pattern".to_owned());
    let mut last = snapshot([("sshd", attacked)]);
    last.state = "One jail is broken.".to_owned();
    service.publish(Arc::new(last));
    change("/org/jailkeeper1/jail/sshd", &["State"]);
    change(PATH, &["Jails", "State"]);
    let output = bus.busctl(&["get-property", NAME, path, JAIL, "State"]);
    assert!(!output.status.success(), "the jail is gone");
    service.close();
}

#[test]
fn snapshots_that_come_too_fast_are_skipped_but_never_the_last() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| None));
    let mut attacked = jail();
    for attempts in 0..10_000 {
        attacked.tally.attempts_in_all = attempts;
        service.publish(Arc::new(snapshot([("sshd", attacked.clone())])));
    }
    let last = || {
        let path = "/org/jailkeeper1/jail/sshd";
        bus.busctl(&["get-property", NAME, path, JAIL, "TotalAttempts"]).stdout == b"t 9999\n"
    };
    assert!(comes_true(last), "the last snapshot is shown");
    service.close();
}

#[test]
fn the_objects_are_there_before_the_name() {
    let bus = PrivateBus::start();
    let address = bus.address();
    let (ready, listening) = mpsc::channel();
    let watcher = std::thread::spawn(move || {
        run(async move {
            let client = client(address).await;
            let rule = "type='signal',member='NameOwnerChanged',arg0='org.jailkeeper1'";
            let stream = MessageStream::for_match_rule(rule, &client, None).await;
            let mut stream = stream.expect("a subscription");
            ready.send(()).expect("the test waits");
            stream.next().await;
            let path = "/org/jailkeeper1/jail/j499";
            let interface = Some("org.freedesktop.DBus.Properties");
            client.call_method(Some(NAME), path, interface, "Get", &(JAIL, "State")).await
        })
    });
    listening.recv_timeout(PATIENCE).expect("a watcher");
    let mut many = snapshot([]);
    let one = Arc::new(jail());
    many.jails = (0..500).map(|n| (format!("j{n}").into(), Arc::clone(&one))).collect();
    let desk = answering(|_| None);
    let service = Bus::serve_at(&bus.address(), desk, Arc::new(many)).expect("on the bus");
    watcher.join().expect("no panic").expect("the last jail is there");
    service.close();
}

#[test]
fn a_name_that_cannot_be_had_is_a_clear_error() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| None));
    let second = Bus::serve_at(&bus.address(), answering(|_| None), sshd());
    assert!(matches!(second, Err(BusError::NameTaken)), "{second:?}");
    service.close();

    let policy = r#"<policy context="mandatory"><deny own="org.jailkeeper1"/></policy>"#;
    let mut bus = PrivateBus::with_policy(policy);
    let denied = Bus::serve_at(&bus.address(), answering(|_| None), sshd());
    assert!(matches!(denied, Err(BusError::NameDenied(_))), "{denied:?}");

    bus.down();
    let alone = Bus::serve_at(&bus.address(), answering(|_| None), sshd());
    assert!(matches!(alone, Err(BusError::Connect(_))), "{alone:?}");
}

#[test]
fn a_hundred_thousand_bans_are_listed() {
    let bus = PrivateBus::start();
    let service = served(
        &bus,
        answering(|_| {
            let address = |n: u32| Network::address(std::net::Ipv4Addr::from_bits(n).into());
            let plain = row("sshd", "192.0.2.1", Until::Forever);
            let rows = (0..100_000).map(|n| BanRow { network: address(n), ..plain.clone() });
            Some(BusAnswer::Bans(rows.collect()))
        }),
    );
    let address = bus.address();
    let rows = run(async move {
        let client = client(address).await;
        let reply = ask(&client, "ListBans", &"").await.expect("the bans");
        let rows: Vec<(String, String, i64, i64, u32, u32)> =
            reply.body().deserialize().expect("a(ssxxuu)");
        rows
    });
    assert_eq!(rows.len(), 100_000);
    assert_eq!(rows[99_999].1, "0.1.134.159");
    service.close();
}

#[test]
fn ten_thousand_quick_calls_are_all_answered() {
    let bus = PrivateBus::start();
    let service = served(&bus, answering(|_| Some(BusAnswer::Done(1))));
    let address = bus.address();
    let (done, busy) = run(async move {
        let client = client(address).await;
        let arguments = ("sshd", vec!["192.0.2.1"]);
        let (mut done, mut busy) = (0, 0);
        // The bus itself lets a client wait for 128 replies at once.
        for _ in 0..100 {
            let calls = (0..100).map(|_| ask(&client, "Unban", &arguments));
            for answer in at_once(calls).await {
                match answer {
                    Ok(_) => done += 1,
                    error => {
                        assert_eq!(error_name(error), "org.jailkeeper1.Error.Busy");
                        busy += 1;
                    }
                }
            }
        }
        (done, busy)
    });
    assert_eq!(done + busy, 10_000);
    assert!(done > 0, "some are done");
    service.close();
}

/// Runs all at once.
async fn at_once<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut open: Vec<_> = futures.map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, output) in open.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(value) => *output = Some(value),
                std::task::Poll::Pending => pending = true,
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    open.into_iter().filter_map(|(_, output)| output).collect()
}

#[test]
fn a_client_that_never_reads_disturbs_nobody() {
    let bus = PrivateBus::start();
    let service = served(
        &bus,
        answering(|_| {
            let plain = row("sshd", "192.0.2.1", Until::Forever);
            Some(BusAnswer::Bans(vec![plain; 10_000]))
        }),
    );
    let mut deaf = UnixStream::connect(bus.socket()).expect("a connection");
    deaf.write_all(format!("\0AUTH EXTERNAL {}\r\n", hex_uid()).as_bytes()).expect("a greeting");
    let mut welcome = [0; 64];
    assert!(deaf.read(&mut welcome).expect("a welcome") > 0 && welcome.starts_with(b"OK "));
    deaf.write_all(b"BEGIN\r\n").expect("the beginning");
    let call = |to: &'static str, path: &'static str, of: &'static str, method: &'static str| {
        Message::method_call(path, method).destination(to).interface(of)
    };
    let dbus = "org.freedesktop.DBus";
    let hello = call(dbus, "/org/freedesktop/DBus", dbus, "Hello");
    deaf.write_all(hello.build(&()).expect("a message").data()).expect("Hello");
    deaf.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    for _ in 0..500 {
        let list = call(NAME, PATH, MANAGER, "ListBans").build(&"");
        if deaf.write_all(list.expect("a message").data()).is_err() {
            break; // The bus takes no more from this client.
        }
    }
    assert_eq!(
        bus.busctl(&["--timeout=20", "get-property", NAME, PATH, MANAGER, "Version"]).stdout,
        b"s \"1.2.3\"\n"
    );
    service.close();
}

/// The user id as EXTERNAL wants it: hexadecimal digits of its decimal digits.
fn hex_uid() -> String {
    let uid = nix::unistd::getuid().to_string();
    uid.bytes().fold(String::new(), |hex, digit| format!("{hex}{digit:02x}"))
}

#[test]
fn a_bus_that_comes_back_finds_the_service_again() {
    let mut bus = PrivateBus::start();
    let (desk, _requests, links) = desk(8);
    let service = served(&bus, desk);
    bus.down();
    let lost = links.recv_timeout(PATIENCE).expect("the loss is told");
    assert!(matches!(lost, Link::Lost(_)), "{lost:?}");
    let mut changed = snapshot([("sshd", jail()), ("recidive", jail())]);
    changed.state = "Guarding 2 jails.".to_owned();
    service.publish(Arc::new(changed));
    bus.up();
    let back = comes_true(|| links.try_iter().any(|link| link == Link::Restored));
    assert!(back, "the return is told");
    assert_eq!(
        call(&bus, &["ListJails"]).expect("the jails"),
        "a(so) 2 \"recidive\" \"/org/jailkeeper1/jail/recidive\" \
         \"sshd\" \"/org/jailkeeper1/jail/sshd\""
    );
    service.close();
}

#[test]
fn closing_sends_what_is_queued_and_gives_the_name_back() {
    let bus = PrivateBus::start();
    let (desk, _requests, _) = desk(8);
    let service = served(&bus, desk);
    let address = bus.address();
    let (ready, listening) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        run(async move {
            let mut stream = signals(address).await;
            ready.send(()).expect("the test waits");
            for _ in 0..100 {
                stream.next().await;
            }
        });
    });
    listening.recv_timeout(PATIENCE).expect("a listener");
    for _ in 0..100 {
        let (jail, offender) = ("sshd".into(), network("192.0.2.1"));
        let unbanned = Announcement::Unbanned { jail, offender, why: Lifted::ByHand };
        service.announce(unbanned).expect("there is room");
    }
    let before = Instant::now();
    service.close();
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    listener.join().expect("all signals came");
    assert!(call(&bus, &["ListJails"]).is_err(), "nobody has the name");
    served(&bus, answering(|_| None)).close();
}

#[test]
fn closing_does_not_wait_for_ever_for_a_call_that_nobody_answers() {
    let bus = PrivateBus::start();
    let (desk, requests, _) = desk(8);
    let service = served(&bus, desk);
    let address = bus.address();
    let caller = std::thread::spawn(move || {
        zbus::block_on(async move { ask(&client(address).await, "Reload", &()).await })
    });
    let request = requests.recv_timeout(PATIENCE).expect("the call arrives");
    let before = Instant::now();
    service.close();
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    drop(request);
    let answer = caller.join().expect("no panic");
    assert_eq!(error_name(answer), "org.jailkeeper1.Error.Stopping");
}

#[test]
fn signals_beyond_the_bound_are_counted() {
    let mut bus = PrivateBus::start();
    let (desk, _requests, links) = desk(8);
    let service = served(&bus, desk);
    bus.down();
    links.recv_timeout(PATIENCE).expect("the loss is told");
    let (jail, offender) = ("sshd".into(), network("192.0.2.1"));
    let unbanned = Announcement::Unbanned { jail, offender, why: Lifted::Expired };
    for _ in 0..MAX_ANNOUNCEMENTS {
        service.announce(unbanned.clone()).expect("there is room");
    }
    assert_eq!(service.announce(unbanned.clone()).expect_err("it is full").so_far, 1);
    assert_eq!(service.announce(unbanned).expect_err("it is full").so_far, 2);
    service.close();
}
