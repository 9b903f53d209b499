//! What a jail's actions close to an offender.

use std::collections::BTreeSet;

use super::known::{self, Reach};
use super::notes::Notes;
use crate::dialect::{ActionSettings, Value};
use crate::rules;

/// The protocols of the transport layer that have ports, which are those that a jail can close.
const PROTOCOLS: [&str; 5] = ["tcp", "udp", "dccp", "sctp", "udplite"];

/// What is closed. Of a set, all is closed where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ban {
    pub(super) ports: Option<BTreeSet<String>>,
    pub(super) protocols: Option<BTreeSet<String>>,
    pub(super) reject: bool,
    pub(super) host: bool,
    pub(super) forward: bool,
}

/// What the actions of a jail come to.
#[derive(Debug)]
pub(super) enum Verdict {
    /// They ban.
    Bans(Ban),
    /// They ban nobody here; why, as a clause.
    Not(String),
}

/// Reads the actions of a jail that is about `port`.
pub(super) fn read(actions: &[ActionSettings], port: Option<&Value>, notes: &mut Notes) -> Verdict {
    let mut bans: Vec<(&str, Ban)> = Vec::new();
    for action in actions {
        let name = action.reference.name.as_str();
        let reach = known::reach(name);
        if reach.is_none() && (known::other(name).is_some() || !known::bans(&commands(action))) {
            leave(name, notes);
        } else if lets_in(action) {
            return Verdict::Not(format!(
                "its action {name} lets addresses in instead of keeping them out, which jailkeeper \
                 does not do"
            ));
        } else {
            bans.push((name, one(action, reach, port, notes)));
        }
    }
    if bans.len() > 1 {
        let mut names: Vec<&str> = bans.iter().map(|(name, _)| *name).collect();
        names.dedup();
        let (count, names) = (bans.len(), names.join(", "));
        notes.change(format!(
            "{count} actions that ban ({names}): every port that one of them closes is closed for \
             every protocol of theirs"
        ));
    }
    let united = bans.into_iter().map(|(_, ban)| ban).reduce(Ban::united);
    united.map_or_else(
        || Verdict::Not("none of its actions bans anybody on this machine".to_owned()),
        Verdict::Bans,
    )
}

/// An action that does something else than to ban.
fn leave(name: &str, notes: &mut Notes) {
    let what = known::other(name);
    let name = name.escape_debug();
    match what {
        Some(known::MAIL) => {
            let advice = rules::advice("destemail").unwrap_or_default();
            notes.leave(format!("action {name}: {advice}"));
        }
        Some(what) => notes.leave(format!(
            "action {name}: {what}; let a service of its own follow jailkeeper's events in the \
             journal, each with a MESSAGE_ID, or on D-Bus"
        )),
        None => notes.leave(format!(
            "action {name}: it is unknown here; if it closes ports, name them with port and \
             protocol; if it tells somebody, let a service follow jailkeeper's events in the journal"
        )),
    }
}

fn option<'a>(action: &'a ActionSettings, name: &str) -> Option<&'a str> {
    action.option(name).map(|value| value.text.trim())
}

/// What the action runs to ban somebody.
fn commands(action: &ActionSettings) -> String {
    let parts = ["actionstart", "actionban"].map(|name| option(action, name).unwrap_or_default());
    parts.join("\n")
}

fn block_type(action: &ActionSettings) -> String {
    let named = ["rich-blocktype", "blocktype"].into_iter().find_map(|name| option(action, name));
    named.unwrap_or_default().to_ascii_lowercase()
}

fn lets_in(action: &ActionSettings) -> bool {
    ["return", "accept", "allow"].iter().any(|word| block_type(action).starts_with(word))
}

/// What one action closes.
fn one(
    action: &ActionSettings,
    reach: Option<Reach>,
    port: Option<&Value>,
    notes: &mut Notes,
) -> Ban {
    let commands = commands(action);
    let all_ports = ["type", "actiontype"]
        .into_iter()
        .any(|name| option(action, name).is_some_and(|value| value.contains("allports")));
    let said = || option(action, "port").and_then(ports);
    let of_jail = || port.and_then(|value| ports(&value.text));
    let (ports, protocols) = match reach {
        Some(Reach::Everything) => (None, None),
        Some(Reach::AllPorts) => (None, protocols(action, notes)),
        Some(Reach::Ports) if all_ports => (None, protocols(action, notes)),
        Some(Reach::Ports) => (said(), protocols(action, notes)),
        None => {
            let written = Written::read(action);
            let ports = said().or_else(of_jail).or_else(|| written.ports.clone());
            let protocols = match option(action, "protocol") {
                None if !written.protocols.is_empty() => Some(written.protocols.clone()),
                _ => protocols(action, notes),
            };
            compare(action, &written, ports.as_ref(), protocols.as_ref(), notes);
            (ports, protocols)
        }
    };
    let block = block_type(action);
    let rejects = ["reject", "unreachable", "prohibit"].iter().any(|word| block.starts_with(word));
    let reject = rejects || (reach.is_none() && commands.contains("REJECT"));
    let (host, forward) = scope(action, notes);
    Ban { ports, protocols, reject, host, forward }
}

