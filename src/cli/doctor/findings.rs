//! From facts to findings, each with its remedy. Pure.

use serde::Serialize;

use super::facts::{Facts, Running};
use crate::bus::client::JailStatus;
use crate::cli::status::NamedJail;
use crate::cli::words;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What it is about.
    pub(super) about: String,
    /// What was found.
    pub(super) text: String,
    /// What to do; empty if nothing is to be done.
    pub(super) remedy: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Good,
    Note,
    Warning,
    Problem,
}

impl Finding {
    fn new(level: Level, about: &str, text: impl Into<String>) -> Self {
        Self { level, about: about.to_owned(), text: text.into(), remedy: String::new() }
    }

    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}

/// So long without a record is worth a word.
const QUIET: i64 = 24 * 60 * 60;

/// Everything that is to be said.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = service(facts);
    found.extend(configuration(facts));
    if let Some(running) = &facts.service {
        found.extend(running.jails.iter().flat_map(|jail| of_jail(jail, running, facts.now)));
        found.push(table(running));
        found.extend(hooks(running));
    }
    found.extend(bridges(facts));
    found.extend(machine(facts));
    found
}

fn service(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![match &facts.service {
        Some(running) => Finding::new(Level::Good, "service", &running.state),
        None => Finding::new(Level::Problem, "service", "it is not running, and nobody is banned")
            .remedy(
                "systemctl enable --now jailkeeper; journalctl -u jailkeeper -e tells why it ended",
            ),
    }];
    if let Some(state) = &facts.unit_file
        && state != "enabled"
        && facts.service.is_some()
    {
        let text = format!("it does not start at boot (the unit is {state})");
        let finding = Finding::new(Level::Warning, "service", text);
        found.push(finding.remedy("systemctl enable jailkeeper"));
    }
    if facts.fail2ban_runs {
        let text = "fail2ban runs as well, and both ban the same offenders";
        let remedy = "when jailkeeper has all jails: systemctl disable --now fail2ban";
        found.push(Finding::new(Level::Warning, "service", text).remedy(remedy));
    }
    found
}

fn configuration(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if facts.mistakes > 0 {
        let count = words::counted(facts.mistakes, "mistake", "mistakes");
        let text = format!("the files have {count}");
        let finding = Finding::new(Level::Problem, "configuration", text);
        found.push(finding.remedy("jailkeeper check shows them"));
    }
    if let Some(first) = facts.changed.first() {
        let others = match facts.changed.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("{}{others} changed after it was read", first.display());
        let finding = Finding::new(Level::Warning, "configuration", text);
        found.push(finding.remedy("jailkeeper check && systemctl reload jailkeeper"));
    }
    if found.is_empty() && facts.service.is_some() {
        found.push(Finding::new(Level::Good, "configuration", "the files are in force"));
    }
    found
}

fn of_jail(NamedJail { jail, status }: &NamedJail, running: &Running, now: i64) -> Vec<Finding> {
    let mut found = Vec::new();
    if status.state != "running" {
        let finding = Finding::new(Level::Problem, jail, &status.state);
        found.push(finding.remedy("jailkeeper check shows its mistakes"));
        if status.state.starts_with("broken") {
            return found;
        }
    }
    let trouble =
        (!status.last_error.is_empty()).then(|| format!("its last trouble: {}", status.last_error));
    found.extend(trouble.into_iter().chain(status.warnings.iter().cloned()).map(|text| {
        let remedy = format!("journalctl -u jailkeeper JAILKEEPER_JAIL={jail} tells when");
        Finding::new(Level::Warning, jail, text).remedy(remedy)
    }));
    if !status.enforce {
        let text = "it is on trial (enforce = false): it bans nobody";
        let remedy = format!(
            "jailkeeper list --would-be {jail} shows whom it would ban; \
             jailkeeper set {jail} enforce true --save has it ban"
        );
        found.push(Finding::new(Level::Note, jail, text).remedy(remedy));
    }
    // A jail that counts the bans of others has no other source.
    if status.sources != ["bans"] {
        found.push(source(jail, status, running.diagnosis.loaded, now));
    }
    found
}

