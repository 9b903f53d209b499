//! From a failed login that is one too many to the address in the kernel's set, one ban after the other.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jailkeeper::keeper::JailId;

use crate::Part;
use crate::corpus::Random;
use crate::live::kernel::Table;
use crate::live::process::cpu;
use crate::live::watch::Watch;
use crate::live::{Addresses, Guard, Setting, be_called_sshd, entry, guards};
use crate::measure::percentile;
use crate::peers::Peer;
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::Scene;
use crate::support::journald::Journald;
use crate::support::netns::Netns;

pub(crate) const PART: Part = Part {
    name: "latency",
    about: "Single bans, one after the other, from the moment before the last failed login is written to \
            the kernel's news of the element.",
    needs: &[Peer::Fail2ban, Peer::Fail2banRs],
    measure,
};

const MAXRETRY: u32 = 3;

/// Longer than anybody is the more attentive for one failed login.
const WHILE: Duration = Duration::from_secs(5);

const LIMIT: Duration = Duration::from_secs(20);

fn measure(scene: &Scene) -> Vec<Row> {
    be_called_sshd();
    let count = if scene.scale.all { 60 } else { 15 };
    let mut rows = Vec::new();
    for (what, journal) in [("from the journal", true), ("from a file", false)] {
        let setting = Setting { maxretry: MAXRETRY, jails: 1, journal };
        let mut figures = guards(scene).into_iter().map(|(title, make)| {
            let guard = make(scene, setting);
            (title, guard.and_then(|mut guard| bans(guard.as_mut(), count, scene.scale.pause)))
        });
        let (_, ours) = figures.next().expect("ours is first");
        let mut named: Vec<(String, Outcome<Vec<f64>>)> = figures.collect();
        if journal {
            named.push((
                "floor: journald to `journalctl -f`".to_owned(),
                Ok(journal_floor(count, scene.scale.pause)),
            ));
        }
        named.push(("floor: one element by netlink".to_owned(), Ok(kernel_floor())));
        for (percent, limit) in [(50, 1.0), (99, 2.0)] {
            let at =
                |times: &Outcome<Vec<f64>>| times.clone().map(|times| percentile(times, percent));
            let name = format!("{what}, p{percent} of {count}");
            let mut row = Row::new(&name, Unit::Millis, Goal::at_most(limit), at(&ours));
            for (who, times) in &named {
                row = row.beside(who, at(times));
            }
            rows.push(row);
        }
    }
    rows.push(cost(scene));
    rows
}

/// What one failed login costs that is told by the journal, with all that is done in case that another
/// one follows.
fn cost(scene: &Scene) -> Row {
    let setting = Setting { maxretry: MAXRETRY, jails: 1, journal: true };
    let mut costs = guards(scene).into_iter().map(|(title, make)| {
        let taken = make(scene, setting).and_then(|mut guard| one_attempt(guard.as_mut()));
        (title, taken.map(|taken| taken.as_secs_f64() * 1000.0))
    });
    let (_, ours) = costs.next().expect("ours is first");
    let row = Row::new("one attempt: processor time", Unit::Millis, Goal::less(), ours);
    costs.fold(row, |row, (who, taken)| row.beside(&who, taken))
}

fn one_attempt(guard: &mut dyn Guard) -> Outcome<Duration> {
    let mut addresses = Addresses::new();
    guard.source().fail(&[addresses.one()]);
    guard.start()?;
    thread::sleep(WHILE);
    let before = cpu(guard.pid());
    guard.source().fail(&[addresses.one()]);
    thread::sleep(WHILE);
    let taken = cpu(guard.pid()).saturating_sub(before);
    guard.stop()?;
    Ok(taken)
}

/// The milliseconds that each of so many bans has taken.
fn bans(guard: &mut dyn Guard, count: u32, pause: u64) -> Outcome<Vec<f64>> {
    let mut watch = Watch::new(guard.network());
    // fail2ban may miss the first entries of a journal in which nothing has matched yet.
    let mut addresses = Addresses::new();
    guard.source().fail(&[addresses.one()]);
    guard.start()?;
    thread::sleep(Duration::from_secs(2));
    let mut random = Random::new(6);
    let mut times = Vec::new();
    for _ in 0..count {
        let address = addresses.one();
        guard.source().fail(&vec![address; MAXRETRY as usize - 1]);
        // No service may find it convenient to wake up just now.
        thread::sleep(Duration::from_millis(pause + random.below(pause)));
        let begin = Instant::now();
        guard.source().fail(&[address]);
        let end = watch.await_one(address, LIMIT)?;
        times.push(end.duration_since(begin).as_secs_f64() * 1000.0);
    }
    guard.stop()?;
    Ok(times)
}

/// From an entry to the line that `journalctl -f` prints.
fn journal_floor(count: u32, pause: u64) -> Vec<f64> {
    let journald = Journald::start();
    entry(&journald, "the first one");
    let mut follower = Command::new("journalctl")
        .args(["--namespace", journald.namespace(), "-f", "-n", "1", "-o", "cat"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("journalctl starts");
    let mut lines = BufReader::new(follower.stdout.take().expect("it is piped")).lines();
    let mut random = Random::new(6);
    let mut times = Vec::new();
    for number in 0..count {
        thread::sleep(Duration::from_millis(pause + random.below(pause)));
        let message = format!("number {number}");
        let begin = Instant::now();
        entry(&journald, &message);
        while lines.next().expect("it goes on").expect("it is text") != message {}
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    let _ended = follower.kill();
    let _status = follower.wait();
    times
}

/// A transaction with one element, by our own hands.
fn kernel_floor() -> Vec<f64> {
    let network = Netns::new();
    let mut table = Table::new(&network, 1);
    let mut one = |address| table.ban([(JailId(0), address)].into_iter()).as_secs_f64() * 1000.0;
    Addresses::new().take(500).into_iter().map(&mut one).collect()
}
