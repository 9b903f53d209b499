//! The packaged configuration, read as the service reads it.

use std::fs;
use std::path::{Path, PathBuf};

use jailkeeper::cli::check::check;
use jailkeeper::confdir::{self, Directories};
use jailkeeper::filter::{Failure, Filter, Line, Memory, Offender, Verdict};
use jailkeeper::keeper::Timestamp;
use jailkeeper::keeper::{JailId, Ports};
use jailkeeper::record::{Alternative, Origin};
use jailkeeper::rules::{self, Loaded, Overlay, Texts};

use crate::support::stock;

fn packaged() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/jailkeeper")
}

fn packaged_with(directory: &Path) -> Texts {
    confdir::read(&Directories::with(Some(packaged()), Some(directory.to_owned())))
}

fn address(filter: &Filter, message: &str) -> Option<String> {
    match filter.judge(&mut Memory::default(), Line::plain(message), Timestamp::default()) {
        Verdict::Failure(Failure { offender: Offender::Address(address), .. }) => {
            Some(address.to_string())
        }
        _ => None,
    }
}

fn nothing() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn the_packaged_configuration_is_right_and_guards_sshd_alone() {
    let report = check(&stock::texts());
    assert_eq!(report.exit_code(), 0, "{}", report.render(false));
    assert_eq!(report.jails, ["sshd"]);
    assert!(report.samples > 100, "only {} samples were run", report.samples);
}

/// What Debian 12's sshd and PAM write to the journal about one wrong password.
#[test]
fn one_wrong_password_is_one_attempt_and_one_more_for_an_unknown_user() {
    let loaded = rules::load(&stock::texts());
    let filter = &loaded.jails[0].filter;
    let known_user = [
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.5  user=root",
        "Failed password for root from 203.0.113.5 port 41234 ssh2",
        "Connection closed by authenticating user root 203.0.113.5 port 41234 [preauth]",
    ];
    let unknown_user = [
        "Invalid user admin from 203.0.113.5 port 41236",
        "pam_unix(sshd:auth): check pass; user unknown",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.5",
        "Failed password for invalid user admin from 203.0.113.5 port 41236 ssh2",
        "Connection closed by invalid user admin 203.0.113.5 port 41236 [preauth]",
    ];
    for (lines, attempts) in [(&known_user[..], 1), (&unknown_user[..], 2)] {
        let counts = |line: &&&str| address(filter, line).is_some();
        assert_eq!(lines.iter().filter(counts).count(), attempts, "{lines:?}");
    }
}

#[test]
fn sshd_believes_nobody_but_user_0_and_closes_its_port() {
    let loaded = rules::load(&stock::texts());
    let jail = &loaded.jails[0];
    let (_, want) = jail.sources.journal.as_ref().expect("it reads the journal");
    let by_root = |it: &Alternative| it.get("_UID").is_some_and(|users| users == &["0"]);
    assert!(!want.matches.is_any() && want.matches.alternatives().iter().all(by_root));
    let gate = jail.gate(JailId(7));
    assert_eq!((gate.jail, gate.ports), (JailId(7), Ports::Only(vec![22..=22])));
    assert!(gate.spare_loopback);
}

#[test]
fn etc_overrides_key_by_key() {
    let etc = nothing();
    fs::create_dir(etc.path().join("jails.d")).unwrap();
    fs::write(etc.path().join("jails.d/sshd.toml"), "[jail.sshd]\nport = 2222\n").unwrap();
    fs::write(etc.path().join("jailkeeper.toml"), "[journal]\nnamespace = \"demo\"\n").unwrap();
    fs::write(etc.path().join("jails.d/not-read.toml.bak"), "nonsense").unwrap();
    let loaded = rules::load(&packaged_with(etc.path()));
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(loaded.origin, Origin::Namespace("demo".to_owned()));
    assert_eq!(loaded.jails[0].ports, Ports::Only(vec![2222..=2222]));
    let port = loaded.jails[0].settings.iter().find(|setting| setting.key == "port").unwrap();
    assert_eq!((port.path.clone(), port.line), (etc.path().join("jails.d/sshd.toml"), 2));
    let enabled = loaded.jails[0].settings.iter().find(|s| s.key == "enabled").unwrap();
    assert_eq!(enabled.path, packaged().join("jails.d/sshd.toml"));
}

