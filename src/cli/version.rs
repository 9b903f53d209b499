//! `jailkeeper version`: of this program and of the service.

use serde::Serialize;

use crate::bus::client::{Client, Unreachable};

use super::error::CliError;
use super::page::{Page, Report};

/// The versions.
#[derive(Debug, Serialize)]
pub(super) struct Versions {
    client: &'static str,
    /// None when the service is not running.
    service: Option<String>,
}

pub(super) async fn run() -> Result<Versions, CliError> {
    let service = match Client::connect().await {
        Ok(client) => Some(
            client.overview().await.map_err(|error| CliError::from(error).of_reading())?.version,
        ),
        Err(Unreachable::NotRunning) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Versions { client: env!("CARGO_PKG_VERSION"), service })
}

impl Report for Versions {
    fn text(&self, _page: &Page) -> String {
        let client = self.client;
        match &self.service {
            None => format!("client   {client}\nservice  not running\n"),
            Some(service) if service == client => {
                format!("client   {client}\nservice  {service}\n")
            }
            Some(service) => format!(
                "client   {client}\nservice  {service} (to run the installed one: systemctl restart \
                 jailkeeper)\n"
            ),
        }
    }
}
