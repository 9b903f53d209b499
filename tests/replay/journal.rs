//! The replay of journals, those of a real journald and files with entries of any age.

use serde_json::json;

use super::{JAILS, Place, START, path_text, rows, seconds};
use crate::support::journald::{Entry, Journald, fixture};

/// Entries of two programs; the others' failures are of the same form.
fn entries() -> Vec<Entry<'static>> {
    let entry = |after: i32, program: &'static str, message: &'static str| {
        let micros = u64::try_from(i64::from(START + after) * 1_000_000).expect("after the epoch");
        let fields: Vec<(&str, &[u8])> =
            vec![("SYSLOG_IDENTIFIER", program.as_bytes()), ("MESSAGE", message.as_bytes())];
        (micros, fields)
    };
    let (one, two) = ("login failed from 192.0.2.1", "login failed from 192.0.2.2");
    vec![
        entry(0, "app", one),
        entry(10, "mail", two),
        entry(20, "app", one),
        entry(30, "mail", two),
        entry(40, "app", one),
        entry(50, "other", one),
        entry(55, "mail", two),
        entry(60, "app", "nothing"),
    ]
}

const MAIL: &str = "[jail.mail]\nenabled = true\nfilter = \"app\"\nmaxretry = 3\n\
                    journalmatch = \"SYSLOG_IDENTIFIER=mail\"\n\
                    [jail.both]\nenabled = true\nfilter = \"app\"\nmaxretry = 2\n\
                    journalmatch = [\"SYSLOG_IDENTIFIER=mail\", \"SYSLOG_IDENTIFIER=app\"]\n";

#[test]
fn each_jail_hears_the_entries_that_it_is_for() {
    let place = Place::with(&[JAILS, MAIL].concat());
    fixture(&place.path("past.journal"), &entries());
    let (bans, totals) = place.replay("--journal-file *.journal");
    assert_eq!(
        rows(&bans),
        [
            (seconds(20), "both", "192.0.2.1", seconds(620), 2),
            (seconds(30), "both", "192.0.2.2", seconds(630), 2),
            (seconds(40), "app", "192.0.2.1", seconds(160), 3),
            (seconds(55), "mail", "192.0.2.2", seconds(655), 3),
        ]
    );
    // Four for app and slow together, three for mail, and seven for both.
    assert_eq!((&totals["records"], &totals["attempts"]), (&json!(14), &json!(15)));

    let (bans, _) = place.replay("mail --since @1795168815 --journal-file *.journal");
    assert_eq!(rows(&bans), []);
    let (bans, totals) =
        place.replay("app --journal SYSLOG_IDENTIFIER=mail --journal-file *.journal");
    assert_eq!(rows(&bans), [(seconds(55), "app", "192.0.2.2", seconds(175), 3)]);
    assert_eq!(totals["records"], 3);
    let (bans, _) = place.replay("--filter app --maxretry 3 --journal-file *.journal");
    assert_eq!(rows(&bans), [(seconds(40), "app", "192.0.2.1", seconds(640), 3)]);
}

#[test]
fn the_journal_of_the_jails_is_read_when_nothing_is_named() {
    let place = Place::with(JAILS);
    let journald = Journald::start();
    place.write(
        "etc/jailkeeper.toml",
        format!("[journal]\nnamespace = \"{}\"\n", journald.namespace()),
    );
    for number in 0..4_u8 {
        let message = format!("login failed from 192.0.2.{}", 1 + number / 3);
        journald.send(&[("SYSLOG_IDENTIFIER", b"app"), ("MESSAGE", message.as_bytes())]);
        journald.send(&[("SYSLOG_IDENTIFIER", b"mail"), ("MESSAGE", message.as_bytes())]);
    }
    journald.sync();
    let now = i32::try_from(jiff::Timestamp::now().as_second()).expect("before 2038");
    for arguments in ["app".to_owned(), {
        let files = journald.directory().join("*.journal");
        format!("app --since 1h --journal-file {}", path_text(&files))
    }] {
        let mut command = place.command(&arguments);
        // The last word on what is now.
        command.args(["--json", "--now", &format!("@{}", now + 5)]);
        let output = command.output().expect("the client runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments}: {told}");
        let (bans, totals) = super::objects(&String::from_utf8(output.stdout).expect("UTF-8"));
        assert_eq!(bans.len(), 1, "{arguments}: {bans:?}");
        assert_eq!((&bans[0]["offender"], &bans[0]["attempts"]), (&json!("192.0.2.1"), &json!(3)));
        let at = bans[0]["at"].as_f64().expect("a number");
        assert!((at - f64::from(now)).abs() < 60.0, "{at}");
        assert_eq!(bans[0]["until"].as_f64(), Some(at + 120.0));
        assert_eq!((&totals["records"], &totals["attempts"]), (&json!(4), &json!(4)));
    }
}
