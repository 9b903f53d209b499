//! The state file on a real disk: what is written is read, and what is broken is noticed.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jailkeeper::keeper::{
    Allowance, BanRecord, Network, Prefix, Prior, Roster, Timestamp, Until, Write,
};
use jailkeeper::store::{
    DAMAGED_KEPT, HISTORY_MOST, Opened, Purge, Saved, SavedPosition, Store, StoreError, Whole,
};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use proptest::prelude::*;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tempfile::{TempDir, tempdir};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn open(directory: &Path) -> Opened {
    Store::open(directory, NOW).expect("the state file opens")
}

fn network(text: &str) -> Network {
    text.parse().expect("a network")
}

fn position(cursor: &str, sequence: u64) -> SavedPosition {
    SavedPosition { cursor: cursor.into(), sequence }
}

fn ban(seconds: u64) -> BanRecord {
    let until = Until::At(NOW.plus(Duration::from_secs(seconds)));
    BanRecord { since: NOW, until, attempts: 5, nth: 1, enforced: true }
}

/// Bans of `count` IPv4 addresses from 10.0.0.0 on.
fn many(roster: &mut Roster, count: u32) -> Vec<Write> {
    let jail = roster.enrol("sshd");
    (0..count)
        .map(|n| {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + n).into();
            Write::Ban(jail, Network::address(address), ban(u64::from(n)))
        })
        .collect()
}

/// A directory with a state file of 500 bans.
fn filled() -> TempDir {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let writes = many(&mut roster, 500);
    let mut store = open(directory.path()).store;
    store.commit(&roster, &writes, &[]).expect("a commit");
    store.fold_all().expect("room");
    directory
}

fn arbitrary_network() -> impl Strategy<Value = Network> + Clone {
    let ipv4 = (any::<u32>(), 0_u8..=32).prop_map(|(bits, length)| {
        Network::of(Ipv4Addr::from_bits(bits).into(), Prefix { ipv4: length, ipv6: 128 })
    });
    let ipv6 = (any::<u128>(), 0_u8..=128).prop_map(|(bits, length)| {
        Network::of(Ipv6Addr::from_bits(bits).into(), Prefix { ipv4: 32, ipv6: length })
    });
    prop_oneof![ipv4, ipv6]
}

fn arbitrary_write(roster: &Roster) -> impl Strategy<Value = Write> + use<> {
    let jails = ["sshd", "nginx"].map(|name| roster.id(name).expect("enrolled"));
    let numbers = (any::<u32>(), any::<u32>(), any::<bool>());
    let ban = (any::<i64>(), proptest::option::of(any::<i64>()), numbers).prop_map(
        |(since, until, (attempts, nth, enforced))| BanRecord {
            since: Timestamp::from_micros(since),
            until: until.map_or(Until::Forever, |end| Until::At(Timestamp::from_micros(end))),
            attempts,
            nth,
            enforced,
        },
    );
    let prior = (any::<u32>(), any::<i64>())
        .prop_map(|(bans, ended)| Prior { bans, ended: Timestamp::from_micros(ended) });
    let times = proptest::collection::vec(any::<i64>(), 1..8).prop_map(|mut times| {
        times.sort_unstable();
        times.into_iter().map(Timestamp::from_micros).collect::<Vec<_>>()
    });
    let account = "(root|bob|.{1,8})".prop_map(Arc::<str>::from);
    let lines = any::<String>().prop_map(Arc::<str>::from);
    let allowance = (any::<i64>(), proptest::option::of(any::<i64>()), "[a-z é]{0,20}").prop_map(
        |(since, until, comment)| Allowance {
            since: Timestamp::from_micros(since),
            until: until.map_or(Until::Forever, |end| Until::At(Timestamp::from_micros(end))),
            comment: comment.into(),
        },
    );
    let place = (proptest::sample::select(jails.to_vec()), arbitrary_network());
    prop_oneof![
        (place.clone(), ban).prop_map(|((jail, net), ban)| Write::Ban(jail, net, ban)),
        (place.clone(), times.clone())
            .prop_map(|((jail, net), times)| Write::Window(jail, net, times)),
        (place.clone(), any::<bool>(), prior).prop_map(|((jail, network), enforced, prior)| {
            Write::Prior { jail, network, enforced, prior }
        }),
        (place.clone(), any::<bool>())
            .prop_map(|((jail, network), enforced)| { Write::NoPrior { jail, network, enforced } }),
        place.clone().prop_map(|(jail, net)| Write::NoBan(jail, net)),
        place.clone().prop_map(|(jail, net)| Write::NoWindow(jail, net)),
        (place.clone(), account.clone(), times)
            .prop_map(|((jail, _), account, times)| Write::Account(jail, account, times)),
        (place.clone(), account).prop_map(|((jail, _), account)| Write::NoAccount(jail, account)),
        (place.clone(), any::<i64>(), lines).prop_map(|((jail, net), last, lines)| {
            Write::Evidence(jail, net, Timestamp::from_micros(last), lines)
        }),
        place.clone().prop_map(|(jail, net)| Write::NoEvidence(jail, net)),
        (place.clone(), any::<bool>(), allowance)
            .prop_map(|((jail, net), here, it)| Write::Allowed(here.then_some(jail), net, it)),
        (place, any::<bool>())
            .prop_map(|((jail, net), here)| Write::NotAllowed(here.then_some(jail), net)),
    ]
}

