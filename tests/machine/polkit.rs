//! Who may read and who may change, with the real polkit and its agent for terminals.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use super::boot::text;
use super::scene::{ATTACKER4, MACHINE4, Scene, address};

/// Nobody in particular.
const ORDINARY: &str = "ordinary";
/// A member of adm, who may read.
const READER: &str = "reader";
/// A member of sudo, who may do everything with his password.
const ADMIN: &str = "administrator";
const PASSWORD: &str = "correct horse";

/// A guarded machine with the three of them.
fn staffed() -> Scene {
    let scene = Scene::guarded();
    let machine = &scene.machine;
    machine.run(&["useradd", "--create-home", ORDINARY]);
    machine.run(&["useradd", "--create-home", "--groups", "adm", READER]);
    machine.run(&["useradd", "--create-home", "--groups", "sudo", ADMIN]);
    let set = format!("echo '{ADMIN}:{PASSWORD}' | chpasswd");
    machine.run(&["sh", "-c", &set]);
    scene
}

/// Runs a command as `user`, without a terminal: its exit code, and what it wrote.
fn by(scene: &Scene, user: &str, command: &[&str]) -> (Option<i32>, String) {
    let output = scene.machine.try_run(&[&["runuser", "-u", user, "--"], command].concat());
    (output.status.code(), text(&output))
}

/// What becomes of a question for the password.
enum Answer {
    /// This is typed.
    Password(&'static str),
    /// The program of this name is killed before anybody types.
    Killed(&'static str),
}

/// Logs the administrator in over SSH, with a terminal, runs a command there, and answers when the
/// screen asks for the password: the command's exit code, and what stood on the screen. (polkit does
/// not ask anybody outside of a session of logind's.)
fn at_terminal(scene: &Scene, command: &str, answer: &Answer) -> (Option<i32>, String) {
    let login = format!("{ADMIN}@localhost");
    let ssh = ["ssh", "-tt", "-oStrictHostKeyChecking=no", "-oLogLevel=ERROR", &login, command];
    let words = [&["sshpass", "-p", PASSWORD], &ssh[..]].concat();
    let mut ssh = scene
        .machine
        .command(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("timeout and nsenter are installed");
    let mut keyboard = ssh.stdin.take().expect("a pipe");
    let mut screen = ssh.stdout.take().expect("a pipe");
    let (mut seen, mut answers, mut some) = (String::new(), 0, [0; 1024]);
    while let Ok(count @ 1..) = screen.read(&mut some) {
        seen.push_str(&String::from_utf8_lossy(&some[..count]));
        let is_due = match answer {
            // What the terminal shows was typed before the agent has silenced it, and is thrown away.
            Answer::Password(word) => answers <= seen.matches(word).count(),
            Answer::Killed(_) => answers == 0,
        };
        if is_due && seen.contains("Password:") {
            answers += 1;
            match answer {
                Answer::Password(word) => writeln!(keyboard, "{word}").expect("a terminal"),
                Answer::Killed(client) => drop(scene.machine.run(&["pkill", "-KILL", client])),
            }
        }
    }
    (ssh.wait().expect("it was started").code(), seen)
}

#[test]
fn only_root_and_adm_may_read() {
    let scene = staffed();
    let why = ["why", ATTACKER4];
    let verbs = [&["status"] as &[&str], &["status", "sshd"], &["list"], &why, &["doctor"]];
    for verb in verbs {
        let command = [&["jailkeeper"], verb].concat();
        let (code, seen) = by(&scene, ORDINARY, &command);
        assert_eq!(code, Some(4), "{verb:?}: {seen}");
        assert!(seen.contains("only root and the group adm may see"), "{verb:?}: {seen}");
        for user in [READER, "root"] {
            let (code, seen) = by(&scene, user, &command);
            assert_eq!(code, Some(0), "{verb:?}: {seen}");
        }
    }
    let (code, seen) = by(&scene, READER, &["jailkeeper", "show", "sshd"]);
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("/usr/lib/jailkeeper/jails.d/sshd.toml"), "{seen}");
    watches(&scene);
}

/// A member of adm sees what happens, as it happens.
fn watches(scene: &Scene) {
    let mut watch = scene
        .machine
        .command(&["runuser", "-u", READER, "--", "jailkeeper", "watch", "sshd"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("timeout and nsenter are installed");
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("another line").expect("text");
    // It says that the service runs, and listens by then.
    line();
    scene.machine.run(&["jailkeeper", "ban", "sshd", ATTACKER4]);
    let seen = line();
    assert!(seen.contains(ATTACKER4), "{seen}");
    drop(lines);
    // Nobody reads any more, by which it ends.
    watch.wait().expect("it was started");
}

#[test]
fn who_has_no_right_and_no_terminal_is_told_so() {
    let scene = staffed();
    let ban = ["jailkeeper", "ban", "sshd", ATTACKER4];
    for user in [ORDINARY, READER, ADMIN] {
        let (code, seen) = by(&scene, user, &ban);
        assert_eq!(code, Some(4), "{user}: {seen}");
        assert!(seen.contains("nobody who could ask for it"), "{user}: {seen}");
        let (code, seen) = by(&scene, user, &[&ban[..], &["--no-ask-password"]].concat());
        assert_eq!(code, Some(4), "{user}: {seen}");
        assert!(seen.contains("does not allow to ask for it"), "{user}: {seen}");
    }
    for verb in ["unban 192.0.2.1", "reload"] {
        let words: Vec<&str> = ["jailkeeper"].into_iter().chain(verb.split(' ')).collect();
        assert_eq!(by(&scene, READER, &words).0, Some(4), "{verb}");
    }
    assert!(scene.attacker.reaches(address(MACHINE4)), "nobody is banned");
}

#[test]
fn an_administrator_bans_with_his_password() {
    let scene = staffed();
    let ban = format!("jailkeeper ban sshd {ATTACKER4}");
    let (code, seen) = at_terminal(&scene, &ban, &Answer::Password("wrong"));
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("polkit does not permit org.jailkeeper1.ban"), "{seen}");
    assert!(scene.attacker.reaches(address(MACHINE4)), "nobody is banned");

    let (code, seen) = at_terminal(&scene, &ban, &Answer::Password(PASSWORD));
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("Authentication is required to ban addresses"), "{seen}");
    assert!(!scene.attacker.reaches(address(MACHINE4)), "the kernel has the ban");
}

#[test]
fn settings_and_friends_have_actions_of_their_own() {
    let scene = staffed();
    let (code, seen) = by(&scene, READER, &["jailkeeper", "set", "sshd", "maxretry", "2"]);
    assert_eq!(code, Some(4), "{seen}");
    let set = "jailkeeper set sshd maxretry 2";
    let (code, seen) = at_terminal(&scene, set, &Answer::Password(PASSWORD));
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("to change the settings of jailkeeper's jails"), "{seen}");
    assert_eq!(scene.machine.run(&["jailkeeper", "get", "sshd", "maxretry"]).trim(), "2");
    scene.attack(MACHINE4, ATTACKER4, 2);

    let allow = format!("jailkeeper allow {ATTACKER4} --for 1h --comment 'on call'");
    let (code, seen) = at_terminal(&scene, &allow, &Answer::Password(PASSWORD));
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("to change which addresses are never banned"), "{seen}");
    assert!(scene.attacker.reaches(address(MACHINE4)), "the ban is lifted");
    let why = scene.machine.run(&["jailkeeper", "why", ATTACKER4]);
    assert!(why.contains("allowed by hand"), "{why}");
    let list = scene.machine.run(&["jailkeeper", "allow", "--list"]);
    assert!(list.contains("on call"), "{list}");
}

