//! `jailkeeper show`: what a jail goes by, and where each setting comes from.

use std::fmt::Write as _;

use serde::Serialize;

use crate::bus::client::{Client, Setting};
use crate::confdir::{self, Directories};
use crate::rules::{self, DEFAULT, Inspected, Texts};

use super::args::ShowArgs;
use super::error::CliError;
use super::page::{Page, Report};
use super::status::{self, NamedJail};
use super::table::{Cell, Column, HEADING, render};
use super::{logs, settings, words};

/// What is shown.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Shown {
    /// All jails.
    Jails { note: Option<String>, jails: Vec<JailFiles> },
    /// One jail, or what all jails have.
    One(Settings),
}

/// A jail, and the files that say something about it.
#[derive(Debug, Serialize)]
pub(super) struct JailFiles {
    jail: String,
    state: String,
    files: Vec<String>,
}

/// The settings of one jail.
#[derive(Debug, Serialize)]
pub(super) struct Settings {
    jail: String,
    /// Whence this is known, if not from the running service; and what is wrong.
    notes: Vec<String>,
    #[serde(rename = "settings")]
    all: Vec<Setting>,
    /// The files that `logpath` names now.
    logs: Vec<String>,
}

pub(super) async fn run(args: &ShowArgs) -> Result<Shown, CliError> {
    let client = match (&args.config, &args.vendor) {
        (None, None) => Client::connect().await.ok(),
        _ => None,
    };
    match (&args.jail, client) {
        (None, Some(client)) => jails(&client).await,
        (None, None) => {
            let texts = confdir::read(&named(args));
            Ok(Shown::Jails { note: Some(note(args).to_owned()), jails: jails_of(&texts) })
        }
        (Some(jail), Some(client)) => {
            if let Some(settings) = settings::of_running(&client, jail).await? {
                return Ok(one(jail, Vec::new(), settings));
            }
            let told = client.manager().diagnose().await?;
            let note = "it does not run; this is what the files say";
            from_files(&settings::directories(&told), jail, note)
        }
        (Some(jail), None) => from_files(&named(args), jail, note(args)),
    }
}

fn named(args: &ShowArgs) -> Directories {
    Directories::with(args.vendor.clone(), args.config.clone())
}

fn note(args: &ShowArgs) -> &'static str {
    if args.config.is_none() && args.vendor.is_none() {
        "the service is not running; this is what the files say"
    } else {
        "this is what the files say"
    }
}

async fn jails(client: &Client) -> Result<Shown, CliError> {
    let mut jails = Vec::new();
    for NamedJail { jail, status } in status::service(client).await?.jails {
        let settings = settings::of_running(client, &jail).await?.unwrap_or_default();
        jails.push(JailFiles { jail, state: status.state, files: files(&settings) });
    }
    let texts = confdir::read(&settings::directories(&client.manager().diagnose().await?));
    let mut others = jails_of(&texts);
    others.retain(|other| jails.iter().all(|jail| jail.jail != other.jail));
    jails.extend(others);
    Ok(Shown::Jails { note: None, jails })
}

/// The files that settings come from, each once.
fn files(settings: &[Setting]) -> Vec<String> {
    let mut files = Vec::new();
    for setting in settings.iter().filter(|setting| !setting.path.is_empty()) {
        if !files.contains(&setting.path) {
            files.push(setting.path.clone());
        }
    }
    files
}

fn jails_of(texts: &Texts) -> Vec<JailFiles> {
    let row = |jail: String| {
        let found = rules::inspect(texts, &jail)?;
        let state = match (&found.broken, found.enabled) {
            (_, false) => "off".to_owned(),
            (None, true) => "on at the next start or reload".to_owned(),
            (Some(why), true) => format!("broken: {why}"),
        };
        let settings: Vec<Setting> = found.settings.into_iter().map(of_file).collect();
        Some(JailFiles { jail, state, files: files(&settings) })
    };
    rules::jail_names(texts).into_iter().filter_map(row).collect()
}