fn two_jails() -> Roster {
    let mut roster = Roster::default();
    roster.enrol("sshd");
    roster.enrol("nginx");
    roster
}

/// What a sequence of writes leaves, by the simplest means.
fn expected(roster: &Roster, writes: &[Write]) -> Saved {
    let mut saved = Saved::default();
    for write in writes {
        if let Write::Allowed(jail, net, _) | Write::NotAllowed(jail, net) = write {
            let name = jail.map(|jail| roster.name(jail).to_string());
            saved.allowed.retain(|(jail, other, _)| (jail, other) != (&name, net));
            if let Write::Allowed(_, _, allowance) = write {
                saved.allowed.push((name, *net, allowance.clone()));
            }
        }
        let Some(jail) = write.jail() else { continue };
        let name = Arc::clone(roster.name(jail));
        match write {
            Write::Ban(_, net, _) | Write::NoBan(_, net) => {
                saved.bans.retain(|(jail, other, _)| (jail, other) != (&name, net));
            }
            Write::Window(_, net, _) | Write::NoWindow(_, net) => {
                saved.windows.retain(|(jail, other, _)| (jail, other) != (&name, net));
            }
            Write::Account(_, account, _) | Write::NoAccount(_, account) => {
                saved.accounts.retain(|(jail, other, _)| (jail, other) != (&name, account));
            }
            Write::Evidence(_, net, ..) | Write::NoEvidence(_, net) => {
                saved.evidence.retain(|(jail, other, ..)| (jail, other) != (&name, net));
            }
            Write::Prior { network, enforced, .. } | Write::NoPrior { network, enforced, .. } => {
                let is_it = |jail: &Arc<str>, other: (Network, bool)| {
                    (jail, other) == (&name, (*network, *enforced))
                };
                saved.priors.retain(|(jail, (net, earnest, _))| !is_it(jail, (*net, *earnest)));
            }
            Write::Allowed(..) | Write::NotAllowed(..) => {}
        }
        match write.clone() {
            Write::Ban(_, net, ban) => saved.bans.push((name, net, ban)),
            Write::Window(_, net, times) => saved.windows.push((name, net, times)),
            Write::Account(_, account, times) => saved.accounts.push((name, account, times)),
            Write::Evidence(_, net, last, lines) => saved.evidence.push((name, net, last, lines)),
            Write::Prior { network, enforced, prior, .. } => {
                saved.priors.push((name, (network, enforced, prior)));
            }
            _ => {}
        }
    }
    sorted(saved)
}

