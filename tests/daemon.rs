//! The service as a whole, as the real program: with a journald, a bus and a network of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::journald::Journald;

use crate::support::house::{House, PATIENCE, await_that, text};

#[test]
fn five_failures_are_a_ban_in_the_kernel_on_the_bus_and_in_the_log() {
    let house = House::guarded("");
    house.fails("203.0.113.5", 5);
    house.fails("2001:db8:0:7::5", 4);
    house.fails("2001:db8:0:7:ffff::6", 1);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    house.await_log("[sshd] Ban 2001:db8:0:7::/64", 1);
    assert_eq!(house.times_logged("[sshd] Found 203.0.113.5"), 5);
    house.assert_element("sshd4", "203.0.113.5 timeout 600s");
    house.assert_element("sshd6", "2001:db8:0:7:: timeout 600s");

    let list = house.client(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    assert_eq!(list[0]["offender"], "203.0.113.5");
    assert_eq!(list[0]["attempts"], 5);
    await_that("the status shows both", || {
        text(&house.client(&["status", "sshd"]).stdout).contains("2 now, 2 in all")
    });

    let unban = house.client(&["unban", "203.0.113.5"]);
    assert_eq!(unban.status.code(), Some(0));
    house.await_log("[sshd] Unban 203.0.113.5", 1);
    assert!(!house.set("sshd4").contains("203.0.113.5"));
}

#[test]
fn what_an_attacker_writes_never_bans_another() {
    let house = House::guarded("[default]\nmaxretry = 1\n");
    for user in [
        "root from 192.0.2.66 port 22 ssh2",
        "x from 192.0.2.66",
        "Failed password for root from 192.0.2.66 port 1 ssh2",
    ] {
        let line = format!("Failed password for invalid user {user} from 203.0.113.5 port 55 ssh2");
        house.journald.send_as("sshd", &line);
    }
    // An ordinary program with a forged name, and a message with a new line in it.
    house.journald.send(&[
        ("SYSLOG_IDENTIFIER", b"sshd"),
        ("MESSAGE", b"Failed password for root from 192.0.2.66 port 22 ssh2"),
    ]);
    house.journald.send_as("sshd", "Accepted password for alice from 192.0.2.66 port 22 ssh2");
    house.fails("203.0.113.6", 1);
    house.await_log("[sshd] Ban 203.0.113.6", 1);
    assert_eq!(house.times_logged("[sshd] Ban 203.0.113.5"), 1);
    assert_eq!(house.times_logged("192.0.2.66"), 0);
}

#[test]
fn nothing_is_lost_or_counted_twice_across_restarts() {
    let mut house = House::guarded("");
    house.fails("203.0.113.5", 2);
    house.await_log("[sshd] Found 203.0.113.5", 2);
    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    house.fails("203.0.113.5", 2);
    house.journald.sync();
    house.start();
    house.await_log("[sshd] Found 203.0.113.5", 4);
    assert_eq!(house.end(Signal::SIGKILL), None);
    house.start();
    house.fails("203.0.113.99", 1);
    house.await_log("[sshd] Found 203.0.113.99", 1);
    assert_eq!(house.times_logged("[sshd] Ban"), 0, "four are no ban");
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    assert_eq!(house.times_logged("[sshd] Found 203.0.113.5"), 5);
}

#[test]
fn a_crash_leaves_the_bans_in_the_kernel_and_the_next_process_takes_them_over() {
    let mut house = House::guarded("[default]\nbantime = -1\n");
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    house.end(Signal::SIGKILL);
    assert!(house.set("sshd4").contains("203.0.113.5"));
    fs::write(house.path("state/state.db"), [0; 8192]).expect("zeros");
    house.start();
    house.await_log("[sshd] Restore Ban 203.0.113.5", 1);
    house.await_log("the state file was damaged", 1);
    assert!(house.set("sshd4").contains("203.0.113.5"));
    let list = text(&house.client(&["list"]).stdout);
    assert!(list.contains("203.0.113.5"), "{list}");
}

#[test]
fn a_stop_lifts_the_bans_and_the_next_start_restores_them() {
    let mut house = House::guarded("");
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    assert!(!house.network.nft("list tables").contains("jailkeeper"));
    house.start();
    house.await_log("[sshd] Restore Ban 203.0.113.5", 1);
    assert!(house.set("sshd4").contains("203.0.113.5"));
}

#[test]
fn what_others_do_to_the_table_is_undone() {
    // Several jails have common sets.
    let house = House::guarded("[jail.recidive]\nenabled = true\n");
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    for (times, disturbance) in [
        "flush ruleset",
        "delete element inet jailkeeper sshd4 { 203.0.113.5 }",
        "add element inet jailkeeper sshd4 { 192.0.2.77 }",
        "delete element inet jailkeeper banned/4/32 { 203.0.113.5 }",
        "add element inet jailkeeper banned/4/32 { 192.0.2.77 }",
        "flush chain inet jailkeeper input",
        "delete table inet jailkeeper",
    ]
    .into_iter()
    .enumerate()
    {
        house.network.nft(disturbance);
        house.await_log("the table is mended", times + 1);
        let table = house.network.nft("list table inet jailkeeper");
        assert!(table.contains("203.0.113.5"), "{disturbance}:\n{table}");
        assert!(!table.contains("192.0.2.77"), "{disturbance}:\n{table}");
        assert!(table.contains("@sshd4"), "{disturbance}:\n{table}");
    }
}

#[test]
fn journald_may_restart_and_rotate() {
    let mut house = House::guarded("");
    house.fails("203.0.113.5", 2);
    house.await_log("[sshd] Found 203.0.113.5", 2);
    house.journald.rotate();
    house.fails("203.0.113.5", 2);
    house.await_log("[sshd] Found 203.0.113.5", 4);
    house.journald.restart();
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    assert_eq!(house.times_logged("[sshd] Found"), 5);
}

#[test]
fn a_reload_takes_up_what_is_right_and_nothing_of_what_is_wrong() {
    let house = House::guarded("");
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 1);

    house.configure("[jail.sshd]\nport = [22, 2222]\nmaxretri = 3\n");
    let reload = house.client(&["reload"]);
    assert_eq!(reload.status.code(), Some(78));
    let told = text(&reload.stderr);
    assert!(told.contains("jailkeeper.toml:5:1") && told.contains("maxretry"), "{told}");
    assert!(!house.network.nft("list table inet jailkeeper").contains("2222"));

    house.configure("[jail.sshd]\nport = [22, 2222]\nmaxretry = 2\n");
    assert_eq!(house.client(&["reload"]).status.code(), Some(0));
    let table = house.network.nft("list table inet jailkeeper");
    assert!(table.contains("2222") && table.contains("203.0.113.5"), "{table}");
    house.fails("203.0.113.6", 2);
    house.await_log("[sshd] Ban 203.0.113.6", 1);

    house.configure("[jail.sshd]\nenabled = false\n");
    house.signal(Signal::SIGHUP);
    house.await_log("[sshd] Unban 203.0.113.5 (the jail is gone)", 1);
    await_that("the set is gone", || {
        !house.network.nft("list table inet jailkeeper").contains("sshd4")
    });
}

