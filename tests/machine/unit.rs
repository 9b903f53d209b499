//! The service as systemd and the journal see it.

use std::thread;
use std::time::Duration;

use super::scene::{ATTACKER4, MACHINE4, MAXRETRY, Scene};
use super::{PATIENCE, wait_for};

/// Longer than the watchdog waits, with room for its check.
const A_WATCHDOG_AND_MORE: Duration = Duration::from_secs(40);

const FRIENDS: &str = "\
[jail.sshd]
ignoreip = [\"home.example.net\", \"file:/etc/jailkeeper/friends\"]
";

#[test]
fn systemd_is_told_how_the_service_is_and_the_watchdog_is_fed() {
    let scene = Scene::guarded();
    assert_eq!(scene.unit("StatusText"), "1 jail runs, 0 banned");
    assert_eq!(scene.unit("WatchdogUSec"), "30s");
    let pid = scene.main_pid();
    scene.attack(MACHINE4, ATTACKER4, MAXRETRY);
    wait_for("the ban in the status", PATIENCE, || {
        (scene.unit("StatusText") == "1 jail runs, 1 banned").then_some(())
    });

    // The only way to see that the watchdog does not bite.
    thread::sleep(A_WATCHDOG_AND_MORE);
    assert_eq!(scene.main_pid(), pid);
    assert_eq!(scene.unit("NRestarts"), "0");
    assert_eq!(scene.unit("ActiveState"), "active");
}

#[test]
fn nothing_that_the_service_does_is_forbidden_to_it() {
    let scene = Scene::installed();
    scene.machine.run(&["useradd", "ordinary"]);
    scene.machine.run(&["sh", "-c", "echo 192.0.2.1 home.example.net >> /etc/hosts"]);
    scene.machine.run(&["systemctl", "enable", "--now", "systemd-resolved"]);
    scene.machine.write("/etc/jailkeeper/friends", "192.0.2.2\n");
    scene.configure("test.toml", FRIENDS);
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    wait_for("the name has an answer", PATIENCE, || {
        knows_as_friend(&scene, "192.0.2.1").then_some(())
    });
    assert!(knows_as_friend(&scene, "192.0.2.2"));
    scene.machine.write("/etc/jailkeeper/friends", "192.0.2.3\n");
    wait_for("the list is read again", PATIENCE, || {
        knows_as_friend(&scene, "192.0.2.3").then_some(())
    });
    let ordinary = ["runuser", "-u", "ordinary", "--", "jailkeeper", "unban", "192.0.2.1"];
    assert_eq!(scene.machine.try_run(&ordinary).status.code(), Some(4), "polkit is asked");
    scene.attack(MACHINE4, ATTACKER4, MAXRETRY);
    scene.machine.run(&["systemctl", "reload", "jailkeeper"]);
    scene.machine.run(&["systemctl", "restart", "jailkeeper"]);
    scene.machine.run(&["systemctl", "stop", "jailkeeper"]);
    let loud: Vec<_> = scene
        .machine
        .journal(&["_SYSTEMD_UNIT=jailkeeper.service", "--priority=warning"])
        .into_iter()
        .map(|entry| entry["MESSAGE"].to_string())
        .collect();
    assert_eq!(loud, Vec::<String>::new(), "neither EPERM nor any other trouble");
    // The exposure is told in tenths, of which there are 100.
    scene.machine.run(&["systemd-analyze", "security", "--threshold=11", "jailkeeper"]);
}

fn knows_as_friend(scene: &Scene, address: &str) -> bool {
    let ban = scene.machine.try_run(&["jailkeeper", "ban", "sshd", address]);
    if ban.status.success() {
        scene.machine.run(&["jailkeeper", "unban", address]);
        return false;
    }
    let said = super::boot::text(&ban);
    assert!(said.contains("ignoreip"), "{said}");
    true
}