fn sorted(mut saved: Saved) -> Saved {
    saved.bans.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    saved.windows.sort();
    saved.accounts.sort();
    saved.evidence.sort();
    saved.priors.sort_by(|a, b| (&a.0, a.1.0, a.1.1).cmp(&(&b.0, b.1.0, b.1.1)));
    saved.allowed.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    saved.positions.sort_by(|a, b| a.0.cmp(&b.0));
    saved
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_written_is_read_back(
        writes in proptest::collection::vec(arbitrary_write(&two_jails()), 0..60),
        cut in 0_usize..60,
        folds in any::<bool>(),
        sequence in any::<u64>(),
        cursor in ".{0,40}",
    ) {
        let roster = two_jails();
        let directory = tempdir().expect("a directory");
        let (first, second) = writes.split_at(cut.min(writes.len()));
        let mut opened = open(directory.path());
        prop_assert_eq!(&opened.saved, &Saved::default());
        opened.store.commit(&roster, first, &[("system", Some(position("old", 1)))]).expect("a commit");
        if folds {
            opened.store.fold_all().expect("room");
        }
        let at = position(&cursor, sequence);
        opened.store.commit(&roster, second, &[("system", Some(at.clone()))]).expect("a commit");
        drop(opened);
        let opened = open(directory.path());
        prop_assert!(opened.set_aside.is_none());
        let mut wanted = expected(&roster, &writes);
        wanted.positions = vec![("system".into(), at)];
        prop_assert_eq!(sorted(opened.saved), wanted);
    }
}

#[test]
fn the_files_are_private_and_a_copy_of_the_running_ones_is_whole() {
    let directory = tempdir().expect("a directory");
    let copy = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let writes = many(&mut roster, 50);
    let mut store = open(directory.path()).store;
    for (done, write) in writes.iter().enumerate() {
        let at = position("c", done as u64);
        store
            .commit(&roster, std::slice::from_ref(write), &[("system", Some(at))])
            .expect("a commit");
        for name in ["state.db", "state.db-wal"] {
            let file = directory.path().join(name);
            let mode = fs::metadata(&file).expect("the file is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            fs::copy(&file, copy.path().join(name)).expect("a copy");
        }
        let crashed = open(copy.path());
        assert_eq!(crashed.saved.bans.len(), done + 1);
        assert_eq!(crashed.saved.positions[0].1.sequence, done as u64);
        assert_eq!(crashed.set_aside, None);
    }
}

#[test]
fn a_file_that_others_could_read_becomes_private() {
    let directory = filled();
    let file = directory.path().join("state.db");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_eq!(open(directory.path()).saved.bans.len(), 500);
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
}

/// Damages the state file, opens it, and checks that it was set aside as it was.
fn is_set_aside(directory: &Path, damaged: &[u8]) -> String {
    fs::write(directory.join("state.db"), damaged).expect("damage");
    let opened = open(directory);
    let aside = opened.set_aside.expect("the damage is noticed");
    assert_eq!(opened.saved, Saved::default());
    assert_eq!(fs::read(&aside.path).expect("the damaged file is kept"), damaged);
    assert!(aside.path.starts_with(directory.canonicalize().expect("a path")));
    aside.reason
}

#[test]
fn zeros_text_and_nothing_are_set_aside() {
    let directory = filled();
    is_set_aside(directory.path(), &vec![0; 40_960]);
    is_set_aside(directory.path(), b"");
    let reason = is_set_aside(directory.path(), "not a database\n".repeat(1000).as_bytes());
    assert!(reason.contains("not a database"), "{reason}");
    let kept: Vec<_> = fs::read_dir(directory.path())
        .expect("the directory")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| name.contains(".damaged-"))
        .collect();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(kept.contains(&"state.db.damaged-1700000000".to_owned()), "{kept:?}");
}

#[test]
fn only_the_newest_damaged_files_are_kept() {
    let directory = tempdir().expect("a directory");
    for n in 0..=DAMAGED_KEPT {
        is_set_aside(directory.path(), format!("damage number {n}").as_bytes());
    }
    let oldest = directory.path().join("state.db.damaged-1700000000");
    assert!(!oldest.exists());
    assert!(directory.path().join("state.db.damaged-1700000001").exists());
}

