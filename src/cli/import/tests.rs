use std::collections::BTreeSet;

use super::filter::{self, Filters};
use super::notes::Notes;
use super::{jail, unused};
use crate::dialect::{JailSettings, Mistake, Severity, Tree};
use crate::rules::written as toml;

#[test]
fn toml_strings_say_what_they_are_to_say() {
    let texts = [
        "",
        r"^a\d+ <HOST>$",
        "it's",
        "'''",
        "ends with '",
        "\nbegins",
        "two\nlines",
        "two\r\nlines",
        "tab\tand bell\u{7}",
        "\"\\",
        "é\u{85}\u{7f}",
    ];
    for text in texts {
        for written in [toml::string(text), toml::basic(text)] {
            let document = format!("key = {written}\n");
            let read: ::toml::Table = document.parse().expect("valid TOML");
            assert_eq!(read["key"].as_str(), Some(text), "{written}");
        }
    }
}

/// A configuration with small actions of the stock ones' names, and one jail that does `action`.
fn one_jail(options: &str, action: &str) -> (Tree, JailSettings) {
    let firewall = "[Definition]\nactionban = iptables\n[Init]\nblocktype = REJECT\n";
    let own = "[Definition]\nactionban = iptables -p udp -m udp --dport 53 -s <ip> -j DROP\n";
    let jails = format!(
        "[x]\nenabled = true\nfilter =\nfailregex = ^<HOST>$\nlogpath = /var/log/x\nport = 53,54\n\
         action = {action}\n{options}"
    );
    let texts = [
        ("jail.conf", jails.as_str()),
        ("action.d/iptables.conf", firewall),
        ("action.d/nftables.conf", firewall),
        ("action.d/ufw.conf", "[Definition]\nactionban = ufw\n"),
        ("action.d/mine.conf", own),
        ("action.d/sendmail.conf", "[Definition]\nactionban = mail\n"),
        ("action.d/notify.conf", "[Definition]\nactionban = notify\n"),
    ];
    let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let tree = Tree::new("/etc/fail2ban", texts.into_iter().collect());
    let read = tree.jails();
    let errors = read.mistakes.iter().filter(|mistake| mistake.severity == Severity::Error);
    assert_eq!(errors.collect::<Vec<_>>(), Vec::<&Mistake>::new());
    let jail = read.value.jails.into_iter().next().expect("a jail");
    (tree, jail)
}

/// What is closed, as port, protocol, action and scope; or why nobody is banned.
fn closed(action: &str) -> (String, Notes) {
    let (tree, jail) = one_jail("", action);
    let mut notes = Notes::default();
    let made =
        jail::convert(&tree, &jail, &mut Filters::beside(["sshd".to_owned()].into()), &mut notes);
    let told = made.map_or_else(
        |why| why,
        |made| ["port", "protocol", "action", "scope"].map(|key| &*made.settings[key]).join(" "),
    );
    (told.replace('"', ""), notes)
}

#[test]
fn actions_close_what_they_close_in_fail2ban() {
    let cases = [
        ("iptables[port=\"http,https\", protocol=\"tcp,udp\"]", "http,https tcp,udp reject host"),
        ("iptables[type=allports, chain=FORWARD, protocol=udp]", "all udp reject forward"),
        ("iptables[port=22, chain=\"INPUT DOCKER-USER\"]", "22 tcp reject all"),
        ("iptables[port=22, blocktype=DROP]", "22 tcp drop host"),
        ("nftables[port=\"0:65535\", protocol=all]", "all all reject host"),
        ("nftables[port=\"0:1023\", chain_hook=forward]", "1:1023 tcp reject forward"),
        ("nftables[port=22, chain_hook=prerouting]", "22 tcp reject all"),
        ("ufw", "all all drop host"),
        ("iptables[port=22]\n sendmail[dest=x]", "22 tcp reject host"),
        ("iptables[port=22]\n iptables[port=53, protocol=udp]", "22,53 tcp,udp reject host"),
        ("iptables[port=22]\n ufw", "all all drop host"),
        ("mine", "53,54 udp drop host"),
        ("mine[port=53]", "53 udp drop host"),
    ];
    for (action, wanted) in cases {
        assert_eq!(closed(action).0, wanted, "{action}");
    }
    for action in ["sendmail[dest=x]", "notify", "iptables[blocktype=RETURN]"] {
        let why = closed(action).0;
        assert!(why.contains("none of its actions bans") || why.contains("lets addresses in"));
    }
}

