//! Who is allowed by hand, as the state file has it.

use rusqlite::{Connection, params};

use super::coding::{decode_network, decode_until, encode_network, encode_until};
use super::saved::{Nonsense, doubt_network};
use super::statements::{Sql, Statements};
use crate::keeper::{Allowance, Network, Timestamp};

/// The jail of what is allowed in every jail: no jail has this name.
const EVERYWHERE: &str = "";

/// What is allowed: in which jail, by its name, or in every one.
pub type SavedAllowance = (Option<String>, Network, Allowance);

pub(super) fn put(
    statements: &mut Statements<'_>,
    jail: Option<&str>,
    network: Network,
    Allowance { since, until, comment }: &Allowance,
) -> rusqlite::Result<()> {
    let jail = jail.unwrap_or(EVERYWHERE);
    let (network, until) = (encode_network(network), encode_until(*until));
    statements.run(Sql::PutAllowed, params![jail, network, since.micros(), until, &**comment])
}

pub(super) fn remove(
    statements: &mut Statements<'_>,
    jail: Option<&str>,
    network: Network,
) -> rusqlite::Result<()> {
    let jail = jail.unwrap_or(EVERYWHERE);
    statements.run(Sql::RemoveAllowed, params![jail, encode_network(network)])
}

pub(super) fn all(
    connection: &Connection,
    nonsense: &mut Option<Nonsense>,
) -> rusqlite::Result<Vec<SavedAllowance>> {
    let mut statement =
        connection.prepare("SELECT jail, network, since, until, comment FROM allowed")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (jail, bytes): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let Some(network) = decode_network(&bytes) else {
            doubt_network(nonsense, &jail, "allowance", &bytes, "is no network");
            continue;
        };
        let comment: String = row.get(4)?;
        let allowance = Allowance {
            since: Timestamp::from_micros(row.get(2)?),
            until: decode_until(row.get(3)?),
            comment: comment.into(),
        };
        found.push(((jail != EVERYWHERE).then_some(jail), network, allowance));
    }
    Ok(found)
}
