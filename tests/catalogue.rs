//! What holds of every stock filter: it is tied to its lines, safe, described, and shown by samples.

mod beside_fail2ban;
mod deliberate;
mod variants;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use jailkeeper::filter::{Failure, Filter, Offender, Verdict};
use jailkeeper::pattern::{self, Language, Options, Shape};
use jailkeeper::record::Matches;
use jailkeeper::rules::{self, Card, Loaded, Sample, Sampled};

use crate::support::stock;

/// A filter in a mode, and what is known of it in all modes.
struct Case<'c> {
    card: &'c Card,
    filter: &'c Arc<Filter>,
    samples: &'c [Sample],
    /// So many patterns are shown by the samples of the normal mode.
    common: usize,
}

/// Whom a failure names, as whom, and by which pattern.
type Named = (IpAddr, Option<Arc<str>>, Option<usize>);

fn named(verdict: Verdict) -> Option<Named> {
    match verdict {
        Verdict::Failure(Failure { offender: Offender::Address(it), user, pattern, .. }) => {
            Some((it, user, pattern))
        }
        _ => None,
    }
}

#[test]
fn every_filter_is_described_and_has_a_jail() {
    let texts = stock::texts();
    let mut wrong = String::new();
    for card in rules::catalogue(&texts) {
        let mut say = |what: &str| writeln!(wrong, "{}: {what}", card.name).expect("a string");
        if card.title.is_empty() || card.title.len() > 110 {
            say("the description's first line is to say what is counted, in 110 bytes at most");
        }
        if card.about.len() < 80 {
            say("the description is to have a paragraph");
        }
        if card.journalmatch.is_empty() && card.logpath.is_empty() {
            say("where does its service log? (journalmatch, logpath)");
        }
        if card.jails.is_empty() && !WITHOUT_JAIL.contains(&card.name.as_str()) {
            say("no stock jail has it");
        }
        if card.units.is_empty() && !WITHOUT_UNIT.contains(&card.name.as_str()) {
            say("which units are its service's?");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is counted there is not to be banned by itself.
const WITHOUT_JAIL: [&str; 1] = ["apache-pass"];

/// These are about many services, or about none.
const WITHOUT_UNIT: [&str; 2] = ["pam-generic", "port-scan"];

#[test]
fn all_jails_but_sshd_are_switched_off() {
    let texts = stock::texts();
    let Loaded { jails, diagnostics, .. } = rules::load(&texts);
    assert_eq!(diagnostics, []);
    assert_eq!(jails.iter().map(|jail| jail.name.as_str()).collect::<Vec<_>>(), ["sshd"]);
}

/// What an entry says of itself anybody may write, and anybody may call a program of his as he likes: it
/// must be a unit of the system's or a user that is known. Whose name is only what the entry says must be
/// user 0, who writes to syslog's socket and is no program that hands on what others have logged.
#[test]
fn no_filter_believes_what_anybody_may_write_to_the_journal() {
    for card in rules::catalogue(&stock::texts()) {
        for alternative in matches_of(&card).alternatives() {
            let is = |field: &str, value: &str| {
                alternative.get(field).is_some_and(|values| values.iter().all(|it| it == value))
            };
            let of_journald = alternative.keys().all(|field| field.starts_with('_'));
            let chosen = ["_COMM", "_EXE", "_CMDLINE"];
            let trusted =
                of_journald && !alternative.keys().all(|field| chosen.contains(&field.as_str()));
            let by_root = is("_UID", "0") && is("_TRANSPORT", "syslog");
            assert!(trusted || by_root, "{}: {alternative:?}", card.name);
        }
    }
}

/// Of a process that is gone before journald looks at it, neither program nor unit is known.
#[test]
fn what_a_process_logs_that_is_gone_at_once_is_read_if_it_was_roots() {
    let cards = rules::catalogue(&stock::texts());
    for (filter, identifier) in [
        ("cockpit", "cockpit-session"),
        ("courier-auth", "imapd-ssl"),
        ("dropbear", "dropbear"),
        ("gssftpd", "ftpd"),
        ("proftpd", "proftpd"),
        ("pure-ftpd", "pure-ftpd"),
        ("rsyncd", "rsyncd"),
        ("sendmail-auth", "sm-mta"),
        ("sendmail-reject", "sm-mta"),
        ("solid-pop3d", "solid-pop3d"),
        ("sshd", "sshd"),
        ("sshd", "sshd-session"),
        ("uwimap-auth", "imapd"),
        ("vsftpd", "vsftpd"),
        ("wuftpd", "wu-ftpd"),
    ] {
        let card = cards.iter().find(|card| card.name == filter).expect("a stock filter");
        let matches = matches_of(card);
        let wants = |user: &str, transport: &str| {
            let entry = [
                ("_TRANSPORT", transport),
                ("_UID", user),
                ("_PID", "1234"),
                ("SYSLOG_IDENTIFIER", identifier),
            ];
            matches.wants(|field, value| entry.contains(&(field, value)))
        };
        assert!(wants("0", "syslog"), "{filter}: {identifier}");
        assert!(!wants("1000", "syslog"), "{filter}: a user may call himself {identifier}");
        assert!(!wants("0", "journal"), "{filter}: what is handed on may call itself {identifier}");
    }
}

/// Which entries the filter wants; none if it names no field.
fn matches_of(card: &Card) -> Matches {
    let written = match card.journalmatch.as_str() {
        "" => "[]",
        written => written,
    };
    let table: toml::Table = format!("lines = {written}").parse().expect("TOML");
    let lines = match &table["lines"] {
        toml::Value::Array(lines) => lines.clone(),
        line => vec![line.clone()],
    };
    let lines = lines.iter().map(|line| line.as_str().expect("a text").to_owned());
    let matches = lines.map(|line| Matches::parse(&line).expect("a journal match"));
    matches.reduce(Matches::or).unwrap_or_default()
}

#[test]
fn every_pattern_is_tied_safe_and_shown() {
    let mut wrong: Vec<String> = of_every_mode(|case| {
        let mut wrong = Vec::new();
        case.patterns(&mut wrong);
        case.samples(&mut wrong);
        wrong
    });
    wrong.sort_unstable();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} things are missing:\n{}", wrong.len(), wrong.join("\n"));
}

/// They are written so that steps find what they match, and lines of ASCII wait for no engine.
#[test]
fn every_pattern_is_plain() {
    let wrong = of_every_mode(|case| {
        let is_engines = |written: &str| {
            let options = Options { linear: true, ..Options::default() };
            let regex = pattern::compile(written, Language::Native, true, options);
            regex.expect("it is compiled").first_bytes().is_none()
        };
        let own = case.own().filter(|(_, written)| is_engines(written));
        own.map(|(index, written)| format!("{} {}: {written}", case.name(), index + 1)).collect()
    });
    assert!(wrong.is_empty(), "{} patterns:\n{}", wrong.len(), wrong.join("\n"));
}

/// Leaving out a branch of a pattern, or making certain what is optional, changes what some sample
/// comes to: so there is none that no sample shows.
#[test]
fn every_branch_of_every_pattern_is_shown_by_a_sample() {
    let wrong = of_every_mode(unshown);
    assert!(wrong.is_empty(), "{} branches:\n{}", wrong.len(), wrong.join("\n"));
}

/// Does something for every filter in every mode, with as many threads as there are cores.
fn of_every_mode(job: impl Fn(&Case) -> Vec<String> + Sync) -> Vec<String> {
    let texts = stock::texts();
    let cards = rules::catalogue(&texts);
    let all = rules::load_all(&texts).sampled;
    assert!(!all.is_empty());
    let case = |it: &'_ Sampled| {
        let card = cards.iter().position(|card| card.name == it.filter.name());
        let card = card.expect("each filter has a card");
        let is_normal = it.filter.mode() == cards[card].modes[0].name;
        (card, if is_normal { 0 } else { cards[card].patterns.len() })
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some(it) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (card, common) = case(it);
            let (filter, samples) = (&it.filter, it.samples.as_slice());
            found.extend(job(&Case { card: &cards[card], filter, samples, common }));
        }
        found
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    })
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{}[{}]", self.filter.name(), self.filter.mode())
    }

    /// The patterns that are this mode's own, with their numbers.
    fn own(&self) -> impl Iterator<Item = (usize, &str)> {
        self.filter.patterns().enumerate().skip(self.common)
    }

    /// What the patterns lack.
    fn patterns(&self, wrong: &mut Vec<String>) {
        let verdicts: Vec<(&Sample, Option<Named>)> =
            self.samples.iter().map(|it| (it, named(it.judge(self.filter)))).collect();
        let hostile_nothing =
            self.samples.iter().any(|it| it.victim.is_some() && it.offender.is_none());
        for (index, written) in self.own() {
            let mut say = |what: &str| {
                wrong.push(format!("{} {}: {what}: {written}", self.name(), index + 1));
            };
            let Shape { tied_to_start, tied_to_end, takes_any_text, danger } =
                pattern::shape(written).expect("it is compiled");
            if !tied_to_start || !tied_to_end {
                say("begins with ^ and ends with $");
            }
            if danger.is_some() {
                say("a client may choose the address");
            }
            // A line that only tells whose the next ones are is shown by samples of several lines.
            if written.contains("<F-NOFAIL>") {
                continue;
            }
            let by_it = || {
                verdicts.iter().filter(|(_, it)| {
                    it.as_ref().is_some_and(|(_, _, pattern)| *pattern == Some(index))
                })
            };
            for (family, tag, is_it) in [("IPv4", "<IP6>", true), ("IPv6", "<IP4>", false)] {
                if written.contains(tag) {
                    continue;
                }
                let shown = by_it().any(|(_, it)| {
                    it.as_ref().is_some_and(|(address, ..)| address.is_ipv4() == is_it)
                });
                if !shown {
                    say(&format!("no sample with {family}"));
                }
            }
            let attacked = by_it().any(|(sample, _)| sample.victim.is_some());
            if takes_any_text && !attacked && !hostile_nothing {
                say("no hostile sample (victim)");
            }
        }
    }

    /// What the samples lack, of all modes together.
    fn samples(&self, wrong: &mut Vec<String>) {
        let card = self.card;
        let mut say = |what: &str| wrong.push(format!("{}: {what}", card.name));
        let of_kind =
            |in_file| card.samples.iter().any(|it| it.in_file == in_file && it.offender.is_some());
        if !card.journalmatch.is_empty() && !of_kind(false) {
            say("no sample of a failure in the journal (message)");
        }
        if !card.logpath.is_empty() && !of_kind(true) {
            say("no sample of a failure in a file (line)");
        }
        let missed = card.samples.iter().filter(|it| it.offender.is_none() && it.victim.is_none());
        if missed.count() < 2 {
            say("fewer than two samples of what is no failure");
        }
        for sample in self.samples {
            let found = named(sample.judge(self.filter));
            if found.as_ref().map(|(address, ..)| *address) != sample.offender {
                say(&format!("a sample fails: {}", sample.text()));
            }
        }
        if self.filter.patterns().next().is_none() {
            let families: BTreeSet<bool> =
                self.samples.iter().filter_map(|it| it.offender).map(|it| it.is_ipv4()).collect();
            if families.len() < 2 {
                say("no samples with both IPv4 and IPv6");
            }
        }
    }
}

/// The branches of this mode's patterns that no sample shows.
fn unshown(case: &Case<'_>) -> Vec<String> {
    let in_order = case.samples.iter().any(|sample| sample.texts.len() > 1);
    let mut found = Vec::new();
    for (index, written) in case.own() {
        let mut recipe = case.filter.recipe().clone();
        let at = if in_order { index } else { 0 };
        if !in_order {
            recipe.failures = vec![written.to_owned()];
        }
        let compile = |pattern: &str| {
            let mut recipe = recipe.clone();
            pattern.clone_into(&mut recipe.failures[at]);
            Filter::compile(recipe).ok().map(Arc::new)
        };
        let Some(whole) = compile(written) else { continue };
        let said: Vec<(&Sample, Option<Named>)> = case
            .samples
            .iter()
            .map(|sample| (sample, named(sample.judge(&whole))))
            .filter(|(_, said)| in_order || said.is_some())
            .collect();
        for (what, variant) in variants::of(written) {
            let Some(variant) = compile(&variant) else { continue };
            if said.iter().all(|(sample, said)| named(sample.judge(&variant)) == *said) {
                found.push(format!("{} {}: {what}: {written}", case.name(), index + 1));
            }
        }
    }
    found
}
