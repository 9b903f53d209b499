//! The tables and the statements that write rows of them.

use rusqlite::{CachedStatement, Connection, Params};

/// A table whose rows are written. Its number stands in files (changes.rs): none is ever given to
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Table {
    Bans,
    History,
    Windows,
    Accounts,
    Evidence,
    Priors,
    Allowed,
    Positions,
}

/// All of them, by their numbers.
pub(super) const TABLES: [Table; 8] = [
    Table::Bans,
    Table::History,
    Table::Windows,
    Table::Accounts,
    Table::Evidence,
    Table::Priors,
    Table::Allowed,
    Table::Positions,
];

impl Table {
    /// The one with this number, if there is one.
    pub(super) fn numbered(number: u8) -> Option<Self> {
        TABLES.get(usize::from(number)).copied()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bans => "bans",
            Self::History => "history",
            Self::Windows => "windows",
            Self::Accounts => "accounts",
            Self::Evidence => "evidence",
            Self::Priors => "priors",
            Self::Allowed => "allowed",
            Self::Positions => "positions",
        }
    }

    /// The columns in the order in which their values are written. The last one has the sum of the
    /// others (sum.rs).
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Bans | Self::History => {
                &["jail", "network", "since", "until", "attempts", "nth", "enforced", "sum"]
            }
            Self::Windows => &["jail", "network", "newest", "times", "sum"],
            Self::Accounts => &["jail", "account", "newest", "times", "sum"],
            Self::Evidence => &["jail", "network", "newest", "lines", "sum"],
            Self::Priors => &["jail", "network", "enforced", "bans", "ended", "sum"],
            Self::Allowed => &["jail", "network", "since", "until", "comment", "sum"],
            Self::Positions => &["source", "cursor", "sequence", "sum"],
        }
    }

    /// So many columns, the first ones, say which row it is.
    pub(super) fn keys(self) -> usize {
        match self {
            Self::Positions => 1,
            Self::History | Self::Priors => 3,
            _ => 2,
        }
    }
}

/// Those that were needed so far, each looked for once however many rows it writes.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    put: [Option<CachedStatement<'c>>; TABLES.len()],
    remove: [Option<CachedStatement<'c>>; TABLES.len()],
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        let none = || [const { None }; TABLES.len()];
        Self { connection, put: none(), remove: none() }
    }

    /// Writes a row of these values, in place of the one with the same keys.
    pub(super) fn put(&mut self, table: Table, row: impl Params) -> rusqlite::Result<()> {
        let text = || {
            let columns = table.columns();
            let values = vec!["?"; columns.len()].join(", ");
            let (name, columns) = (table.name(), columns.join(", "));
            format!("INSERT OR REPLACE INTO {name} ({columns}) VALUES ({values})")
        };
        run(&mut self.put[table as usize], self.connection, text, row)
    }

    /// Takes away the row with these keys.
    pub(super) fn remove(&mut self, table: Table, keys: impl Params) -> rusqlite::Result<()> {
        let text = || {
            let name = table.name();
            let keys = table.columns()[..table.keys()].join(" = ? AND ");
            format!("DELETE FROM {name} WHERE {keys} = ?")
        };
        run(&mut self.remove[table as usize], self.connection, text, keys)
    }
}

fn run<'c>(
    statement: &mut Option<CachedStatement<'c>>,
    connection: &'c Connection,
    text: impl FnOnce() -> String,
    values: impl Params,
) -> rusqlite::Result<()> {
    let statement = match statement {
        Some(statement) => statement,
        None => statement.insert(connection.prepare_cached(&text())?),
    };
    statement.execute(values).map(drop)
}