#[test]
fn what_is_not_as_in_fail2ban_is_said() {
    let changed = [
        ("iptables[port=22, protocol=\"tcp,icmp\"]", "protocol icmp: "),
        ("iptables[port=22]\n ufw", "2 actions that ban (iptables, ufw): "),
        ("mine", "action mine (action.d/mine.conf:2): its actionban closes port 53 of udp alone"),
        ("mine[port=53]", "action mine: jailkeeper bans in its own table instead"),
    ];
    for (action, start) in changed {
        let notes = closed(action).1;
        assert!(notes.changed.iter().any(|text| text.starts_with(start)), "{action}: {notes:?}");
    }
    let by_hand = [
        ("iptables[port=22, chain=MINE]", "chain MINE: "),
        ("iptables\n sendmail[dest=x]", "action sendmail: jailkeeper sends no mail"),
        ("iptables\n notify", "action notify: it is unknown here"),
    ];
    for (action, start) in by_hand {
        let notes = closed(action).1;
        assert!(notes.by_hand.iter().any(|text| text.starts_with(start)), "{action}: {notes:?}");
    }
}

#[test]
fn options_keep_their_meaning() {
    let cases = [
        ("bantime = 1d 12h", "bantime", "\"1d 12h\""),
        ("bantime = 600", "bantime", "600"),
        ("bantime = -1", "bantime", "-1"),
        ("bantime = 2 * 1h", "bantime", "7200"),
        ("bantime = 0", "bantime", "1"),
        ("findtime = 1000y", "findtime", "3155760000"),
        ("maxretry = 0", "maxretry", "1"),
        ("maxmatches = 1000", "maxmatches", "100"),
        ("bantime.increment = yes", "bantime.increment", "true"),
        ("bantime.factor = 24*60", "bantime.factor", "'24*60'"),
        ("bantime.formula = ban.Time * 2", "bantime.formula", "'ban.Time * 2'"),
        ("bantime.multipliers = 1 2 4", "bantime.multipliers", "\"1 2 4\""),
        ("bantime.maxtime = 5w", "bantime.maxtime", "\"5w\""),
        ("bantime.rndtime = 2048", "bantime.rndtime", "2048"),
        ("ignoreself = false", "ignoreself", "false"),
        (
            "ignoreip = 192.0.2.9/24, ::1\n 192.0.2.0/255.255.255.0",
            "ignoreip",
            "[\n    '192.0.2.0/24',\n    '::1',\n]",
        ),
        ("usedns = warn", "usedns", "\"warn\""),
        ("logencoding = latin1", "logencoding", "\"latin1\""),
        ("backend = systemd[journalpath=/x]", "backend", "\"systemd[journalpath=/x]\""),
        ("backend = systemd", "journalmatch", "\"any\""),
        ("ignorecommand = /bin/true", "enabled", "false"),
    ];
    for (options, key, wanted) in cases {
        let (tree, jail) = one_jail(options, "ufw");
        let mut notes = Notes::default();
        let made = jail::convert(
            &tree,
            &jail,
            &mut Filters::beside(["sshd".to_owned()].into()),
            &mut notes,
        );
        assert_eq!(made.expect("a jail").settings[key], wanted, "{options}");
    }
}

#[test]
fn names_are_made_to_fit_and_are_not_shared() {
    assert_eq!(filter::plain("a b/c"), "a-b-c");
    assert_eq!(filter::plain("../../etc"), "etc");
    assert_eq!(filter::plain("--"), "jail");
    let mut names = BTreeSet::new();
    assert_eq!(unused(&mut names, "a"), "a");
    assert_eq!(unused(&mut names, "a"), "a-2");
    assert_eq!(unused(&mut names, &"b".repeat(64)), "b".repeat(64));
    assert_eq!(unused(&mut names, &"b".repeat(64)), format!("{}-2", "b".repeat(58)));
}
