//! The service manager's edge, and the files that packages give to systemd and the bus.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jailkeeper::systemd::{Ending, EndingUnknown, Notifier, Signal, Signals, catalog, ending};
use nix::sys::signal::{Signal as Number, kill};
use nix::unistd::Pid;
use tempfile::{TempDir, tempdir};

/// Set in a process that a test has started to play a part with an environment of its own.
const PART: &str = "JAILKEEPER_TEST_PART";

/// Longer than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

fn is_part() -> bool {
    std::env::var_os(PART).is_some()
}

/// This test again, in a process of its own, where [`is_part`] is true.
fn part(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(PART, "1");
    for inherited in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID"] {
        command.env_remove(inherited);
    }
    command
}

fn succeeds(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn packaged(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_notifier_says_what_systemd_understands() {
    if is_part() {
        let notifier = Notifier::from_environment();
        assert_eq!(notifier.watchdog_interval(), Some(Duration::from_secs(15)));
        notifier.ready("watching\nREADY=0 2 jails").expect("a message");
        notifier.reloading().expect("a message");
        notifier.status(&"ü".repeat(4000)).expect("a message");
        notifier.watchdog().expect("a message");
        notifier.stopping("lifting").expect("a message");
        return;
    }
    let directory = tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let output = part("systemd::the_notifier_says_what_systemd_understands")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "30000000")
        .output()
        .expect("a process");
    succeeds(&output);
    let next = || {
        let mut bytes = [0; 8192];
        let length = socket.recv(&mut bytes).expect("a message");
        String::from_utf8(bytes[..length].to_vec()).expect("a text")
    };
    assert_eq!(next(), "READY=1\nSTATUS=watching READY=0 2 jails\n");
    let reloading = next();
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a time");
    assert!(time.trim_end().parse::<u64>().expect("a number") > 0);
    assert_eq!(next(), format!("STATUS={}\n", "ü".repeat(1024)));
    assert_eq!(next(), "WATCHDOG=1\n");
    assert_eq!(next(), "STOPPING=1\nSTATUS=lifting\n");
}

#[test]
fn without_a_manager_the_notifier_is_silent_and_every_end_is_a_stop() {
    if is_part() {
        let notifier = Notifier::from_environment();
        assert_eq!(notifier.watchdog_interval(), None);
        notifier.ready("nobody listens").expect("nothing to do");
        assert_eq!(ending().expect("nobody to ask"), Ending::Stop);
        return;
    }
    let test = "systemd::without_a_manager_the_notifier_is_silent_and_every_end_is_a_stop";
    // Somebody else's watchdog is not ours.
    let output = part(test).env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1").output();
    succeeds(&output.expect("a process"));
}

#[test]
fn signals_are_delivered_one_after_another() {
    if is_part() {
        let (sender, receiver) = mpsc::channel();
        let signals = Signals::watch(move |signal| sender.send(signal).expect("a listener"));
        let signals = signals.expect("a watch");
        let me = Pid::from_raw(i32::try_from(process::id()).expect("a pid"));
        for (number, signal) in [
            (Number::SIGHUP, Signal::Reload),
            (Number::SIGHUP, Signal::Reload),
            (Number::SIGINT, Signal::Stop),
            (Number::SIGTERM, Signal::Stop),
        ] {
            kill(me, number).expect("a signal");
            assert_eq!(receiver.recv_timeout(DEADLINE), Ok(signal));
        }
        kill(me, Number::SIGTERM).expect("a signal");
        kill(me, Number::SIGHUP).expect("a signal");
        let both: BTreeSet<_> = (0..2)
            .map(|_| format!("{:?}", receiver.recv_timeout(DEADLINE).expect("a signal")))
            .collect();
        assert_eq!(both.len(), 2);
        drop(signals);
        assert!(receiver.recv().is_err(), "the thread is gone");
        return;
    }
    let output = part("systemd::signals_are_delivered_one_after_another").output();
    succeeds(&output.expect("a process"));
}

/// A private bus; it ends with the value.
struct Bus {
    daemon: Child,
    address: String,
    _directory: TempDir,
}

impl Bus {
    fn start(policy: &str) -> Self {
        let directory = tempdir().expect("a directory");
        // Other users must reach the socket.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(directory.path(), open).expect("a mode");
        let config = directory.path().join("bus.conf");
        let socket = directory.path().join("bus");
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
             <policy context=\"default\"><allow user=\"*\"/><deny own=\"*\"/>
             <deny send_type=\"method_call\"/><allow send_type=\"signal\"/>
             <allow send_requested_reply=\"true\" send_type=\"method_return\"/>
             <allow send_requested_reply=\"true\" send_type=\"error\"/>
             <allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>
             <allow receive_type=\"error\"/><allow receive_type=\"signal\"/>
             <allow send_destination=\"org.freedesktop.DBus\"/></policy>
             <includedir>{}</includedir></busconfig>",
            socket.display(),
            directory.path().join("system.d").display()
        );
        fs::create_dir(directory.path().join("system.d")).expect("a directory");
        fs::write(directory.path().join("system.d/policy.conf"), policy).expect("a policy");
        fs::write(&config, text).expect("a configuration");
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon");
        let mut address = String::new();
        let output = daemon.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut address).expect("its address");
        Self { daemon, address: address.trim().to_owned(), _directory: directory }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It has ended already if it cannot be killed.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// What systemd answers, which does not run where this is tested; tests/machine asks the real one.
mod stand_in {
    use zbus::{OwnedObjectPath, interface};

    /// Knows that this process is not the one that asks.
    pub(super) struct Manager(pub(super) u32);
    pub(super) struct Unit(pub(super) u32);
    pub(super) struct Job(pub(super) String);

    #[interface(name = "org.freedesktop.systemd1.Manager")]
    impl Manager {
        #[zbus(name = "GetUnitByPID")]
        fn get_unit_by_pid(&self, pid: u32) -> OwnedObjectPath {
            let path = if pid == self.0 { "/wrong" } else { "/unit" };
            path.try_into().expect("a path")
        }
    }

    #[interface(name = "org.freedesktop.systemd1.Unit")]
    impl Unit {
        #[zbus(property)]
        fn job(&self) -> (u32, OwnedObjectPath) {
            (self.0, if self.0 == 0 { "/" } else { "/job" }.try_into().expect("a path"))
        }
    }

    #[interface(name = "org.freedesktop.systemd1.Job")]
    impl Job {
        #[zbus(property)]
        fn job_type(&self) -> String {
            self.0.clone()
        }
    }
}

const SYSTEMD_POLICY: &str = "<busconfig><policy user=\"root\">\
    <allow own=\"org.freedesktop.systemd1\"/>\
    <allow send_destination=\"org.freedesktop.systemd1\"/></policy></busconfig>";

#[test]
fn the_ending_is_the_job_that_systemd_works_on() {
    if is_part() {
        println!("ENDING {:?}", ending().expect("an answer"));
        return;
    }
    for (number, job, wanted) in [
        (0, "none", "Stop"),
        (7, "stop", "Stop"),
        (8, "restart", "Restart"),
        (9, "try-restart", "Restart"),
    ] {
        let bus = Bus::start(SYSTEMD_POLICY);
        let served = zbus::block_on(async {
            zbus::connection::Builder::address(bus.address.as_str())
                .serve_at("/org/freedesktop/systemd1", stand_in::Manager(process::id()))
                .serve_at("/unit", stand_in::Unit(number))
                .serve_at("/job", stand_in::Job(job.to_owned()))
                .name("org.freedesktop.systemd1")
                .build()
                .await
        })
        .expect("the manager's stand-in");
        let output = part("systemd::the_ending_is_the_job_that_systemd_works_on")
            .env("INVOCATION_ID", "0123456789abcdef0123456789abcdef")
            .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address)
            .output()
            .expect("a process");
        let said = succeeds(&output);
        assert!(said.contains(&format!("ENDING {wanted}\n")), "{job}: {said}");
        drop(served);
    }
}

