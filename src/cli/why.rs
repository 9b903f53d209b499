//! `jailkeeper why`: what each jail knows of an address.

use std::fmt::Write as _;

use serde::Serialize;

use crate::bus::client::Client;
use crate::bus::{JailView, PastBan};
use crate::keeper::Network;

use super::error::CliError;
use super::page::{Page, Report};
use super::table::{BAD, GOOD, HEADING};
use super::words;

/// So many attempts and past bans of a jail are shown; `--json` has all.
const SHOWN: usize = 5;

/// What the jails know of an address.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    address: String,
    jails: Vec<JailView>,
}

pub(super) async fn run(client: &Client, asked: Network) -> Result<Explained, CliError> {
    let address = asked.to_string();
    let jails = client.manager().why(&address).await?;
    Ok(Explained { address, jails })
}

impl Report for Explained {
    fn text(&self, page: &Page) -> String {
        let mut text = self.verdict(page);
        let (known, unknown): (Vec<_>, Vec<_>) = self.jails.iter().partition(|it| knows(it));
        for view in known {
            jail(&mut text, view, page);
        }
        if !unknown.is_empty() {
            let names: Vec<&str> = unknown.iter().map(|view| view.jail.as_str()).collect();
            line(&mut text, "");
            line(&mut text, &format!("Nothing is known of it in: {}", names.join(", ")));
        }
        text
    }
}

impl Explained {
    /// The answer in a sentence.
    fn verdict(&self, page: &Page) -> String {
        let banned = self.jails.iter().filter(|view| !view.bans.is_empty());
        let names: Vec<&str> = banned.map(|view| view.jail.as_str()).collect();
        let address = format!("{HEADING}{}{HEADING:#}", self.address);
        if names.is_empty() {
            let on_trial = self.jails.iter().filter(|view| !view.would_be.is_empty());
            let on_trial: Vec<&str> = on_trial.map(|view| view.jail.as_str()).collect();
            let would_be = match on_trial.as_slice() {
                [] => String::new(),
                names => format!(", but would be in {}, which does not enforce", names.join(", ")),
            };
            return format!("{address} is {GOOD}not banned{GOOD:#}{would_be}.\n");
        }
        let ends = self.jails.iter().flat_map(|view| &view.bans).map(|ban| ban.until);
        let forever = ends.clone().any(|end| end == -1);
        let last = if forever { -1 } else { ends.max().unwrap_or_default() };
        let until = match last {
            -1 => "for ever".to_owned(),
            end => format!("until {}", words::date(end, &page.zone)),
        };
        format!("{address} is {BAD}banned{BAD:#} in {}, {until}.\n", names.join(", "))
    }
}

/// Whether there is anything to tell.
fn knows(view: &JailView) -> bool {
    !(view.bans.is_empty()
        && view.would_be.is_empty()
        && view.attempts.is_empty()
        && view.spared.is_empty()
        && view.history.is_empty())
}

fn jail(text: &mut String, view: &JailView, page: &Page) {
    line(text, &format!("\n{HEADING}{}{HEADING:#}", words::clean(&view.jail)));
    for ban in &view.bans {
        entry(text, "Banned", &in_force(ban, page));
    }
    for ban in &view.would_be {
        entry(text, "Would ban", &in_force(ban, page));
    }
    if !view.spared.is_empty() {
        entry(text, "Never banned", &view.spared);
    }
    if !view.attempts.is_empty() {
        entry(text, "Attempts", &attempts(view, page));
    }
    for (index, log_line) in view.lines.iter().rev().take(SHOWN).rev().enumerate() {
        entry(text, if index == 0 { "Last lines" } else { "" }, log_line);
    }
    let in_force = |past: &&PastBan| view.bans.contains(past) || view.would_be.contains(past);
    let over: Vec<&PastBan> = view.history.iter().filter(|past| !in_force(past)).collect();
    for ban in over.iter().take(SHOWN) {
        let label = if ban.enforced { "Was banned" } else { "Would have" };
        entry(text, label, &past(ban, page));
    }
    if over.len() > SHOWN {
        entry(text, "", &format!("… and {} more times", over.len() - SHOWN));
    }
    if !view.bans.is_empty() {
        let packets = words::counted(
            usize::try_from(view.packets).unwrap_or(usize::MAX),
            "packet",
            "packets",
        );
        entry(text, "Stopped", &format!("{packets}, of everybody whom this jail bans"));
    }
}

fn in_force(ban: &PastBan, page: &Page) -> String {
    let since = words::date(ban.since, &page.zone);
    let left = match ban.until {
        -1 => "for ever".to_owned(),
        until => format!("{} left", words::left(until, page.now)),
    };
    format!("{} since {since}, {}{}; {left}", ban.offender, cause(ban.attempts), nth(ban))
}

fn past(ban: &PastBan, page: &Page) -> String {
    let since = words::date(ban.since, &page.zone);
    let span = match ban.until {
        -1 => "for ever".to_owned(),
        until => format!("for {}", words::sentence((until - ban.since).max(0))),
    };
    let would = if ban.enforced { "" } else { "banned it " };
    format!("{would}{since} {span}, {}{}", cause(ban.attempts), nth(ban))
}

/// Which ban of its offender it is, if there were others.
fn nth(ban: &PastBan) -> String {
    if ban.nth > 1 { format!(" (the {} ban)", words::ordinal(ban.nth)) } else { String::new() }
}

fn cause(attempts: u32) -> String {
    match attempts {
        0 => "by hand".to_owned(),
        attempts => format!("for {}", words::counted(attempts as usize, "attempt", "attempts")),
    }
}

fn attempts(view: &JailView, page: &Page) -> String {
    let skipped = view.attempts.len().saturating_sub(SHOWN);
    let times = view.attempts.iter().skip(skipped).map(|time| words::date(*time, &page.zone));
    let times: Vec<String> = times.collect();
    let earlier = if skipped > 0 { "…, " } else { "" };
    let (count, findtime) = (view.attempts.len(), words::span(view.findtime));
    format!("{count} of {} within {findtime}: {earlier}{}", view.maxretry, times.join(", "))
}

fn entry(text: &mut String, label: &str, value: &str) {
    line(text, &format!("  {label:<13} {}", words::clean(value)));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}
