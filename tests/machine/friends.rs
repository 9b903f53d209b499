//! Who is never banned: those who are logged in, as logind knows them, and hosts by their names.

use super::lan::Login;
use super::scene::{ATTACKER4, MACHINE4, Scene, address};
use super::{PATIENCE, wait_for};

const PASSWORD: &str = "correct horse";

/// A machine whose administrator may log in with a password, and jail `sshd` with two tries.
fn guarded() -> Scene {
    let scene = Scene::installed();
    scene.machine.run(&["useradd", "--create-home", "admin"]);
    let set = format!("echo 'admin:{PASSWORD}' | chpasswd");
    scene.machine.run(&["sh", "-c", &set]);
    scene.configure("test.toml", "[jail.sshd]\nmaxretry = 2\n");
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    scene
}

fn fail_twice(scene: &Scene) {
    for _ in 0..2 {
        assert_eq!(scene.attacker.try_password("root", address(MACHINE4)), Login::Denied);
    }
}

fn status(scene: &Scene) -> String {
    scene.machine.run(&["jailkeeper", "status", "sshd"])
}

#[test]
fn nobody_is_banned_who_is_logged_in() {
    let scene = guarded();
    let session = scene.attacker.log_in("admin", PASSWORD, address(MACHINE4));
    let number = wait_for("logind has the session", PATIENCE, || {
        let sessions = scene.machine.run(&["loginctl", "list-sessions", "--no-legend"]);
        let line = sessions.lines().find(|line| line.contains("admin"))?;
        Some(line.split_whitespace().next()?.to_owned())
    });
    fail_twice(&scene);
    let told = format!(
        "{ATTACKER4} has a session that is logged in (user admin, session {number}); 2 attempts"
    );
    scene.wait_for_message(&format!("[sshd] Not banned: {told}"), 1);
    assert_eq!(scene.bans(), Vec::<String>::new());
    assert!(scene.attacker.reaches(address(MACHINE4)));
    // What is shown is not renewed with every record.
    wait_for("the status has it", PATIENCE, || {
        status(&scene).contains(&format!("Not banned    {told}")).then_some(())
    });
    let by_hand = scene.machine.try_run(&["jailkeeper", "ban", "sshd", ATTACKER4]);
    let said = super::boot::text(&by_hand);
    assert!(!by_hand.status.success() && said.contains("loginctl terminate-session"), "{said}");
    let catalog = scene.machine.run(&["journalctl", "-x", "--no-pager", "-u", "jailkeeper"]);
    assert!(catalog.contains("a ban would cut him off"), "{catalog}");

    drop(session);
    wait_for("logind has no session any more", PATIENCE, || {
        let sessions = scene.machine.run(&["loginctl", "list-sessions", "--no-legend"]);
        (!sessions.contains("admin")).then_some(())
    });
    fail_twice(&scene);
    scene.wait_for_ban(ATTACKER4);
}

#[test]
fn whoever_logs_in_is_let_in_again() {
    let scene = guarded();
    // The second sshd is on a port that the jail does not close.
    scene.machine.run(&[
        "systemd-run",
        "--collect",
        "--unit=other-sshd",
        "/usr/sbin/sshd",
        "-D",
        "-p",
        "2222",
    ]);
    fail_twice(&scene);
    scene.wait_for_ban(ATTACKER4);
    let _session = wait_for("the other sshd answers", PATIENCE, || {
        let session = scene.attacker.log_in_at("admin", PASSWORD, address(MACHINE4), 2222);
        session.is_open().then_some(session)
    });
    scene.wait_for_message(
        &format!("[sshd] Unban {ATTACKER4} (somebody has logged in from there)"),
        1,
    );
    assert!(scene.attacker.reaches(address(MACHINE4)));
}

#[test]
fn a_host_is_known_by_its_name() {
    let scene = Scene::installed();
    scene.machine.run(&["systemctl", "enable", "--now", "systemd-resolved"]);
    scene.machine.run(&["sh", "-c", &format!("echo {ATTACKER4} home.example.net >> /etc/hosts")]);
    scene.configure("test.toml", "[jail.sshd]\nmaxretry = 2\nignoreip = \"home.example.net\"\n");
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    wait_for("the name has an answer", PATIENCE, || {
        (!status(&scene).contains("has no answer")).then_some(())
    });
    fail_twice(&scene);
    let ignored = format!("[sshd] Ignore {ATTACKER4}: within home.example.net of ignoreip");
    scene.wait_for_message(&ignored, 2);
    assert_eq!(scene.bans(), Vec::<String>::new());
}
