//! What a ban survives, without a single packet getting through meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::scene::{ATTACKER4, ATTACKER6_NETWORK, MACHINE4, MACHINE6, Scene, address, package};
use super::{PATIENCE, probe, wait_for};

#[test]
fn bans_survive_a_restart_a_kill_and_an_upgrade_without_a_gap() {
    let scene = besieged();
    let upgrade = Version::new("+upgrade");

    keeps_out(&scene, "systemctl restart", || {
        scene.machine.run(&["systemctl", "restart", "jailkeeper"]);
    });
    keeps_out(&scene, "kill -9", || {
        let old = scene.main_pid();
        scene.machine.run(&["systemctl", "kill", "--kill-who=main", "--signal=KILL", "jailkeeper"]);
        wait_for("systemd starts the service again", PATIENCE, || {
            let active = scene.machine.try_run(&["systemctl", "is-active", "jailkeeper"]);
            (active.status.success() && ![0, old].contains(&scene.main_pid())).then_some(())
        });
    });
    keeps_out(&scene, "an upgrade of the package", || {
        let old = scene.main_pid();
        scene.install(&upgrade.package);
        assert_ne!(scene.main_pid(), old, "the upgrade has restarted the service");
    });
    let version = scene.machine.run(&["dpkg-query", "-W", "-f=${Version}", "jailkeeper"]);
    assert!(version.ends_with("+upgrade"), "{version}");
}

#[test]
fn bans_survive_a_reboot_without_a_gap() {
    let mut scene = besieged();
    let attacker = scene.attacker.netns();
    let targets = [address(MACHINE4), address(MACHINE6)];
    let ((), tally) = probe::during(attacker, &targets, || {
        scene.reboot();
        wait_for("sshd answers after the reboot", PATIENCE, || {
            scene.bystander.reaches(address(MACHINE4)).then_some(())
        });
        still_banned(&scene, "a reboot");
    });
    eprintln!("a reboot: {tally:?}");
    assert_eq!(tally.passed, 0, "of {} connections during the reboot", tally.tried);
    assert!(tally.tried > 40, "{tally:?}");
    scene.wait_for_message(&format!("[sshd] Restore Ban {ATTACKER4}"), 1);
}

/// An attacker who is banned over both families.
fn besieged() -> Scene {
    let scene = Scene::guarded_with("maxretry = 2");
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene.attack(MACHINE6, ATTACKER6_NETWORK, 2);
    scene
}

fn keeps_out(scene: &Scene, trial: &str, work: impl FnOnce()) {
    let targets = [address(MACHINE4), address(MACHINE6)];
    let ((), tally) = probe::during(scene.attacker.netns(), &targets, || {
        work();
        still_banned(scene, trial);
    });
    eprintln!("{trial}: {tally:?}");
    assert_eq!(tally.passed, 0, "of {} connections during {trial}", tally.tried);
    assert!(tally.tried > 40, "during {trial}: {tally:?}");
}

fn still_banned(scene: &Scene, trial: &str) {
    let bans = scene.bans();
    for network in [ATTACKER4, ATTACKER6_NETWORK] {
        assert!(bans.contains(&network.to_owned()), "after {trial}: {bans:?}");
    }
    assert!(scene.bystander.reaches(address(MACHINE4)), "after {trial} a bystander is let in");
    assert!(!scene.attacker.reaches(address(MACHINE4)), "after {trial}");
    assert!(!scene.attacker.reaches(address(MACHINE6)), "after {trial}");
}

/// The package as another version.
pub(super) struct Version {
    pub(super) package: PathBuf,
    _dir: TempDir,
}

impl Version {
    /// With this behind the version's number.
    pub(super) fn new(end: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let tree = dir.path().join("tree");
        dpkg_deb(&["--raw-extract"], &[&package(), &tree]);
        let control = tree.join("DEBIAN/control");
        let text = fs::read_to_string(&control).expect("the control file");
        let lines = text.lines().map(|line| match line.strip_prefix("Version: ") {
            Some(version) => format!("Version: {version}{end}\n"),
            None => format!("{line}\n"),
        });
        fs::write(&control, lines.collect::<String>()).expect("the control file");
        let package = dir.path().join("another.deb");
        dpkg_deb(&["--root-owner-group", "-Znone", "--build"], &[&tree, &package]);
        Self { package, _dir: dir }
    }
}

fn dpkg_deb(options: &[&str], paths: &[&Path]) {
    let output = Command::new("dpkg-deb").args(options).args(paths).output().expect("dpkg-deb");
    assert!(output.status.success(), "{}", super::boot::text(&output));
}
