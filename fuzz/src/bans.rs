//! Lists of bans that `jailkeeper import-bans` takes, in all their forms.

use std::fs;

use jailkeeper::bus::client::Ban;
use jailkeeper::cli::import_bans::fuzzing::{exported, listed, of_database};
use rusqlite::Connection;

/// The first text is a list. The second has rows of fail2ban's database, one a line: jail, address,
/// begin, seconds; and the third a text that takes the place of its first bytes.
pub fn run(input: &[u8]) {
    let texts = super::texts(input);
    let text = |index: usize| texts.get(index).map(String::as_str).unwrap_or_default();
    if let Ok(bans) = listed(text(0)) {
        again(&bans);
    }
    if texts.len() > 1 {
        database(text(1), text(2).as_bytes());
    }
}

/// What we write of the bans of our jails we read again.
fn again(bans: &[Ban]) {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_ours = |ban: &&Ban| ban.until >= -1 && ban.jail.chars().all(is_sign);
    let bans: Vec<Ban> = bans.iter().filter(is_ours).cloned().collect();
    let [table, json, lines] = exported(&bans);
    let same =
        |one: &Ban, other: &Ban| (&one.offender, one.until) == (&other.offender, other.until);
    for text in [&table, &json] {
        let read = listed(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
        assert_eq!(read.len(), bans.len(), "{text}");
        assert!(read.iter().zip(&bans).all(|(one, other)| same(one, other)), "{text}");
    }
    assert!(listed(&lines).is_ok_and(|read| read.len() <= bans.len()), "{lines}");
}

fn database(rows: &str, damage: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fail2ban.sqlite3");
    let database = Connection::open(&path).expect("a database");
    database.execute_batch("CREATE TABLE bips (jail, ip, timeofban, bantime)").expect("a table");
    for row in rows.lines() {
        let mut words = row.splitn(4, ' ').map(super::value);
        let mut word = || words.next().unwrap_or(rusqlite::types::Value::Null);
        let row = [word(), word(), word(), word()];
        database.execute("INSERT INTO bips VALUES (?1, ?2, ?3, ?4)", row).expect("a row");
    }
    drop(database);
    let mut bytes = fs::read(&path).expect("a file");
    bytes.splice(..damage.len().min(bytes.len()), damage.iter().copied());
    fs::write(&path, bytes).expect("a file");
    if let Ok(bans) = of_database(&path) {
        exported(&bans);
    }
}