#[test]
fn a_database_of_somebody_else_is_set_aside() {
    let directory = tempdir().expect("a directory");
    let file = directory.path().join("state.db");
    let other = rusqlite::Connection::open(&file).expect("a database");
    other.execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1;").expect("a table");
    drop(other);
    let reason = is_set_aside(directory.path(), &fs::read(&file).expect("the file"));
    assert_eq!(reason, "it is no state file of jailkeeper");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_truncated_or_torn_file_is_consistent_or_set_aside(
        part in 0.0_f64..1.0,
        tear in any::<bool>(),
        log in any::<bool>(),
    ) {
        let directory = filled();
        let mut roster = Roster::default();
        let writes = many(&mut roster, 520);
        let mut store = open(directory.path()).store;
        for write in &writes[500..] {
            store.commit(&roster, std::slice::from_ref(write), &[]).expect("a commit");
        }
        let crashed = tempdir().expect("a directory");
        for name in ["state.db", "state.db-wal"] {
            let mut bytes = fs::read(directory.path().join(name)).expect("the file");
            if log == name.ends_with("wal") {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "a place in a small file"
                )]
                let place = (bytes.len() as f64 * part) as usize;
                if tear {
                    let end = bytes.len().min(place + 4096);
                    bytes[place..end].fill(0xa5);
                } else {
                    bytes.truncate(place);
                }
            }
            fs::write(crashed.path().join(name), bytes).expect("a copy");
        }
        let opened = open(crashed.path());
        let count = opened.saved.bans.len();
        if log {
            prop_assert!(opened.set_aside.is_none());
            prop_assert!((500..=520).contains(&count), "{} bans", count);
        } else if opened.set_aside.is_some() {
            prop_assert_eq!(count, 0);
        }
        let mut store = opened.store;
        let committed = store.commit(&roster, &writes, &[]);
        prop_assert!(committed.is_ok(), "{:?}", committed);
    }
}

#[test]
fn what_is_no_file_is_refused_and_stays() {
    let directory = tempdir().expect("a directory");
    let path = directory.path().join("state.db");
    fs::create_dir(&path).expect("a directory");
    let error = Store::open(directory.path(), NOW).expect_err("no file");
    assert!(error.to_string().contains("is a directory"), "{error}");
    assert!(path.is_dir());
    fs::remove_dir(&path).expect("it is empty");
    std::os::unix::fs::symlink("/dev/null", &path).expect("a link");
    let error = Store::open(directory.path(), NOW).expect_err("no file");
    assert!(error.to_string().contains("is a symbolic link"), "{error}");
    let error = Store::open(&directory.path().join("missing"), NOW).expect_err("no directory");
    assert!(matches!(error, StoreError::Directory { .. }), "{error}");
}

