//! `jailkeeper ping`: a round trip to the service.

use std::time::Instant;

use serde::Serialize;

use crate::bus::client::Client;

use super::error::CliError;
use super::page::{Page, Report};

/// The service has answered.
#[derive(Debug, Serialize)]
pub(super) struct Pong {
    /// How long that took.
    seconds: f64,
}

pub(super) async fn run(client: &Client) -> Result<Pong, CliError> {
    let start = Instant::now();
    client.ping().await?;
    Ok(Pong { seconds: start.elapsed().as_secs_f64() })
}

impl Report for Pong {
    fn text(&self, _page: &Page) -> String {
        format!("pong ({:.1} ms)\n", self.seconds * 1000.0)
    }
}
