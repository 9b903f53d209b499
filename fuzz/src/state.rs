//! The state file: rows of any content, layouts of any number, and bytes that have become others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jailkeeper::keeper::{Keeper, Policy, Roster, SourceId, Timestamp, Write};
use jailkeeper::store::{Opened, Saved, SavedPosition, Store, StoreError, Whole, fuzzing};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// The tables, and what is written into each beside the row's sum.
const TABLES: [(&str, &str); 9] = [
    ("bans", "jail, network, since, until, attempts, nth, enforced"),
    ("priors", "jail, network, enforced, bans, ended"),
    ("windows", "jail, network, newest, times"),
    ("accounts", "jail, account, newest, times"),
    ("evidence", "jail, network, newest, lines"),
    ("positions", "source, cursor, sequence"),
    ("history", "jail, network, since, until, attempts, nth, enforced"),
    ("allowed", "jail, network, since, until, comment"),
    ("changes", "rows"),
];

/// A state file without anything in it.
static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Store::open(folder.path(), NOW).expect("a state file"));
    fs::read(folder.path().join("state.db")).expect("a state file")
});

/// Each line does something to a sound file: `TABLE VALUE…` adds a row, `wrong TABLE VALUE…` one that is
/// not as it was written, `version N` says that it has that layout, `drop TABLE` takes a table away, `at
/// OFFSET BYTES` puts other bytes there, `cut LENGTH` cuts it off, `log BYTES` lays a log beside it.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    fs::write(&path, &*EMPTY).expect("a file");
    {
        let rows = Connection::open(&path).expect("a database");
        rows.pragma_update(None, "synchronous", "OFF").expect("a setting");
        text.lines().for_each(|line| change(&rows, line));
    }
    let mut bytes = fs::read(&path).expect("a file");
    text.lines().for_each(|line| damage(&mut bytes, line));
    fs::write(&path, bytes).expect("a file");
    for log in text.lines().filter_map(|line| line.strip_prefix("log ")) {
        fs::write(folder.path().join("state.db-wal"), super::hex(log)).expect("a file");
    }
    open(folder.path());
}

fn change(rows: &Connection, line: &str) {
    let (row, wrong) = line.strip_prefix("wrong ").map_or((line, 0), |row| (row, 1));
    let mut words = row.split(' ');
    let (name, rest) = (words.next().unwrap_or_default(), words.map(super::value));
    // What the tables do not take was never in them.
    if let Some((table, columns)) = TABLES.iter().find(|(table, _)| *table == name) {
        let count = columns.split(',').count();
        let row = rest.chain(std::iter::repeat(Value::Null)).take(count);
        let mut row: Vec<_> = row.collect();
        row.push(Value::Integer(fuzzing::sum(&row).wrapping_add(wrong)));
        let places = vec!["?"; row.len()].join(", ");
        let statement =
            format!("INSERT OR REPLACE INTO {table} ({columns}, sum) VALUES ({places})");
        let _ = rows.execute(&statement, params_from_iter(row));
    } else if let Some(version) = line.strip_prefix("version ")
        && let Ok(version) = version.parse::<i32>()
    {
        let _ = rows.pragma_update(None, "user_version", version);
    } else if let Some(table) = line.strip_prefix("drop ")
        && let Some((table, _)) = TABLES.iter().find(|(name, _)| *name == table)
    {
        let _ = rows.execute_batch(&format!("DROP TABLE {table}"));
    }
}

fn damage(bytes: &mut Vec<u8>, line: &str) {
    if let Some(length) = line.strip_prefix("cut ") {
        bytes.truncate(length.parse().unwrap_or(usize::MAX));
    } else if let Some((at, put)) = line.strip_prefix("at ").and_then(|rest| rest.split_once(' ')) {
        let at = at.parse().unwrap_or(usize::MAX).min(bytes.len());
        let put = super::hex(put);
        let end = (at + put.len()).min(bytes.len());
        bytes.splice(at..end, put);
    }
}

/// It opens, at the latest after it was set aside, and says the same when it is opened again. A
/// keeper takes up what it says. What is written of it is read as it was.
fn open(folder: &Path) {
    let Opened { mut store, saved, set_aside, trouble } = match Store::open(folder, NOW) {
        Ok(opened) => opened,
        Err(StoreError::Newer { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    assert!(trouble.is_none(), "{trouble:?}");
    assert!(set_aside.is_none() || saved == Saved::default(), "{saved:?}");
    let networks: BTreeSet<_> = saved.bans.iter().map(|(_, network, _)| *network).collect();
    for network in networks {
        let _ = store.history(network);
    }
    drop(store);
    let again = Store::open(folder, NOW).expect("it opens again");
    assert_eq!((&again.saved, again.set_aside), (&saved, None));
    drop(again.store);
    rewritten(folder, take_up(saved));
}

/// Has a keeper remember what was saved, and go on; what it would save.
fn take_up(saved: Saved) -> (Roster, Vec<Write>, Vec<(String, SavedPosition)>) {
    let (mut roster, mut keeper) = (Roster::default(), Keeper::default());
    let mut id = |name: &Arc<str>, keeper: &mut Keeper| {
        let id = roster.enrol(name);
        if !keeper.jails().any(|jail| jail == id) {
            keeper.admit(id, Policy::default());
        }
        id
    };
    for (jail, prior) in saved.priors {
        let id = id(&jail, &mut keeper);
        keeper.restore_priors(id, [prior]);
    }
    let allowed = saved.allowed.into_iter().map(|(jail, network, allowance)| {
        (jail.map(|jail| id(&Arc::from(jail), &mut keeper)), network, allowance)
    });
    let allowed: Vec<_> = allowed.collect();
    keeper.restore_allowed(NOW, allowed);
    for (jail, network, times) in saved.windows {
        let id = id(&jail, &mut keeper);
        keeper.restore(NOW, id, [], [(network, times)]);
    }
    for (jail, network, ban) in saved.bans {
        let id = id(&jail, &mut keeper);
        keeper.restore(NOW, id, [(network, ban)], []);
    }
    for (jail, account, times) in saved.accounts {
        let id = id(&jail, &mut keeper);
        keeper.restore_accounts(NOW, id, [(account, times)]);
    }
    for (jail, network, newest, lines) in saved.evidence {
        let id = id(&jail, &mut keeper);
        keeper.restore_evidence(id, [(network, newest, lines)]);
    }
    for (number, (_, position)) in (0..).zip(&saved.positions) {
        keeper.restore_place(SourceId(number), position.sequence);
    }
    for seconds in [0, 1, 86_400, 100_000_000] {
        keeper.decide(NOW.plus(Duration::from_secs(seconds)), []);
    }
    let writes = keeper.everything().into_iter().collect();
    (roster, writes, saved.positions)
}

fn rewritten(
    folder: &Path,
    (roster, writes, positions): (Roster, Vec<Write>, Vec<(String, SavedPosition)>),
) {
    let jails: BTreeSet<_> = writes.iter().filter_map(Write::jail).collect();
    let jails: Vec<_> = jails.into_iter().collect();
    let positions: Vec<_> =
        positions.iter().map(|(name, position)| (&**name, Some(position.clone()))).collect();
    let whole = Whole { now: NOW, jails: &jails, writes: &writes, positions: &positions };
    let mut store = Store::open(folder, NOW).expect("it opens").store;
    store.rewrite(&roster, whole).expect("it is written");
    drop(store);
    let read = Store::open(folder, NOW).expect("it opens").saved;
    assert_eq!(read.positions.len(), positions.len(), "{read:?}");
}
