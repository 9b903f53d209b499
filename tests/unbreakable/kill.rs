//! `kill -9` at any moment, while attempts come from the journal and from a log file, people ban and
//! unban by hand, and banned hosts send without rest.

mod by_hand;
mod load;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::chance::Chance;
use crate::support::house::{House, await_that};
use crate::support::journald::Journald;
use crate::support::soak::{figure, rounds};
use by_hand::ByHand;
use load::{Channel, Load, MAXRETRY};
use probe::Probe;

/// After so many kills everybody's case is looked at.
const KILLS_IN_AN_ACT: u32 = 10;

/// After so many acts another house is besieged, so that what a start puts back stays little.
const ACTS_IN_A_SIEGE: u32 = 6;

/// A short ban is longer than the service is ever away.
const BRIEF: Duration = Duration::from_secs(20);

/// The service, which is killed again and again, and what is known of it.
struct Victim {
    house: House,
    probe: Probe,
    chance: Chance,
    /// How many starts have come to be ready.
    readies: usize,
    /// So much of the log was looked at.
    heard: usize,
    /// Who it said was banned, for as long as this house stands.
    announced: BTreeSet<IpAddr>,
}

/// Ends the other threads of an act, also when it fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn killed_at_any_moment_no_ban_is_missing_and_no_attempt_lost_or_counted_twice() {
    let mut chance = Chance::new();
    let (mut kills, mut packets, mut attempts) = (0, 0, 0);
    let acts = rounds(6, 100);
    for begun in (0..acts).step_by(ACTS_IN_A_SIEGE as usize) {
        // Not the house's, since there the service comes and goes.
        let journald = Journald::start();
        let mut victim = Victim::new(&journald, Chance::from_seed(chance.next()));
        let mut load = Load::new(Chance::from_seed(chance.next()), &victim.house.path("app.log"));
        let by_hand = ByHand::new(victim.house.bus.address());
        for _ in begun..acts.min(begun + ACTS_IN_A_SIEGE) {
            act(&mut victim, &mut load, &journald, &by_hand);
            kills += KILLS_IN_AN_ACT;
        }
        victim.look_back(&load);
        packets += victim.probe.end(&victim.house);
        attempts += load.offenders.iter().map(|it| it.tries).sum::<u32>();
    }
    figure("kill -9 survived", kills);
    figure("attempts across the kills, none lost or counted twice", attempts);
    figure("packets of banned hosts let through across the kills", format!("0 of {packets}"));
}

/// Some kills under load, and then a look at everybody.
fn act(victim: &mut Victim, load: &mut Load, journald: &Journald, by_hand: &ByHand) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| load.go_on(journald, &over));
        scope.spawn(|| by_hand.go_on(&over));
        let _end = End(&over);
        for _ in 0..KILLS_IN_AN_ACT {
            victim.is_killed();
            let expected = by_hand.answered();
            victim.look_at_the_kernel(&expected);
            victim.is_started();
        }
    });
    victim.is_ready();
    victim.settles(load, by_hand);
}

fn configuration(journald: &Journald, log: &Path, maxmatches: usize) -> String {
    format!(
        r#"
        [journal]
        namespace = "{}"
        [default]
        findtime = "1d"
        bantime = "1d"
        maxretry = {MAXRETRY}
        maxmatches = {maxmatches}
        protocol = ["tcp", "udp"]
        [jail.brief]
        enabled = true
        journalmatch = "SYSLOG_IDENTIFIER=brief"
        failregex = '^bad <ADDR>$'
        bantime = {}
        [jail.app]
        enabled = true
        logpath = "{}"
        failregex = '^bad <ADDR>$'
        port = "all"
        "#,
        journald.namespace(),
        BRIEF.as_secs(),
        log.display(),
    )
}

impl Victim {
    fn new(journald: &Journald, chance: Chance) -> Self {
        let mut house = House::new("");
        let log = house.path("app.log");
        fs::write(&log, "").expect("a log");
        let text = configuration(journald, &log, 10);
        fs::write(house.path("etc/jailkeeper.toml"), text).expect("a configuration");
        house.start();
        // Of a log that was never read nobody looks for the rest after a rotation.
        fs::write(&log, "bad 10.255.0.1\n").expect("a line");
        house.await_log("[app] Found 10.255.0.1", 1);
        let probe = Probe::begin(&house);
        Self { house, probe, chance, readies: 0, heard: 0, announced: BTreeSet::new() }
    }

    fn is_started(&mut self) {
        self.readies = self.house.times_logged("ready: ");
        self.house.launch();
    }

    fn is_ready(&self) {
        await_that("the service is ready", || self.house.times_logged("ready: ") > self.readies);
    }

    /// Kills it at some moment: at the start, at work, while it reloads or while it stops.
    fn is_killed(&mut self) {
        match self.chance.below(10) {
            0..=2 => self.is_killed_within(60),
            3..=4 => self.is_killed_within(300),
            5..=6 => {
                self.is_ready();
                self.is_killed_within(100);
            }
            7..=8 => {
                self.is_ready();
                self.rotates();
                self.house.signal(Signal::SIGHUP);
                self.is_killed_within(100);
            }
            _ => self.is_killed_at_a_stop(),
        }
    }

