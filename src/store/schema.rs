//! The layout of the state file, and how an older one becomes the newest.

use rusqlite::{Connection, TransactionBehavior};

/// Says in the file's header whose file it is (`PRAGMA application_id`): the letters "jail".
pub(super) const APPLICATION: u32 = 0x6a61_696c;

/// Each step makes its layout of the one before; `PRAGMA user_version` counts the steps taken.
/// A step that was released is never changed: a new one is added behind it.
const STEPS: &[&str] = &[
    // Times are microseconds since the Unix epoch; a ban without an end lasts for ever. Networks
    // and windows are encoded as in coding.rs, `lines` have a newline between them. `sequence` is the bit
    // pattern of a u64, `sum` what the other columns come to in the order of statements.rs (sum.rs), or
    // what `rows` do, which are as in changes.rs.
    "CREATE TABLE bans (
         jail TEXT NOT NULL,
         network BLOB NOT NULL,
         since INTEGER NOT NULL,
         until INTEGER,
         attempts INTEGER NOT NULL,
         nth INTEGER NOT NULL,
         enforced INTEGER NOT NULL,
         sum INTEGER NOT NULL,
         PRIMARY KEY (jail, network)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE priors (
         jail TEXT NOT NULL,
         network BLOB NOT NULL,
         enforced INTEGER NOT NULL,
         bans INTEGER NOT NULL,
         ended INTEGER NOT NULL,
         sum INTEGER NOT NULL,
         PRIMARY KEY (jail, network, enforced)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE windows (
         jail TEXT NOT NULL,
         network BLOB NOT NULL,
         newest INTEGER NOT NULL,
         times BLOB NOT NULL,
         sum INTEGER NOT NULL,
         PRIMARY KEY (jail, network)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE accounts (
         jail TEXT NOT NULL,
         account TEXT NOT NULL,
         newest INTEGER NOT NULL,
         times BLOB NOT NULL,
         sum INTEGER NOT NULL,
         PRIMARY KEY (jail, account)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE evidence (
         jail TEXT NOT NULL,
         network BLOB NOT NULL,
         newest INTEGER NOT NULL,
         lines TEXT NOT NULL,
         sum INTEGER NOT NULL,
         PRIMARY KEY (jail, network)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE positions (
         source TEXT NOT NULL PRIMARY KEY,
         cursor TEXT NOT NULL,
         sequence INTEGER NOT NULL,
         sum INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE history (
         network BLOB NOT NULL,
         since INTEGER NOT NULL,
         jail TEXT NOT NULL,
         until INTEGER,
         attempts INTEGER NOT NULL,
         nth INTEGER NOT NULL,
         enforced INTEGER NOT NULL,
         sum INTEGER NOT NULL,
         PRIMARY KEY (network, since, jail)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX history_by_age ON history (since);
     CREATE TABLE allowed (
         jail TEXT NOT NULL,
         network BLOB NOT NULL,
         since INTEGER NOT NULL,
         until INTEGER,
         comment TEXT NOT NULL,
         sum INTEGER NOT NULL,
         PRIMARY KEY (jail, network)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE changes (
         number INTEGER PRIMARY KEY,
         rows BLOB NOT NULL,
         sum INTEGER NOT NULL
     ) STRICT;",
];

/// The newest layout.
pub(super) fn newest() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Whose file it is, and in which layout; both are zero in a file that SQLite has just made.
pub(super) fn identity(connection: &Connection) -> rusqlite::Result<(u32, u32)> {
    // SQLite has them as signed numbers; what it calls negative is a great number here.
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok((pragma("application_id")?.cast_unsigned(), pragma("user_version")?.cast_unsigned()))
}

/// Takes the steps that are missing, each wholly or not at all.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let (_, layout) = identity(connection)?;
    for (step, layout) in STEPS.iter().zip(1_u32..).skip(layout as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", layout)?;
        transaction.commit()?;
    }
    Ok(())
}
