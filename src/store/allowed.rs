//! Who is allowed by hand, as the state file has it.

use rusqlite::{Connection, params};

use super::changes::Rows;
use super::coding::{decode_network, decode_until, encode_network, encode_until};
use super::saved::{Nonsense, sound_rows};
use super::statements::Table;
use crate::keeper::{Allowance, Network, Timestamp};

/// The jail of what is allowed in every jail: no jail has this name.
const EVERYWHERE: &str = "";

/// What is allowed: in which jail, by its name, or in every one.
pub type SavedAllowance = (Option<String>, Network, Allowance);

pub(super) fn put(
    rows: &mut Rows,
    jail: Option<&str>,
    network: Network,
    Allowance { since, until, comment }: &Allowance,
) -> rusqlite::Result<()> {
    let jail = jail.unwrap_or(EVERYWHERE);
    let (network, until) = (encode_network(network), encode_until(*until));
    rows.put(Table::Allowed, params![jail, network, since.micros(), until, &**comment])
}

pub(super) fn remove(
    rows: &mut Rows,
    jail: Option<&str>,
    network: Network,
) -> rusqlite::Result<()> {
    let jail = jail.unwrap_or(EVERYWHERE);
    rows.remove(Table::Allowed, params![jail, encode_network(network)])
}

pub(super) fn all(
    connection: &Connection,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<SavedAllowance>> {
    let sql = "SELECT jail, network, since, until, comment, sum FROM allowed";
    sound_rows(connection, sql, [], ("an allowance", nonsense), |row| {
        let (jail, comment): (String, String) = (row.get(0)?, row.get(4)?);
        let allowance = Allowance {
            since: Timestamp::from_micros(row.get(2)?),
            until: decode_until(row.get(3)?),
            comment: comment.into(),
        };
        let network = decode_network(row.get_ref(1)?.as_blob()?);
        Ok(network.map(|network| ((jail != EVERYWHERE).then_some(jail), network, allowance)))
    })
}
