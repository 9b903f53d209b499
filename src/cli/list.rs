//! `jailkeeper list`: who is banned.

use serde::Serialize;

use crate::bus::client::{Ban, Client};

use super::error::CliError;
use super::jails;
use super::page::{Page, Report};
use super::table::{Cell, Column, render};
use super::words;

/// The bans in force.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Bans(pub(super) Vec<Ban>);

pub(super) async fn run(client: &Client, jail: Option<&str>) -> Result<Bans, CliError> {
    let name = jail.unwrap_or("");
    match client.manager().list_bans(name).await {
        Ok(bans) => Ok(Bans(bans)),
        Err(error) => Err(jails::explained(client, name, error).await),
    }
}

impl Report for Bans {
    fn text(&self, page: &Page) -> String {
        if self.0.is_empty() {
            return "Nobody is banned.\n".to_owned();
        }
        let columns = [
            Column::Elastic("JAIL"),
            Column::Left("OFFENDER"),
            Column::Spare("SINCE"),
            Column::Spare("UNTIL"),
            Column::Right("LEFT"),
            Column::Right("ATTEMPTS"),
        ];
        let row = |ban: &Ban| {
            let [offender, since, until, left, attempts] = cells(ban, page);
            [Cell::from(&ban.jail), offender, since, until, left, attempts]
        };
        render(columns, &self.0.iter().map(row).collect::<Vec<_>>(), "", page)
    }
}

/// A ban's row, without the jail: offender, since, until, left, attempts.
pub(super) fn cells(ban: &Ban, page: &Page) -> [Cell; 5] {
    let attempts = match ban.attempts {
        0 => "by hand".to_owned(),
        attempts => attempts.to_string(),
    };
    [
        Cell::from(&ban.offender),
        Cell::from(words::date(ban.since, &page.zone)),
        Cell::from(words::date(ban.until, &page.zone)),
        Cell::from(words::left(ban.until, page.now)),
        Cell::from(attempts),
    ]
}