/// Each user has so few questions open that one which stays open is soon one too many.
#[test]
fn who_goes_away_takes_his_question_with_him() {
    let scene = staffed();
    let ban = format!("jailkeeper ban sshd {ATTACKER4}");
    for client in ["jailkeeper$", "pkttyagent", "jailkeeper$", "jailkeeper$", "jailkeeper$"] {
        let (code, seen) = at_terminal(&scene, &ban, &Answer::Killed(client));
        assert_ne!(code, Some(0), "{seen}");
        assert!(seen.contains("Password:"), "{seen}");
    }
    let (code, seen) = at_terminal(&scene, &ban, &Answer::Password(PASSWORD));
    assert_eq!(code, Some(0), "{seen}");
}

#[test]
fn rules_of_polkit_let_others_do_some_of_it() {
    let scene = staffed();
    let rule = format!(
        "polkit.addRule(function(action, subject) {{
           if (action.id == 'org.jailkeeper1.ban' && subject.user == '{ORDINARY}')
             return polkit.Result.YES;
         }});"
    );
    scene.machine.write("/etc/polkit-1/rules.d/10-test.rules", &rule);
    scene.machine.run(&["systemctl", "restart", "polkit"]);
    let (code, seen) = by(&scene, ORDINARY, &["jailkeeper", "ban", "sshd", ATTACKER4]);
    assert_eq!(code, Some(0), "{seen}");
    assert!(!scene.attacker.reaches(address(MACHINE4)), "the kernel has the ban");
    let (code, seen) = by(&scene, ORDINARY, &["jailkeeper", "unban", ATTACKER4]);
    assert_eq!(code, Some(4), "{seen}");
    // Who may not read is told what is wrong all the same.
    let (code, seen) = by(&scene, ORDINARY, &["jailkeeper", "ban", "shd", ATTACKER4]);
    assert_eq!(code, Some(5), "{seen}");
}

#[test]
fn root_needs_no_polkit_and_others_are_told_that_it_is_missing() {
    let scene = staffed();
    scene.machine.run(&["systemctl", "mask", "--now", "polkit"]);
    let ban = ["jailkeeper", "ban", "sshd", ATTACKER4];
    let (code, seen) = by(&scene, ADMIN, &ban);
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("is polkitd installed, and polkit.service running?"), "{seen}");
    assert!(scene.attacker.reaches(address(MACHINE4)), "nobody is banned");

    scene.machine.run(&ban);
    assert!(!scene.attacker.reaches(address(MACHINE4)), "the kernel has the ban");
    scene.machine.run(&["jailkeeper", "unban", ATTACKER4]);
    scene.machine.run(&["jailkeeper", "reload"]);
}
