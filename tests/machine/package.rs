//! What the package brings, and that it takes all of it away again.

use super::scene::{ATTACKER4, MACHINE4, Scene, address, package};

#[test]
fn installing_starts_nothing_and_enabling_starts_everything() {
    let scene = Scene::installed();
    let unit = |property| {
        let property = format!("--property={property}");
        scene.machine.run(&["systemctl", "show", "--value", &property, "jailkeeper"])
    };
    assert_eq!(unit("ActiveState").trim(), "inactive");
    assert_eq!(unit("UnitFileState").trim(), "disabled");

    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    // No wait: systemctl returns when the service is ready.
    assert_eq!(scene.bans(), Vec::<String>::new(), "it answers on D-Bus");
    assert!(scene.ruleset().contains("table inet jailkeeper"), "{}", scene.ruleset());
    assert_eq!(unit("UnitFileState").trim(), "enabled");
    assert_eq!(unit("User").trim(), "jailkeeper");
    let failed = scene.machine.run(&["systemctl", "--failed", "--plain", "--no-legend"]);
    assert_eq!(failed, "");
}

#[test]
fn removing_lifts_the_bans_and_purging_leaves_nothing() {
    let scene = Scene::bare();
    let before = everything(&scene);
    scene.install(&package());
    scene.configure("mine.toml", "[jail.sshd]\nmaxretry = 2\n");
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    scene.attack(MACHINE4, ATTACKER4, 2);

    scene.machine.run(&["dpkg", "--remove", "jailkeeper"]);
    assert!(scene.attacker.reaches(address(MACHINE4)), "a removed service keeps nobody out");
    assert!(!scene.ruleset().contains("jailkeeper"), "{}", scene.ruleset());
    assert!(scene.machine.path("/etc/jailkeeper/jails.d/mine.toml").exists(), "settings stay");

    scene.machine.run(&["dpkg", "--purge", "jailkeeper"]);
    let left: Vec<_> = everything(&scene).into_iter().filter(|x| !before.contains(x)).collect();
    assert_eq!(left, Vec::<String>::new(), "purging leaves nothing behind");
}

/// The bans of a service that was restarted with mistakes stay; they must not stay for ever.
#[test]
fn removing_a_service_that_has_failed_lifts_its_bans() {
    let scene = Scene::guarded_with("maxretry = 2\nbantime = -1");
    scene.attack(MACHINE4, ATTACKER4, 2);
    scene.configure("zz-broken.toml", "[jail.sshd]\nbantime = \"soon\"\n");
    let restart = scene.machine.try_run(&["systemctl", "restart", "jailkeeper"]);
    assert!(!restart.status.success(), "nothing can run");
    assert!(!scene.attacker.reaches(address(MACHINE4)), "a mistake lets no attacker in");

    scene.machine.run(&["dpkg", "--remove", "jailkeeper"]);
    assert!(scene.attacker.reaches(address(MACHINE4)), "a removed service keeps nobody out");
}

/// Everything that a package could leave behind: files that bear its name or belong to nobody,
/// users, groups, units, and entries of the journal's catalogue.
fn everything(scene: &Scene) -> Vec<String> {
    let machine = &scene.machine;
    let mut all = Vec::new();
    for command in [
        &["getent", "passwd"] as &[&str],
        &["getent", "group"],
        &["nft", "list", "tables"],
        &["systemctl", "list-units", "--all", "--plain", "--no-legend"],
        &["systemctl", "list-unit-files", "--no-legend"],
        &["busctl", "list", "--acquired", "--no-legend", "--no-pager"],
    ] {
        let text = machine.run(command);
        all.extend(text.lines().filter(|line| line.contains("jailkeeper")).map(str::to_owned));
    }
    let catalog = machine.run(&["journalctl", "--list-catalog"]);
    all.extend(catalog.lines().map(str::to_owned));
    let find = ["find", "/", "-xdev", "-name", "*jailkeeper*", "-not", "-path", "/root/*"];
    all.extend(machine.run(&find).lines().map(str::to_owned));
    let orphans = ["find", "/", "-xdev", "-nouser", "-o", "-nogroup"];
    all.extend(machine.run(&orphans).lines().map(str::to_owned));
    all
}