#[test]
fn a_newer_layout_is_refused_and_left_untouched() {
    let directory = filled();
    let file = directory.path().join("state.db");
    rusqlite::Connection::open(&file)
        .and_then(|other| other.pragma_update(None, "user_version", 99))
        .expect("another layout");
    let before = fs::read(&file).expect("the file");
    let error = Store::open(directory.path(), NOW).expect_err("it is newer");
    assert!(matches!(error, StoreError::Newer { found: 99, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("newer jailkeeper"), "{error}");
    assert_eq!(fs::read(&file).expect("the file"), before);
}

#[test]
fn only_one_may_have_it_open() {
    let directory = filled();
    let first = open(directory.path());
    let error = Store::open(directory.path(), NOW).expect_err("it is in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(first);
    let reader = rusqlite::Connection::open(directory.path().join("state.db")).expect("a reader");
    reader.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let error = Store::open(directory.path(), NOW).expect_err("it is locked");
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(reader);
    assert_eq!(open(directory.path()).saved.bans.len(), 500);
}

/// As a process has one that another thread starts, until it runs its program.
fn copy_of_descriptor(path: &Path) -> OwnedFd {
    let open = fs::read_dir("/proc/self/fd").expect("the descriptors").flatten();
    let found = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == path));
    let numbers: Vec<_> = found.map(|entry| entry.file_name()).collect();
    let [number] = numbers.as_slice() else {
        panic!("{numbers:?} are descriptors of {}", path.display())
    };
    let number = number.to_str().and_then(|number| number.parse().ok()).expect("a number");
    let this = pidfd_open(getpid(), PidfdFlags::empty()).expect("this process");
    pidfd_getfd(this, number, PidfdGetfdFlags::empty()).expect("a copy")
}

#[test]
fn it_is_free_as_soon_as_it_is_closed() {
    let directory = filled();
    let first = open(directory.path());
    let copy = copy_of_descriptor(&directory.path().canonicalize().expect("a path"));
    let error = Store::open(directory.path(), NOW).expect_err("it is in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(first);
    open(directory.path());
    drop(copy);
}

#[test]
fn rows_that_make_no_sense_are_told_and_left_out() {
    let directory = filled();
    let other = rusqlite::Connection::open(directory.path().join("state.db")).expect("a database");
    other
        .execute_batch(
            "UPDATE bans SET network = x'0420cb007105' WHERE network = x'04200a000005';
             UPDATE bans SET until = NULL WHERE network = x'04200a000006';
             INSERT INTO priors VALUES ('sshd', x'0420c0000201', 1, 1, 0, 0);
             INSERT INTO windows VALUES ('sshd', x'0420c0000201', 0, x'0000000000000001', 0);
             INSERT INTO accounts VALUES ('sshd', 'root', 0, x'0000000000000001', 0);
             INSERT INTO evidence VALUES ('sshd', x'0420c0000201', 0, '[]', 0);
             INSERT INTO allowed VALUES ('', x'0420c0000201', 0, NULL, '', 0);",
        )
        .expect("nonsense");
    drop(other);
    let mut opened = open(directory.path());
    assert_eq!((opened.saved.bans.len(), opened.saved.windows.len()), (498, 0));
    let nonsense = opened.saved.nonsense.expect("it is told");
    assert_eq!((nonsense.rows, &*nonsense.first), (7, "a window is not as it was written"));
    let mut roster = Roster::default();
    let writes = many(&mut roster, 2);
    let jails = [roster.enrol("sshd")];
    let whole = Whole { now: NOW, jails: &jails, writes: &writes, positions: &[] };
    opened.store.rewrite(&roster, whole).expect("a rewrite");
    drop(opened.store);
    let saved = open(directory.path()).saved;
    assert_eq!((saved.bans.len(), saved.nonsense), (2, None));
}

#[test]
fn what_stands_in_the_tables_in_part_is_whole_after_a_crash() {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let jail = roster.enrol("sshd");
    let window = |n: u32, seconds| {
        let address = Network::address(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b1)).into());
        Write::Window(jail, address, vec![NOW.plus(Duration::from_secs(seconds))])
    };
    let mut store = open(directory.path()).store;
    let first: Vec<_> = (0..5000).map(|n| window(n, 0)).collect();
    store.commit(&roster, &first, &[]).expect("a commit");
    let mut wanted: Vec<Write> = first;
    let mut steps = 0;
    while store.unfolded() > 0 {
        // Some are written anew between two steps, whether they stand there already or not.
        if steps % 3 == 0 && steps < 12 {
            let again: Vec<_> = (0..5000).step_by(7).map(|n| window(n, steps)).collect();
            store.commit(&roster, &again, &[]).expect("a commit");
            wanted.extend(again);
        }
        store.fold().expect("room");
        steps += 1;
        let copy = tempdir().expect("a directory");
        for name in ["state.db", "state.db-wal"] {
            fs::copy(directory.path().join(name), copy.path().join(name)).expect("a copy");
        }
        let crashed = open(copy.path());
        assert_eq!((crashed.set_aside, &crashed.saved.nonsense), (None, &None));
        assert_eq!(sorted(crashed.saved), expected(&roster, &wanted), "after {steps} steps");
    }
    assert!(steps > 10, "{steps}");
}

