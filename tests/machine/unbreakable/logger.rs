//! An ordinary user of the machine writes to the journal whatever any of the filters counts, under
//! every name that they know and with forged fields: nobody is banned for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jailkeeper::rules::{self, Card};

use crate::machine::scene::Scene;
use crate::support::soak::{figure, rounds};
use crate::support::stock;

/// Whom root's own program tells of when all is written, so that everything before it was read.
const SENTINEL: &str = "192.0.2.99";

/// So many filters' samples are written by one run of the user's.
const FILTERS_A_RUN: usize = 20;

/// Of each filter, so many samples are written in each way; all of them in `make soak`.
const SAMPLES: u32 = 3;

#[test]
fn what_a_user_writes_to_the_journal_bans_nobody() {
    let cards = rules::catalogue(&stock::texts());
    let cards: Vec<&Card> = cards.iter().filter(|card| !card.journalmatch.is_empty()).collect();
    let scene = guarded(&cards);
    let mut written = 0;
    for some in cards.chunks(FILTERS_A_RUN) {
        let mut script = String::from("set -e\ncd ~\n");
        for card in some {
            written += forge(card, &mut script);
        }
        scene.machine.write("/home/mallory/attack.sh", &script);
        scene.machine.run(&["runuser", "-u", "mallory", "--", "sh", "/home/mallory/attack.sh"]);
    }
    let entries = scene.machine.journal(&["_UID=1000"]).len();
    assert!(entries >= written, "{entries} of {written} are in the journal");
    let told = format!("Failed password for root from {SENTINEL} port 4711 ssh2");
    scene.machine.run(&["cp", "/usr/bin/logger", "/root/sshd"]);
    scene.machine.run(&["/root/sshd", "-t", "sshd", &told]);
    scene.wait_for_ban(SENTINEL);
    assert_eq!(scene.bans_of(""), [SENTINEL], "{}", scene.call(&["ListBans", "s", ""]));
    figure("entries forged by a user", entries);
    figure("jails that read the journal meanwhile", cards.len());
    figure("wrong bans by an ordinary user", 0);
}

/// A machine on which every filter that knows the journal has a jail, in its widest mode, which bans
/// at once; and on which the journal takes everything.
fn guarded(cards: &[&Card]) -> Scene {
    let scene = Scene::installed();
    scene.machine.run(&["useradd", "--create-home", "--uid", "1000", "mallory"]);
    scene.machine.run(&["mkdir", "-p", "/etc/systemd/journald.conf.d"]);
    let unlimited = "[Journal]\nRateLimitIntervalSec=0\n";
    scene.machine.write("/etc/systemd/journald.conf.d/unlimited.conf", unlimited);
    scene.machine.run(&["systemctl", "restart", "systemd-journald"]);
    let mut jails = String::new();
    for card in cards {
        for jail in card.jails.iter().take(1) {
            let widest = card.modes.iter().find(|mode| mode.name == "aggressive");
            let mode = widest.unwrap_or(&card.modes[0]);
            let _ = writeln!(
                jails,
                "[jail.{jail}]\nenabled = true\nbackend = \"journal\"\nmode = \"{}\"\nmaxretry = 1",
                mode.name
            );
        }
    }
    scene.configure("all.toml", &jails);
    scene.machine.run(&["systemctl", "enable", "--now", "jailkeeper"]);
    scene
}

/// Adds to a script what writes a filter's samples in every way; how many entries that makes.
fn forge(card: &Card, script: &mut String) -> usize {
    let samples = card.samples.iter().filter(|it| it.offender.is_some() && !it.in_file);
    let most = rounds(SAMPLES, u32::MAX) as usize;
    let texts: Vec<&String> = samples.take(most).flat_map(|it| &it.texts).collect();
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    let (names, fields) = known(card);
    let _ = writeln!(script, "cat >lines <<'END-OF-LINES'\n{}\nEND-OF-LINES", lines.join("\n"));
    let mut written = 0;
    for name in &names {
        // Over syslog's socket, as the standard output of a service, and by a program of that name.
        let short: String = name.chars().take(15).collect();
        let _ = writeln!(
            script,
            "logger --tag '{name}' --id=1 --file lines\n\
             systemd-cat --identifier='{name}' cat lines\n\
             mkdir -p bin/'{name}'; cp /usr/bin/logger bin/'{name}'/'{short}'\n\
             bin/'{name}'/'{short}' --tag '{name}' --file lines; rm -r bin"
        );
        written += 3 * lines.len();
    }
    // In the journal's own protocol, with what the journal alone may say.
    for line in &lines {
        let _ = writeln!(script, "logger --journald <<'END-OF-ENTRY'\nMESSAGE={line}");
        for (field, value) in &fields {
            let _ = writeln!(script, "{field}={value}");
        }
        script.push_str("_UID=0\n_TRANSPORT=syslog\nPRIORITY=6\nEND-OF-ENTRY\n");
        written += 1;
    }
    written
}

/// What the filter knows its service by: the names, and all fields.
fn known(card: &Card) -> (BTreeSet<String>, BTreeMap<String, String>) {
    let is_sign = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '[' | ']' | ',');
    let words = card.journalmatch.split(is_sign).filter_map(|word| word.split_once('='));
    let (mut names, mut fields) = (BTreeSet::new(), BTreeMap::new());
    for (field, value) in words {
        fields.insert(field.to_owned(), value.to_owned());
        if ["_COMM", "SYSLOG_IDENTIFIER"].contains(&field) {
            names.insert(value.to_owned());
        }
        if let Some(unit) = value.strip_suffix(".service").filter(|_| field == "_SYSTEMD_UNIT") {
            names.insert(unit.trim_end_matches('@').to_owned());
        }
    }
    names.extend(card.programs.iter().map(|name| name.replace('*', "x")));
    names.retain(|name| !name.contains(['*', '?', '/']));
    (names, fields)
}
