//! Growing bans, the jail that hears of bans, and a jail on trial, by the real service.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::house::{House, text};

fn listed(house: &House, arguments: &[&str]) -> Value {
    let arguments = [&["list", "--json"], arguments].concat();
    serde_json::from_slice(&house.client(&arguments).stdout).expect("JSON")
}

/// How long a ban was meant to last.
fn length(ban: &Value) -> Option<i64> {
    Some(ban["until"].as_i64()? - ban["since"].as_i64()?)
}

#[test]
fn a_ban_is_longer_than_the_one_before_a_restart() {
    let mut house = House::guarded(
        "[default]\nmaxretry = 1\nbantime = { time = \"1s\", multipliers = [1, 3600] }\n\
         [jail.sshd]\nbantime.increment = true\n",
    );
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    house.await_log("[sshd] Unban 203.0.113.5", 1);
    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    house.start();
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5", 2);
    assert!(house.set("sshd4").contains("203.0.113.5"));
    let list = listed(&house, &[]);
    assert_eq!((&list[0]["nth"], length(&list[0])), (&Value::from(2), Some(3600)));
    let table = text(&house.client(&["list"]).stdout);
    assert!(table.contains("2nd"), "{table}");
}

#[test]
fn recidive_bans_on_every_port_whom_other_jails_ban_again_and_again() {
    let house = House::guarded(
        "[default]\nmaxretry = 1\nbantime = \"1s\"\n\
         [jail.recidive]\nenabled = true\nmaxretry = 2\n",
    );
    house.fails("203.0.113.5", 1);
    house.await_log("[recidive] Found 203.0.113.5", 1);
    house.await_log("[sshd] Unban 203.0.113.5", 1);
    assert_eq!(house.times_logged("[recidive] Ban"), 0);
    house.fails("203.0.113.5", 1);
    house.await_log("[recidive] Ban 203.0.113.5", 1);
    assert!(house.set("recidive4").contains("203.0.113.5"));
    let list = listed(&house, &["recidive"]);
    assert_eq!((&list[0]["nth"], length(&list[0])), (&Value::from(1), Some(7 * 86_400)));
    let status = text(&house.client(&["status", "recidive"]).stdout);
    assert!(status.contains("every port") && status.contains("bans of other jails"), "{status}");
}

#[test]
fn a_jail_that_does_not_enforce_only_says_whom_it_would_ban() {
    let trial = "[default]\nmaxretry = 1\n[jail.sshd]\nenforce = false\n";
    let mut house = House::guarded(trial);
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Would ban 203.0.113.5", 1);
    assert!(!house.set("sshd4").contains("203.0.113.5"));
    assert_eq!(listed(&house, &[]), Value::Array(Vec::new()));
    let would_be = listed(&house, &["--would-be"]);
    assert_eq!(would_be[0]["offender"], "203.0.113.5");
    let status = text(&house.client(&["status", "sshd"]).stdout);
    assert!(status.contains("not enforcing") && status.contains("Would be banned"), "{status}");
    let refused = house.client(&["ban", "sshd", "203.0.113.9"]);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("does not enforce") && told.contains("enforce = true"), "{told}");

    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    house.start();
    assert_eq!(listed(&house, &["--would-be"])[0]["offender"], "203.0.113.5");
    assert!(!house.set("sshd4").contains("203.0.113.5"));

    house.configure("[default]\nmaxretry = 1\n");
    assert_eq!(house.client(&["reload"]).status.code(), Some(0));
    house.await_log("[sshd] Would unban 203.0.113.5 (the jail enforces from now on)", 1);
    assert!(!house.set("sshd4").contains("203.0.113.5"));
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    assert_eq!(listed(&house, &[])[0]["nth"], 1, "a trial makes nobody known");

    house.configure(trial);
    assert_eq!(house.client(&["reload"]).status.code(), Some(0));
    house.await_log("[sshd] Unban 203.0.113.5 (the jail does not enforce any longer)", 1);
    assert!(!house.set("sshd4").contains("203.0.113.5"));
}
