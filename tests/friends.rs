//! Who is never banned, while the service runs: lists in files, hosts' names, proxies, rules, and
//! whom a person allows.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::house::{House, await_that, text};

fn status(house: &House) -> String {
    text(&house.client(&["status", "sshd"]).stdout)
}

fn await_status(house: &House, part: &str) {
    await_that(&format!("{part:?} in the status"), || status(house).contains(part));
}

/// Replaces a file in one step, as editors and configuration managers do.
fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).expect("a file");
    fs::rename(new, path).expect("a file in its place");
}

/// Asks for a ban by hand; what the client says, and whether it was done.
fn ban(house: &House, address: &str) -> (bool, String) {
    let output = house.client(&["ban", "sshd", address]);
    (output.status.success(), text(&output.stderr))
}

#[test]
fn a_list_counts_from_when_it_appears_and_as_it_changes() {
    let mut house = House::new("");
    let list = house.path("lists/friends");
    house.configure(&format!("[default]\nignoreip = \"file:{}\"\n", list.display()));
    house.start();
    let name = list.display();
    await_status(&house, &format!("Warning       list {name}: it cannot be read"));
    assert_eq!(ban(&house, "198.51.100.7"), (true, String::new()));

    fs::create_dir(house.path("lists")).expect("a directory");
    fs::write(&list, "# friends\n198.51.100.0/24 # office\n1.2.3\n2001:db8::/32\n")
        .expect("a list");
    house.await_log("[sshd] Unban 198.51.100.7 (it is ignored now)", 1);
    await_status(&house, &format!("list {name}: line 3: \"1.2.3\" is no address or network"));
    let (done, told) = ban(&house, "198.51.100.8");
    assert!(
        !done && told.contains(&format!("198.51.100.0/24 of ignoreip (file {name})")),
        "{told}"
    );
    house.fails("2001:db8::1", 5);
    house.await_log("[sshd] Ignore 2001:db8::1: within 2001:db8::/32 of ignoreip (file ", 5);

    replace(&list, "203.0.113.1\n");
    await_that("the new list counts", || ban(&house, "198.51.100.8").0);
    assert!(!ban(&house, "203.0.113.1").0);
    await_that("nothing is wrong any more", || !status(&house).contains("Warning       list"));

    fs::remove_file(&list).expect("a list");
    await_status(&house, "what was read of it before stays");
    assert!(!ban(&house, "203.0.113.1").0);
    let mut long = String::new();
    for number in 0..=100_000_u32 {
        writeln!(long, "{}", std::net::Ipv4Addr::from_bits(number << 4)).expect("a String");
    }
    replace(&list, &long);
    await_status(&house, "it has more than 100000 entries");
    assert!(!ban(&house, "203.0.113.1").0);
    let shorter = long.lines().skip(1).collect::<Vec<_>>().join("\n");
    replace(&list, &shorter);
    await_that("a hundred thousand entries count", || ban(&house, "203.0.113.1").0);
    assert!(!ban(&house, "0.0.16.0").0);
}

#[test]
fn a_name_without_an_answer_is_told_and_the_jail_runs() {
    let house = House::guarded("[default]\nignoreip = \"home.example.net 203.0.113.1\"\n");
    await_status(
        &house,
        "the name home.example.net has no answer: systemd-resolved cannot be asked",
    );
    assert!(status(&house).starts_with("sshd: running"));
    assert!(!ban(&house, "203.0.113.1").0);
    house.fails("198.51.100.7", 5);
    house.await_log("[sshd] Ban 198.51.100.7", 1);
}

#[test]
fn who_is_logged_in_cannot_be_known_without_logind() {
    let house = House::guarded("");
    await_status(&house, "systemd-logind does not say who is logged in");
    house.fails("198.51.100.7", 5);
    house.await_log("[sshd] Ban 198.51.100.7", 1);
    house.configure("[default]\nignoresessions = false\n");
    assert!(house.client(&["reload"]).status.success());
    assert!(!status(&house).contains("Warning"), "{}", status(&house));
}

#[test]
fn a_proxy_is_no_offender_and_the_jail_says_what_to_do() {
    let house = House::guarded(
        "[default]\ntrusted_proxies = \"10.0.0.2\"\n\
         [jail.sshd]\nmaxretry = 1\ntrusted_proxies = [\"10.0.0.3\"]\n",
    );
    for proxy in ["10.0.0.2", "10.0.0.3"] {
        house.fails(proxy, 1);
        await_status(
            &house,
            &format!(
                "the log names the trusted proxy {proxy} as the offender; let the service log the \
                 client's address (X-Forwarded-For)"
            ),
        );
    }
    assert!(!house.set("sshd4").contains("10.0.0"));
}

