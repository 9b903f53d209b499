//! Settings as the service or the files tell them.

use std::path::PathBuf;

use crate::bus::client::{Client, Setting};
use crate::bus::{Diagnosis, Error};
use crate::confdir::Directories;
use crate::rules::RUN_TIME;

use super::error::CliError;
use super::jails;

/// All settings of a running jail, or of `default`.
pub(super) async fn of(client: &Client, jail: &str) -> Result<Vec<Setting>, CliError> {
    match client.manager().settings(jail).await {
        Ok(settings) => Ok(settings),
        Err(error) => Err(jails::explained(client, jail, error).await),
    }
}

/// The same, or nothing when the jail does not run.
pub(super) async fn of_running(
    client: &Client,
    jail: &str,
) -> Result<Option<Vec<Setting>>, CliError> {
    match client.manager().settings(jail).await {
        Ok(settings) => Ok(Some(settings)),
        Err(Error::NoSuchJail(_) | Error::JailBroken(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The directories of the configuration that the service has read.
pub(super) fn directories(told: &Diagnosis) -> Directories {
    Directories {
        vendor: PathBuf::from(&told.vendor),
        overrides: told.overrides.iter().map(PathBuf::from).collect(),
    }
}

/// A value in TOML as people and scripts want it: strings without quotes, lists with an entry a line.
pub(super) fn plain(value: &str) -> String {
    let table: Result<toml::Table, _> = format!("x = {value}").parse();
    let Some(value) = table.ok().and_then(|mut table| table.remove("x")) else {
        return value.to_owned();
    };
    match value {
        toml::Value::String(text) => text,
        toml::Value::Array(list) => {
            let entries = list
                .iter()
                .map(|entry| entry.as_str().map_or_else(|| entry.to_string(), str::to_owned));
            entries.collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

/// The place of a setting: a file and a line, or where else it comes from.
pub(super) fn place(setting: &Setting) -> String {
    match (setting.path.as_str(), setting.line) {
        ("", _) if setting.value.is_empty() => "not set".to_owned(),
        ("", _) => "built in".to_owned(),
        (RUN_TIME, _) => "set at run time".to_owned(),
        (path, 0) => path.to_owned(),
        (path, line) => format!("{path}:{line}"),
    }
}
