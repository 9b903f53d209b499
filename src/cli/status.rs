//! `jailkeeper status`: how the service is, or one jail.

use std::fmt::Write as _;

use serde::Serialize;

use crate::bus::Error;
use crate::bus::client::{Ban, Client, JailStatus, Overview};

use super::error::CliError;
use super::jails;
use super::list::cells;
use super::page::{Page, Report};
use super::table::{BAD, Cell, Column, GOOD, HEADING, render};
use super::words;

/// So many bans are shown with a jail's status; `list` has all.
const BANS_SHOWN: usize = 10;

/// So many entries of ignoreip are shown.
const IGNORED_SHOWN: usize = 10;

/// The service and its jails.
#[derive(Debug, Serialize)]
pub(super) struct ServiceReport {
    #[serde(flatten)]
    pub(super) overview: Overview,
    pub(super) jails: Vec<NamedJail>,
}

/// A jail under its name.
#[derive(Debug, Serialize)]
pub(super) struct NamedJail {
    pub(super) jail: String,
    #[serde(flatten)]
    pub(super) status: JailStatus,
}

/// One jail and its bans.
#[derive(Debug, Serialize)]
pub(super) struct JailReport {
    #[serde(flatten)]
    pub(super) named: NamedJail,
    pub(super) bans: Vec<Ban>,
}

pub(super) async fn service(client: &Client) -> Result<ServiceReport, CliError> {
    let overview = client.overview().await?;
    let mut jails = Vec::new();
    for (jail, path) in client.manager().list_jails().await? {
        match client.jail(path.as_str()).await {
            Ok(status) => jails.push(NamedJail { jail, status }),
            // A reload has just taken it away.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ServiceReport { overview, jails })
}

pub(super) async fn jail(client: &Client, name: &str) -> Result<JailReport, CliError> {
    let path = jails::path(client, name).await?;
    let status = client.jail(&path).await?;
    let listed = if status.enforce {
        client.manager().list_bans(name).await
    } else {
        client.manager().list_would_be_bans(name).await
    };
    let bans = match listed {
        // It is switched on and broken.
        Err(Error::NoSuchJail(_)) => Vec::new(),
        bans => bans?,
    };
    Ok(JailReport { named: NamedJail { jail: name.to_owned(), status }, bans })
}

fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Bus(zbus::Error::FDO(error))
        if matches!(**error, zbus::fdo::Error::UnknownObject(_)))
}

impl Report for ServiceReport {
    fn text(&self, page: &Page) -> String {
        let mut text = format!("{}\n", words::clean(&self.overview.state));
        if self.jails.is_empty() {
            text.push_str("No jail is switched on; see jailkeeper.toml(5).\n");
            return text;
        }
        let columns = [
            Column::Left("JAIL"),
            Column::Elastic("STATE"),
            Column::Right("ATTEMPTS"),
            Column::Right("IN ALL"),
            Column::Right("BANS"),
            Column::Right("IN ALL"),
            Column::Spare("LAST ATTEMPT"),
        ];
        let row = |NamedJail { jail, status }: &NamedJail| {
            [
                Cell::from(jail),
                state(status),
                Cell::from(status.current_attempts.to_string()),
                Cell::from(status.total_attempts.to_string()),
                Cell::from(status.current_bans.to_string()),
                Cell::from(status.total_bans.to_string()),
                Cell::from(words::ago(status.last_attempt, page.now)),
            ]
        };
        text.push('\n');
        text += &render(columns, &self.jails.iter().map(row).collect::<Vec<_>>(), "", page);
        text
    }
}

fn state(status: &JailStatus) -> Cell {
    Cell::from(state_text(status)).styled(state_style(status))
}

fn state_text(status: &JailStatus) -> String {
    if status.state == "running" && !status.enforce {
        return "not enforcing".to_owned();
    }
    words::clean(&status.state)
}

fn state_style(status: &JailStatus) -> anstyle::Style {
    if status.state == "running" && status.enforce { GOOD } else { BAD }
}

impl Report for JailReport {
    fn text(&self, page: &Page) -> String {
        let NamedJail { jail, status } = &self.named;
        let style = state_style(status);
        let state = state_text(status);
        let mut text = format!("{HEADING}{jail}{HEADING:#}: {style}{state}{style:#}\n");
        if !status.description.is_empty() {
            line(&mut text, &words::clean(&status.description));
        }
        section(&mut text, "Settings", &settings(status));
        section(&mut text, "Health", &health(status, page));
        section(&mut text, "Counts", &counts(status));
        self.push_bans(&mut text, page);
        text
    }
}

