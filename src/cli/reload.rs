//! `jailkeeper reload`: read the configuration again.

use serde::Serialize;

use crate::bus::client::Client;

use super::error::CliError;
use super::page::{Page, Report};

/// The new configuration is in force.
#[derive(Debug, Serialize)]
pub(super) struct Reloaded {
    reloaded: bool,
}

pub(super) async fn run(client: &Client) -> Result<Reloaded, CliError> {
    client.reload().await?;
    Ok(Reloaded { reloaded: true })
}

impl Report for Reloaded {
    fn text(&self, _page: &Page) -> String {
        "The configuration is read, and in force.\n".to_owned()
    }
}