fn from_files(place: &Directories, jail: &str, note: &str) -> Result<Shown, CliError> {
    let texts = confdir::read(place);
    let mut notes = vec![note.to_owned()];
    let found = if jail == DEFAULT {
        rules::load(&texts).default
    } else {
        let Some(Inspected { enabled, settings, broken }) = rules::inspect(&texts, jail) else {
            let jails = rules::jail_names(&texts).into_iter().collect();
            return Err(CliError::UnknownJail { name: jail.to_owned(), jails });
        };
        if !enabled {
            notes.push("it is switched off".to_owned());
        }
        notes.extend(broken.map(|why| format!("it has mistakes (jailkeeper check): {why}")));
        settings
    };
    Ok(one(jail, notes, found.into_iter().map(of_file).collect()))
}

fn of_file(setting: rules::Setting) -> Setting {
    let rules::Setting { key, value, path, line } = setting;
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    Setting { key, value, path: path.display().to_string(), line }
}

fn one(jail: &str, notes: Vec<String>, settings: Vec<Setting>) -> Shown {
    let paths = settings.iter().filter(|setting| setting.key == "logpath");
    let paths: Vec<String> = paths.map(|setting| settings::plain(&setting.value)).collect();
    let paths = paths.iter().flat_map(|paths| paths.lines());
    let found = paths.flat_map(|path| {
        let path = path.trim();
        logs::found(path.strip_suffix(" tail").or(path.strip_suffix(" head")).unwrap_or(path))
    });
    let logs = found.map(|path| path.display().to_string()).collect();
    Shown::One(Settings { jail: jail.to_owned(), notes, all: settings, logs })
}

impl Report for Shown {
    fn text(&self, page: &Page) -> String {
        match self {
            Self::Jails { note, jails } => {
                let note = note.as_ref().map(|note| format!("Note: {note}.\n")).unwrap_or_default();
                note + &table_of_jails(jails, page)
            }
            Self::One(settings) => settings.text(page),
        }
    }
}

fn table_of_jails(jails: &[JailFiles], page: &Page) -> String {
    let columns = [Column::Left("JAIL"), Column::Elastic("STATE"), Column::Elastic("FILES")];
    let row = |jail: &JailFiles| {
        [Cell::from(&jail.jail), Cell::from(&jail.state), Cell::from(jail.files.join(" "))]
    };
    render(columns, &jails.iter().map(row).collect::<Vec<_>>(), "", page)
}

impl Settings {
    fn text(&self, page: &Page) -> String {
        let mut text = format!("{HEADING}{}{HEADING:#}\n", words::clean(&self.jail));
        for note in &self.notes {
            let _ = writeln!(text, "Note: {}.", words::clean(note));
        }
        let (filters, own): (Vec<&Setting>, Vec<&Setting>) =
            self.all.iter().partition(|setting| setting.key.starts_with("filter."));
        text.push('\n');
        text += &table_of_settings(&own, page);
        if !filters.is_empty() {
            text.push('\n');
            text += &table_of_patterns(&filters, page);
        }
        if !self.logs.is_empty() {
            let _ = writeln!(text, "\n{HEADING}LOGS NOW{HEADING:#}");
            for log in &self.logs {
                let _ = writeln!(text, "{}", words::clean(log));
            }
        }
        text
    }
}

fn table_of_settings(settings: &[&Setting], page: &Page) -> String {
    let columns = [Column::Left("SETTING"), Column::Elastic("VALUE"), Column::Left("FROM")];
    let row = |setting: &&Setting| {
        [Cell::from(&setting.key), value(setting), Cell::from(settings::place(setting))]
    };
    render(columns, &settings.iter().map(row).collect::<Vec<_>>(), "", page)
}

/// Patterns are long, so that they come last.
fn table_of_patterns(settings: &[&Setting], page: &Page) -> String {
    let columns = [Column::Left("ITS FILTER"), Column::Left("FROM"), Column::Elastic("SAYS")];
    let row = |setting: &&Setting| {
        let key = setting.key.strip_prefix("filter.").unwrap_or(&setting.key);
        [Cell::from(key), Cell::from(settings::place(setting)), value(setting)]
    };
    render(columns, &settings.iter().map(row).collect::<Vec<_>>(), "", page)
}

/// The value on one line.
fn value(setting: &Setting) -> Cell {
    Cell::from(setting.value.split_whitespace().collect::<Vec<_>>().join(" "))
}
