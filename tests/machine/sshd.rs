//! What everything else relies on: sshd's entries in the journal, and a probe that can fail.

use serde_json::Value;

use super::lan::Login;
use super::scene::{ATTACKER4, ATTACKER6, MACHINE4, MACHINE6, MAXRETRY, Scene, address};
use super::{PATIENCE, probe, wait_for};

#[test]
fn a_wrong_password_is_in_the_journal_with_trusted_fields() {
    let scene = Scene::bare();
    for (target, attacker) in [(MACHINE4, ATTACKER4), (MACHINE6, ATTACKER6)] {
        assert_eq!(scene.attacker.try_password("root", address(target)), Login::Denied);
        let beginning = format!("Failed password for root from {attacker} port ");
        let entry = wait_for("the failed password in the journal", PATIENCE, || {
            let entries = scene.machine.journal(&["_SYSTEMD_UNIT=ssh.service"]);
            let found = |message: &str| message.starts_with(&beginning);
            entries.into_iter().find(|entry| entry["MESSAGE"].as_str().is_some_and(found))
        });
        let comm = entry["_COMM"].as_str().expect("a program");
        assert!(["sshd", "sshd-session"].contains(&comm), "{comm}");
        assert_eq!(entry["_UID"], "0");
        assert_eq!(entry["SYSLOG_FACILITY"], "4", "auth");
    }
}

/// Somebody who has the journal busy, by whatever it writes down of him, must not get away with it.
#[test]
fn attempts_count_whose_processes_are_gone_before_the_journal_looks_at_them() {
    let scene = Scene::guarded();
    let journald = |signal| {
        scene.machine.run(&["systemctl", "kill", "--signal", signal, "systemd-journald"]);
    };
    journald("STOP");
    for number in 1..=MAXRETRY {
        let login = scene.attacker.try_password("root", address(MACHINE4));
        assert_eq!(login, Login::Denied, "attempt {number}");
    }
    wait_for("the last of sshd's processes is gone", PATIENCE, || {
        let pids =
            scene.machine.run(&["cat", "/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs"]);
        (pids.lines().count() == 1).then_some(())
    });
    journald("CONT");
    scene.wait_for_ban(ATTACKER4);
    let entries =
        scene.machine.journal(&["SYSLOG_IDENTIFIER=sshd", "SYSLOG_IDENTIFIER=sshd-session"]);
    let failed = |entry: &&Value| {
        entry["MESSAGE"].as_str().is_some_and(|message| message.starts_with("Failed password"))
    };
    let failed: Vec<_> = entries.iter().filter(failed).collect();
    assert_eq!(failed.len(), MAXRETRY);
    let unknown = |field: &str| failed.iter().all(|entry| entry[field].is_null());
    assert!(unknown("_COMM") && unknown("_SYSTEMD_UNIT"), "the journal was early: {failed:?}");
}

#[test]
fn the_probe_notices_an_open_door_as_soon_as_a_machine_is_up_again() {
    let mut scene = Scene::bare();
    let targets = [address(MACHINE4), address(MACHINE6)];
    // Until the machine is up again there is nobody behind the door.
    scene.machine.run(&["systemctl", "stop", "ssh"]);
    let ((), tally) = probe::during(scene.attacker.netns(), &targets, || {
        scene.reboot();
        wait_for("sshd answers after the reboot", PATIENCE, || {
            scene.bystander.reaches(targets[0]).then_some(())
        });
    });
    assert!(tally.passed > 0 && tally.heard > 0, "{tally:?}");
}
