//! Log files and hosts' names, where the service has nothing but its sandbox.

use std::fmt::Write as _;

use super::scene::{ATTACKER4, Scene};

/// Only systemd-resolved knows this name, from the machine's /etc/hosts.
const NAME: &str = "attacker.example.com";

const JAIL: &str = "\
[jail.app]
enabled = true
logpath = \"/var/log/app*.log\"
failregex = '^app: login failed from <HOST>$'
maxretry = 3
usedns = \"yes\"
";

fn write_log(scene: &Scene, text: &str) {
    let script = format!(
        "umask 027; cat >> /var/log/app.log <<'END'\n{text}END\nchgrp adm /var/log/app.log"
    );
    scene.machine.run(&["sh", "-c", &script]);
}

#[test]
fn a_log_file_that_names_hosts_leads_to_bans() {
    let scene = Scene::installed();
    let hosts = format!("echo '{ATTACKER4} {NAME}' >> /etc/hosts");
    scene.machine.run(&["sh", "-c", &hosts]);
    scene.machine.run(&["systemctl", "enable", "--now", "systemd-resolved"]);
    scene.configure("app.toml", JAIL);
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);

    // Names that nobody knows stop neither the reader nor the loop.
    let mut text = String::new();
    for number in 0..1000 {
        let _ = writeln!(text, "app: login failed from no-{number}.invalid");
    }
    for _ in 0..3 {
        let _ =
            writeln!(text, "app: login failed from {NAME}\napp: login failed from 198.51.100.200");
    }
    write_log(&scene, &text);
    scene.wait_for_message("[app] Ban 198.51.100.200", 1);
    for _ in 0..3 {
        write_log(&scene, &format!("app: login failed from {NAME}\n"));
    }
    scene.wait_for_message(&format!("[app] Ban {ATTACKER4}"), 1);
}
