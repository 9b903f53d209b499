//! Jails by their names.

use crate::bus::Error;
use crate::bus::client::Client;

use super::error::CliError;

/// The path of a jail's object.
pub(super) async fn path(client: &Client, name: &str) -> Result<String, CliError> {
    let jails = client.manager().list_jails().await?;
    match jails.iter().find(|(jail, _)| jail == name) {
        Some((_, path)) => Ok(path.to_string()),
        None => Err(no_such_jail(name, jails.into_iter().map(|(jail, _)| jail).collect())),
    }
}

/// The error of a call about a jail; a jail that is not there is answered with those that are.
pub(super) async fn explained(client: &Client, name: &str, error: Error) -> CliError {
    match error {
        Error::NoSuchJail(_) => match client.manager().list_jails().await {
            Ok(jails) => no_such_jail(name, jails.into_iter().map(|(jail, _)| jail).collect()),
            // Who may change something need not be one who may read.
            Err(_) => CliError::NoSuchJail { name: name.to_owned(), jails: None },
        },
        error => error.into(),
    }
}

/// The error that tells which jails there are.
pub(super) fn no_such_jail(name: &str, jails: Vec<String>) -> CliError {
    CliError::NoSuchJail { name: name.to_owned(), jails: Some(jails) }
}
