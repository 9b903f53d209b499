//! One release after another on a whole machine, upwards and downwards.

use std::fs;

use crate::machine::endurance::Version;
use crate::machine::scene::{ATTACKER4, MACHINE4, Scene, address};
use crate::machine::{PATIENCE, boot, probe, wait_for};
use crate::support::soak::figure;

/// Has the state be that of a newer service when this one starts: as if that one had stopped just now.
/// The layout is four bytes in the head of the file.
const NEWER: &str = "[Service]\nExecStartPre=+/bin/sh -c \"printf '\\\\000\\\\000\\\\000\\\\143' | \
     dd of=/var/lib/jailkeeper/state.db bs=1 seek=60 conv=notrunc\"\n";
const DROP_IN: &str = "/run/systemd/system/jailkeeper.service.d/newer.conf";
const STATE: &str = "/var/lib/jailkeeper/state.db";

#[test]
fn a_downgrade_fails_once_with_a_clear_word_and_the_bans_stay() {
    let scene = Scene::guarded_with("maxretry = 2");
    let (newer, older) = (Version::new("+newer"), Version::new("~older"));
    scene.install(&newer.package);
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene.machine.write(DROP_IN, NEWER);
    let targets = [address(MACHINE4)];
    let ((), tally) = probe::during(scene.attacker.netns(), &targets, || {
        // dpkg's own part of it succeeds, so that the machine can be mended with it.
        scene.install(&older.package);
        wait_for("the unit has failed", PATIENCE, || {
            (scene.unit("ActiveState") == "failed").then_some(())
        });
    });
    assert_eq!(tally.passed, 0, "{tally:?}");
    assert!(tally.tried > 20, "{tally:?}");
    figure("connections let through during a downgrade", tally.passed);
    assert_eq!(scene.unit("ExecMainStatus"), "65");
    assert_eq!(scene.unit("NRestarts"), "0", "it does not try again what cannot come right");
    let status =
        scene.machine.try_run(&["systemctl", "status", "--no-pager", "--full", "jailkeeper"]);
    let status = boot::text(&status);
    for part in [STATE, "layout 99 of a newer jailkeeper", "install the newer jailkeeper again"] {
        assert!(status.contains(part), "{part:?} is not in:\n{status}");
    }
    assert!(scene.ruleset().contains(ATTACKER4), "the kernel still has the ban");
    assert!(scene.bystander.reaches(address(MACHINE4)));

    // The newer one again, whose layout it is.
    fs::remove_file(scene.machine.path(DROP_IN)).expect("the drop-in");
    let mut state = fs::read(scene.machine.path(STATE)).expect("the state file");
    assert_eq!(state[60..64], [0, 0, 0, 99], "it is as it was found");
    state[63] = 1;
    fs::write(scene.machine.path(STATE), state).expect("the state file");
    scene.install(&newer.package);
    scene.machine.run(&["systemctl", "start", "jailkeeper"]);
    assert_eq!(scene.bans(), [ATTACKER4]);
}

#[test]
fn an_upgrade_keeps_all_that_was_saved_and_what_the_administrator_has_written() {
    let scene = Scene::guarded_with("maxretry = 2");
    let written = "[default]\nfindtime = \"1h\"\n";
    scene.machine.write("/etc/jailkeeper/jailkeeper.toml", written);
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene.machine.run(&["jailkeeper", "ban", "sshd", "192.0.2.0/24"]);
    scene.machine.run(&["jailkeeper", "allow", "192.0.2.99", "--comment", "on call"]);
    let lists = |scene: &Scene| {
        [["export", "--json"], ["allow", "--list"]]
            .map(|words| scene.machine.run(&["jailkeeper", words[0], words[1]]))
    };
    let before = lists(&scene);
    scene.install(&Version::new("+newer").package);
    assert_eq!(lists(&scene), before);
    let kept = fs::read_to_string(scene.machine.path("/etc/jailkeeper/jailkeeper.toml"));
    assert_eq!(kept.expect("the configuration"), written);
}
