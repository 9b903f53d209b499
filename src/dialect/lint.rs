//! What fail2ban passes over in silence, or complains of where nobody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::config::Config;
use super::file::{DEFAULT, Entry};
use super::filter::{FILTER_OPTIONS, FilterSettings};
use super::jail::{JAIL_OPTIONS, JailSettings, Kind};
use super::mistake::{Fault, Severity, did_you_mean, nearest_hint, quoted};
use super::text::{Span, Text};
use super::tree::{Session, Tree};
use super::value::{Value, is_boolean, seconds};

/// What fail2ban's own `jail.conf` and its actions call their variables.
const VARIABLES: [&str; 27] = [
    "mode",
    "port",
    "protocol",
    "chain",
    "blocktype",
    "returntype",
    "banaction",
    "banaction_allports",
    "action_",
    "action_mw",
    "action_mwl",
    "action_xarf",
    "action_cf_mwl",
    "action_blocklist_de",
    "action_abuseipdb",
    "destemail",
    "sender",
    "sendername",
    "mta",
    "fail2ban_agent",
    "blocklist_de_apikey",
    "cfemail",
    "cfapikey",
    "ignorecache",
    "logtype",
    "before",
    "after",
];

/// Options in which anything may stand.
const FREE: [&str; 6] =
    ["failregex", "ignoreregex", "prefregex", "datepattern", "journalmatch", "ignorecommand"];

/// Characters that word processors and web pages put in the place of the plain ones.
const TYPOGRAPHIC: [(&[char], &str); 4] = [
    (&['“', '”', '„', '‟', '«', '»', '＂'], "a plain \""),
    (&['‘', '’', '‚', '‛', '‹', '›', '＇'], "a plain '"),
    (
        &['\u{a0}', '\u{2007}', '\u{202f}', '\u{3000}', '\u{200b}', '\u{200c}', '\u{200d}'],
        "an ordinary blank, or nothing",
    ),
    (&['‐', '‑', '‒', '–', '—', '−', '＝', '，', '：', '［', '］'], "the plain character"),
];

/// Actions that make a chain, table or set for each name. Two jails that give the same name share it.
const NAMED_CHAINS: [&str; 3] = ["iptables", "firewallcmd", "nftables"];

/// Looks at the jails' files as they are written.
pub(super) fn files(session: &mut Session<'_>, config: &Config) {
    let mut used = BTreeSet::new();
    let entries = config.sections.iter().flat_map(|(_, section)| section.entries.iter());
    for (_, entry) in entries.chain(config.defaults.iter()) {
        references(entry.value.as_str(), &mut used);
    }
    let own: BTreeSet<usize> = session.tree.layers("jail").into_iter().collect();
    let all: BTreeSet<usize> = session.jail_files().into_iter().collect();
    for index in all {
        let file = session.file(index);
        let named = file.sections.iter().filter(|(name, _)| *name != "INCLUDES");
        let sections = named.map(|(name, section)| (name, &section.entries));
        for (section, entries) in sections.chain([(DEFAULT, &file.defaults)]) {
            for (name, entry) in entries.iter() {
                comment(session, name, entry);
                typography(session, name, entry);
                swallowed(session, section, (name, entry));
                if own.contains(&index) && !known(name) && !used.contains(name) {
                    unused(session, &used, (name, entry));
                }
            }
        }
    }
}

/// The options that a value refers to by `%(name)s`.
fn references(value: &str, used: &mut BTreeSet<String>) {
    for part in value.split("%(").skip(1) {
        if let Some((name, _)) = part.split_once(")s") {
            let name = name.to_lowercase();
            used.insert(
                name.rsplit_once('/').map_or(name.clone(), |(_, option)| option.to_owned()),
            );
        }
    }
}

fn known(name: &str) -> bool {
    JAIL_OPTIONS.iter().any(|(known, _)| *known == name)
        || FILTER_OPTIONS.contains(&name)
        || VARIABLES.contains(&name)
}

fn unused(session: &mut Session<'_>, used: &BTreeSet<String>, (name, entry): (&str, &Entry)) {
    if session.sink.is_full() {
        return;
    }
    let jails = JAIL_OPTIONS.iter().map(|(known, _)| *known);
    let names = jails.chain(FILTER_OPTIONS).chain(VARIABLES).chain(used.iter().map(String::as_str));
    let hint = nearest_hint(did_you_mean(name, names), "take it out, or look up how it is spelled");
    let fault =
        Fault::new(format!("no jail has an option `{name}`, and nothing refers to it"), hint);
    session.sink.warn(fault.at(entry.key.clone()));
}

