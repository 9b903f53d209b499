//! `jailkeeper attempt`: count attempts by hand.

use serde::Serialize;

use crate::bus::client::Client;

use super::error::CliError;
use super::jails;
use super::orders::AttemptOrder;
use super::page::{Page, Report};
use super::words;

/// What was done.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    jail: String,
    /// How many attempts counted.
    counted: u32,
}

pub(super) async fn run(client: &Client, order: &AttemptOrder) -> Result<Counted, CliError> {
    let offenders: Vec<String> = order.addresses.iter().map(ToString::to_string).collect();
    let user = order.user.as_deref().unwrap_or("");
    match client.attempt(&order.jail, &offenders, user, order.times).await {
        Ok(counted) => Ok(Counted { jail: order.jail.clone(), counted }),
        Err(error) => Err(jails::explained(client, &order.jail, error).await),
    }
}

impl Report for Counted {
    fn text(&self, _page: &Page) -> String {
        let counted = words::counted(self.counted, "attempt counts", "attempts count");
        format!("{counted} in jail {}.\n", self.jail)
    }
}
