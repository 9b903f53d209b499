//! Mistakes in the configuration: found, told, and harmless to what runs.

use super::boot::text;
use super::lan::Login;
use super::scene::{ATTACKER4, MACHINE4, MAXRETRY, Scene, address};
use super::{PATIENCE, wait_for};

const BROKEN: &str = "[jail.sshd]\nbantime = \"soon\"\n";

/// The exit status for a configuration that cannot be used (EX_CONFIG of sysexits.h).
const EX_CONFIG: i32 = 78;

#[test]
fn a_reload_with_a_broken_file_keeps_the_old_rules() {
    let scene = Scene::guarded_with("maxretry = 3");
    let pid = scene.main_pid();
    let target = address(MACHINE4);
    assert_eq!(scene.attacker.try_password("root", target), Login::Denied);
    scene.wait_for_message(&format!("[sshd] Found {ATTACKER4}"), 1);

    // The file that is fine must not be taken without the one that is not.
    scene.configure("test.toml", "[jail.sshd]\nmaxretry = 2\n");
    scene.configure("broken.toml", BROKEN);
    let reload = scene.machine.try_run(&["jailkeeper", "reload"]);
    let said = text(&reload);
    assert_eq!(reload.status.code(), Some(EX_CONFIG), "{said}");
    for part in ["/etc/jailkeeper/jails.d/broken.toml", "bantime", "soon"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
    scene.machine.try_run(&["systemctl", "reload", "jailkeeper"]);
    scene.wait_for_message("broken.toml", 1);
    assert_eq!(scene.main_pid(), pid, "the service goes on");

    assert_eq!(scene.attacker.try_password("root", target), Login::Denied);
    scene.wait_for_message(&format!("[sshd] Found {ATTACKER4}"), 2);
    assert_eq!(scene.bans(), Vec::<String>::new(), "two of three are no ban by the old rules");

    scene.unconfigure("broken.toml");
    scene.machine.run(&["jailkeeper", "reload"]);
    scene.attacker.try_password("root", target);
    scene.wait_for_ban(ATTACKER4);
    assert_eq!(scene.main_pid(), pid, "a reload is no restart");
}

#[test]
fn one_broken_jail_keeps_its_rules_and_the_others_change() {
    let web = |more: &str| {
        format!(
            "[jail.web]\nenabled = true\nlogpath = \"/var/log/web.log\"\n\
             failregex = 'bad <ADDR>'\n{more}\n"
        )
    };
    let scene = Scene::installed();
    scene.configure("web.toml", &web(""));
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    let pid = scene.main_pid();
    scene.configure("web.toml", &web("maxretry = 0"));
    scene.configure("test.toml", "[jail.sshd]\nmaxretry = 1\n");
    let reload = scene.machine.try_run(&["systemctl", "reload", "jailkeeper"]);
    assert!(!reload.status.success(), "systemctl tells that something is wrong");
    scene.wait_for_message("running with old rules: web; everything else is reloaded", 1);
    let state = scene.machine.run(&[
        "systemctl",
        "show",
        "--property=ActiveState,StatusText",
        "jailkeeper",
    ]);
    assert!(state.contains("ActiveState=active") && state.contains("old rules: web"), "{state}");
    scene.attacker.try_password("root", address(MACHINE4));
    scene.wait_for_ban(ATTACKER4);

    scene.configure("web.toml", &web(""));
    scene.machine.run(&["systemctl", "kill", "--kill-whom=main", "--signal=HUP", "jailkeeper"]);
    scene.wait_for_message("reloaded: 2 jails run", 1);
    assert_eq!(scene.main_pid(), pid, "a reload is no restart");
    assert_eq!(scene.bans(), [ATTACKER4]);
}

#[test]
fn a_reload_takes_new_settings() {
    let scene = Scene::guarded();
    scene.configure("test.toml", "[jail.sshd]\nmaxretry = 1\n");
    scene.machine.run(&["systemctl", "reload", "jailkeeper"]);
    scene.attacker.try_password("root", address(MACHINE4));
    scene.wait_for_ban(ATTACKER4);
}

#[test]
fn a_broken_configuration_is_a_failed_unit_that_check_explains() {
    let scene = Scene::installed();
    scene.configure("broken.toml", BROKEN);
    let start = scene.machine.try_run(&["systemctl", "enable", "--now", "jailkeeper"]);
    assert!(!start.status.success(), "nothing can run");
    let show = ["systemctl", "show", "--property=ActiveState,ExecMainStatus", "jailkeeper"];
    wait_for("the unit has failed for good", PATIENCE, || {
        let state = scene.machine.run(&show);
        (state.contains("ActiveState=failed") && state.contains("ExecMainStatus=78")).then_some(())
    });
    scene.wait_for_message("broken.toml", 1);

    let check = scene.machine.try_run(&["jailkeeper", "check"]);
    let said = text(&check);
    assert_eq!(check.status.code(), Some(EX_CONFIG), "{said}");
    assert!(said.contains("/etc/jailkeeper/jails.d/broken.toml:2:12"), "{said}");
    assert!(said.contains("bantime = \"soon\""), "the line itself:\n{said}");

    scene.unconfigure("broken.toml");
    scene.machine.run(&["jailkeeper", "check"]);
    scene.machine.run(&["systemctl", "start", "jailkeeper"]);
    scene.attack(MACHINE4, ATTACKER4, MAXRETRY);
}