#[test]
fn attempts_that_a_rule_fits_do_not_count() {
    let house = House::guarded(
        "[jail.sshd]\nmaxretry = 1\nignore = [{ user = \"ro*\", address = \"10.0.0.0/8\" }]\n",
    );
    house.fails("10.0.0.7", 2);
    house.await_log("[sshd] Ignore 10.0.0.7: by a rule of ignore: user ro*, address 10.0.0.0/8", 2);
    house.fails("198.51.100.7", 1);
    house.await_log("[sshd] Ban 198.51.100.7", 1);
    assert!(ban(&house, "10.0.0.7").0, "the rule is about attempts");
}

#[test]
fn whom_a_person_allows_stays_allowed_over_a_restart_until_it_ends() {
    let mut house = House::guarded("");
    assert!(ban(&house, "198.51.100.7").0);
    let allow = ["allow", "198.51.100.7", "--for", "6s", "--comment", "on call"];
    let output = house.client(&allow);
    assert_eq!(text(&output.stdout), "198.51.100.7 will not be banned in any jail for 6 s.\n");
    assert!(!house.set("sshd4").contains("198.51.100.7"), "the answer comes after the kernel's");
    house.await_log("[every jail] Allow 198.51.100.7", 1);
    house.await_log("[sshd] Unban 198.51.100.7 (it is ignored now)", 1);
    let here = ["allow", "2001:db8::/32", "--jail", "sshd"];
    assert!(house.client(&here).status.success());

    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    house.start();
    let (done, told) = ban(&house, "2001:db8::1");
    assert!(!done && told.contains("2001:db8::/32, which is allowed by hand"), "{told}");
    house.await_log("[every jail] Disallow 198.51.100.7 (its time is up)", 1);
    assert!(ban(&house, "198.51.100.7").0);

    let list = house.client(&["allow", "--json"]).stdout;
    let list: serde_json::Value = serde_json::from_slice(&list).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!((&list[0]["jail"], &list[0]["network"]), (&"sshd".into(), &"2001:db8::/32".into()));
    assert_eq!((&list[0]["until"], &list[0]["comment"]), (&(-1).into(), &"".into()));
    assert!(text(&house.client(&["allow"]).stdout).contains("2001:db8::/32  sshd"));

    for (arguments, told) in [
        (["disallow", "2001:db8::/16"], "Ended 1 allowance."),
        (["disallow", "2001:db8::/16"], "Nothing to end"),
        (["allow", "--list"], "Nobody is allowed by hand"),
    ] {
        let output = text(&house.client(&arguments).stdout);
        assert!(output.starts_with(told), "{arguments:?}: {output}");
    }
    assert!(ban(&house, "2001:db8::1").0);
    let unknown = house.client(&["allow", "192.0.2.1", "--jail", "sssh"]);
    assert_eq!(unknown.status.code(), Some(5), "{}", text(&unknown.stderr));
    let long = house.client(&["allow", "192.0.2.1", "--comment", &"x".repeat(201)]);
    assert!(text(&long.stderr).contains("at most 200 characters"), "{}", text(&long.stderr));
}

#[test]
fn check_and_replay_read_lists_and_say_what_is_wrong_with_them() {
    let place = tempfile::TempDir::new().expect("a directory");
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    fs::create_dir(path("etc")).expect("a directory");
    fs::write(path("friends"), "198.51.100.0/24\n1.2.3\nhome.example.net\n").expect("a list");
    let settings = format!(
        "[jail.app]\nenabled = true\nmaxretry = 1\nlogpath = \"{0}\"\n\
         failregex = '^failure from <ADDR>$'\nignoreip = \"file:{1}\"\n",
        path("log"),
        path("friends"),
    );
    fs::write(path("etc/jailkeeper.toml"), settings).expect("a configuration");
    let lines = ["198.51.100.7", "203.0.113.7"]
        .map(|address| format!("2026-11-21T10:00:00Z failure from {address}\n"));
    fs::write(path("log"), lines.concat()).expect("a log");
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/jailkeeper");
    let client = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_jailkeeper"))
            .args(arguments)
            .arg("--vendor")
            .arg(&vendor)
            .output()
            .expect("the client runs")
    };
    let mistake = format!("list {}: line 2: \"1.2.3\" is no address", path("friends"));
    let check = client(&["check", &path("etc")]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains(&mistake), "{}", text(&check.stdout));
    let log = path("log");
    let replay = client(&["replay", "app", &log, "--config", &path("etc"), "--json"]);
    let (told, bans) = (text(&replay.stderr), text(&replay.stdout));
    assert!(told.contains(&mistake) && told.contains("the name home.example.net is not"), "{told}");
    assert!(bans.contains("203.0.113.7") && !bans.contains("198.51.100.7"), "{bans}");
}
