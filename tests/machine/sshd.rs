//! What everything else relies on: sshd's entries in the journal, and a probe that can fail.

use super::lan::Login;
use super::scene::{ATTACKER4, ATTACKER6, MACHINE4, MACHINE6, Scene, address};
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
    assert!(tally.passed > 0, "{tally:?}");
}
