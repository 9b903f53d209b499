//! Services that run, each in a network of its own, with real log files, journals and kernels' tables.

pub(crate) mod kernel;
pub(crate) mod others;
pub(crate) mod ours;
pub(crate) mod process;
pub(crate) mod watch;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::prctl;

use crate::peers::Peer;
use crate::report::Outcome;
use crate::scene::Scene;
use crate::support::journald::Journald;
use crate::support::netns::Netns;
use ours::Ours;

/// A service that keeps attackers out.
pub(crate) trait Guard {
    /// The network that it guards.
    fn network(&self) -> &Netns;

    /// Starts it; how long it took until it said that it is ready.
    fn start(&mut self) -> Outcome<Duration>;

    /// Has it stop in good order; how long that took.
    fn stop(&mut self) -> Outcome<Duration>;

    /// Its process, while it runs.
    fn pid(&self) -> u32;

    /// Where it looks for failed logins.
    fn source(&self) -> Source<'_>;
}

/// Sets a service up.
pub(crate) type Make = fn(&Scene, Setting) -> Outcome<Box<dyn Guard>>;

/// Ours, and then the others: what each is called in the table, and who sets it up.
pub(crate) fn guards(scene: &Scene) -> Vec<(String, Make)> {
    let mut all: Vec<(String, Make)> = vec![
        ("jailkeeper".to_owned(), |scene, setting| {
            Ok(Box::new(Ours::new(&scene.scratch, setting)))
        }),
        (scene.peers.title(Peer::Fail2banRs), others::fail2ban_rs),
    ];
    if scene.scale.all {
        all.push((scene.peers.title(Peer::Fail2ban), others::fail2ban));
    }
    all
}

/// How a service is to be set up.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// So many failed logins are a ban.
    pub(crate) maxretry: u32,
    /// So many jails, each with a log of its own.
    pub(crate) jails: u32,
    /// It reads the journal, and not log files.
    pub(crate) journal: bool,
}

/// What stands in a log at the beginning: one line that is about nothing.
const QUIET: &str = "Jan  5 00:00:00 host1 systemd[1]: Started Session 1 of User root.\n";

/// Where failed logins are told.
pub(crate) enum Source<'a> {
    File(PathBuf),
    Journal(&'a Journald),
}

impl Source<'_> {
    /// Tells a failed login of each of these.
    pub(crate) fn fail(&self, addresses: &[Ipv4Addr]) {
        match self {
            Self::File(path) => append(path, &failures(addresses)),
            Self::Journal(journald) => {
                for address in addresses {
                    entry(journald, &failure(*address));
                }
            }
        }
    }
}

/// Appends to a log, at once.
pub(crate) fn append(log: &Path, text: &str) {
    let mut file = File::options().append(true).open(log).expect("the log is there");
    file.write_all(text.as_bytes()).expect("a log can be written to");
}

/// The message of a failed login.
fn failure(address: Ipv4Addr) -> String {
    format!("Failed password for root from {address} port 40000 ssh2")
}

/// Lines of a log, of now.
pub(crate) fn failures(addresses: &[Ipv4Addr]) -> String {
    let now = stamp();
    let line = |address| format!("{now} host1 sshd[4711]: {}\n", failure(address));
    addresses.iter().copied().map(line).collect()
}

/// The same lines of syslog, as if all of them were of now.
pub(crate) fn as_of_now(lines: &str) -> String {
    let now = stamp();
    lines.lines().flat_map(|line| [&now, &line[now.len()..], "\n"]).collect()
}

/// The date of now, as syslog writes it.
pub(crate) fn stamp() -> String {
    #[expect(clippy::disallowed_methods, reason = "a log is dated by the time of day")]
    let now = std::time::SystemTime::now();
    let now = Timestamp::try_from(now).expect("it is in our time");
    now.strftime("%b %e %H:%M:%S").to_string()
}

/// Sends an entry as sshd does: it goes by the name of our process.
pub(crate) fn entry(journald: &Journald, message: &str) {
    journald.send(&[
        ("MESSAGE", message.as_bytes()),
        ("PRIORITY", b"6"),
        ("SYSLOG_FACILITY", b"10"),
        ("SYSLOG_IDENTIFIER", b"sshd"),
    ]);
}

/// Gives this process the name that sshd has.
pub(crate) fn be_called_sshd() {
    prctl::set_name(c"sshd").expect("a process may be called as it likes");
}

/// A new directory for a service.
fn directory(scratch: &Path, name: &str) -> PathBuf {
    let place = scratch.join(name);
    let _none = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("a directory");
    place
}

/// Logs for so many jails, as they are when nothing has happened.
fn logs(place: &Path, count: u32) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = (0..count).map(|n| place.join(format!("auth{n}.log"))).collect();
    for path in &paths {
        fs::write(path, QUIET).expect("a log");
    }
    paths
}

/// Addresses without end, none of them twice.
pub(crate) struct Addresses(u32);

impl Addresses {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    /// So many new ones.
    pub(crate) fn take(&mut self, count: u32) -> Vec<Ipv4Addr> {
        let begin = self.0;
        self.0 += count;
        // An odd factor scatters them over 32.0.0.0/4, each once.
        let one = |n: u32| 0x2000_0000 | (n.wrapping_mul(0x09e3_779b) & 0x0fff_ffff);
        (begin..self.0).map(|n| Ipv4Addr::from_bits(one(n))).collect()
    }

    pub(crate) fn one(&mut self) -> Ipv4Addr {
        self.take(1)[0]
    }
}
