//! What `jailkeeper doctor` says about a real machine.

use std::collections::BTreeSet;

use serde_json::Value;

use super::scene::{ATTACKER4, MACHINE4, MAXRETRY, Scene};

/// What is found that is not good: level, and what it is about. `code` is the exit code. The clock
/// is left out: it is that of the host on which the tests run.
fn findings(scene: &Scene, code: i32) -> BTreeSet<(String, String)> {
    let doctor = scene.machine.try_run(&["jailkeeper", "doctor", "--json"]);
    let said = super::boot::text(&doctor);
    assert_eq!(doctor.status.code(), Some(code), "{said}");
    let told: Value = serde_json::from_slice(&doctor.stdout).expect("JSON of jailkeeper");
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let findings = told["findings"].as_array().expect("findings").iter();
    findings
        .map(|finding| (text(finding, "level"), text(finding, "about")))
        .filter(|(level, about)| level != "good" && about != "clock")
        .collect()
}

fn of(found: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    found.iter().map(|(level, about)| ((*level).to_owned(), (*about).to_owned())).collect()
}

#[test]
fn a_healthy_machine_is_well_and_what_ails_another_is_found() {
    let scene = Scene::guarded();
    scene.attack(MACHINE4, ATTACKER4, MAXRETRY);
    assert_eq!(findings(&scene, 0), of(&[]));

    scene.machine.run(&["rm", "--recursive", "/var/log/journal"]);
    assert_eq!(findings(&scene, 0), of(&[("note", "journal")]));

    scene.configure("test.toml", "[jail.web]\nenabled = true\nfilter = \"no-such\"\n");
    scene.machine.try_run(&["systemctl", "reload", "jailkeeper"]);
    let broken = [("note", "journal"), ("problem", "configuration"), ("problem", "web")];
    assert_eq!(findings(&scene, 1), of(&broken));

    scene.machine.run(&["systemctl", "disable", "--now", "jailkeeper"]);
    let stopped = [("note", "journal"), ("problem", "configuration"), ("problem", "service")];
    assert_eq!(findings(&scene, 1), of(&stopped));
}
