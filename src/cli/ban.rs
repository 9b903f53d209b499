//! `jailkeeper ban`: keep somebody out by hand.

use serde::Serialize;

use crate::bus::client::Client;

use super::error::CliError;
use super::jails;
use super::many::{self, Progress};
use super::orders::{BanOrder, Sentenced};
use super::page::{Page, Report};
use super::words;

/// So many are told by name.
const SHOWN: usize = 10;

/// What was done.
#[derive(Debug, Serialize)]
pub(super) struct Banned {
    jail: String,
    offenders: Vec<String>,
    /// 0 is the jail's own time, -1 for ever.
    seconds: i64,
}

pub(super) async fn run(client: &Client, order: &BanOrder) -> Result<Banned, CliError> {
    let seconds = order.sentence.map_or(0, Sentenced::seconds);
    let networks = many::named(&order.addresses)?;
    let progress = Progress::of(networks.len());
    let mut offenders = Vec::with_capacity(networks.len());
    for mut part in many::calls(&networks) {
        if let Err(error) = client.ban(&order.jail, &part, seconds).await {
            let error = jails::explained(client, &order.jail, error).await;
            return Err(many::partly(error, offenders.len(), "banned"));
        }
        progress.add(part.len());
        offenders.append(&mut part);
    }
    Ok(Banned { jail: order.jail.clone(), offenders, seconds })
}

impl Report for Banned {
    fn text(&self, _page: &Page) -> String {
        let whom = match self.offenders.len() {
            ..=SHOWN => self.offenders.join(", "),
            many => format!("{many} addresses and networks"),
        };
        let time = match self.seconds {
            0 => "as long as its bantime says".to_owned(),
            seconds => format!("for {}", words::sentence(seconds)),
        };
        let are = if self.offenders.len() == 1 { "is" } else { "are" };
        format!("{whom} {are} banned in jail {} {time}.\n", self.jail)
    }
}