#[test]
fn a_commit_that_makes_no_sense_is_told_and_what_was_read_behind_it_is_read_again() {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let mut store = open(directory.path()).store;
    let bans = many(&mut roster, 3);
    for (number, ban) in (1..).zip(&bans) {
        let attempt = Write::Window(roster.enrol("sshd"), network("192.0.2.1"), vec![NOW]);
        let position = [("journal", Some(position("there", number)))];
        store.commit(&roster, &[ban.clone(), attempt], &position).expect("a commit");
    }
    drop(store);
    let other = rusqlite::Connection::open(directory.path().join("state.db")).expect("a database");
    let damage = "UPDATE changes SET rows = CAST(replace(rows, x'0a000001', x'0a000009') AS BLOB) WHERE number = 2";
    assert_eq!(other.execute(damage, []).expect("nonsense"), 1);
    drop(other);
    for _ in 0..2 {
        let Saved { bans, windows, positions, nonsense, .. } = open(directory.path()).saved;
        assert_eq!((bans.len(), windows.len(), positions.len()), (2, 0, 0));
        let nonsense = nonsense.expect("it is told");
        assert_eq!(nonsense.first, "what was committed last is not as it was written");
    }
    let mut opened = open(directory.path());
    let whole = Whole { now: NOW, jails: &[roster.enrol("sshd")], writes: &bans, positions: &[] };
    opened.store.rewrite(&roster, whole).expect("a rewrite");
    drop(opened);
    let saved = open(directory.path()).saved;
    assert_eq!((saved.bans.len(), saved.nonsense), (3, None));
}

#[test]
fn a_rewrite_replaces_its_jails_and_spares_the_others() {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let (sshd, nginx) = (roster.enrol("sshd"), roster.enrol("nginx"));
    let (one, two) = (network("192.0.2.1"), network("2001:db8::/64"));
    let mut store = open(directory.path()).store;
    let writes = [
        Write::Ban(sshd, one, ban(60)),
        Write::Window(sshd, two, vec![NOW]),
        Write::Ban(nginx, one, ban(60)),
        Write::Window(nginx, two, vec![NOW]),
    ];
    store.commit(&roster, &writes, &[("a", Some(position("x", 1)))]).expect("a commit");
    let writes = [Write::Ban(sshd, two, ban(9))];
    let positions = [("b", Some(position("y", u64::MAX)))];
    let whole = Whole { now: NOW, jails: &[sshd], writes: &writes, positions: &positions };
    store.rewrite(&roster, whole).expect("a rewrite");
    let jail = store.jail("sshd").expect("a jail");
    assert_eq!((jail.bans, jail.windows), (vec![(two, ban(9))], vec![]));
    let jail = store.jail("nginx").expect("a jail");
    assert_eq!((jail.bans, jail.windows), (vec![(one, ban(60))], vec![(two, vec![NOW])]));
    drop(store);
    assert_eq!(open(directory.path()).saved.positions, [("b".to_owned(), position("y", u64::MAX))]);
}

#[test]
fn the_history_has_each_ban_once_and_is_purged_by_age() {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let sshd = roster.enrol("sshd");
    let offender = network("192.0.2.1");
    let day = Duration::from_hours(24);
    let old = BanRecord { since: NOW.minus(day * 3), ..ban(60) };
    let mut store = open(directory.path()).store;
    let writes = [
        Write::Ban(sshd, offender, old),
        Write::NoBan(sshd, offender),
        Write::Ban(sshd, offender, ban(60)),
    ];
    for _replay in 0..2 {
        store.commit(&roster, &writes, &[]).expect("a commit");
    }
    let both = vec![("sshd".to_owned(), ban(60)), ("sshd".to_owned(), old)];
    assert_eq!(store.history(offender).expect("a history"), both);
    let purge = Purge { now: NOW, keep_history: day, keep_windows: day, jails: &["sshd"] };
    assert_eq!(store.purge(purge).expect("a purge"), 1);
    assert_eq!(store.history(offender).expect("a history"), both[..1]);
}

