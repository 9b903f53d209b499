//! Attackers from one network, bans on trial, and what is open already when a ban comes.

use super::lan::{Host, Login};
use super::scene::{ATTACKER4, MACHINE4, Scene, address};

/// A network that is not the machine's own.
const NETWORK: &str = "203.0.113.0/24";

/// Who attacks from there, with an address of each family.
fn stranger(scene: &Scene, number: u8) -> Host {
    scene.lan.stranger(&format!("203.0.113.{number}"), &format!("2001:db8:113:{number}::1"))
}

#[test]
fn attackers_of_one_network_close_it_and_a_trial_closes_nothing() {
    let scene = Scene::guarded_with("maxretry = 1\nescalate = { after = 3 }");
    let target = address(MACHINE4);
    scene.machine.netns().way_to(NETWORK);
    let strangers: Vec<_> = (1..=4).map(|number| stranger(&scene, number)).collect();
    let [attackers @ .., fourth] = strangers.as_slice() else { unreachable!("there are four") };
    for (number, attacker) in (1..).zip(attackers) {
        assert!(fourth.reaches(target), "the fourth is let in before attacker {number}");
        attacker.try_password("root", target);
        let banned = if number < 3 { format!("203.0.113.{number}") } else { NETWORK.to_owned() };
        scene.wait_for_ban(&banned);
    }
    assert_eq!(scene.bans(), [NETWORK], "the network takes the place of its members");
    let elements = scene.machine.run(&["nft", "list", "set", "inet", "jailkeeper", "sshd4/24"]);
    assert!(elements.contains("203.0.113.0"), "{elements}");
    assert!(!fourth.reaches(target), "he is of the network");
    assert!(scene.attacker.reaches(target), "he is not of the network");

    scene.machine.run(&["jailkeeper", "unban", NETWORK]);
    assert!(strangers.iter().all(|stranger| stranger.reaches(target)), "all are let in again");

    a_trial_closes_nothing(&scene);
}

fn a_trial_closes_nothing(scene: &Scene) {
    scene.configure("trial.toml", "[jail.sshd]\nenforce = false\n");
    scene.machine.run(&["systemctl", "reload", "jailkeeper"]);
    assert_eq!(scene.attacker.try_password("root", address(MACHINE4)), Login::Denied);
    scene.wait_for_message(&format!("[sshd] Would ban {ATTACKER4}"), 1);
    let would_be = scene.machine.run(&["jailkeeper", "list", "--would-be"]);
    assert!(would_be.contains(ATTACKER4), "{would_be}");
    assert_eq!(scene.bans(), Vec::<String>::new());
    assert!(!scene.ruleset().contains(ATTACKER4), "{}", scene.ruleset());
    assert!(scene.attacker.reaches(address(MACHINE4)), "he is let in");
}

#[test]
fn a_ban_cuts_what_is_open() {
    let scene = Scene::guarded_with("maxretry = 1\nignoresessions = false");
    scene.machine.run(&["useradd", "--create-home", "thief"]);
    scene.machine.run(&["sh", "-c", "echo 'thief:correct horse' | chpasswd"]);
    let mut session = scene.attacker.log_in("thief", "correct horse", address(MACHINE4));
    assert!(session.is_open());
    assert!(session.echoes("before"));
    scene.attacker.try_password("root", address(MACHINE4));
    scene.wait_for_ban(ATTACKER4);
    assert!(!session.echoes("after"), "nothing comes through any more");
}