impl JailReport {
    fn push_bans(&self, text: &mut String, page: &Page) {
        if self.bans.is_empty() {
            return;
        }
        let enforced = self.named.status.enforce;
        let heading = if enforced { "Banned" } else { "Would be banned, if the jail enforced" };
        line(text, &format!("\n{HEADING}{heading}{HEADING:#}"));
        let columns = [
            Column::Left("OFFENDER"),
            Column::Spare("SINCE"),
            Column::Spare("UNTIL"),
            Column::Right("LEFT"),
            Column::Right("ATTEMPTS"),
            Column::Right("BAN"),
        ];
        let shown: Vec<_> = self.bans.iter().take(BANS_SHOWN).map(|ban| cells(ban, page)).collect();
        *text += &render(columns, &shown, "  ", page);
        if self.bans.len() > BANS_SHOWN {
            let more = self.bans.len() - BANS_SHOWN;
            let option = if enforced { "" } else { " --would-be" };
            let jail = &self.named.jail;
            line(text, &format!("  … and {more} more: jailkeeper list {jail}{option}"));
        }
    }
}

fn section(text: &mut String, heading: &str, lines: &[(&str, String)]) {
    line(text, &format!("\n{HEADING}{heading}{HEADING:#}"));
    for (label, value) in lines {
        line(text, &format!("  {label:<13} {}", words::clean(value)));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}

fn settings(status: &JailStatus) -> Vec<(&'static str, String)> {
    let filter = match status.mode.as_str() {
        _ if status.filter.is_empty() => "none: it counts the bans of other jails".to_owned(),
        "" => status.filter.clone(),
        mode => format!("{} (mode {mode})", status.filter),
    };
    let judged = format!(
        "{} within {} are a ban for {}{}",
        words::counted(status.maxretry as usize, "attempt", "attempts"),
        words::span(status.findtime),
        words::sentence(status.bantime),
        if status.ban_time_grows { ", and longer each time" } else { "" },
    );
    let judged = match status.count_by.as_str() {
        "user" => judged + ", on one account too",
        _ => judged,
    };
    let prefix = format!("/{} of IPv4, /{} of IPv6", status.prefix_ipv4, status.prefix_ipv6);
    let mut lines = vec![
        ("Filter", filter),
        ("Judged", judged),
        ("Closed", closed(status)),
        ("Action", format!("{} (scope {})", status.action, status.scope)),
        ("Banned as", prefix),
        ("Spared", spared(status)),
    ];
    lines.extend(status.ignore.iter().map(|rule| ("Not counted", rule.clone())));
    lines
}

fn closed(status: &JailStatus) -> String {
    let all = |names: &[String]| matches!(names, [one] if one == "all");
    match (all(&status.ports), all(&status.protocols)) {
        (true, true) => "every port".to_owned(),
        (true, false) => format!("every port of {}", status.protocols.join(", ")),
        (false, true) => format!("port {}", status.ports.join(", ")),
        (false, false) => {
            format!("port {} of {}", status.ports.join(", "), status.protocols.join(", "))
        }
    }
}

fn spared(status: &JailStatus) -> String {
    let own = status.ignoreself.then(|| "this host".to_owned());
    let sessions = status.ignoresessions.then(|| "whoever is logged in".to_owned());
    let entries = status.ignoreip.iter().chain(&status.trusted_proxies);
    let shown = entries.clone().take(IGNORED_SHOWN).cloned();
    let mut spared: Vec<String> = own.into_iter().chain(sessions).chain(shown).collect();
    if entries.clone().count() > IGNORED_SHOWN {
        spared.push(format!("… and {} more", entries.count() - IGNORED_SHOWN));
    }
    if spared.is_empty() { "nobody".to_owned() } else { spared.join(", ") }
}

fn health(status: &JailStatus, page: &Page) -> Vec<(&'static str, String)> {
    let moment = |time: i64| match time {
        0 => "never".to_owned(),
        time => format!("{} ({})", words::ago(time, page.now), words::date(time, &page.zone)),
    };
    let mut lines = vec![
        ("Reads", status.sources.join(", ")),
        ("Last record", moment(status.last_record)),
        ("Last attempt", moment(status.last_attempt)),
    ];
    if !status.last_error.is_empty() {
        lines.push(("Last error", status.last_error.clone()));
    }
    if !status.last_refusal.is_empty() {
        lines.push(("Not banned", status.last_refusal.clone()));
    }
    lines.extend(status.warnings.iter().map(|warning| ("Warning", warning.clone())));
    lines
}

fn counts(status: &JailStatus) -> Vec<(&'static str, String)> {
    let count = |now: u64, in_all: u64| format!("{now} now, {in_all} in all");
    let mut lines = vec![
        ("Attempts", count(status.current_attempts, status.total_attempts)),
        ("Bans", count(status.current_bans, status.total_bans)),
    ];
    if !status.enforce {
        let would_be = format!("{} now; nobody of them is kept out", status.would_be_bans);
        lines.push(("Would be bans", would_be));
    }
    lines
}
