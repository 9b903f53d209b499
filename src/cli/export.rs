//! `jailkeeper export`: the bans in force, for `jailkeeper import-bans` and other programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::ValueEnum;
use jiff::Timestamp;

use crate::bus::client::{Ban, Client};
use crate::keeper::Network;

use super::error::CliError;
use super::list;
use super::orders::ExportOrder;

/// The columns of a table, as `import-bans` knows them.
const COLUMNS: [&str; 5] = ["jail", "offender", "since", "until", "attempts"];

/// What an end that never comes is called.
pub(super) const FOREVER: &str = "forever";

/// How the bans are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An array of objects, as of list --json
    Json,
    /// A table with a line of headings; times are those of RFC 3339
    Csv,
    /// Each offender once, one a line, and nothing else
    Text,
}

/// The text of the bans.
pub(super) async fn run(
    client: &Client,
    order: &ExportOrder,
    json: bool,
) -> Result<String, CliError> {
    let format = match order.format {
        Some(format) if json && format != Format::Json => {
            let why = "--json and another --format exclude each other".to_owned();
            return Err(CliError::Usage(why));
        }
        format => format.unwrap_or(Format::Json),
    };
    let bans = list::run(client, order.jail.as_deref(), false).await?;
    match format {
        Format::Json => super::to_json(&bans),
        Format::Csv => table(&bans.bans).map_err(|error| CliError::Failed(error.to_string())),
        Format::Text => Ok(lines(&bans.bans)),
    }
}

pub(super) fn table(bans: &[Ban]) -> csv::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for ban in bans {
        let attempts = ban.attempts.to_string();
        let (since, until) = (time(ban.since), time(ban.until));
        writer.write_record([&ban.jail, &ban.offender, &since, &until, &attempts])?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn time(seconds: i64) -> String {
    match (seconds, Timestamp::from_second(seconds)) {
        (-1, _) => FOREVER.to_owned(),
        (_, Ok(time)) => time.to_string(),
        (_, Err(_)) => seconds.to_string(),
    }
}

/// Sorted as numbers, and not as texts.
pub(super) fn lines(bans: &[Ban]) -> String {
    let offenders = bans.iter().filter_map(|ban| ban.offender.parse::<Network>().ok());
    let offenders: BTreeSet<Network> = offenders.collect();
    let mut text = String::new();
    for offender in offenders {
        let _ = writeln!(text, "{offender}");
    }
    text
}
