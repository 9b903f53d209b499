//! Who comes back: longer bans each time, and in the end none of the machine's ports.

use super::scene::{ATTACKER4, MACHINE4, Scene, address};
use super::{PATIENCE, wait_for};

/// A port that nobody attacks.
const OTHER_PORT: u16 = 2222;

const JAILS: &str = "\
[jail.sshd]
maxretry = 1
bantime = { time = \"10s\", increment = true }

[jail.recidive]
enabled = true
maxretry = 3
";

fn listen_at_the_other_port(scene: &Scene) {
    let port = OTHER_PORT.to_string();
    let sshd = ["/usr/sbin/sshd", "-D", "-p", &port];
    scene.machine.run(&[&["systemd-run", "--collect"], &sshd[..]].concat());
    wait_for("the other sshd answers", PATIENCE, || {
        scene.bystander.reaches_at(address(MACHINE4), OTHER_PORT).then_some(())
    });
}

#[test]
fn each_ban_is_longer_and_the_last_one_closes_every_port() {
    let mut scene = Scene::installed();
    scene.configure("test.toml", JAILS);
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    scene.attack(MACHINE4, ATTACKER4, 1);
    assert_eq!(scene.length_of_ban(), (10, 1));
    scene.wait_for_unban(ATTACKER4);

    scene.machine.run(&["systemctl", "restart", "jailkeeper"]);
    scene.attack(MACHINE4, ATTACKER4, 1);
    assert_eq!(scene.length_of_ban(), (20, 2), "a restart forgets nobody");

    scene.reboot();
    scene.wait_for_unban(ATTACKER4);
    listen_at_the_other_port(&scene);
    let target = address(MACHINE4);
    assert!(scene.attacker.reaches_at(target, OTHER_PORT), "no ban is over all ports yet");
    assert_eq!(scene.bans_of("recidive"), Vec::<String>::new());

    scene.attack(MACHINE4, ATTACKER4, 1);
    assert_eq!(scene.length_of_ban(), (40, 3), "neither does a reboot");
    wait_for("the ban of the jail recidive", PATIENCE, || {
        (scene.bans_of("recidive") == [ATTACKER4]).then_some(())
    });
    assert!(!scene.attacker.reaches_at(target, OTHER_PORT), "all ports are closed to him");
    assert!(scene.bystander.reaches_at(target, OTHER_PORT), "somebody else is let in");
    scene.wait_for_message(&format!("[recidive] Ban {ATTACKER4}"), 1);
}
