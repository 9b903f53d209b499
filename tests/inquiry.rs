//! What a person asks of the service when something is not as expected.

use std::fs;
use std::net::UdpSocket;

use serde_json::Value;

use crate::support::house::{House, await_that, text};
use crate::support::netns::Netns;

fn json(house: &House, arguments: &[&str]) -> Value {
    let output = house.client(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

#[test]
fn why_tells_of_a_ban_of_attempts_and_of_nobody() {
    let house = House::guarded("[default]\nignoreip = \"198.51.100.0/24\"\n");
    house.fails("203.0.113.5", 5);
    house.fails("203.0.113.6", 2);
    house.await_log("[sshd] Ban 203.0.113.5", 1);
    house.await_log("[sshd] Found 203.0.113.6", 2);

    let banned = text(&house.client(&["why", "203.0.113.5"]).stdout);
    assert!(banned.starts_with("203.0.113.5 is banned in sshd, until "), "{banned}");
    assert!(banned.contains("for 5 attempts"), "{banned}");
    let tried = text(&house.client(&["why", "203.0.113.6"]).stdout);
    assert!(tried.starts_with("203.0.113.6 is not banned."), "{tried}");
    assert!(tried.contains("2 of 5 within 10 min: "), "{tried}");
    let ignored = text(&house.client(&["why", "198.51.100.7"]).stdout);
    assert!(ignored.contains("Never banned  within 198.51.100.0/24 of ignoreip"), "{ignored}");
    let unknown = text(&house.client(&["why", "192.0.2.99"]).stdout);
    assert!(unknown.contains("Nothing is known of it in: sshd"), "{unknown}");

    assert_eq!(house.client(&["unban", "203.0.113.5"]).status.code(), Some(0));
    let past = json(&house, &["why", "203.0.113.5", "--json"]);
    assert_eq!(past["jails"][0]["bans"], Value::Array(vec![]), "{past}");
    assert_eq!(past["jails"][0]["history"][0]["offender"], "203.0.113.5", "{past}");
    assert_eq!(past["jails"][0]["history"][0]["attempts"], 5, "{past}");
}

#[test]
fn why_tells_bans_from_those_that_only_would_have_been() {
    let house = House::guarded("[default]\nenforce = false\n");
    house.fails("203.0.113.5", 5);
    house.await_log("[sshd] Would ban 203.0.113.5", 1);
    let told = text(&house.client(&["why", "203.0.113.5"]).stdout);
    let verdict = "203.0.113.5 is not banned, but would be in sshd, which does not enforce.";
    assert!(told.starts_with(verdict), "{told}");
    assert!(told.contains("Would ban     203.0.113.5 since "), "{told}");
    assert!(!told.contains("Was banned"), "{told}");

    house.client(&["unban", "203.0.113.5"]);
    house.await_log("[sshd] Would unban 203.0.113.5", 1);
    let told = text(&house.client(&["why", "203.0.113.5"]).stdout);
    assert!(told.contains("Would have    banned it "), "{told}");
    let past = json(&house, &["why", "203.0.113.5", "--json"]);
    assert_eq!(past["jails"][0]["would_be"], Value::Array(vec![]), "{past}");
    assert_eq!(past["jails"][0]["history"][0]["enforced"], false, "{past}");
}

#[test]
fn why_counts_the_packets_that_were_stopped() {
    let house = House::guarded("[jail.sshd]\nport = \"all\"\nprotocol = \"all\"\n");
    let attacker = Netns::new();
    house.network.cable("outside", &attacker, "wire");
    house.network.address("outside", "203.0.113.1/24");
    attacker.address("wire", "203.0.113.5/24");
    let ban = house.client(&["ban", "sshd", "203.0.113.5"]);
    assert_eq!(ban.status.code(), Some(0), "{}", text(&ban.stderr));
    let stopped = || json(&house, &["why", "203.0.113.5", "--json"])["jails"][0]["packets"].clone();
    assert_eq!(stopped(), 0);
    attacker.run(|| {
        let socket = UdpSocket::bind("203.0.113.5:0").expect("a socket");
        socket.send_to(b"x", "203.0.113.1:9").expect("it is sent");
    });
    await_that("the packet is counted", || stopped() == 1);
}

#[test]
fn doctor_finds_what_is_wrong_and_says_what_to_do() {
    let house = House::guarded("");
    house.fails("203.0.113.5", 1);
    house.await_log("[sshd] Found 203.0.113.5", 1);
    let levels = |about: &str| {
        let examined = json(&house, &["doctor", "--json"]);
        let findings = examined["findings"].as_array().expect("a list").clone();
        // There is no logind in this house, and that is said.
        let said = |finding: &Value| finding["text"].as_str().expect("words").contains("logind");
        let of = findings.into_iter().filter(|it| it["about"] == about && !said(it));
        of.map(|finding| finding["level"].as_str().expect("a word").to_owned()).collect::<Vec<_>>()
    };
    await_that("all is well", || {
        ["configuration", "sshd", "firewall"]
            .iter()
            .all(|about| levels(about).iter().all(|level| level == "good"))
    });

    house.network.nft(
        "table ip nat {\n chain in {\n type nat hook prerouting priority dstnat\n \
         tcp dport 8080 dnat to 192.0.2.9:80\n }\n}",
    );
    assert!(levels("firewall").contains(&"note".to_owned()));
    fs::write(house.path("etc/more.toml"), "").expect("a file");
    fs::create_dir_all(house.path("etc/jails.d")).expect("a directory");
    fs::write(house.path("etc/jails.d/x.toml"), "[jail.sshd]\nmaxretries = 3\n").expect("a file");
    assert!(levels("configuration").contains(&"problem".to_owned()));
    let output = house.client(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("jailkeeper check shows them"), "{shown}");
}

#[test]
fn doctor_says_first_that_the_service_is_not_there() {
    let house = House::new("");
    let output = house.client(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.starts_with("problem  service: it is not running"), "{shown}");
}
