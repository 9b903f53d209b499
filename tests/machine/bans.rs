//! Attacks on the real sshd, and what becomes of the attacker.

use super::lan::Login;
use super::scene::{
    ATTACKER4, ATTACKER6, ATTACKER6_NETWORK, BYSTANDER4, MACHINE4, MACHINE6, MAXRETRY, Scene,
    address,
};

#[test]
fn wrong_passwords_over_ipv4_end_at_the_kernel() {
    let scene = Scene::guarded();
    scene.attack(MACHINE4, ATTACKER4, MAXRETRY);

    assert!(scene.bystander.reaches(address(MACHINE4)), "somebody else is let in");
    assert!(scene.attacker.reaches(address(MACHINE6)), "nothing came from the other family");
    assert!(scene.ruleset().contains(ATTACKER4), "{}", scene.ruleset());
    shows_everywhere(&scene, ATTACKER4);
    scene.wait_for_message(&format!("[sshd] Found {ATTACKER4}"), MAXRETRY);
    has_fields(&scene, &format!("[sshd] Ban {ATTACKER4}"), ATTACKER4);
}

#[test]
fn wrong_passwords_over_ipv6_ban_the_network_of_the_attacker() {
    let scene = Scene::guarded();
    scene.attack(MACHINE6, ATTACKER6_NETWORK, MAXRETRY);

    let neighbour = scene.lan.host("198.51.100.67", "2001:db8:66::7");
    assert!(!neighbour.reaches(address(MACHINE6)), "the whole /64 is banned");
    assert!(scene.bystander.reaches(address(MACHINE6)), "somebody else is let in");
    assert!(scene.attacker.reaches(address(MACHINE4)), "nothing came from the other family");
    shows_everywhere(&scene, ATTACKER6_NETWORK);
    scene.wait_for_message(&format!("[sshd] Found {ATTACKER6}"), MAXRETRY);
    has_fields(&scene, &format!("[sshd] Ban {ATTACKER6_NETWORK}"), ATTACKER6_NETWORK);
}

#[test]
fn a_ban_ends_with_its_time() {
    let scene = Scene::guarded_with("bantime = \"8s\"\nmaxretry = 2");
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene.wait_for_unban(ATTACKER4);
    assert!(scene.attacker.reaches(address(MACHINE4)), "the ban is over");
    scene.wait_for_message(&format!("[sshd] Unban {ATTACKER4}"), 1);
    assert!(!scene.ruleset().contains(ATTACKER4), "{}", scene.ruleset());
}

#[test]
fn stop_lifts_the_bans_and_start_restores_them() {
    let scene = Scene::guarded_with("maxretry = 2");
    scene.attack(MACHINE4, ATTACKER4, 2);

    scene.machine.run(&["systemctl", "stop", "jailkeeper"]);
    assert!(scene.attacker.reaches(address(MACHINE4)), "a stopped service keeps nobody out");
    assert!(!scene.ruleset().contains("jailkeeper"), "{}", scene.ruleset());

    scene.machine.run(&["systemctl", "start", "jailkeeper"]);
    assert!(scene.bans().contains(&ATTACKER4.to_owned()), "the ban is back with the service");
    assert!(!scene.attacker.reaches(address(MACHINE4)), "the kernel has it too");
    scene.wait_for_message(&format!("[sshd] Restore Ban {ATTACKER4}"), 1);
}

#[test]
fn the_client_bans_and_lifts() {
    let scene = Scene::guarded();
    let target = address(MACHINE4);
    scene.machine.run(&["jailkeeper", "ban", "sshd", ATTACKER4, "--for", "1h"]);
    assert!(!scene.attacker.reaches(target), "the client's answer comes after the kernel's");
    scene.machine.run(&["jailkeeper", "unban", ATTACKER4]);
    assert!(scene.attacker.reaches(target), "the client's answer comes after the kernel's");
}

/// An ordinary user may write what he likes under sshd's name, also with a program of that name.
#[test]
fn an_ordinary_user_can_have_nobody_banned() {
    let scene = Scene::guarded_with("maxretry = 2");
    scene.machine.run(&["useradd", "--create-home", "ordinary"]);
    scene.machine.run(&["cp", "/usr/bin/logger", "/home/ordinary/sshd"]);
    let line = format!("Failed password for root from {BYSTANDER4} port 22 ssh2");
    for program in ["logger", "logger", "/home/ordinary/sshd", "/home/ordinary/sshd"] {
        let user = ["runuser", "-u", "ordinary", "--"];
        let log = [program, "-t", "sshd", "-p", "auth.info", &line];
        scene.machine.run(&[&user[..], &log[..]].concat());
    }
    // The reader is past the forged lines when it has found a real one behind them.
    assert_eq!(scene.attacker.try_password("root", address(MACHINE4)), Login::Denied);
    scene.wait_for_message(&format!("[sshd] Found {ATTACKER4}"), 1);

    assert_eq!(scene.bans(), Vec::<String>::new());
    assert!(scene.bystander.reaches(address(MACHINE4)), "nobody is banned");
    let found = scene.messages();
    assert!(!found.iter().any(|message| message.contains(BYSTANDER4)), "{found:?}");
}

fn shows_everywhere(scene: &Scene, offender: &str) {
    for command in [["jailkeeper", "status", "sshd"], ["jailkeeper", "list", "sshd"]] {
        let text = scene.machine.run(&command);
        assert!(text.contains(offender), "{command:?}: {text}");
    }
    let json = scene.machine.run(&["jailkeeper", "list", "--json"]);
    let _: serde_json::Value = serde_json::from_str(&json).expect("JSON of jailkeeper");
    assert!(json.contains(offender), "{json}");
}

fn has_fields(scene: &Scene, message: &str, offender: &str) {
    let entries = scene.machine.journal(&["JAILKEEPER_JAIL=sshd"]);
    let entry = entries.iter().find(|entry| entry["MESSAGE"] == message);
    let entry = entry.unwrap_or_else(|| panic!("no entry \"{message}\" among {entries:#?}"));
    assert_eq!(entry["JAILKEEPER_OFFENDER"], offender);
    assert!(entry["JAILKEEPER_UNTIL"].is_string(), "{entry:#}");
    assert!(entry["JAILKEEPER_USER"].is_string(), "{entry:#}");
    let lines = entry["JAILKEEPER_MATCHES"].as_str().expect("the lines behind the ban");
    assert_eq!(lines.lines().filter(|line| line.contains("Failed password")).count(), MAXRETRY);
    let id = entry["MESSAGE_ID"].as_str().expect("a MESSAGE_ID");
    // The catalogue explains it.
    let explained = scene.machine.run(&["journalctl", "--list-catalog", id]);
    assert!(explained.contains(id), "{explained}");
}
