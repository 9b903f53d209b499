//! `jailkeeper get`: one setting, alone.

use serde::Serialize;

use crate::bus::client::{Client, Setting};

use super::error::CliError;
use super::page::{Page, Report};
use super::{settings, words};

/// The setting.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Got {
    settings: Vec<Setting>,
}

pub(super) async fn run(client: &Client, jail: &str, option: &str) -> Result<Got, CliError> {
    let all = settings::of(client, jail).await?;
    let keys: Vec<&str> = all.iter().map(|setting| setting.key.as_str()).collect();
    if !keys.contains(&option) {
        return Err(unknown(option, &keys));
    }
    // A filter may have many patterns.
    Ok(Got { settings: all.into_iter().filter(|setting| setting.key == option).collect() })
}

fn unknown(option: &str, keys: &[&str]) -> CliError {
    let known = keys.iter().filter(|key| !key.contains('.'));
    let near = known.clone().min_by_key(|key| strsim::damerau_levenshtein(key, option));
    let near = near.filter(|key| strsim::damerau_levenshtein(key, option) <= 1 + key.len() / 4);
    let guess = near.map(|key| format!("; did you mean {key}?")).unwrap_or_default();
    let all = known.copied().collect::<Vec<_>>().join(", ");
    CliError::Usage(format!("there is no setting {option:?}{guess}\nthe settings are: {all}"))
}

impl Report for Got {
    fn text(&self, _page: &Page) -> String {
        let values = self.settings.iter().map(|setting| settings::plain(&setting.value));
        values.map(|value| words::clean_lines(&value) + "\n").collect()
    }
}
