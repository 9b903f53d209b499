//! What every release has left behind is taken over whole, and what a later one leaves is not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use jailkeeper::cli::check::check;
use jailkeeper::confdir::{self, Directories};
use jailkeeper::keeper::{BanRecord, Network, Timestamp};
use jailkeeper::rules;
use jailkeeper::store::{Opened, Saved, Store};
use nix::sys::signal::Signal;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::tempdir;

use crate::support::house::{House, text};
use crate::support::soak::figure;

/// Has the running service make the directory of its own version anew ("make release-state").
const WRITE: &str = "JAILKEEPER_WRITE_RELEASE";

/// How the service ended: by a stop, or by `kill -9`, which leaves a write-ahead log.
const ENDS: [&str; 2] = ["stopped", "killed"];

/// Where the configuration of the releases has a log file.
const LOG_DIRECTORY: &str = "/tmp/jailkeeper-releases";
const LOG: &str = "/tmp/jailkeeper-releases/door.log";

fn packaged(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The directories of all releases.
fn releases() -> Vec<PathBuf> {
    let entries = fs::read_dir(packaged("tests/releases")).expect("the releases").flatten();
    let mut found: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    let own = packaged("tests/releases").join(env!("CARGO_PKG_VERSION"));
    assert!(found.contains(&own), "make release-state makes {}", own.display());
    found
}

/// A copy of the files in a directory.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        if entry.file_type().expect("a kind").is_dir() {
            copy_files(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

/// The layout that the head of a state file names, whatever its log says.
fn layout(state: &Path) -> u32 {
    let bytes = fs::read(state.join("state.db")).expect("a state file");
    u32::from_be_bytes(bytes[60..64].try_into().expect("four bytes"))
}

/// All that a state directory remembers, in a form that no release changes.
fn remembered(directory: &Path) -> String {
    let opened = Store::open(directory, Timestamp::from_seconds(0)).expect("the state file opens");
    let Opened { mut store, saved, set_aside, trouble } = opened;
    assert_eq!(set_aside, None);
    assert!(trouble.is_none(), "{trouble:?}");
    assert_eq!(saved.nonsense, None);
    let mut lines = BTreeSet::new();
    let ban = |ban: &BanRecord| {
        let BanRecord { since, until, attempts, nth, enforced } = ban;
        let since = since.micros();
        format!("since {since} until {until}, {attempts} attempts, nth {nth}, enforced {enforced}")
    };
    let times = |times: &[Timestamp]| {
        times.iter().map(|time| time.micros().to_string()).collect::<Vec<_>>().join(" ")
    };
    let Saved { bans, windows, accounts, evidence, priors, allowed, positions, nonsense: _ } =
        saved;
    let mut networks: BTreeSet<Network> = BTreeSet::new();
    for (jail, network, record) in &bans {
        lines.insert(format!("ban {jail} {network}: {}", ban(record)));
        networks.insert(*network);
    }
    for (jail, network, all) in &windows {
        lines.insert(format!("window {jail} {network}: {}", times(all)));
    }
    for (jail, account, all) in &accounts {
        lines.insert(format!("account {jail} {account}: {}", times(all)));
    }
    for (jail, network, newest, all) in &evidence {
        lines.insert(format!("evidence {jail} {network}: {} {all:?}", newest.micros()));
    }
    for (jail, (network, enforced, prior)) in &priors {
        let (count, ended) = (prior.bans, prior.ended.micros());
        lines.insert(format!("prior {jail} {network}: {count} to {ended}, enforced {enforced}"));
        networks.insert(*network);
    }
    for (jail, network, allowance) in &allowed {
        let (since, until) = (allowance.since.micros(), allowance.until);
        let (jail, comment) = (jail.as_deref().unwrap_or("everywhere"), &allowance.comment);
        lines.insert(format!("allowed {jail} {network}: {since} until {until}, {comment}"));
    }
    for (source, position) in &positions {
        lines.insert(format!("position {source}: {} {}", position.sequence, position.cursor));
    }
    for network in networks {
        for (jail, record) in store.history(network).expect("the history") {
            lines.insert(format!("history {jail} {network}: {}", ban(&record)));
        }
    }
    lines.into_iter().fold(String::new(), |all, line| all + &line + "\n")
}

#[test]
fn the_state_of_every_release_is_read_whole() {
    if env::var_os(WRITE).is_some() {
        leave_behind(&packaged("tests/releases").join(env!("CARGO_PKG_VERSION")));
    }
    let mut layouts = BTreeSet::new();
    let mut rows = 0;
    let mut newest = 0;
    for (release, end) in releases().iter().flat_map(|release| ENDS.map(|end| (release, end))) {
        let place = tempdir().expect("a directory");
        let state = release.join(end);
        copy_files(&state, place.path());
        layouts.insert(layout(place.path()));
        let saved = fs::read_to_string(state.join("saved.txt")).expect("what is in it");
        for kind in
            ["ban", "window", "account", "evidence", "prior", "allowed", "position", "history"]
        {
            let there = saved.lines().any(|line| line.starts_with(&format!("{kind} ")));
            assert!(there, "{} has no {kind}", state.display());
        }
        assert_eq!(remembered(place.path()), saved, "{}", state.display());
        rows += saved.lines().count();
        newest = newest.max(layout(place.path()));
    }
    assert_eq!(layouts, (1..=newest).collect(), "each layout was left behind by some release");
    figure("releases whose state is read whole", releases().len());
    figure("rows that they have left behind, all of which are read", rows);
}

#[test]
fn the_configuration_of_every_release_still_means_the_same() {
    for release in releases() {
        let directories =
            Directories::with(Some(packaged("packaging/jailkeeper")), Some(release.join("etc")));
        let texts = confdir::read(&directories);
        let report = check(&texts);
        assert_eq!(report.exit_code(), 0, "{}", report.render(false));
        let mut meant = String::new();
        for jail in &rules::load(&texts).jails {
            let own = jail.settings.iter().filter(|setting| setting.path.starts_with(&release));
            for setting in own {
                let _ = writeln!(meant, "{} {} = {}", jail.name, setting.key, setting.value);
            }
        }
        let told = release.join("meant.txt");
        if env::var_os(WRITE).is_some() && release.ends_with(env!("CARGO_PKG_VERSION")) {
            fs::write(&told, &meant).expect("it can be written");
        }
        assert_eq!(meant, fs::read_to_string(told).expect("what it means"));
    }
}

/// The service with the configuration of a release, whose log is in its place, and with this state.
struct TakenOver {
    house: House,
}

impl TakenOver {
    fn new(release: &Path, state: Option<&Path>) -> Self {
        let own = fs::read_to_string(release.join("etc/jailkeeper.toml")).expect("a configuration");
        let house = House::new(&own);
        for part in ["jails.d", "filters.d"] {
            copy_files(&release.join("etc").join(part), &house.path("etc").join(part));
        }
        if let Some(state) = state {
            copy_files(state, &house.path("state"));
        }
        fs::create_dir_all(LOG_DIRECTORY).expect("a directory");
        fs::write(LOG, fs::read(release.join("door.log")).unwrap_or_default()).expect("the log");
        Self { house }
    }
}

impl Drop for TakenOver {
    fn drop(&mut self) {
        // Whoever is next makes it anew.
        let _ = fs::remove_dir_all(LOG_DIRECTORY);
    }
}

fn knock(address: &str) {
    let now = jiff::Timestamp::now();
    crate::files::append(Path::new(LOG), format!("{now} host door: bob knocks from {address}\n"));
}

fn fails_as(house: &House, user: &str, address: &str, times: usize) {
    for port in 0..times {
        let line = format!("Failed password for {user} from {address} port {} ssh2", 4000 + port);
        house.journald.send_as("sshd", &line);
    }
}

fn client(house: &House, words: &str) -> String {
    let output = house.client(&words.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{words}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Lets the service have something of everything to remember, and keeps what it leaves.
fn leave_behind(release: &Path) {
    // The log begins anew.
    let _ = fs::remove_file(release.join("door.log"));
    let mut taken_over = TakenOver::new(release, None);
    let house = &mut taken_over.house;
    house.start();
    fails_as(house, "root", "198.51.100.1", 3);
    fails_as(house, "bob", "198.51.100.2", 2);
    fails_as(house, "carol", "2001:db8:6::1", 3);
    for (user, address) in [("u1", "198.51.101.1"), ("u2", "198.51.101.2"), ("u3", "198.51.101.3")]
    {
        fails_as(house, user, address, 3);
    }
    house.await_log("[sshd] Ban 198.51.101.0/24", 1);
    for address in ["203.0.113.5", "203.0.113.5", "203.0.113.6", "203.0.113.6", "203.0.113.6"] {
        knock(address);
    }
    for _ in 0..3 {
        house.journald.send_as("trial", "trial of 203.0.113.9");
    }
    house.await_log("[door] Ban 203.0.113.6", 1);
    house.await_log("203.0.113.9", 4);
    client(house, "ban sshd 192.0.2.7 203.0.112.0/24");
    client(house, "unban 203.0.113.6 --jail door");
    client(house, "allow 192.0.2.99 --comment on-call");
    client(house, "allow 192.0.2.98 --jail sshd --for 1000w");
    for _ in 0..3 {
        knock("203.0.113.6");
    }
    house.await_log("[door] Ban 203.0.113.6", 2);
    assert_eq!(house.end(Signal::SIGTERM), Some(0));
    keep(house, &release.join("stopped"), &["state.db"]);

    house.start();
    client(house, "ban door 192.0.2.8");
    house.end(Signal::SIGKILL);
    keep(house, &release.join("killed"), &["state.db", "state.db-wal"]);
    fs::copy(LOG, release.join("door.log")).expect("the log");
}

/// Keeps files of the state, and what is in them.
fn keep(house: &House, place: &Path, files: &[&str]) {
    fs::create_dir_all(place).expect("a directory");
    for file in files {
        fs::copy(house.path("state").join(file), place.join(file)).expect("a copy");
    }
    let copy = tempdir().expect("a directory");
    copy_files(place, copy.path());
    fs::write(place.join("saved.txt"), remembered(copy.path())).expect("it can be written");
}

#[test]
fn the_service_goes_on_where_every_release_has_stopped() {
    for (release, end) in releases().iter().flat_map(|release| ENDS.map(|end| (release, end))) {
        let state = release.join(end);
        let mut taken_over = TakenOver::new(release, Some(&state));
        let house = &mut taken_over.house;
        house.start();
        let table = house.network.nft("list table inet jailkeeper");
        let saved = fs::read_to_string(state.join("saved.txt")).expect("what is in it");
        let bans: Vec<_> = saved.lines().filter_map(banned).collect();
        assert!(bans.len() > 5, "{bans:?}");
        for base in bans {
            assert!(table.contains(&base), "{base} of {} is not in:\n{table}", state.display());
        }
        let allowed = client(house, "allow --list");
        for address in ["192.0.2.98", "192.0.2.99"] {
            assert!(allowed.contains(address), "{allowed}");
        }
        // Two attempts of three were before. The lines of the log that were read then are not again.
        fails_as(house, "bob", "198.51.100.2", 1);
        house.await_log("[sshd] Ban 198.51.100.2", 1);
        knock("203.0.113.5");
        house.await_log("[door] Ban 203.0.113.5", 1);
        assert_eq!(house.times_logged("[door] Found"), 1, "one line is new");
        assert_eq!(house.times_logged("[sshd] Found"), 1);
    }
}

/// The first address of a network that stands in a line about a ban in earnest.
fn banned(line: &str) -> Option<String> {
    let rest = line.strip_prefix("ban ").filter(|_| line.ends_with("enforced true"))?;
    let network = rest.split(' ').nth(1)?.trim_end_matches(':');
    Some(network.split('/').next().unwrap_or(network).to_owned())
}

/// Every file of a directory.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    entries.map(|entry| (entry.path(), fs::read(entry.path()).expect("a file"))).collect()
}

/// Has the file's log say that it has this layout, as a newer service would that was killed.
fn set_layout(state: &Path, layout: u32) {
    let connection = Connection::open(state.join("state.db")).expect("the file");
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("an option");
    connection.pragma_update(None, "user_version", layout).expect("a layout");
}

#[test]
fn a_state_of_the_future_is_refused_with_a_clear_word_and_left_as_it_is() {
    let mut house = House::guarded("");
    house.fails("192.0.2.1", 5);
    house.await_log("[sshd] Ban 192.0.2.1", 1);
    house.end(Signal::SIGKILL);
    let state = house.path("state");
    let known = layout(&state);
    set_layout(&state, known + 1);
    let before = files(&state);
    assert!(before.iter().any(|(name, bytes)| name.ends_with("state.db-wal") && !bytes.is_empty()));

    house.launch();
    let status = house.service.take().expect("it runs").wait().expect("it ends");
    assert_eq!(status.code(), Some(65));
    let log = house.log();
    let word = log.lines().last().unwrap_or_default();
    let path = state.canonicalize().expect("a directory").join("state.db");
    for part in [
        &path.display().to_string(),
        &format!("layout {} of a newer jailkeeper", known + 1),
        "install the newer jailkeeper again",
        "or move the file away",
    ] {
        assert!(word.contains(part), "{part:?} is not in: {word}");
    }
    assert!(files(&state) == before, "not a byte is another");
    house.assert_element("sshd4", "192.0.2.1");

    set_layout(&state, known);
    house.start();
    house.assert_element("sshd4", "192.0.2.1");
    assert_eq!(house.times_logged("[sshd] Restore Ban 192.0.2.1"), 1);
}

#[test]
fn settings_of_another_release_are_told_with_their_place() {
    let jails = "[jail.sshd]\nof_the_future = 1\n\n[jail.nginx-http-auth]\nenabled = true\n\
                 logpath = \"/nowhere\"\n";
    let mut house = House::new("\n[default]\ngone_since_then = true\n");
    fs::create_dir(house.path("etc/jails.d")).expect("a directory");
    fs::write(house.path("etc/jails.d/mine.toml"), jails).expect("a configuration");
    let (vendor, etc) = (packaged("packaging/jailkeeper"), house.path("etc"));
    let [vendor, etc] = [vendor, etc].map(|path| path.display().to_string());
    let output = house.client(&["check", "--vendor", &vendor, &etc]);
    assert_eq!(output.status.code(), Some(78));
    let told = text(&output.stdout) + &text(&output.stderr);
    for place in ["jails.d/mine.toml:2:1", "jailkeeper.toml:5:1"] {
        assert!(told.contains(place), "{place} is not in:\n{told}");
    }
    fs::write(house.path("etc/jailkeeper.toml"), "").expect("a configuration");
    house.configure("");
    house.start();
    assert!(house.log().contains("mine.toml:2:1"), "the running service tells it too");
}
