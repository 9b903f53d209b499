//! Other programs that rule the firewall, beside us: nobody who is banned comes in while they start,
//! stop and load their rules anew, and what they have is what they have without us.

use std::thread;

use serde_json::Value;

use crate::machine::scene::{
    ATTACKER4, ATTACKER6_NETWORK, MACHINE4, MACHINE6, Scene, address, package,
};
use crate::machine::{PATIENCE, image, probe, wait_for};
use crate::support::soak::{figure, rounds};

/// Those that people run.
const PACKAGES: &str = "docker.io firewalld iptables ufw";

/// What they do, each with what can only be said of the ruleset when it is done. In each of their
/// rulesets sshd may be reached, so that only ours keeps anybody out.
const DEEDS: [(&str, &str); 9] = [
    ("systemctl start firewalld", "table inet firewalld"),
    ("firewall-cmd --reload", "table inet firewalld"),
    ("firewall-cmd --complete-reload", "table inet firewalld"),
    ("systemctl stop firewalld", ""),
    ("systemctl start docker", "DOCKER-USER"),
    ("systemctl restart docker", "DOCKER-USER"),
    ("systemctl stop docker docker.socket", ""),
    ("ufw allow 22 && ufw --force enable && ufw reload", "ufw-user-input"),
    ("ufw --force disable", ""),
];

#[test]
fn firewalld_docker_and_ufw_come_and_go_and_nobody_comes_in() {
    let scene = Scene::on(&image::root_with("bookworm", PACKAGES, ""));
    // What they leave behind the first time is there the second time already.
    deeds(&scene);
    let without_us = deeds(&scene);
    scene.install(&package());
    scene.configure("test.toml", "[jail.sshd]\nmaxretry = 2\n");
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene.attack(MACHINE6, ATTACKER6_NETWORK, 2);
    let targets = [address(MACHINE4), address(MACHINE6)];
    let rounds = rounds(1, 20);
    let ((), tally) = probe::during(scene.attacker.netns(), &targets, || {
        for _ in 0..rounds {
            let beside_us = deeds(&scene);
            for (((deed, _), without), beside) in DEEDS.iter().zip(&without_us).zip(&beside_us) {
                assert_eq!(without, beside, "behind \"{deed}\"");
            }
        }
    });
    figure("starts, stops and reloads of firewalld, docker and ufw", rounds as usize * DEEDS.len());
    figure(
        "connections let in beside firewalld, docker and ufw",
        format!("{} of {}", tally.passed, tally.tried),
    );
    assert_eq!(tally.passed, 0, "of {} connections", tally.tried);
    assert!(tally.tried > 40, "{tally:?}");
    assert!(scene.bystander.reaches(address(MACHINE4)), "a bystander is let in");
    for ban in [ATTACKER4, ATTACKER6_NETWORK] {
        assert!(scene.bans().contains(&ban.to_owned()), "{ban} is banned");
    }
}

/// Does all of it; the ruleset behind each, as far as it is not ours.
fn deeds(scene: &Scene) -> Vec<Vec<Value>> {
    let deed = |(deed, sign): &(&str, &str)| {
        scene.machine.run(&["sh", "-c", deed]);
        wait_for(deed, PATIENCE, || {
            scene.ruleset().contains(sign).then_some(())?;
            settled(scene)
        })
    };
    DEEDS.iter().map(deed).collect()
}

/// What others have, when that stays the same for a while: who has started goes on loading.
fn settled(scene: &Scene) -> Option<Vec<Value>> {
    let before = others(scene);
    thread::sleep(std::time::Duration::from_secs(1));
    (others(scene) == before).then_some(before)
}

fn others(scene: &Scene) -> Vec<Value> {
    let list = scene.machine.run(&["nft", "--json", "list", "ruleset"]);
    let list: Value = serde_json::from_str(&list).expect("JSON of nft");
    let objects = list["nftables"].as_array().expect("a list").iter();
    objects.filter(|object| !is_ours(object)).map(without_numbers).collect()
}

fn is_ours(object: &Value) -> bool {
    let object = object.as_object().and_then(|kinds| kinds.values().next());
    let named = |key: &str| object.and_then(|it| it[key].as_str());
    let table = named("table").or_else(|| named("name"));
    (named("family"), table) == (Some("inet"), Some("jailkeeper"))
}

/// Without what is another number each time: handles, and what was counted.
fn without_numbers(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(without_numbers).collect(),
        Value::Object(members) => {
            let numbers = ["handle", "packets", "bytes"];
            let kept = members.iter().filter(|(key, _)| !numbers.contains(&key.as_str()));
            Value::Object(kept.map(|(key, value)| (key.clone(), without_numbers(value))).collect())
        }
        other => other.clone(),
    }
}