#[test]
fn a_reload_may_turn_to_another_journal() {
    let house = House::guarded("[default]\nmaxretry = 2\n");
    house.fails("203.0.113.5", 3);
    house.await_log("[sshd] Found 203.0.113.5", 3);
    let other = Journald::start();
    let text =
        format!("[journal]\nnamespace = \"{}\"\n[default]\nmaxretry = 2\n", other.namespace());
    fs::write(house.path("etc/jailkeeper.toml"), text).expect("a configuration");
    assert_eq!(house.client(&["reload"]).status.code(), Some(0));
    for port in [1, 2] {
        other.send_as(
            "sshd",
            &format!("Failed password for root from 203.0.113.6 port {port} ssh2"),
        );
    }
    house.await_log("[sshd] Ban 203.0.113.6", 1);
}

#[test]
fn a_configuration_that_cannot_run_ends_with_78_and_says_why() {
    let mut house = House::new("[jail.sshd]\nmaxretry = \"5 #x\"\n");
    fs::create_dir(house.path("state")).expect("a directory");
    house.launch();
    let code = house.service.take().expect("it ran").wait().expect("it ends").code();
    assert_eq!(code, Some(78));
    let log = house.log();
    assert!(log.contains("jailkeeper.toml:4:12"), "{log}");
}