#[test]
fn counts_of_earlier_bans_stay_with_their_jails() {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let (sshd, gone) = (roster.enrol("sshd"), roster.enrol("gone"));
    let network = network("192.0.2.1");
    let day = Duration::from_hours(24);
    let prior = Prior { bans: 3, ended: NOW.minus(day * 2) };
    let writes = [(sshd, true), (gone, true), (gone, false)].map(|(jail, enforced)| Write::Prior {
        jail,
        network,
        enforced,
        prior,
    });
    let mut store = open(directory.path()).store;
    store.commit(&roster, &writes, &[]).expect("a commit");
    let of_gone = store.jail("gone").expect("a jail").priors;
    assert_eq!(of_gone, [(network, false, prior), (network, true, prior)]);
    let whole = Whole { now: NOW, jails: &[sshd], writes: &writes[..1], positions: &[] };
    store.rewrite(&roster, whole).expect("a rewrite");
    assert_eq!(store.jail("gone").expect("a jail").priors, of_gone);
    let purge = Purge { now: NOW, keep_history: day, keep_windows: day, jails: &["sshd"] };
    assert_eq!(store.purge(purge).expect("a purge"), 2);
    let sshd = (Arc::from("sshd"), (network, true, prior));
    drop(store);
    assert_eq!(open(directory.path()).saved.priors, [sshd]);
}

#[test]
fn a_purge_takes_what_is_over_in_jails_that_do_not_run() {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let (sshd, gone) = (roster.enrol("sshd"), roster.enrol("gone"));
    let (one, two) = (network("192.0.2.1"), network("192.0.2.2"));
    let over = BanRecord { until: Until::At(NOW), ..ban(0) };
    let old = vec![NOW.minus(Duration::from_secs(601))];
    let mut writes = Vec::new();
    for jail in [sshd, gone] {
        writes.push(Write::Ban(jail, one, over));
        writes.push(Write::Ban(jail, two, ban(60)));
        writes.push(Write::Window(jail, one, old.clone()));
        writes.push(Write::Window(jail, two, vec![NOW]));
        writes.push(Write::Account(jail, "root".into(), old.clone()));
        writes.push(Write::Account(jail, "bob".into(), vec![NOW]));
        writes.extend([one, two].map(|net| Write::Evidence(jail, net, NOW, "line".into())));
    }
    let mut store = open(directory.path()).store;
    store.commit(&roster, &writes, &[]).expect("a commit");
    let purge = Purge {
        now: NOW,
        keep_history: Duration::from_hours(24),
        keep_windows: Duration::from_mins(10),
        jails: &["sshd"],
    };
    assert_eq!(store.purge(purge).expect("a purge"), 4);
    let jail = store.jail("gone").expect("a jail");
    assert_eq!((jail.bans, jail.windows), (vec![(two, ban(60))], vec![(two, vec![NOW])]));
    assert_eq!(jail.accounts, [("bob".into(), vec![NOW])]);
    assert_eq!(jail.evidence, [(two, NOW, "line".into())]);
    let jail = store.jail("sshd").expect("a jail");
    assert_eq!((jail.bans.len(), jail.accounts.len(), jail.evidence.len()), (2, 2, 2));
}

#[test]
fn the_history_is_bounded_and_a_hundred_thousand_bans_are_quick() {
    let directory = tempdir().expect("a directory");
    let mut roster = Roster::default();
    let writes = many(&mut roster, 100_000);
    let mut store = open(directory.path()).store;
    let start = Instant::now();
    store.commit(&roster, &writes, &[]).expect("a commit");
    let written = start.elapsed();
    drop(store);
    let start = Instant::now();
    let mut opened = open(directory.path());
    let read = start.elapsed();
    println!("100,000 bans: written in {written:?}, read in {read:?}");
    assert_eq!(opened.saved.bans.len(), 100_000);
    assert!(written + read < Duration::from_secs(20), "{written:?} and {read:?}");
    let shifted = |write: &Write, by: u64| match write {
        Write::Ban(jail, network, ban) => {
            let since = ban.since.plus(Duration::from_secs(by));
            Write::Ban(*jail, *network, BanRecord { since, ..*ban })
        }
        other => other.clone(),
    };
    for round in 1..3 {
        let later: Vec<_> = writes.iter().map(|write| shifted(write, round)).collect();
        opened.store.commit(&roster, &later, &[]).expect("a commit");
        opened.store.fold_all().expect("room");
    }
    drop(opened);
    let other = rusqlite::Connection::open(directory.path().join("state.db")).expect("a database");
    let rows: u32 =
        other.query_row("SELECT count(*) FROM history", [], |row| row.get(0)).expect("a number");
    assert!(rows <= HISTORY_MOST && rows > HISTORY_MOST / 10 * 9, "{rows} rows");
}