    fn is_killed_within(&mut self, milliseconds: usize) {
        let microseconds = self.chance.below(1000 * milliseconds) as u64;
        thread::sleep(Duration::from_micros(microseconds));
        assert_eq!(self.house.end(Signal::SIGKILL), None, "it lived until it was killed");
        self.nobody_came_through();
    }

    /// A stop lifts the bans, as far as it comes, and the next start puts them back.
    fn is_killed_at_a_stop(&mut self) {
        self.is_ready();
        self.nobody_came_through();
        self.house.signal(Signal::SIGTERM);
        thread::sleep(Duration::from_micros(self.chance.below(60_000) as u64));
        // It may have come to the end by itself.
        self.house.end(Signal::SIGKILL);
        self.is_started();
        self.is_ready();
        self.probe.passed();
        self.is_killed_within(100);
    }

    fn nobody_came_through(&self) {
        let passed = self.probe.passed();
        assert_eq!(passed, 0, "packets of banned hosts have come through");
    }

    fn rotates(&self) {
        // None is removed in a siege, since its rest would be gone. There are not that many yet.
        for number in (1..60).rev() {
            let older = self.house.path(&format!("app.log.{}", number + 1));
            let _ = fs::rename(self.house.path(&format!("app.log.{number}")), older);
        }
        let _ = fs::rename(self.house.path("app.log"), self.house.path("app.log.1"));
        fs::write(self.house.path("app.log"), "").expect("a log");
    }

    /// Who is in the kernel, by jail.
    fn banned(&self, jail: &str) -> BTreeSet<IpAddr> {
        let set = self.house.set(&format!("{jail}4"));
        let words = set.split(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// Who was announced is in the kernel, also while the service is dead.
    fn look_at_the_kernel(&mut self, (promised, freed): &(BTreeSet<IpAddr>, BTreeSet<IpAddr>)) {
        let log = self.house.log();
        for line in log[self.heard..].lines() {
            let words = ["[sshd] ", "[app] "].iter().find_map(|jail| line.strip_prefix(jail));
            let Some(word) = words.and_then(|words| words.strip_prefix("Ban ")) else { continue };
            self.announced.extend(word.split(' ').next().expect("a word").parse::<IpAddr>());
        }
        self.heard = log.len();
        let present = &self.banned("sshd") | &self.banned("app");
        let missing: Vec<_> =
            self.announced.difference(&present).filter(|it| !is_by_hand(it)).collect();
        assert!(missing.is_empty(), "announced and not in the kernel: {missing:?}");
        let missing: Vec<_> = promised.difference(&present).collect();
        assert!(missing.is_empty(), "banned by hand and not in the kernel: {missing:?}");
        let back: Vec<_> = freed.intersection(&present).collect();
        assert!(back.is_empty(), "unbanned by hand and in the kernel: {back:?}");
    }

    /// What is to come has come: everybody is banned who has to be, and nobody else.
    fn settles(&mut self, load: &Load, by_hand: &ByHand) {
        for channel in [Channel::Journal, Channel::File] {
            let guilty = load.of(channel, true);
            let by_hand_too = |it: &IpAddr| channel == Channel::File && is_by_hand(it);
            let mut others = BTreeSet::new();
            await_that("everybody is banned who has to be", || {
                let banned = self.banned(channel.jail());
                others =
                    banned.difference(&guilty).copied().filter(|it| !by_hand_too(it)).collect();
                guilty.is_subset(&banned)
            });
            let jail = channel.jail();
            assert!(others.is_empty(), "[{jail}] banned and less than {MAXRETRY}: {others:?}");
        }
        self.nobody_came_through();
        let expected = by_hand.answered();
        self.look_at_the_kernel(&expected);
    }

    /// What the log says of each: nobody was banned twice, which is to say for what had counted before,
    /// and the short bans were made, too.
    fn look_back(&self, load: &Load) {
        let log = self.house.log();
        let mut bans: BTreeMap<&str, u32> = BTreeMap::new();
        for line in log.lines() {
            *bans.entry(line).or_default() += 1;
        }
        // Of a great many that are put back the log has the number alone.
        let others = |jail: &str| -> u32 {
            let start = format!("[{jail}] Restore Ban others (");
            let lines = log.lines().filter_map(|line| line.strip_prefix(&start));
            lines
                .map(|rest| rest.split(' ').next().expect("a word").parse::<u32>().expect(rest))
                .sum()
        };
        let mut unnamed: BTreeMap<&str, u32> = BTreeMap::new();
        for offender in &load.offenders {
            let (jail, who) = (offender.channel.jail(), offender.address);
            let times = |what: &str| bans.get(&*format!("[{jail}] {what} {who}")).copied();
            let most = u32::from(offender.tries >= MAXRETRY);
            let banned = times("Ban").unwrap_or(0);
            assert!(banned <= most, "[{jail}] {who} banned {banned} times: {offender:?}");
            // Where the kernel had it and nobody was told, the next start tells.
            let is_known = banned > 0 || times("Restore Ban").is_some();
            if most > 0 && !is_known {
                let unnamed = unnamed.entry(jail).or_default();
                *unnamed += 1;
                assert!(*unnamed <= others(jail), "[{jail}] {who} was never banned");
            }
        }
    }
}

fn is_by_hand(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] != 10)
}
