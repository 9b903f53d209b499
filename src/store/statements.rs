//! The statements of a commit, each looked for once however many rows it writes.

use rusqlite::{CachedStatement, Connection, Params};

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
}

/// How many statements there are.
const COUNT: usize = Sql::RemoveAllowed as usize + 1;

impl Sql {
    const fn text(self) -> &'static str {
        match self {
            Self::PutBan => {
                "INSERT OR REPLACE INTO bans (jail, network, since, until, attempts, nth, enforced)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
            }
            Self::PutPastBan => {
                "INSERT OR REPLACE INTO history
                     (jail, network, since, until, attempts, nth, enforced)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
            }
            Self::RemoveBan => "DELETE FROM bans WHERE jail = ?1 AND network = ?2",
            Self::PutWindow => {
                "INSERT OR REPLACE INTO windows (jail, network, newest, times)
                 VALUES (?1, ?2, ?3, ?4)"
            }
            Self::RemoveWindow => "DELETE FROM windows WHERE jail = ?1 AND network = ?2",
            Self::PutAccount => {
                "INSERT OR REPLACE INTO accounts (jail, account, newest, times)
                 VALUES (?1, ?2, ?3, ?4)"
            }
            Self::RemoveAccount => "DELETE FROM accounts WHERE jail = ?1 AND account = ?2",
            Self::PutEvidence => {
                "INSERT OR REPLACE INTO evidence (jail, network, newest, lines)
                 VALUES (?1, ?2, ?3, ?4)"
            }
            Self::RemoveEvidence => "DELETE FROM evidence WHERE jail = ?1 AND network = ?2",
            Self::PutPrior => {
                "INSERT OR REPLACE INTO priors (jail, network, enforced, bans, ended)
                 VALUES (?1, ?2, ?3, ?4, ?5)"
            }
            Self::RemovePrior => {
                "DELETE FROM priors WHERE jail = ?1 AND network = ?2 AND enforced = ?3"
            }
            Self::PutAllowed => {
                "INSERT OR REPLACE INTO allowed (jail, network, since, until, comment)
                 VALUES (?1, ?2, ?3, ?4, ?5)"
            }
            Self::RemoveAllowed => "DELETE FROM allowed WHERE jail = ?1 AND network = ?2",
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