/// Runs `test` in a directory of a file system of its own, which ends with the thread.
fn on_small_disk(test: impl FnOnce(&Path) + Send + 'static) {
    let directory = tempdir().expect("a directory");
    let path = directory.path().to_owned();
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("privacy");
        mount(Some("small"), &path, Some("tmpfs"), MsFlags::empty(), Some("size=1m"))
            .expect("a small disk");
        test(&path);
    });
    thread.join().expect("the test on the small disk passes");
}

#[test]
fn a_full_disk_is_told_and_a_later_commit_works() {
    on_small_disk(|path| {
        let mut roster = Roster::default();
        let writes = many(&mut roster, 20_000);
        let mut store = open(path).store;
        store.commit(&roster, &writes[..10], &[]).expect("a commit");
        let error = store.commit(&roster, &writes, &[]).expect_err("no room");
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(store.jail("sshd").expect("a jail").bans.len(), 10);
        store.commit(&roster, &writes[..20], &[]).expect("a commit that fits");
        drop(store);
        let opened = open(path);
        assert_eq!((opened.saved.bans.len(), opened.set_aside), (20, None));
    });
}

#[test]
fn a_disk_without_any_room_leaves_no_half_made_file() {
    on_small_disk(|path| {
        let ballast = path.join("ballast");
        let full = fs::write(&ballast, vec![1; 2 << 20]).expect_err("the disk is small");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        let Opened { mut store, trouble, .. } = open(path);
        assert!(matches!(trouble, Some(StoreError::Full { .. })), "{trouble:?}");
        let nothing = Whole { now: NOW, jails: &[], writes: &[], positions: &[] };
        store.rewrite(&Roster::default(), nothing).expect_err("no room");
        fs::remove_file(ballast).expect("room");
        assert_eq!(store.rewrite(&Roster::default(), nothing).expect("there is room"), None);
        drop(store);
        assert_eq!(open(path).set_aside, None);
    });
}

#[test]
fn a_file_system_that_may_only_be_read_is_told_and_read() {
    on_small_disk(|path| {
        let mut roster = Roster::default();
        let writes = many(&mut roster, 6);
        let mut store = open(path).store;
        store.commit(&roster, &writes[..5], &[]).expect("a commit");
        let names = ["state.db", "state.db-wal"];
        let crashed = names.map(|name| fs::read(path.join(name)).expect("a file"));
        drop(store);
        read_only(path, true);
        assert_eq!(open(path).saved.bans.len(), 5, "without a log");
        read_only(path, false);
        for (name, bytes) in names.iter().zip(crashed) {
            fs::write(path.join(name), bytes).expect("a file");
        }
        read_only(path, true);
        let Opened { mut store, saved, trouble, .. } = open(path);
        assert!(matches!(trouble, Some(StoreError::ReadOnly { .. })), "{trouble:?}");
        assert_eq!(saved.bans.len(), 5, "with a log");
        let error = store.commit(&roster, &writes, &[]).expect_err("nothing can be written");
        assert!(matches!(error, StoreError::Shut { .. }), "{error}");
        let jails = [roster.enrol("sshd")];
        let whole = Whole { now: NOW, jails: &jails, writes: &writes, positions: &[] };
        store.rewrite(&roster, whole).expect_err("nothing can be written");
        read_only(path, false);
        store.rewrite(&roster, whole).expect("a rewrite");
        store.commit(&roster, &writes, &[]).expect("a commit");
        drop(store);
        assert_eq!(open(path).saved.bans.len(), 6);
    });
}

fn read_only(path: &Path, is_so: bool) {
    let flags = if is_so { MsFlags::MS_RDONLY } else { MsFlags::empty() };
    let none: Option<&str> = None;
    mount(none, path, none, MsFlags::MS_REMOUNT | flags, none).expect("it is mounted anew");
}