/// Whether a jail's sources are alive, and whether anything in them concerns it.
fn source(jail: &str, status: &JailStatus, loaded: i64, now: i64) -> Finding {
    let reads = status.sources.join(", ");
    let records = match status.last_record {
        0 => format!("no record of {reads} since the configuration was read"),
        time => format!("the last record of {reads} was {}", words::ago(time, now)),
    };
    let hint = format!(
        "does the service write there, and under that name? jailkeeper show {jail} lists what is read"
    );
    let since = if status.last_record == 0 { loaded } else { status.last_record };
    if now - since > QUIET {
        return Finding::new(Level::Warning, jail, records).remedy(hint);
    }
    if status.last_record == 0 {
        return Finding::new(Level::Note, jail, records).remedy(hint);
    }
    if status.total_attempts == 0 {
        let text = format!("{records}, and none was an attempt");
        let remedy = format!("jailkeeper test {jail} shows what its filter says to each line");
        return Finding::new(Level::Note, jail, text).remedy(remedy);
    }
    Finding::new(Level::Good, jail, records)
}

fn table(running: &Running) -> Finding {
    let diagnosis = &running.diagnosis;
    if !diagnosis.trouble.is_empty() {
        let text = format!("the table inet jailkeeper cannot be read: {}", diagnosis.trouble);
        return Finding::new(Level::Problem, "firewall", text)
            .remedy("systemctl restart jailkeeper makes it anew");
    }
    match diagnosis.deviations {
        0 => Finding::new(Level::Good, "firewall", "the table inet jailkeeper is as it should be"),
        count => {
            let count = words::counted(count as usize, "element", "elements");
            let text = format!("{count} of the table inet jailkeeper are not as they should be");
            Finding::new(Level::Problem, "firewall", text).remedy(
                "it is mended when the kernel allows it; journalctl -u jailkeeper tells what it says",
            )
        }
    }
}

/// Whether packets come past our chains at all.
fn hooks(running: &Running) -> Vec<Finding> {
    let diagnosis = &running.diagnosis;
    let hosts = running.jails.iter().filter(|jail| jail.status.scope == "host");
    let hosts: Vec<&str> = hosts.map(|jail| jail.jail.as_str()).collect();
    let forwards = running.jails.iter().any(|jail| jail.status.scope != "host");
    let mut found = Vec::new();
    if diagnosis.redirecting_rules > 0 && !hosts.is_empty() {
        let rules = diagnosis.redirecting_rules as usize;
        let rules = words::counted(rules, "rule sends", "rules send");
        let text = format!(
            "{rules} packets on to another address (containers, forwarded ports); \
             these jails do not see them: {}",
            hosts.join(", ")
        );
        found.push(
            Finding::new(Level::Note, "firewall", text)
                .remedy("for services behind such a port: scope = \"all\""),
        );
    }
    if !diagnosis.flowtables.is_empty() && forwards {
        let text = format!(
            "connections in the flowtable {} pass by every filter, and are not cut by a ban",
            diagnosis.flowtables.join(", ")
        );
        found.push(
            Finding::new(Level::Warning, "firewall", text)
                .remedy("leave the ports of the jails with scope forward or all out of it"),
        );
    }
    if !diagnosis.ahead.is_empty() {
        let text = format!(
            "these chains see packets before ours, and what they drop does not reach us: {}",
            diagnosis.ahead.join(", ")
        );
        found.push(Finding::new(Level::Note, "firewall", text));
    }
    if found.is_empty() {
        let text = "its chains see packets before other tables accept them";
        found.push(Finding::new(Level::Good, "firewall", text));
    }
    found
}

fn bridges(facts: &Facts) -> Option<Finding> {
    let (first, more) = facts.unseen_bridges.split_first()?;
    let names = std::iter::once(first).chain(more).cloned().collect::<Vec<_>>().join(", ");
    let text = format!("packets that are only bridged ({names}) are not seen by any jail");
    Some(Finding::new(Level::Note, "firewall", text).remedy(
        "if this machine guards others behind a bridge: modprobe br_netfilter, and scope = \"all\"",
    ))
}

fn machine(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![if facts.journal_is_persistent {
        Finding::new(Level::Good, "journal", "it outlives a reboot")
    } else {
        Finding::new(Level::Note, "journal", "it is in memory only and ends with the next reboot")
            .remedy("mkdir /var/log/journal && systemctl restart systemd-journald")
    }];
    match facts.clock_is_synchronized {
        Some(true) => found.push(Finding::new(Level::Good, "clock", "it is set by a time server")),
        Some(false) => found.push(
            Finding::new(Level::Warning, "clock", "it is not set by a time server")
                .remedy("timedatectl set-ntp true; dates in log files count from this clock"),
        ),
        None => {}
    }
    found
}
