//! Each mistake is found, at its place, with what to do.

use super::*;

/// The mistakes of a tree: whether it is an error, the file, what stands at the place, and the title.
fn mistakes(files: &[(&str, &str)]) -> Vec<String> {
    let tree = tree(files);
    let found = tree.jails().mistakes;
    for mistake in &found {
        assert!(!mistake.hint.is_empty() && !mistake.title.is_empty(), "{mistake:?}");
    }
    let line = |mistake: &Mistake| {
        let text = tree.text(&mistake.path).expect("the mistake's file");
        let line = 1 + text[..mistake.span.start].matches('\n').count();
        let at = text[mistake.span.clone()].lines().next().unwrap_or_default();
        format!("{:?} {}:{line} <{at}>", mistake.severity, mistake.path)
    };
    found.iter().map(line).collect()
}

/// The mistakes of one jail with a filter and an action, in `jail.local`.
fn of_jail(options: &str) -> Vec<String> {
    mistakes(&[
        ("jail.local", &format!("[a]\nenabled = true\n{options}\n")),
        ("filter.d/f.conf", "[Definition]\nfailregex = <HOST>\n"),
        ("action.d/ban.conf", "[Definition]\nactionban = ban <ip>\n"),
    ])
}

#[test]
fn values_of_jails() {
    let table = [
        ("maxretry = 5 #x", "Error jail.local:3 <#x>"),
        ("port = 22 # for ssh", "Error jail.local:3 <# for ssh>"),
        ("bantime = 600;ten minutes", "Error jail.local:3 <;ten minutes>"),
        ("bantime = “600”", "Error jail.local:3 <“>"),
        ("bantime = –1", "Error jail.local:3 <–>"),
        ("port = 22\u{a0}23", "Error jail.local:3 <\u{a0}>"),
        ("maxretry = many", "Error jail.local:3 <many>"),
        ("findtime = 10 parsecs", "Error jail.local:3 <10 parsecs>"),
        ("ignoreself = perhaps", "Warning jail.local:3 <perhaps>"),
        ("usedns = maybe", "Error jail.local:3 <maybe>"),
        ("backend = journal", "Error jail.local:3 <journal>"),
        ("bantme = 600", "Warning jail.local:3 <bantme>"),
        ("logpath = /a\nbackend = systemd", "Warning jail.local:3 <logpath>"),
        ("backend = polling\njournalmatch = A=b", "Warning jail.local:4 <journalmatch>"),
        ("port = 22\n [b]\n maxretry = 5", "Warning jail.local:4 <[b]>"),
        ("journalmatch = 'A=b", "Error jail.local:3 <'A=b>"),
    ];
    for (option, expected) in table {
        assert_eq!(of_jail(option), [expected], "{option}");
    }
    assert_eq!(
        of_jail("failregex = “<HOST>” #\nlogpath = /a-b #c/[x #y]\nport = 1"),
        ["Error jail.local:4 <#c/[x #y]>"]
    );
}

#[test]
fn references_of_jails() {
    let table = [
        ("filter = g", "Error jail.local:3 <g>"),
        ("filter = f[mode=a b=c,d]", "Error jail.local:3 <d>"),
        ("filter = f[mode]", "Error jail.local:3 <m>"),
        ("action = bann[x=1]", "Error jail.local:3 <bann>"),
        ("action = ban[x=\"1\" y=2]", "Error jail.local:3 <y>"),
        ("action = ban\n  other", "Error jail.local:4 <other>"),
        ("x = ban[y=1\naction = %(x)s", "Error jail.local:3 <[>"),
        ("action = ban[x=”1,2”]", "Error jail.local:3 <”>"),
        ("logpath = %(sshd_log)s", "Error jail.local:3 <%(sshd_log)s>"),
        ("logpath = 100%", "Error jail.local:3 <%>"),
    ];
    for (option, expected) in table {
        assert_eq!(of_jail(option), [expected], "{option}");
    }
}

