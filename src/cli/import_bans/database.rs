//! The bans in fail2ban's own database.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::cli::error::CliError;

use super::report::Refused;
use super::{End, List, Listed};

/// Each jail's present bans: when they began, and for how many seconds, below 0 for ever.
const BANS: &str = "SELECT jail, ip, timeofban, bantime FROM bips ORDER BY jail, ip";

/// The bans in a database that fail2ban may be writing to.
pub(super) fn read(path: &Path) -> Result<List, CliError> {
    rows(path).map_err(|error| {
        CliError::Failed(format!(
            "{}: {error}; a database of fail2ban's has a table \"bips\" since its version 0.11",
            path.display()
        ))
    })
}

fn rows(path: &Path) -> rusqlite::Result<List> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = database.prepare(BANS)?;
    let mut rows = statement.query([])?;
    let mut list = List::default();
    while let Some(row) = rows.next()? {
        let (jail, text): (String, String) = (row.get(0)?, row.get(1)?);
        let (since, span): (i64, i64) = (row.get(2)?, row.get(3)?);
        let end = if span < 0 { End::Never } else { End::At(since.saturating_add(span)) };
        match text.parse() {
            Ok(offender) => list.bans.push(Listed { jail: Some(jail), offender, end }),
            Err(error) => {
                let error: crate::keeper::NotANetwork = error;
                let why = error.to_string();
                list.refused.push(Refused { jail: Some(jail), offender: text, why });
            }
        }
    }
    Ok(list)
}