#[test]
fn what_cannot_be_read_is_told_and_breaks_the_jails_it_may_concern() {
    let etc = nothing();
    fs::create_dir_all(etc.path().join("jails.d/dir.toml")).unwrap();
    fs::write(etc.path().join("jailkeeper.toml"), b"[default]\nmaxretry = 3 # \xff\n").unwrap();
    let loaded = rules::load(&packaged_with(etc.path()));
    assert!(loaded.jails.is_empty());
    assert_eq!(loaded.broken[0].name, "sshd");
    let titles: Vec<&str> = loaded.diagnostics.iter().map(|d| d.title.as_str()).collect();
    assert_eq!(
        titles,
        ["this cannot be read: it is not a file", "this cannot be read: line 2 is not UTF-8"]
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
}

#[test]
fn the_service_reads_the_filters_of_its_jails_and_tells_of_all_mistakes_all_the_same() {
    let etc = nothing();
    fs::create_dir(etc.path().join("filters.d")).unwrap();
    let configuration = r#"
[jail.nginx-http-auth]
enabled = true
[jail.web]
enabled = true
filter = "nginx-bad-reqest"
[jail.dovecot]
enabled = "yes"
"#;
    fs::write(etc.path().join("jailkeeper.toml"), configuration).unwrap();
    // Nobody uses these; the second changes a part of one of the package's.
    fs::write(etc.path().join("filters.d/own.toml"), "failregx = ''\n").unwrap();
    fs::write(etc.path().join("filters.d/vsftpd.toml"), "[mode.more]\nfailregx = ''\n").unwrap();
    let directories = Directories::with(Some(packaged()), Some(etc.path().to_owned()));

    let (texts, needs) = confdir::read_needed(&directories);
    let needed = rules::load_needed(&texts, needs);
    let all = rules::load(&confdir::read(&directories));
    assert_eq!(needed.diagnostics, all.diagnostics);
    assert_eq!(needed.diagnostics.len(), 4, "{:?}", needed.diagnostics);
    assert_eq!(needed.broken, all.broken);
    let running: Vec<&str> = needed.jails.iter().map(|jail| jail.name.as_str()).collect();
    assert_eq!(running, ["nginx-http-auth", "sshd"]);
    let told = |loaded: &Loaded| {
        format!("{:?}", loaded.jails.iter().map(|jail| &jail.settings).collect::<Vec<_>>())
    };
    assert_eq!(told(&needed), told(&all));

    let read = texts.filters.iter().map(|file| file.path.file_stem().unwrap().to_str().unwrap());
    let read: Vec<&str> = read.collect();
    assert_eq!(read, ["dovecot", "nginx-http-auth", "sshd", "vsftpd", "own", "vsftpd"]);
    assert!(texts.filters.iter().all(|file| !file.text.contains("[[sample]]")));
    assert!(texts.unread_filters.len() > 100);
}

/// Holds what the service reads of these directories against all that there is.
fn the_service_runs_and_tells_the_same(directories: &Directories, case: &str) {
    let (texts, needs) = confdir::read_needed(directories);
    let told = |loaded: &Loaded| {
        let jails: Vec<_> = loaded.jails.iter().map(|jail| (&jail.name, &jail.settings)).collect();
        format!("{jails:?} {:?} {:?}", loaded.broken, loaded.diagnostics)
    };
    let all = rules::load(&confdir::read(directories));
    assert_eq!(told(&rules::load_needed(&texts, needs)), told(&all), "{case}");
}

#[test]
fn a_jail_of_the_package_runs_however_it_is_switched_on() {
    let ways = [
        "[jail.dovecot]\nenabled = true",
        "jail.dovecot.enabled = true",
        "jail = { dovecot = { enabled = true } }",
        "[jail.\"dov\\u0065cot\"]\nenabled = true",
        "[default]\nenabled = true",
        "[dovecot]\nenabled = true",
        "[jail.dovecot]\nenabled = true\nport = \"nonesuch\"",
        "[jail.dovecot]\nport = \"imap",
        "[jail.own]\nfilter = \"dovecot\"\nenabled = true",
        "[default]\nmaxretry = \"x\"",
        "jail = 1",
        "default = 1",
        "",
    ];
    for way in ways {
        let etc = nothing();
        fs::write(etc.path().join("jailkeeper.toml"), way).unwrap();
        let directories = Directories::with(Some(packaged()), Some(etc.path().to_owned()));
        the_service_runs_and_tells_the_same(&directories, way);
    }
}

#[test]
fn a_package_may_switch_on_what_it_likes() {
    let files = [
        "[jail.b]\n  enabled = true",
        "[jail.b]\n\"enabled\" = true",
        "[jail.b]\nenabled = false\n\n[jail.c]\nenabled = true",
        "[jail.b]\nenabled = false\n\n  [jail.c]\n  enabled = true",
        "[jail.b]",
        "[jail.b]\nenabled = false",
        "[ jail.b ]\nenabled = true",
        "jail.b.enabled = true",
        "[jail.b",
    ];
    for file in files {
        let (package, etc) = (nothing(), nothing());
        fs::create_dir(package.path().join("jails.d")).unwrap();
        fs::write(package.path().join("jails.d/b.toml"), file).unwrap();
        let default = "[default]\nenabled = true\nfailregex = '^x <HOST>$'";
        for place in [package.path(), etc.path()] {
            let general = place.join("jailkeeper.toml");
            let directories =
                Directories::with(Some(package.path().to_owned()), Some(etc.path().to_owned()));
            the_service_runs_and_tells_the_same(&directories, file);
            fs::write(&general, default).unwrap();
            the_service_runs_and_tells_the_same(&directories, file);
            fs::remove_file(general).unwrap();
        }
    }
}

#[test]
fn what_a_setting_at_run_time_needs_is_read_then() {
    let none = nothing();
    let directories = Directories::with(Some(packaged()), Some(none.path().to_owned()));
    let (texts, _) = confdir::read_needed(&directories);
    let mut overlay = Overlay::default();
    overlay.set("vsftpd", "enabled", "true");
    let mut texts = overlay.above(&texts);
    let needs = confdir::read_missing(&mut texts);
    let loaded = rules::load_needed(&texts, needs);
    assert_eq!(loaded.diagnostics, []);
    let running: Vec<&str> = loaded.jails.iter().map(|jail| jail.name.as_str()).collect();
    assert_eq!(running, ["sshd", "vsftpd"]);
}

#[test]
fn no_directories_are_no_mistake() {
    let empty = nothing();
    let texts = confdir::read(&Directories::with(
        Some(empty.path().join("a")),
        Some(empty.path().join("b")),
    ));
    assert_eq!(texts, Texts::default());
    let loaded = rules::load(&texts);
    assert!(loaded.jails.is_empty() && loaded.diagnostics.is_empty());
}

#[test]
fn the_filters_in_the_manual_do_what_their_samples_say() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/jailkeeper.toml.5");
    let manual = fs::read_to_string(manual).expect("the manual is readable");
    let blocks = manual.split(".Bd -literal -offset indent\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split(".Ed\n").next());
    let filters: Vec<&str> = blocks.filter(|block| block.contains("[[sample]]")).collect();
    assert_eq!(filters.len(), 2);
    for filter in filters {
        let etc = nothing();
        fs::create_dir(etc.path().join("filters.d")).unwrap();
        // What roff writes for a backslash and for a quote (groff_char(7)).
        let filter = filter.replace(r"\e", r"\").replace(r"\(aq", "'");
        fs::write(etc.path().join("filters.d/example.toml"), &filter).unwrap();
        let none = nothing();
        let texts = Directories::with(Some(none.path().to_owned()), Some(etc.path().to_owned()));
        let report = check(&confdir::read(&texts));
        assert_eq!(report.exit_code(), 0, "{filter}\n{}", report.render(false));
        assert!(report.samples > 0, "{filter}");
    }
}

#[test]
fn samples_with_fields_are_checked() {
    let etc = nothing();
    fs::create_dir(etc.path().join("filters.d")).unwrap();
    let filter = r#"
journalmatch = "_SYSTEMD_UNIT=api.service"
match = { PRIORITY = "<=4", "/status" = [401, 403] }
extract = { offender = "/peer", user = "/user" }

[[sample]]
message = '{"status":403,"peer":"[2001:db8::1]:4711","user":"joe"}'
fields = { PRIORITY = "4" }
offender = "2001:db8::1"
user = "joe"

[[sample]]
message = '{"status":200,"peer":"192.0.2.1:4711"}'
fields = { PRIORITY = "4" }
offender = "none"

[[sample]]
message = '{"status":403,"peer":"192.0.2.1"}'
fields = { PRIORITY = "5" }
offender = "192.0.2.1"

[[sample]]
message = '{"status":403}'
fields = { PRIORITY = "3" }
offender = "192.0.2.1"

[[sample]]
message = '{"status":403,"peer":"api.example.com"}'
fields = { PRIORITY = "3" }
offender = "192.0.2.1"
"#;
    fs::write(etc.path().join("filters.d/api.toml"), filter).unwrap();
    let none = nothing();
    let texts = Directories::with(Some(none.path().to_owned()), Some(etc.path().to_owned()));
    let report = check(&confdir::read(&texts));
    assert_eq!((report.samples, report.exit_code()), (5, 1), "{}", report.render(false));
    let found: Vec<&str> = report.failures.iter().map(|failure| failure.found.as_str()).collect();
    assert_eq!(found, ["no failure", "no address", "no address: api.example.com"]);
}