/// A `#` behind a value, or a `;` without a blank before it, is part of the value.
fn comment(session: &mut Session<'_>, name: &str, entry: &Entry) {
    const HASH: &str = "`#` starts a comment only at the start of a line";
    const SEMICOLON: &str = "`;` starts a comment only behind a blank";
    if FREE.contains(&name) {
        return;
    }
    let text = entry.value.as_str();
    let (mut depth, mut before) = (0_usize, ' ');
    let mut found = None;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '#' if depth == 0 && before.is_whitespace() => found = Some((at, HASH)),
            ';' if plain(name) => found = Some((at, SEMICOLON)),
            _ => {}
        }
        if found.is_some() {
            break;
        }
        before = c;
    }
    let Some((at, rule)) = found else { return };
    let line = text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let fault = Fault::new(
        format!("the comment {} is part of the value: {rule}", quoted(line)),
        "put the comment on a line of its own",
    );
    report(session, Severity::Error, fault, (entry, at..at + line.len()));
}

/// Whether an option is one word, number or length of time, in which no `;` can be meant.
fn plain(name: &str) -> bool {
    let kind = JAIL_OPTIONS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    kind.is_some_and(|kind| kind != Kind::Word)
        || ["backend", "port", "protocol", "usedns", "logencoding", "mode"].contains(&name)
}

fn typography(session: &mut Session<'_>, name: &str, entry: &Entry) {
    if FREE.contains(&name) {
        return;
    }
    let text = entry.value.as_str();
    let typographic = |(at, c): (usize, char)| {
        let (_, instead) = TYPOGRAPHIC.iter().find(|(chars, _)| chars.contains(&c))?;
        Some((at, c, *instead))
    };
    let Some((at, c, instead)) = text.char_indices().find_map(typographic) else { return };
    let fault = Fault::new(
        format!("the character {c} (U+{:04X}) is none that fail2ban knows", u32::from(c)),
        format!("write {instead} instead"),
    );
    report(session, Severity::Error, fault, (entry, at..at + c.len_utf8()));
}

/// A heading that is indented belongs to the option above it.
fn swallowed(session: &mut Session<'_>, section: &str, (name, entry): (&str, &Entry)) {
    if FREE.contains(&name) {
        return;
    }
    let mut at = 0;
    for line in entry.value.as_str().split('\n') {
        let inside = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let word = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if at > 0 && inside.is_some_and(|name| !name.is_empty() && name.chars().all(word)) {
            let fault = Fault::new(
                format!("{line} is indented, and so a part of `{name}` in [{section}]"),
                "move the heading to the start of its line",
            );
            return report(session, Severity::Warning, fault, (entry, at..at + line.len()));
        }
        at += line.len() + 1;
    }
}

/// Reports something within an option as it is written, and settles the option with it.
fn report(
    session: &mut Session<'_>,
    severity: Severity,
    fault: Fault,
    (entry, range): (&Entry, Range<usize>),
) {
    let span = entry.value.span(range).or_else(|| entry.value_span());
    session.sink.note(severity, fault.at(span));
    session.sink.settle(entry.value_span());
}

/// Looks at an option's value as it takes effect.
pub(super) fn value(
    session: &mut Session<'_>,
    (name, kind): (&str, Kind),
    value: &Text,
    entry: Option<&Entry>,
) {
    let text = value.as_str();
    let (severity, hint) = match kind {
        Kind::Whole if text.parse::<i64>().is_err() => (Severity::Error, "write a whole number"),
        Kind::Boolean if !is_boolean(text) => {
            (Severity::Warning, "write true or false; fail2ban takes any other word for false")
        }
        Kind::Time if seconds(text).is_err() => {
            (Severity::Error, "write a length of time like 600, 10m, 1d12h or -1")
        }
        Kind::Word if name == "backend" && !is_backend(text) => {
            (Severity::Error, "write auto, systemd, pyinotify or polling")
        }
        Kind::Word if name == "usedns" && !is_usedns(text) => {
            (Severity::Error, "write yes, warn, no or raw")
        }
        _ => return,
    };
    let span = value.span(0..value.len()).or_else(|| entry.and_then(Entry::span));
    let title = format!("{} is no value for `{name}`", quoted(text));
    session.sink.note(severity, Fault::new(title, hint).at(span));
}