#[test]
fn hints_name_what_is_alike() {
    let files = [
        ("jail.local", "[a]\nenabled = yes\ndestmail = x\nfilter = ssdh\n"),
        ("filter.d/sshd.conf", ""),
    ];
    let found = tree(&files).jails().mistakes;
    let hints: Vec<&str> = found.iter().map(|mistake| mistake.hint.as_str()).collect();
    assert_eq!(hints, ["did you mean `destemail`?", "did you mean `sshd`?"]);
}

#[test]
fn files_that_are_malformed() {
    let table = [
        ("x = 1\n[a]\n", "Error jail.conf:1 <x = 1>"),
        ("[a]\nno option\n", "Error jail.conf:2 <no option>"),
        ("[a]\n= 1\n", "Error jail.conf:2 <= 1>"),
        ("[a]\nport = 1\nPort = 2\n", "Error jail.conf:3 <Port>"),
        ("[a]\n[b]\n[a]\n", "Error jail.conf:3 <[a]>"),
        ("[INCLUDES]\nbefore = x.conf\n[a]\n", "Warning jail.conf:2 <x.conf>"),
        ("[INCLUDES]\nbefore = ../x.conf\n[a]\n", "Warning jail.conf:2 <../x.conf>"),
        ("[INCLUDES]\nafter = x.local\n[DEFAULT]\nport = 1\n[DEFAULT]\nchain = 1\n", ""),
    ];
    for (text, expected) in table {
        let found = mistakes(&[("jail.conf", text)]);
        assert_eq!(found.join("\n"), expected, "{text}");
    }
}

#[test]
fn filters_that_are_malformed() {
    let read = |text: &str| {
        mistakes(&[("jail.conf", "[a]\nenabled = 1\nfilter = f\n"), ("filter.d/f.conf", text)])
            .join("\n")
    };
    assert_eq!(
        read("[Definition]\nfailregex = a\n <HOST>\n  b\n"),
        "Error filter.d/f.conf:2 <a>\nError filter.d/f.conf:4 <b>"
    );
    assert_eq!(read("[Definition]\nfailregex = a\nprefregex = <F-ID>x</F-ID>"), "");
    assert_eq!(
        read("[Definition]\nfailregex = <a> <HOST>\na = <b>\nb = <a>\n"),
        "Error filter.d/f.conf:4 <<a>>"
    );
    assert_eq!(read("[Definition]\nfailregex = %(x)s <HOST>\n"), "Error filter.d/f.conf:2 <%(x)s>");
}

#[test]
fn jails_that_share_a_chain() {
    let jails = "[DEFAULT]\nenabled = true\nfilter = f\n[a]\naction = iptables[name=SSH]\n\
                 [b]\naction = iptables-all[name=SSH]\n[c]\nenabled = no\naction = iptables[name=SSH]\n\
                 [d]\naction = mail[name=SSH]\n  iptables[name=D]\n";
    let found = mistakes(&[
        ("jail.conf", jails),
        ("filter.d/f.conf", "[Definition]\nfailregex = <HOST>\n"),
        ("action.d/iptables.conf", "[Definition]\nactionban = <name>\n"),
        ("action.d/iptables-all.conf", "[Definition]\nactionban = <name>\n"),
        ("action.d/mail.conf", "[Definition]\nactionban = <name>\n"),
    ]);
    assert_eq!(found, ["Warning jail.conf:7 <SSH>"]);
}

#[test]
fn what_is_switched_off_stops_nothing() {
    let jails = "[a]\nfilter = none\n[b]\nenabled = true\nfilter = f\n";
    let files = [("jail.conf", jails), ("filter.d/f.conf", "[Definition]\nfailregex = <HOST>\n")];
    assert_eq!(mistakes(&files), ["Warning jail.conf:2 <none>"]);
    let read = tree(&files).jails().value;
    assert_eq!(read.jails.iter().map(|jail| jail.name.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(read.unreadable, [UnreadableJail { name: "a".to_owned(), enabled: false }]);
}

#[test]
fn a_directory_without_jails_is_an_error() {
    let found = tree(&[("fail2ban.conf", "[Definition]\n")]).jails();
    assert_eq!(found.mistakes.len(), 1);
}