#[test]
fn one_broken_jail_does_not_stop_another() {
    let house = House::guarded(
        "[jail.web]\nenabled = true\njournalmatch = \"_COMM=web\"\nfailregex = '^bad$'\n",
    );
    house.await_log("[web] is switched on and does not run", 1);
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    let status = text(&house.client(&["status"]).stdout);
    assert!(status.contains("web") && status.contains("broken"), "{status}");
}

#[test]
fn a_ban_by_hand_is_refused_for_whom_it_must_not_hit() {
    let house = House::guarded("[default]\nignoreip = \"198.51.100.0/24\"\n");
    house.network.ip("address add 192.0.2.1/24 dev lo");
    await_that("the own address is known", || {
        house.client(&["ban", "sshd", "192.0.2.1"]).status.code() == Some(1)
    });
    for (arguments, code, word) in [
        (["ban", "sshd", "198.51.100.7"], 1, "ignoreip"),
        (["ban", "ssdh", "203.0.113.1"], 5, "sshd"),
        (["ban", "sshd", "203.0.113"], 2, "IP address"),
        (["ban", "sshd", "203.0.113.0/15"], 1, "wider"),
        (["ban", "sshd", "198.51.0.0/16"], 1, "would also hit 198.51.100.0/24"),
    ] {
        let output = house.client(&arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(word), "{arguments:?}: {told}");
    }
    let ban = house.client(&["ban", "sshd", "203.0.113.1", "2001:db8::1", "--for", "1h"]);
    assert_eq!(ban.status.code(), Some(0), "{}", text(&ban.stderr));
    house.assert_element("sshd4", "203.0.113.1 timeout 3600s");
}

#[test]
fn the_service_manager_hears_of_readiness_and_of_life() {
    let mut house = House::new("");
    let path = house.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    house.environment = vec![
        ("NOTIFY_SOCKET", path.to_string_lossy().into_owned()),
        ("WATCHDOG_USEC", "400000".to_owned()),
    ];
    house.start();
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while heard.iter().filter(|message: &&String| message.contains("WATCHDOG=1")).count() < 3 {
        let length = socket.recv(&mut buffer).expect("it is told in time");
        heard.push(text(&buffer[..length]));
    }
    let ready = heard.iter().position(|message| message.contains("READY=1")).expect("READY");
    assert!(heard[ready].contains("1 jail runs, 0 banned"), "{heard:?}");
    assert!(heard[..ready].iter().all(|message| !message.contains("WATCHDOG")), "{heard:?}");
    house.signal(Signal::SIGTERM);
    while !heard.iter().any(|message| message.contains("STOPPING=1")) {
        let length = socket.recv(&mut buffer).expect("it is told in time");
        heard.push(text(&buffer[..length]));
    }
}

#[test]
fn while_nothing_happens_no_thread_wakes_up() {
    let mut house = House::new("");
    let log = house.path("app.log");
    fs::write(&log, "a line\n").expect("a log");
    house.configure(&format!(
        "[jail.app]\nenabled = true\nlogpath = \"{}\"\nfailregex = '^bad <ADDR>$'\n",
        log.display()
    ));
    house.start();
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    let process = house.service.as_ref().expect("it runs").id();
    await_that("a second of rest", || {
        let before = sleeps(process);
        thread::sleep(Duration::from_secs(1));
        sleeps(process) == before
    });
}

