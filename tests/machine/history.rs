//! The history, which is the service's own entries in the journal of a booted machine.

use serde_json::{Value, json};

use super::scene::{ATTACKER4, MACHINE4, Scene};

#[test]
fn the_journal_is_the_history_and_not_everybodys() {
    let scene = Scene::guarded_with("maxretry = 2");
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene.wait_for_message(&format!("[sshd] Ban {ATTACKER4}"), 1);
    let stats: Value = serde_json::from_str(&scene.machine.run(&["jailkeeper", "stats", "--json"]))
        .expect("JSON of jailkeeper");
    let row = json!([{ "name": ATTACKER4, "attempts": 2, "bans": 1 }]);
    assert_eq!(stats["address"], row, "{stats:#}");
    assert_eq!(stats["user"], json!([{ "name": "root", "attempts": 2, "bans": 1 }]));

    scene.machine.run(&["useradd", "--create-home", "ordinary"]);
    let command = ["runuser", "-u", "ordinary", "--", "jailkeeper", "stats"];
    let refused = scene.machine.try_run(&command);
    assert_eq!(refused.status.code(), Some(4), "{}", super::boot::text(&refused));
    assert!(super::boot::text(&refused).contains("systemd-journal or adm"));
    scene.machine.run(&["usermod", "--append", "--groups", "systemd-journal", "ordinary"]);
    assert!(scene.machine.run(&command).starts_with("2 attempts and 1 ban since "));
}
