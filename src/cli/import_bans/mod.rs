//! `jailkeeper import-bans`: bans of another machine, or of fail2ban.
//!
//! In reading order: `read` recognises what a list is written in and hands it to `json`, `table`,
//! `lines` or `database`; `apply` bans whom it names; [`Imported`] says what became of all of them.

mod apply;
mod database;
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod lines;
mod read;
mod report;
mod table;

#[cfg(test)]
mod tests;

use crate::bus::client::Client;
use crate::keeper::{Network, Sentence};

use super::error::CliError;
use super::jails;
use super::orders::ImportBansOrder;
use super::page::Page;
use apply::Wish;
pub(super) use report::Imported;
use report::Refused;

/// A ban that a list names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    /// None where the list says nothing of jails.
    jail: Option<String>,
    offender: Network,
    end: End,
}

/// When a ban of a list ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The list does not say.
    Untold,
    /// In unix seconds.
    At(i64),
    Never,
}

/// What a list names.
#[derive(Debug, Default)]
struct List {
    bans: Vec<Listed>,
    /// What no jail can ban, such as a name.
    refused: Vec<Refused>,
}

/// Bans whom the list names, and says what became of each.
pub(super) async fn run(
    client: &Client,
    order: &ImportBansOrder,
    page: &Page,
) -> Result<Imported, CliError> {
    let List { bans, refused } = read::read(order.file.as_deref(), page)?;
    let jails = client.manager().list_jails().await;
    let jails = jails.map_err(|error| CliError::from(error).of_reading())?;
    let running: Vec<String> = jails.into_iter().map(|(name, _)| name).collect();
    if let Some(jail) = &order.jail
        && !running.contains(jail)
    {
        return Err(jails::no_such_jail(jail, running));
    }
    let mut imported = Imported::of(refused);
    let mut wishes = Vec::new();
    for ban in bans {
        let Some(jail) = order.jail.clone().or(ban.jail) else {
            let why = "the list does not say for which jails it is; name one with --jail";
            return Err(CliError::Usage(why.to_owned()));
        };
        if matches!(ban.end, End::At(end) if end <= page.now) {
            imported.ended += 1;
        } else if running.contains(&jail) {
            let end = match order.sentence.map(|sentenced| sentenced.0) {
                None => ban.end,
                Some(Sentence::Forever) => End::Never,
                Some(Sentence::For(span)) => {
                    End::At(page.now.saturating_add_unsigned(span.as_secs()))
                }
            };
            wishes.push(Wish { jail, offender: ban.offender, end });
        } else {
            imported.miss(jail);
        }
    }
    apply::apply(client, wishes, page, &mut imported).await?;
    Ok(imported)
}