fn is_backend(text: &str) -> bool {
    let name = text.split('[').next().unwrap_or_default().trim();
    ["auto", "systemd", "pyinotify", "gamin", "polling"].contains(&name.to_lowercase().as_str())
}

fn is_usedns(text: &str) -> bool {
    ["yes", "warn", "no", "raw"].contains(&text.to_lowercase().as_str())
}

/// Looks at patterns: each is to name whom it is about, or what tells one connection from others.
pub(super) fn rules(session: &mut Session<'_>, rules: &FilterSettings, entry: Option<&Entry>) {
    let otherwise = entry.and_then(Entry::span);
    if rules.prefregex.as_ref().is_some_and(|prefix| names_somebody(&prefix.text)) {
        return;
    }
    for pattern in rules.failregex.iter().filter(|pattern| !names_somebody(&pattern.text)) {
        let fault = Fault::new(
            "the pattern names no address: no <HOST>, <ADDR> or <F-ID> is in it",
            "put <HOST> where the address stands in the message",
        );
        let span = span_of(session.tree, pattern).or_else(|| otherwise.clone());
        session.sink.error(fault.at(span));
    }
}

fn names_somebody(pattern: &str) -> bool {
    const TAGS: [&str; 6] = ["<HOST>", "<ADDR>", "<IP4>", "<IP6>", "<DNS>", "<SUBNET>"];
    const GROUPS: [&str; 7] = ["ID", "MLFID", "ADDR", "SUBNET", "IP4", "IP6", "DNS"];
    let group = |name: &&str| {
        pattern.contains(&format!("<F-{name}>")) || pattern.contains(&format!("<F-{name}/>"))
    };
    TAGS.iter().any(|tag| pattern.contains(tag))
        || GROUPS.iter().any(group)
        || ["fid", "ip4", "ip6", "dns", "mlfid"]
            .iter()
            .any(|name| pattern.contains(&format!("(?P<{name}>")))
}

fn span_of(tree: &Tree, value: &Value) -> Option<Span> {
    let origin = value.origin.as_ref()?;
    Some(Span { file: tree.find(&origin.path)?, range: origin.span.clone() })
}

/// Looks at the jails side by side.
pub(super) fn together(session: &mut Session<'_>, config: &Config, jails: &[JailSettings]) {
    let mut chains: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for jail in jails.iter().filter(|jail| jail.enabled) {
        contradiction(session, config, jail);
        for action in &jail.actions {
            let file = action.reference.name.as_str();
            let Some(family) = NAMED_CHAINS.iter().find(|family| file.starts_with(**family)) else {
                continue;
            };
            let Some(name) = action.reference.option("name") else { continue };
            let first = *chains.entry((family, name.to_owned())).or_insert(&jail.name);
            if first == jail.name {
                continue;
            }
            let fault = Fault::new(
                format!(
                    "the jails {first} and {} both name their chain {}",
                    jail.name,
                    quoted(name)
                ),
                "give each a name of its own; jailkeeper keeps them apart in any case",
            );
            let span = action.option("name").and_then(|value| span_of(session.tree, value));
            session.sink.warn(fault.at(span));
        }
    }
}

/// A jail that says in one place to read the journal and which files to read.
fn contradiction(session: &mut Session<'_>, config: &Config, jail: &JailSettings) {
    let Some(section) = config.sections.get(&jail.name) else { return };
    let own = |option: &str| {
        section.entries.get(option).and_then(|entry| Some((entry, entry.key.as_ref()?.file)))
    };
    let Some((_, file)) = own("backend") else { return };
    let journal = jail.backend.starts_with("systemd");
    let (option, title) = if journal {
        ("logpath", "no file is read, since the backend is systemd")
    } else {
        ("journalmatch", "the journal is not read, since the backend is for files")
    };
    let Some((entry, _)) = own(option).filter(|(_, there)| *there == file) else { return };
    if entry.value.len() > 0 && (journal || jail.backend != "auto") {
        let fault = Fault::new(title, format!("take out `{option}`, or change `backend`"));
        session.sink.warn(fault.at(entry.key.clone()));
    }
}