#[test]
fn a_bus_that_is_missing_or_hangs_does_not_hold_up_the_end() {
    if is_part() {
        let start = Instant::now();
        let error = ending().expect_err("nobody answers");
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        let hangs = std::env::var_os("HANGS").is_some();
        assert_eq!(matches!(error, EndingUnknown::NoAnswer), hangs, "{error}");
        return;
    }
    let directory = tempdir().expect("a directory");
    let path = directory.path().join("bus");
    let mut command = part("systemd::a_bus_that_is_missing_or_hangs_does_not_hold_up_the_end");
    command
        .env("INVOCATION_ID", "0123456789abcdef0123456789abcdef")
        .env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", path.display()));
    succeeds(&command.output().expect("a process"));
    let _silent = UnixListener::bind(&path).expect("a socket");
    succeeds(&command.env("HANGS", "1").output().expect("a process"));
}

#[test]
fn the_bus_policy_lets_root_and_adm_read_and_everybody_ask_for_changes() {
    let policy = fs::read_to_string(packaged("packaging/dbus/org.jailkeeper1.conf"));
    // The user of the package is not on every machine that tests: root owns the name instead.
    let policy = policy.expect("the policy").replace("user=\"jailkeeper\"", "user=\"root\"");
    let bus = Bus::start(&policy);
    let served = zbus::block_on(async {
        zbus::connection::Builder::address(bus.address.as_str())
            .serve_at("/org/jailkeeper1", stand_in::Job(String::new()))
            .name("org.jailkeeper1")
            .build()
            .await
    });
    let _served = served.expect("the name may be owned");
    let refused = |user: &str, groups: &str, interface: &str, member: &str| {
        let output = Command::new("setpriv")
            .args([&format!("--reuid={user}"), groups, "busctl", "--timeout=10"])
            .arg(format!("--address={}", bus.address))
            .args(["call", "org.jailkeeper1", "/org/jailkeeper1", interface, member])
            .output()
            .expect("busctl");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        // Whoever gets through is told by the other side that the call means nothing to it.
        let reached = text.contains("Unknown") || text.contains("Signature mismatch");
        assert!(text.contains("Access denied") || reached, "{member}: {text}");
        text.contains("Access denied")
    };
    let manager = "org.jailkeeper1.Manager";
    let properties = "org.freedesktop.DBus.Properties";
    for (user, groups) in [("root", "--clear-groups"), ("nobody", "--groups=adm")] {
        for member in ["Ban", "Unban", "Reload", "ListBans", "ListJails", "Matches"] {
            assert!(!refused(user, groups, manager, member), "{user} {groups} {member}");
        }
        assert!(!refused(user, groups, properties, "GetAll"), "{user} {groups}");
    }
    for member in ["Ban", "Unban", "Reload"] {
        let refused = refused("nobody", "--clear-groups", manager, member);
        assert!(!refused, "it is polkit that says who may {member}");
    }
    for (interface, member) in [
        (manager, "ListBans"),
        (manager, "ListJails"),
        (properties, "GetAll"),
        (properties, "Set"),
        ("org.freedesktop.DBus.Introspectable", "Introspect"),
    ] {
        assert!(refused("nobody", "--clear-groups", interface, member), "everybody may {member}");
    }
}

