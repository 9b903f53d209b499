//! The one package, installed and attacked on each release that it is for.

use crate::machine::image;
use crate::machine::probe;
use crate::machine::scene::{
    ATTACKER4, ATTACKER6_NETWORK, MACHINE4, MACHINE6, MAXRETRY, Scene, address, package,
};
use crate::machine::{PATIENCE, wait_for};
use crate::support::soak::figure;

#[test]
fn the_package_guards_debian_12() {
    guard("bookworm");
}

#[test]
fn the_package_guards_debian_13() {
    guard("trixie");
}

#[test]
fn the_package_guards_ubuntu_24_04() {
    guard("noble");
}

/// From the installation to the removal, with a restart and a reboot between.
fn guard(release: &str) {
    let mut scene = Scene::on(&image::root_of(release));
    assert!(scene.machine.run(&["cat", "/etc/os-release"]).contains(release));
    scene.install(&package());
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    scene.attack(MACHINE4, ATTACKER4, MAXRETRY);
    scene.attack(MACHINE6, ATTACKER6_NETWORK, MAXRETRY);
    let attacker = scene.attacker.netns();
    let targets = [address(MACHINE4), address(MACHINE6)];
    let ((), tally) = probe::during(attacker, &targets, || {
        scene.machine.run(&["systemctl", "restart", "jailkeeper"]);
        scene.reboot();
        wait_for("sshd answers after the reboot", PATIENCE, || {
            scene.bystander.reaches(address(MACHINE4)).then_some(())
        });
        for network in [ATTACKER4, ATTACKER6_NETWORK] {
            scene.wait_for_ban(network);
        }
    });
    // Ubuntu's systemd listens for sshd before anything is started that needs the bus, and goes on when
    // all of that has ended. A connection may come about then, but sshd never hears of it.
    let through = if release == "noble" { tally.heard } else { tally.passed };
    assert_eq!(through, 0, "of {tally:?} over a restart and a reboot");
    assert!(tally.tried > 40, "{tally:?}");

    scene.machine.run(&["dpkg", "--purge", "jailkeeper"]);
    assert!(scene.attacker.reaches(address(MACHINE4)), "a removed service keeps nobody out");
    assert!(!scene.ruleset().contains("jailkeeper"), "{}", scene.ruleset());
    let failed = scene.machine.run(&["systemctl", "--failed", "--plain", "--no-legend"]);
    assert!(!failed.contains("jailkeeper"), "{failed}");
    let said = format!("banned over both families; {through} of {} connections heard", tally.tried);
    figure(&format!("the package on {release}"), said);
}
