//! `jailkeeper ban`: keep somebody out by hand.

use serde::Serialize;

use crate::bus::client::Client;
use crate::keeper::Sentence;

use super::args::BanOrder;
use super::error::CliError;
use super::jails;
use super::page::{Page, Report};
use super::words;

/// What was done.
#[derive(Debug, Serialize)]
pub(super) struct Banned {
    jail: String,
    offenders: Vec<String>,
    /// 0 is the jail's own time, -1 for ever.
    seconds: i64,
}

pub(super) async fn run(client: &Client, order: &BanOrder) -> Result<Banned, CliError> {
    let seconds = match order.sentence.map(|sentenced| sentenced.0) {
        None => 0,
        Some(Sentence::Forever) => -1,
        Some(Sentence::For(span)) => i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
    };
    let offenders: Vec<String> = order.addresses.iter().map(ToString::to_string).collect();
    match client.ban(&order.jail, &offenders, seconds).await {
        Ok(()) => Ok(Banned { jail: order.jail.clone(), offenders, seconds }),
        Err(error) => Err(jails::explained(client, &order.jail, error).await),
    }
}

impl Report for Banned {
    fn text(&self, _page: &Page) -> String {
        let whom = self.offenders.join(", ");
        let time = match self.seconds {
            0 => "the jail's own time".to_owned(),
            seconds => words::sentence(seconds),
        };
        let are = if self.offenders.len() == 1 { "is" } else { "are" };
        format!("{whom} {are} banned in jail {} for {time}.\n", self.jail)
    }
}
