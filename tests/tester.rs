//! `jailkeeper test`: what a filter says to each line, and why.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const VENDOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/jailkeeper");

const FILTER: &str = "\
[Definition]
prefregex = ^\\s?app\\[<F-MLFID>\\d+</F-MLFID>\\]: <F-CONTENT>.+</F-CONTENT>$
failregex = ^login of <F-USER>\\w+</F-USER> failed$
            ^<F-NOFAIL>connection</F-NOFAIL> from <ADDR>$
            ^probe (?!of ours)from <ADDR>$
ignoreregex = from 192\\.0\\.2\\.
";

const LOG: &str = "\
2026-01-15 12:00:00 app[1]: connection from 198.51.100.1
2026-01-15 12:00:01 app[1]: login of root failed
2026-01-15 12:00:02 app[2]: probe from 192.0.2.1
# a comment

2026-01-15 12:00:03 app[3]: probe of something
2026-01-15 12:00:04 other: probe from 198.51.100.2
2026-01-15 12:00:05 app[4]: probe from 198.51.100.3
";

fn run(place: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jailkeeper"))
        .args(arguments)
        .current_dir(place)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .expect("the client runs")
}

fn said(place: &Path, arguments: &[&str]) -> String {
    let output = run(place, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a directory");
    fs::write(place.path().join("app.conf"), FILTER).expect("a filter");
    fs::write(place.path().join("app.log"), LOG).expect("a log");
    place
}

#[test]
fn the_report_counts_and_shows_what_is_asked_for() {
    let place = place();
    insta::assert_snapshot!(said(place.path(), &["test", "app.conf", "app.log", "--user"]));
    let shown = said(place.path(), &["test", "app.conf", "app.log", "--matched", "--missed"]);
    let lines: Vec<&str> = shown.lines().take_while(|line| !line.starts_with("Filter")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn an_explanation_says_where_each_line_leaves_the_filter() {
    let place = place();
    let shown = said(place.path(), &["test", "app.conf", "app.log", "--explain"]);
    let lines: Vec<&str> = shown.lines().take_while(|line| !line.starts_with("Filter")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn json_has_an_object_for_each_line() {
    let place = place();
    let rows = said(place.path(), &["test", "app.conf", "app.log", "--json"]);
    let rows: Vec<Value> =
        rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    let verdicts: Vec<&str> = rows.iter().filter_map(|row| row["verdict"].as_str()).collect();
    let expected = ["helper", "failure", "ignored", "none", "none", "none", "none", "failure"];
    assert_eq!(verdicts, expected);
    assert_eq!(rows[1]["line"], 2);
    assert_eq!(rows[1]["time"], 1_768_478_401.0);
    assert_eq!((&rows[1]["id"], &rows[1]["user"]), (&"198.51.100.1".into(), &"root".into()));
    assert_eq!(rows[1]["regex"], 0);
    assert_eq!(rows[1]["fields"]["mlfid"], "1");
}

#[test]
fn a_filter_is_a_name_a_file_or_a_regex_and_a_log_is_many_things() {
    let place = place();
    let line =
        "Jan 15 12:00:00 host sshd[7]: Failed password for root from 198.51.100.1 port 2 ssh2";
    let found = |arguments: &[&str]| -> Vec<(String, Option<f64>)> {
        let arguments: Vec<&str> = [&["test", "--json"], arguments].concat();
        let rows = said(place.path(), &arguments);
        let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).expect("JSON"));
        let rows = rows.filter(|row| row["verdict"] == "failure");
        rows.map(|row| (row["id"].as_str().unwrap_or_default().to_owned(), row["time"].as_f64()))
            .collect()
    };
    let one = |time: f64| vec![("198.51.100.1".to_owned(), Some(time))];
    let now = ["--now", "2026-01-20T00:00:00Z"];
    let ours =
        |more: &[&str]| found(&[&["sshd", "--vendor", VENDOR, line], &now[..], more].concat());
    assert_eq!(ours(&[]), one(1_768_478_400.0));
    assert_eq!(ours(&["--timezone", "Europe/Paris"]), one(1_768_474_800.0));
    let message = &line[line.find("Failed").expect("a message")..];
    let as_journal = ["sshd[mode=aggressive]", "--vendor", VENDOR, message, "--as-journal"];
    assert_eq!(found(&[&as_journal[..], &now].concat()), one(1_768_867_200.0));
    let file = format!("{VENDOR}/filters.d/sshd.toml");
    assert_eq!(found(&[&[&file, line], &now[..]].concat()), one(1_768_478_400.0));
    for regex in [
        "sshd.*Failed .* from <HOST>",
        r"^host sshd\[7\]: Failed .* from <ADDR> port \d+ ssh2$",
        "Failed (?!none).* from <HOST>",
    ] {
        let found = found(&[&[regex, line], &now[..]].concat());
        assert_eq!(found, one(1_768_478_400.0), "{regex}");
    }
    for (program, ending) in [("gzip", "gz"), ("xz", "xz"), ("zstd", "zst")] {
        let packed = Command::new(program).arg("-k").arg(place.path().join("app.log")).output();
        assert!(packed.expect("it is installed").status.success());
        assert_eq!(found(&["app.conf", &format!("app.log.{ending}")]).len(), 2, "{program}");
    }
    assert_eq!(found(&["app.conf", "app.log", "app.log"]).len(), 4);
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let place = place();
    fs::write(place.path().join("bad.conf"), "[Definition]\nfailregex = ^a(<HOST>$\n")
        .expect("a file");
    fs::write(place.path().join("bad.toml"), "failregex = '^a(<ADDR>$'\n").expect("a file");
    for (arguments, code, parts) in [
        (&["bad.conf", "app.log"][..], 78, &["bad.conf:2:", "does not compile", "^a("][..]),
        (&["bad.toml", "app.log"], 78, &["bad.toml:1:", "this ( has no )"]),
        (&["ssdh", "--vendor", VENDOR, "app.log"], 2, &["no filter \"ssdh\"", "sshd"]),
        (&["sshd[mode=x]", "--vendor", VENDOR, "app.log"], 2, &["no mode \"x\"", "aggressive"]),
        (&["app.conf[mode=\"x\" y=z]", "app.log"], 2, &["comma"]),
        (&["from (<HOST>", "app.log"], 2, &["this ( has no )"]),
        (&["app.conf", "nothing.log"], 1, &["nothing.log", "No such file"]),
        (&["app.conf"], 2, &["name a log"]),
        (&["app.conf", "app.log", "--now", "noon"], 2, &["2026-01-31T12:00:00Z"]),
        (&["app.conf", "app.log", "--timezone", "Mars"], 2, &["Europe/Paris"]),
    ] {
        let output = run(place.path(), &[&["test"], arguments].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }
}

/// A jail that is more than its filter: patterns, encoding and time zone of its own.
const JAILS: &str = "
[jail.app]
filter = 'app'
failregex = '''^failed from <ADDR>$'''
logpath = '{place}/latin.log'
logencoding = 'latin1'
logtimezone = 'UTC+0200'
";

#[test]
fn a_jail_is_tested_with_all_its_settings() {
    let place = tempfile::tempdir().expect("a directory");
    let at = |name: &str| place.path().join(name);
    let etc = at("etc").display().to_string();
    fs::create_dir_all(at("etc/filters.d")).expect("a directory");
    let jails = JAILS.replace("{place}", &place.path().display().to_string());
    fs::write(at("etc/jailkeeper.toml"), jails).expect("a configuration");
    let filter = "failregex = '^refused <ADDR>$'\n";
    fs::write(at("etc/filters.d/app.toml"), filter).expect("a filter");
    let log = b"2026-01-15 12:00:00 failed from 192.0.2.1\n2026-01-15 12:00:01 \xfc\n\
                2026-01-15 12:00:02 refused 192.0.2.2\n";
    fs::write(at("latin.log"), log).expect("a log");
    let here = ["--config", &etc, "--vendor", &etc, "--now", "2026-01-15T13:00:00Z"];
    let rows = |arguments: &[&str]| -> Vec<Value> {
        let text = said(place.path(), &[&["test", "--json"], arguments, &here[..]].concat());
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let verdicts = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["verdict"].as_str().expect("a word").to_owned()).collect()
    };
    // The jail's own log, and the same by its name.
    for arguments in [&["app"][..], &["app", "latin.log"]] {
        let rows = rows(arguments);
        assert_eq!(verdicts(&rows), ["failure", "none", "failure"], "{arguments:?}");
        assert_eq!(rows[0]["time"], 1_768_471_200.0, "two hours before UTC");
    }
    let alone = rows(&["--filter", "app", "latin.log"]);
    assert_eq!(verdicts(&alone), ["none", "none", "failure"]);
    let report = said(place.path(), &[&["test", "app"], &here[..]].concat());
    let heading =
        "Jail: app, which is switched off, with filter app (the filter alone: --filter app)\n";
    assert!(report.starts_with(heading), "{report}");

    fs::write(at("etc/jailkeeper.toml"), "[jail.app]\nfilter = 'app'\nfindtime = 'soon'\n")
        .expect("a configuration");
    let output = run(place.path(), &[&["test", "app"], &here[..]].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(
        told.contains("the jail app has mistakes") && told.contains("jailkeeper.toml:3:"),
        "{told}"
    );
    assert!(
        said(place.path(), &[&["test", "--filter", "app", "latin.log"], &here[..]].concat())
            .starts_with("Filter: app, mode normal\n")
    );
}