/// How often the threads of a process have gone to sleep by themselves, by thread.
fn sleeps(process: u32) -> BTreeMap<String, String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let sleeps = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).expect("it runs");
        let count = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
        (task.file_name().to_string_lossy().into_owned(), count.expect("a count").to_owned())
    };
    tasks.flatten().map(sleeps).collect()
}

#[test]
fn the_demo_shows_the_whole_way() {
    let programs = Path::new(env!("CARGO_BIN_EXE_jailkeeperd")).parent().expect("a directory");
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/demo.sh"))
        .arg(programs)
        .stdin(Stdio::null())
        .output()
        .expect("the demo runs");
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{told}");
    for part in ["Ban 198.51.100.66", "ms until the kernel", "expires", "no answer", "Lifted 1"] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
}

#[test]
fn enough_banned_neighbours_are_a_ban_of_their_network_across_restarts() {
    let mut house = House::guarded("[default]\nmaxretry = 1\nescalate = { after = 3 }\n");
    for address in ["198.51.100.1", "198.51.100.2"] {
        house.fails(address, 1);
        house.await_log(&format!("[sshd] Ban {address}"), 1);
    }
    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    house.start();
    house.await_log("[sshd] Restore Ban 198.51.100.2", 1);
    house.fails("198.51.100.3", 1);
    house.await_log("[sshd] Ban 198.51.100.0/24 (3 of its addresses were banned)", 1);
    house.await_log("[sshd] Unban 198.51.100.1 (a network that holds it is banned)", 1);
    house.assert_element("sshd4/24", "198.51.100.0 timeout");
    assert!(!house.set("sshd4").contains("198.51.100"), "{}", house.set("sshd4"));
    assert_eq!(house.times_logged("Ban 198.51.100.3"), 0, "it was never one by itself");

    assert_eq!(house.end(Signal::SIGKILL), None);
    house.assert_element("sshd4/24", "198.51.100.0 timeout");
    house.start();
    house.await_log("[sshd] Restore Ban 198.51.100.0/24", 1);
    house.fails("198.51.100.77", 1);
    house.await_log("[sshd] Found 198.51.100.77 (already banned)", 1);
    let list = house.client(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(
        (&list[0]["offender"], &list[0]["attempts"]),
        (&"198.51.100.0/24".into(), &3.into())
    );

    assert_eq!(house.client(&["unban", "198.51.100.77"]).status.code(), Some(0));
    house.await_log("[sshd] Unban 198.51.100.0/24", 1);
    assert!(!house.set("sshd4/24").contains("198.51.100.0"));
}

#[test]
fn a_record_or_a_person_may_name_a_network_but_none_that_is_too_wide() {
    let house = House::guarded(concat!(
        "[jail.nets]\nenabled = true\njournalmatch = \"SYSLOG_IDENTIFIER=nets\"\n",
        "failregex = '^bad <SUBNET>$'\nmaxretry = 1\n",
    ));
    house.journald.send_as("nets", "bad 198.51.100.64/26");
    house.journald.send_as("nets", "bad 10.0.0.0/8");
    house.await_log("[nets] Ban 198.51.100.64/26", 1);
    house.await_log("[nets] Ignore 10.0.0.0/8: it is wider than a /16 (max_prefix)", 1);
    house.assert_element("nets4/26", "198.51.100.64 timeout");
    assert_eq!(house.client(&["ban", "nets", "203.0.113.0/24"]).status.code(), Some(0));
    house.assert_element("nets4/24", "203.0.113.0 timeout");
    for everybody in ["0.0.0.0/0", "::/0"] {
        let refused = house.client(&["ban", "nets", everybody]);
        assert_eq!(refused.status.code(), Some(1));
        let said = text(&refused.stderr);
        assert!(said.contains("max_prefix of jail \"nets\" allows"), "{said}");
    }
    house.network.nft("flush ruleset");
    house.await_log("the table is mended", 1);
    house.assert_element("nets4/26", "198.51.100.64 timeout");
    house.assert_element("nets4/24", "203.0.113.0 timeout");
}