#[test]
fn the_catalogue_explains_every_identity() {
    let path = packaged("packaging/jailkeeper.catalog");
    let text = fs::read_to_string(&path).expect("the catalogue");
    let explained: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("-- ")).collect();
    assert_eq!(explained, catalog::ALL, "in the same order, each once");
    assert_eq!(catalog::ALL.iter().collect::<BTreeSet<_>>().len(), catalog::ALL.len());
    let root = tempdir().expect("a directory");
    let installed = root.path().join("usr/lib/systemd/catalog");
    fs::create_dir_all(&installed).expect("a directory");
    fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).expect("a directory");
    fs::copy(&path, installed.join("jailkeeper.catalog")).expect("a copy");
    let root = format!("--root={}", root.path().display());
    let run = |verb: &str| {
        let output = Command::new("journalctl").args([&root, verb]).args(catalog::ALL).output();
        succeeds(&output.expect("journalctl"))
    };
    let updated = Command::new("journalctl").args([&root, "--update-catalog"]).output();
    succeeds(&updated.expect("journalctl"));
    let dumped = run("--dump-catalog");
    assert_eq!(dumped.matches("Defined-By: jailkeeper").count(), catalog::ALL.len(), "{dumped}");
}

#[test]
fn the_unit_is_sound_and_hardened() {
    let unit = packaged("units/jailkeeper.service");
    assert!(exposure_is_at_most(11, &unit));
    // The programs and manual pages of the unit need not be installed where it is tested.
    let directory = tempdir().expect("a directory");
    let text = fs::read_to_string(&unit).expect("the unit");
    let text = text
        .replace("/usr/sbin/jailkeeperd", "/bin/true")
        .replace("/usr/bin/jailkeeper", "/bin/true");
    let copy = directory.path().join("jailkeeper.service");
    fs::write(&copy, text).expect("a copy");
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&copy)
        .output()
        .expect("systemd-analyze");
    succeeds(&output);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// In tenths, of which there are 100.
fn exposure_is_at_most(tenths: u32, unit: &Path) -> bool {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", &format!("--threshold={tenths}")])
        .arg(unit)
        .output()
        .expect("systemd-analyze");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("Overall exposure level for jailkeeper.service"), "{table}");
    output.status.success()
}

/// What is left is that a process which is not root changes the host's network by netlink.
#[test]
fn the_exposure_cannot_be_less_whatever_else_the_unit_does_without() {
    let text = fs::read_to_string(packaged("units/jailkeeper.service")).expect("the unit");
    let directory = tempdir().expect("a directory");
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let copy = directory.path().join("jailkeeper.service");
        fs::write(&copy, text.replace(from, to)).expect("a copy");
        copy
    };
    let elsewhere = "RootDirectory=/srv\nProcSubset=pid\n";
    let bare = with("SupplementaryGroups=systemd-journal adm\n", elsewhere);
    assert!(!exposure_is_at_most(10, &bare), "neither logs nor files, and yet more than 1.0");
    let powerless = with("AmbientCapabilities=CAP_NET_ADMIN\n", "");
    assert!(exposure_is_at_most(10, &powerless), "it is the capability that makes the difference");
    let unprotected = with("ProtectClock=yes\n", "");
    assert!(!exposure_is_at_most(11, &unprotected), "without what brings a device it is more");
}

#[test]
fn sysusers_takes_the_user() {
    let root = tempdir().expect("a directory");
    fs::create_dir(root.path().join("etc")).expect("a directory");
    let output = Command::new("systemd-sysusers")
        .arg(format!("--root={}", root.path().display()))
        .arg(packaged("units/jailkeeper.sysusers"))
        .output()
        .expect("systemd-sysusers");
    succeeds(&output);
    let users = fs::read_to_string(root.path().join("etc/passwd")).expect("the users");
    assert!(users.contains("jailkeeper:x:"), "{users}");
    let groups = fs::read_to_string(root.path().join("etc/group")).expect("the groups");
    for group in ["jailkeeper:", "systemd-journal:", "adm:"] {
        assert!(groups.contains(group), "{groups}");
    }
}
