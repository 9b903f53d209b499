//! The way in for the fuzz target: what a list names, and the same again as `jailkeeper export` writes it.

use std::path::Path;

use jiff::tz::TimeZone;

use super::{End, List, database, read};
use crate::bus::client::Ban;
use crate::cli::page::Page;
use crate::cli::{export, to_json};

/// What is now, in unix seconds.
const NOW: i64 = 1_700_000_000;

/// The bans of a list, with the ends that the service would tell; -2 for one that the list does not say.
///
/// # Errors
///
/// Its mistakes, as they are told.
pub fn listed(text: &str) -> Result<Vec<Ban>, String> {
    let page = Page { width: None, now: NOW, zone: TimeZone::UTC };
    told(read::text("list", text, &page))
}

/// The same of a database.
///
/// # Errors
///
/// Why it cannot be read.
pub fn of_database(path: &Path) -> Result<Vec<Ban>, String> {
    told(database::read(path))
}

/// The bans as a table, as JSON, and as lines.
pub fn exported(bans: &[Ban]) -> [String; 3] {
    let table = export::table(bans).expect("a table of texts");
    let json = to_json(&bans).unwrap_or_default();
    [table, json, export::lines(bans)]
}

fn told(list: Result<List, crate::cli::error::CliError>) -> Result<Vec<Ban>, String> {
    let list = list.map_err(|error| error.text().unwrap_or_default())?;
    let ban = |listed: super::Listed| Ban {
        jail: listed.jail.unwrap_or_default(),
        offender: listed.offender.to_string(),
        since: NOW,
        until: match listed.end {
            End::Untold => -2,
            End::At(seconds) => seconds,
            End::Never => -1,
        },
        attempts: 0,
        nth: 1,
    };
    Ok(list.bans.into_iter().map(ban).collect())
}
