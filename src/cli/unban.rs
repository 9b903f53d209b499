//! `jailkeeper unban`: let somebody in again.

use serde::Serialize;

use crate::bus::client::Client;

use super::error::CliError;
use super::jails;
use super::many::{self, Progress};
use super::orders::UnbanOrder;
use super::page::{Page, Report};
use super::words;

/// What was done.
#[derive(Debug, Serialize)]
pub(super) struct Unbanned {
    /// None is every jail.
    jail: Option<String>,
    /// How many bans are lifted.
    lifted: u32,
}

pub(super) async fn run(client: &Client, order: &UnbanOrder) -> Result<Unbanned, CliError> {
    let name = order.jail.as_deref().unwrap_or("");
    let networks = if order.all { Vec::new() } else { many::named(&order.addresses)? };
    let progress = Progress::of(networks.len());
    let (mut done, mut lifted) = (0, 0);
    for part in many::calls(&networks) {
        match client.unban(name, &part).await {
            Ok(count) => lifted += count,
            Err(error) => {
                let error = jails::explained(client, name, error).await;
                return Err(many::partly(error, done, "looked at"));
            }
        }
        progress.add(part.len());
        done += part.len();
    }
    Ok(Unbanned { jail: order.jail.clone(), lifted })
}

impl Report for Unbanned {
    fn text(&self, _page: &Page) -> String {
        let place = match &self.jail {
            Some(jail) => format!("jail {jail}"),
            None => "any jail".to_owned(),
        };
        match self.lifted {
            0 => format!("Nothing to lift: no such ban is in force in {place}.\n"),
            lifted => format!("Lifted {}.\n", words::counted(lifted as usize, "ban", "bans")),
        }
    }
}
