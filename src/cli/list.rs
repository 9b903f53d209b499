//! `jailkeeper list`: who is banned.

use serde::Serialize;

use crate::bus::client::{Ban, Client};

use super::error::CliError;
use super::jails;
use super::page::{Page, Report};
use super::table::{Cell, Column, render};
use super::words;

/// The bans in force, or those that would be in jails that do not enforce.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Bans {
    pub(super) bans: Vec<Ban>,
    #[serde(skip)]
    pub(super) would_be: bool,
}

pub(super) async fn run(
    client: &Client,
    jail: Option<&str>,
    would_be: bool,
) -> Result<Bans, CliError> {
    let name = jail.unwrap_or("");
    let listed = if would_be {
        client.manager().list_would_be_bans(name).await
    } else {
        client.manager().list_bans(name).await
    };
    match listed {
        Ok(bans) => Ok(Bans { bans, would_be }),
        Err(error) => Err(jails::explained(client, name, error).await),
    }
}

impl Report for Bans {
    fn text(&self, page: &Page) -> String {
        if self.bans.is_empty() {
            let none = if self.would_be { "Nobody would be banned" } else { "Nobody is banned" };
            return format!("{none}.\n");
        }
        let columns = [
            Column::Elastic("JAIL"),
            Column::Left("OFFENDER"),
            Column::Spare("SINCE"),
            Column::Spare("UNTIL"),
            Column::Right("LEFT"),
            Column::Right("ATTEMPTS"),
            Column::Right("BAN"),
        ];
        let row = |ban: &Ban| {
            let [offender, since, until, left, attempts, nth] = cells(ban, page);
            [Cell::from(&ban.jail), offender, since, until, left, attempts, nth]
        };
        let rows: Vec<_> = self.bans.iter().map(row).collect();
        let trial = "Nobody of these is banned: their jails have enforce = false.\n\n";
        let head = if self.would_be { trial } else { "" };
        head.to_owned() + &render(columns, &rows, "", page)
    }
}

/// A ban's row, without the jail: offender, since, until, left, attempts, the how manieth ban.
pub(super) fn cells(ban: &Ban, page: &Page) -> [Cell; 6] {
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
        Cell::from(words::ordinal(ban.nth)),
    ]
}
