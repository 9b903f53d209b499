//! The identities of what the service logs (`MESSAGE_ID`, systemd.journal-fields(7)).
//!
//! `packaging/jailkeeper.catalog` explains each of them; journalctl(1) shows that with `-x`. An
//! identity that was released is never used for anything else.

/// An attempt counts.
pub const FOUND: &str = "0876457d88c54bb68956ce0be77907c2";

/// An attempt does not count, because its offender is spared.
pub const IGNORED: &str = "20d009135f3642cc9453b169ef0578d0";

/// A ban was due and was not made.
pub const NOT_BANNED: &str = "49b23ad56db74f36bafe8eb7f29a4818";

/// Somebody was allowed by hand.
pub const ALLOWED: &str = "24eae04b6dc349edbb335145efe0bc1a";

/// Somebody is allowed by hand no longer.
pub const DISALLOWED: &str = "c07f1ed181da49d2b37e7ce186c5dce3";

/// A list of those who are never banned is not as it should be.
pub const LIST_TROUBLE: &str = "b7c7ead0e7f24f72af5983c49799b644";

/// Who is logged in cannot be known.
pub const SESSIONS_UNKNOWN: &str = "58e9279dc3f5490f8fd553131d90fb1d";

/// The firewall keeps an offender out.
pub const BANNED: &str = "056606aed1094aaa8ffe164077555d59";

/// A saved ban is in the firewall again.
pub const RESTORED: &str = "54aa0a3b7d854896b9794d3a456a1c4e";

/// A jail that does not enforce would keep an offender out.
pub const WOULD_BAN: &str = "da1b6dbe22454a61887dd103d21e162c";

/// What such a jail would have banned would be free again.
pub const WOULD_UNBAN: &str = "a92b9e953b314c53a8e7350ed059a958";

/// An offender's ban is over.
pub const UNBANNED: &str = "6cd4129adb3f45c5be74d78fe8a8b3da";

/// The kernel has refused an element.
pub const REFUSED: &str = "a6490c462cdb4814bff84d2200a33b2f";

/// Somebody changed the firewall's table, and it was mended.
pub const MENDED: &str = "7b5fc1c444714c109dd507a8f37d13ae";

/// The state file was damaged, and was set aside.
pub const STATE_DAMAGED: &str = "30b470e42aa94dc089026057df8c1e3c";

/// The state file cannot be written.
pub const STATE_UNWRITABLE: &str = "63787fb72d0e492b9435c7dab2571ace";

/// A jail does not start, because its configuration is wrong.
pub const JAIL_BROKEN: &str = "8e40b25faa9945499894753888c890f4";

/// A source cannot be read.
pub const SOURCE_TROUBLE: &str = "c66da10311e34fc1bc779b82c2dbad22";

/// The service does its work.
pub const READY: &str = "6ec9d887fdba42689928908ec4b3a68c";

/// The configuration was read again and is in force.
pub const RELOADED: &str = "bb379d749db64977b50f4b1e3e4928bc";

/// The configuration was read again and is wrong.
pub const RELOAD_FAILED: &str = "09a238d9a5764e8b8bb0e6ff86faf70c";

/// Every identity.
pub const ALL: [&str; 21] = [
    FOUND,
    IGNORED,
    BANNED,
    RESTORED,
    WOULD_BAN,
    WOULD_UNBAN,
    UNBANNED,
    REFUSED,
    MENDED,
    STATE_DAMAGED,
    STATE_UNWRITABLE,
    JAIL_BROKEN,
    SOURCE_TROUBLE,
    READY,
    RELOADED,
    RELOAD_FAILED,
    NOT_BANNED,
    ALLOWED,
    DISALLOWED,
    LIST_TROUBLE,
    SESSIONS_UNKNOWN,
];
