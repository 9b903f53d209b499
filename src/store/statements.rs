//! The statements of a commit, each looked for once however many rows it writes.

use rusqlite::{CachedStatement, Connection, Params, ToSql, params_from_iter};

use super::sum;

/// What can be written.
#[derive(Clone, Copy)]
pub(super) enum Sql {
    PutBan,
    PutPastBan,
    RemoveBan,
    PutWindow,
    RemoveWindow,
    PutAccount,
    RemoveAccount,
    PutEvidence,
    RemoveEvidence,
    PutPrior,
    RemovePrior,
    PutAllowed,
    RemoveAllowed,
    PutPosition,
    RemovePosition,
}

/// How many statements there are.
const COUNT: usize = Sql::RemovePosition as usize + 1;

impl Sql {
    const fn text(self) -> &'static str {
        match self {
            Self::PutBan => {
                "INSERT OR REPLACE INTO bans (jail, network, since, until, attempts, nth, enforced, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
            }
            Self::PutPastBan => {
                "INSERT OR REPLACE INTO history
                     (jail, network, since, until, attempts, nth, enforced, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
            }
            Self::RemoveBan => "DELETE FROM bans WHERE jail = ?1 AND network = ?2",
            Self::PutWindow => {
                "INSERT OR REPLACE INTO windows (jail, network, newest, times, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5)"
            }
            Self::RemoveWindow => "DELETE FROM windows WHERE jail = ?1 AND network = ?2",
            Self::PutAccount => {
                "INSERT OR REPLACE INTO accounts (jail, account, newest, times, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5)"
            }
            Self::RemoveAccount => "DELETE FROM accounts WHERE jail = ?1 AND account = ?2",
            Self::PutEvidence => {
                "INSERT OR REPLACE INTO evidence (jail, network, newest, lines, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5)"
            }
            Self::RemoveEvidence => "DELETE FROM evidence WHERE jail = ?1 AND network = ?2",
            Self::PutPrior => {
                "INSERT OR REPLACE INTO priors (jail, network, enforced, bans, ended, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            }
            Self::RemovePrior => {
                "DELETE FROM priors WHERE jail = ?1 AND network = ?2 AND enforced = ?3"
            }
            Self::PutAllowed => {
                "INSERT OR REPLACE INTO allowed (jail, network, since, until, comment, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            }
            Self::RemoveAllowed => "DELETE FROM allowed WHERE jail = ?1 AND network = ?2",
            Self::PutPosition => {
                "INSERT OR REPLACE INTO positions (source, cursor, sequence, sum)
                 VALUES (?1, ?2, ?3, ?4)"
            }
            Self::RemovePosition => "DELETE FROM positions WHERE source = ?1",
        }
    }
}

/// Those that a commit has needed so far.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    prepared: [Option<CachedStatement<'c>>; COUNT],
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, prepared: [const { None }; COUNT] }
    }

    /// Writes a row of these values, and their sum behind them.
    pub(super) fn put(&mut self, sql: Sql, row: &[&dyn ToSql]) -> rusqlite::Result<()> {
        let sum = sum::of_values(row)?;
        self.run(sql, params_from_iter(row.iter().copied().chain([&sum as &dyn ToSql])))
    }

    /// Runs a statement with these values.
    pub(super) fn run(&mut self, sql: Sql, values: impl Params) -> rusqlite::Result<()> {
        let place = &mut self.prepared[sql as usize];
        let statement = match place {
            Some(statement) => statement,
            None => place.insert(self.connection.prepare_cached(sql.text())?),
        };
        statement.execute(values).map(drop)
    }
}
