//! Bans whom a list names: in as few calls as there are ends, and what is refused does not keep the
//! rest out.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::bus::client::Client;
use crate::bus::{Error, MAX_ADDRESSES};
use crate::cli::error::CliError;
use crate::cli::jails;
use crate::cli::many::{self, Progress};
use crate::cli::page::Page;
use crate::keeper::{Network, Prefix};

use super::End;
use super::report::{Imported, Refused};

/// Longer bans are for ever; far below what the service takes.
const LONGEST_SECONDS: i64 = 50 * 365 * 24 * 60 * 60;

/// Somebody to be banned.
pub(super) struct Wish {
    pub(super) jail: String,
    pub(super) offender: Network,
    pub(super) end: End,
}

impl End {
    /// What [`Client`]'s `ban` is told: 0 is the jail's own time, -1 for ever.
    fn seconds(self, now: i64) -> i64 {
        match self {
            Self::Untold => 0,
            Self::At(end) if end - now <= LONGEST_SECONDS => (end - now).max(1),
            Self::At(_) | Self::Never => -1,
        }
    }

    /// For comparing: a ban of the jail's own time may well be longer than any.
    fn rank(self) -> i64 {
        match self {
            Self::At(end) => end,
            Self::Untold | Self::Never => i64::MAX,
        }
    }
}

/// Bans them, each for the time that is left, but for those who are banned for so long already.
pub(super) async fn apply(
    client: &Client,
    wishes: Vec<Wish>,
    page: &Page,
    imported: &mut Imported,
) -> Result<(), CliError> {
    let present = Present::of(client).await?;
    let mut latest: BTreeMap<(String, Network), End> = BTreeMap::new();
    for Wish { jail, offender, end } in wishes {
        let known = latest.entry((jail, offender)).or_insert(end);
        if known.rank() < end.rank() {
            *known = end;
        }
    }
    let progress = Progress::of(latest.len());
    let mut orders: BTreeMap<(String, i64), Vec<Network>> = BTreeMap::new();
    for ((jail, offender), end) in latest {
        if present.lasts(&jail, offender, end) {
            imported.already += 1;
            progress.add(1);
        } else {
            orders.entry((jail, end.seconds(page.now))).or_default().push(offender);
        }
    }
    for ((jail, seconds), offenders) in orders {
        let order = Order { jail, seconds, offenders };
        order.give(client, &progress, imported).await?;
    }
    Ok(())
}

/// Bans that end at the same time.
struct Order {
    jail: String,
    seconds: i64,
    offenders: Vec<Network>,
}

impl Order {
    /// One call for all offenders; where the service refuses one of them, for each half.
    async fn give(
        &self,
        client: &Client,
        progress: &Progress,
        imported: &mut Imported,
    ) -> Result<(), CliError> {
        let mut parts: Vec<&[Network]> = self.offenders.chunks(MAX_ADDRESSES).rev().collect();
        while let Some(part) = parts.pop() {
            let texts: Vec<String> = part.iter().map(ToString::to_string).collect();
            match client.ban(&self.jail, &texts, self.seconds).await {
                Ok(()) => imported.count(&self.jail, part.len()),
                Err(Error::Ignored(why) | Error::TooWide(why) | Error::Refused(why)) => {
                    if part.len() > 1 {
                        let (first, rest) = part.split_at(part.len() / 2);
                        parts.extend([rest, first]);
                        continue;
                    }
                    let (jail, offender) = (Some(self.jail.clone()), texts.concat());
                    imported.refused.push(Refused { jail, offender, why });
                }
                Err(error) => {
                    let error = jails::explained(client, &self.jail, error).await;
                    return Err(many::partly(error, imported.done, "imported"));
                }
            }
            progress.add(part.len());
        }
        Ok(())
    }
}

/// The bans that are in force already.
struct Present {
    ends: HashMap<(String, Network), i64>,
    /// The lengths of networks among them.
    lengths: HashSet<u8>,
}

impl Present {
    async fn of(client: &Client) -> Result<Self, CliError> {
        let mut present = Self { ends: HashMap::new(), lengths: HashSet::new() };
        for ban in client.manager().list_bans("").await? {
            if let Ok(network) = ban.offender.parse::<Network>() {
                let end = if ban.until == -1 { i64::MAX } else { ban.until };
                present.lengths.insert(network.length());
                present.ends.insert((ban.jail, network), end);
            }
        }
        Ok(present)
    }

    /// Whether `offender` is banned in `jail` until `end` or longer.
    fn lasts(&self, jail: &str, offender: Network, end: End) -> bool {
        self.lengths.iter().any(|length| {
            let prefix = Prefix { ipv4: (*length).min(32), ipv6: *length };
            let key = (jail.to_owned(), offender.widened(prefix));
            let covers =
                |until: &i64| key.1.holds(offender) && end != End::Untold && *until >= end.rank();
            self.ends.get(&key).is_some_and(covers)
        })
    }
}
