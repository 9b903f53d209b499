//! `jailkeeper allow` and `jailkeeper disallow`: who is not banned for now.

use serde::Serialize;

use crate::bus::client::{Allowed, Client};

use super::error::CliError;
use super::jails;
use super::orders::{AllowOrder, DisallowOrder, Sentenced};
use super::page::{Page, Report};
use super::table::{Cell, Column, render};
use super::words;

/// Everybody who is allowed.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct List(Vec<Allowed>);

/// What was done.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    /// None is every jail.
    jail: Option<String>,
    networks: Vec<String>,
    /// -1 for ever.
    seconds: i64,
    comment: String,
}

/// What was ended.
#[derive(Debug, Serialize)]
pub(super) struct Ended {
    /// None is every jail.
    jail: Option<String>,
    networks: Vec<String>,
    /// How many.
    #[serde(rename = "ended")]
    count: u32,
}

pub(super) async fn list(client: &Client) -> Result<List, CliError> {
    Ok(List(client.manager().list_allowed().await?))
}

pub(super) async fn allow(client: &Client, order: &AllowOrder) -> Result<Done, CliError> {
    let seconds = order.sentence.map_or(-1, Sentenced::seconds);
    let networks: Vec<String> = order.addresses.iter().map(ToString::to_string).collect();
    let name = order.jail.as_deref().unwrap_or("");
    let comment = order.comment.clone().unwrap_or_default();
    match client.allow(name, &networks, seconds, &comment).await {
        Ok(()) => Ok(Done { jail: order.jail.clone(), networks, seconds, comment }),
        Err(error) => Err(jails::explained(client, name, error).await),
    }
}

pub(super) async fn disallow(client: &Client, order: &DisallowOrder) -> Result<Ended, CliError> {
    let networks: Vec<String> = order.addresses.iter().map(ToString::to_string).collect();
    let name = order.jail.as_deref().unwrap_or("");
    match client.disallow(name, &networks).await {
        Ok(count) => Ok(Ended { jail: order.jail.clone(), networks, count }),
        Err(error) => Err(jails::explained(client, name, error).await),
    }
}

impl Report for List {
    fn text(&self, page: &Page) -> String {
        if self.0.is_empty() {
            return "Nobody is allowed by hand; ignoreip is shown by jailkeeper status JAIL.\n"
                .to_owned();
        }
        let columns = [
            Column::Left("ALLOWED"),
            Column::Left("JAIL"),
            Column::Spare("SINCE"),
            Column::Spare("UNTIL"),
            Column::Right("LEFT"),
            Column::Elastic("COMMENT"),
        ];
        let row = |allowed: &Allowed| {
            [
                Cell::from(&allowed.network),
                Cell::from(if allowed.jail.is_empty() { "every jail" } else { &allowed.jail }),
                Cell::from(words::date(allowed.since, &page.zone)),
                Cell::from(words::date(allowed.until, &page.zone)),
                Cell::from(words::left(allowed.until, page.now)),
                Cell::from(&allowed.comment),
            ]
        };
        render(columns, &self.0.iter().map(row).collect::<Vec<_>>(), "", page)
    }
}

impl Report for Done {
    fn text(&self, _page: &Page) -> String {
        let whom = self.networks.join(", ");
        let place = place(self.jail.as_ref());
        match u64::try_from(self.seconds) {
            Ok(seconds) => {
                format!("{whom} will not be banned in {place} for {}.\n", words::span(seconds))
            }
            Err(_) => format!("{whom} will never be banned in {place}.\n"),
        }
    }
}

impl Report for Ended {
    fn text(&self, _page: &Page) -> String {
        match self.count {
            0 => format!(
                "Nothing to end: nobody in {} is allowed by hand in {}; jailkeeper allow lists who \
                 is.\n",
                self.networks.join(", "),
                place(self.jail.as_ref()),
            ),
            count => {
                let ended = words::counted(count as usize, "allowance", "allowances");
                format!("Ended {ended}.\n")
            }
        }
    }
}

fn place(jail: Option<&String>) -> String {
    jail.map_or_else(|| "any jail".to_owned(), |jail| format!("jail {jail}"))
}