/// Ports as fail2ban's actions take them; none when they are all.
fn ports(text: &str) -> Option<BTreeSet<String>> {
    let word = |word: &str| match word.split_once([':', '-']) {
        Some((low, high)) if high.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{}:{high}", if low == "0" { "1" } else { low })
        }
        _ => word.to_owned(),
    };
    let words = text.split(|c: char| c == ',' || c == '{' || c == '}' || c.is_whitespace());
    let ports: BTreeSet<String> = words.filter(|port| !port.is_empty()).map(word).collect();
    let all = ports.is_empty() || ports.iter().any(|port| port == "1:65535" || port == "all");
    (!all).then_some(ports)
}

/// The protocols that an action is given; none when they are all.
fn protocols(action: &ActionSettings, notes: &mut Notes) -> Option<BTreeSet<String>> {
    let text = option(action, "protocol").unwrap_or("tcp").to_ascii_lowercase();
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let (mut known, mut all) = (BTreeSet::new(), false);
    for word in words {
        match word {
            "all" | "any" | "0" => all = true,
            word if PROTOCOLS.contains(&word) => {
                known.insert(word.to_owned());
            }
            other => notes.change(format!(
                "protocol {}: jailkeeper closes ports, which {} alone have",
                other.escape_debug(),
                PROTOCOLS.join(", ")
            )),
        }
    }
    if known.is_empty() && !all {
        known.insert("tcp".to_owned());
    }
    (!all).then_some(known)
}

/// Whether packets to this host and whether those that it forwards are looked at.
fn scope(action: &ActionSettings, notes: &mut Notes) -> (bool, bool) {
    if let Some(hook) = option(action, "chain_hook") {
        return match hook {
            "forward" => (false, true),
            "prerouting" | "ingress" => (true, true),
            _ => (true, false),
        };
    }
    let chains = option(action, "chain").unwrap_or("INPUT");
    let (mut host, mut forward) = (false, false);
    for chain in chains.split(|c: char| c == ',' || c.is_whitespace()).filter(|c| !c.is_empty()) {
        match chain {
            "FORWARD" | "FORWARD_direct" | "DOCKER-USER" => forward = true,
            "PREROUTING" => (host, forward) = (true, true),
            "INPUT" | "INPUT_direct" | "f2b-chain" | "<known/chain>" => host = true,
            other => {
                host = true;
                notes.leave(format!(
                    "chain {}: jailkeeper has a table of its own; if this chain is for what the \
                     machine forwards, write scope = \"forward\"",
                    other.escape_debug()
                ));
            }
        }
    }
    (host || !forward, forward)
}

/// What the commands of an action of the user's own really name.
#[derive(Debug)]
struct Written {
    ports: Option<BTreeSet<String>>,
    protocols: BTreeSet<String>,
}

impl Written {
    fn read(action: &ActionSettings) -> Self {
        let ban = option(action, "actionban").unwrap_or_default();
        let behind = |text: &str, wanted: &[&str]| -> BTreeSet<String> {
            let words: Vec<&str> = text.split_whitespace().collect();
            let pairs = words.iter().zip(words.iter().skip(1));
            let found = pairs.filter(|(word, _)| wanted.contains(*word)).map(|(_, value)| *value);
            found.flat_map(|value| value.split(',')).map(str::to_owned).collect()
        };
        let ports = behind(ban, &["--dport", "--dports", "dport"]);
        let mut protocols = behind(ban, &["-p", "--protocol"]);
        protocols.retain(|protocol| PROTOCOLS.contains(&protocol.as_str()));
        Self { ports: (!ports.is_empty()).then_some(ports), protocols }
    }
}

/// Says so when an action of the user's own bans something else than it is told to.
fn compare(
    action: &ActionSettings,
    written: &Written,
    ports: Option<&BTreeSet<String>>,
    protocols: Option<&BTreeSet<String>>,
    notes: &mut Notes,
) {
    let name = action.reference.name.escape_debug();
    let really = written.ports.as_ref();
    let same_ports = really.is_none() || really == ports;
    let same_protocols = written.protocols.is_empty() || protocols == Some(&written.protocols);
    if same_ports && same_protocols {
        return notes.change(format!("action {name}: jailkeeper bans in its own table instead"));
    }
    let place = action.option("actionban").and_then(|value| value.origin.as_ref());
    let place = place.map(|origin| format!(" ({}:{})", origin.path, origin.line));
    notes.change(format!(
        "action {name}{}: its actionban closes port {} of {} alone, whatever the jail says; \
         jailkeeper closes port {} of {}, as the jail says",
        place.unwrap_or_default(),
        words(really),
        words((!written.protocols.is_empty()).then_some(&written.protocols)),
        words(ports),
        words(protocols),
    ));
}

/// A set as a list with commas.
pub(super) fn words(set: Option<&BTreeSet<String>>) -> String {
    let Some(set) = set else { return "all".to_owned() };
    set.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

impl Ban {
    fn united(self, other: Self) -> Self {
        let both = |one: Option<BTreeSet<String>>, other: Option<BTreeSet<String>>| {
            Some(one?.union(&other?).cloned().collect())
        };
        Self {
            ports: both(self.ports, other.ports),
            protocols: both(self.protocols, other.protocols),
            reject: self.reject && other.reject,
            host: self.host || other.host,
            forward: self.forward || other.forward,
        }
    }

    /// The value of `scope`.
    pub(super) fn scope(&self) -> &'static str {
        match (self.host, self.forward) {
            (true, true) => "all",
            (false, true) => "forward",
            _ => "host",
        }
    }
}
