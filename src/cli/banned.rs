//! `jailkeeper banned ADDR`: in which jails somebody is banned.

use serde::Serialize;

use crate::bus::client::Client;
use crate::keeper::Network;

use super::error::CliError;
use super::page::{Page, Report};

/// An answer for each address, in their order.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Whereabouts(Vec<Whereabout>);

/// Where one is banned.
#[derive(Debug, Serialize)]
struct Whereabout {
    offender: String,
    jails: Vec<String>,
}

pub(super) async fn run(client: &Client, asked: &[Network]) -> Result<Whereabouts, CliError> {
    let bans = client.manager().list_bans("").await?;
    let mut found: Vec<_> = asked
        .iter()
        .map(|offender| Whereabout { offender: offender.to_string(), jails: Vec::new() })
        .collect();
    for ban in bans {
        let Ok(network) = ban.offender.parse::<Network>() else { continue };
        for (asked, found) in asked.iter().zip(&mut found) {
            // Bans come jail by jail.
            if network.holds(*asked) && found.jails.last() != Some(&ban.jail) {
                found.jails.push(ban.jail.clone());
            }
        }
    }
    Ok(Whereabouts(found))
}

impl Report for Whereabouts {
    fn text(&self, _page: &Page) -> String {
        let line = |Whereabout { offender, jails }: &Whereabout| match &jails[..] {
            [] => format!("{offender} is not banned\n"),
            jails => format!("{offender} is banned in {}\n", jails.join(", ")),
        };
        self.0.iter().map(line).collect()
    }
}
