//! Generated logs, and bans as somebody counts them who has all the time in the world.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{NOW, Place, failure, line, rows, seconds};

/// Numbers that look like chance, the same in every run (xorshift, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A jail, in milliseconds.
struct Jail {
    name: &'static str,
    maxretry: usize,
    findtime: i64,
    bantime: Option<i64>,
    ipv4: u8,
    ignored: &'static str,
}

const JAILS: [Jail; 3] = [
    Jail {
        name: "a",
        maxretry: 3,
        findtime: 30_000,
        bantime: Some(45_000),
        ipv4: 32,
        ignored: "192.0.2.3",
    },
    Jail {
        name: "b",
        maxretry: 1,
        findtime: 1_000,
        bantime: Some(7_000),
        ipv4: 30,
        ignored: "192.0.2.16",
    },
    Jail {
        name: "c",
        maxretry: 40,
        findtime: 600_000,
        bantime: None,
        ipv4: 24,
        ignored: "203.0.113.5",
    },
];

/// One failure: when it was read, and what it says.
#[derive(Clone, Copy)]
struct Event {
    read_at: i64,
    time: i64,
    address: IpAddr,
}

fn configuration() -> String {
    let mut text = String::new();
    for jail in &JAILS {
        let bantime = jail.bantime.map_or(-1, |millis| millis / 1000);
        writeln!(
            text,
            "[jail.{}]\nenabled = true\nfilter = \"app\"\nmaxretry = {}\nfindtime = {}\n\
             bantime = {bantime}\nignoreip = \"{}\"\nprefix = {{ ipv4 = {}, ipv6 = 64 }}",
            jail.name,
            jail.maxretry,
            jail.findtime / 1000,
            jail.ignored,
            jail.ipv4
        )
        .expect("a String takes everything");
    }
    text
}

/// A log of failures and other lines, most of them in the order of time.
fn log(chance: &mut Chance) -> (String, Vec<Event>) {
    let (mut text, mut events) = (String::new(), Vec::new());
    let (mut clock, mut latest) = (0, 0);
    for _ in 0..1500 {
        clock += i64::try_from(chance.below(900)).expect("small");
        let late = if chance.below(20) == 0 { chance.below(5000) } else { 0 };
        // As in fail2ban, a date of a line counts in whole seconds.
        let time = (clock - i64::try_from(late).expect("small")).max(0) / 1000 * 1000;
        latest = latest.max(time);
        if chance.below(3) == 0 {
            text += &line(time, "other[1]: login failed from 192.0.2.1");
            continue;
        }
        let address: IpAddr = match chance.below(8) {
            0 => format!("2001:db8:0:{}::{:x}", chance.below(4), chance.below(1 << 16)),
            _ => format!("192.0.2.{}", chance.below(24)),
        }
        .parse()
        .expect("an address");
        text += &failure(time, &address.to_string());
        events.push(Event { read_at: latest, time, address });
    }
    (text, events)
}

/// The network by which the jail counts.
fn offender(jail: &Jail, address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let first = v4.to_bits() >> (32 - jail.ipv4) << (32 - jail.ipv4);
            let first = std::net::Ipv4Addr::from_bits(first);
            if jail.ipv4 == 32 { first.to_string() } else { format!("{first}/{}", jail.ipv4) }
        }
        IpAddr::V6(v6) => {
            format!("{}/64", std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))
        }
    }
}

/// The bans of one jail, by looking at everything each time: when, whom, until when, how many.
fn bans(jail: &Jail, events: &[Event]) -> Vec<(i64, String, Option<i64>, u64)> {
    let spared: IpAddr = jail.ignored.parse().expect("an address");
    let (mut bans, mut now, mut clock) = (Vec::new(), i64::MIN, i64::MIN);
    let mut windows: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut banned: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for event in events {
        now = now.max(event.read_at);
        banned.retain(|_, until| until.is_none_or(|until| until > now));
        let whom = offender(jail, event.address);
        if whom == offender(jail, spared) {
            continue;
        }
        clock = clock.max(event.time);
        windows.retain(|_, times| times.iter().any(|time| *time >= clock - jail.findtime));
        if banned.contains_key(&whom) {
            continue;
        }
        let times = windows.entry(whom.clone()).or_default();
        times.push(event.time);
        let last = *times.iter().max().expect("there is one");
        times.retain(|time| *time >= last - jail.findtime);
        if times.len() >= jail.maxretry {
            let until = jail.bantime.map(|bantime| now + bantime);
            bans.push((now, whom.clone(), until, times.len() as u64));
            windows.remove(&whom);
            banned.insert(whom, until);
        }
    }
    bans
}

#[test]
fn generated_logs_are_worth_the_bans_that_brute_force_counts() {
    let place = Place::with(&configuration());
    let mut chance = Chance(0x5eed);
    let mut found = 0;
    for logs in [1, 3, 2, 1, 4] {
        let (mut events, mut names) = (Vec::new(), String::new());
        for index in 0..logs {
            let (text, heard) = log(&mut chance);
            place.write(&format!("{index}.log"), text);
            let _ = write!(names, " {index}.log");
            events.extend(heard.into_iter().map(|event| (event.read_at, index, event)));
        }
        events.sort_by_key(|(read_at, index, _)| (*read_at, *index));
        let events: Vec<Event> = events.into_iter().map(|(.., event)| event).collect();
        let (told, totals) = place.replay(&names);
        for jail in &JAILS {
            let own: Vec<_> = told.iter().filter(|ban| ban["jail"] == jail.name).cloned().collect();
            let seconds = |millis: i64| seconds(i32::try_from(millis / 1000).expect("small"));
            let expected = bans(jail, &events);
            let expected: Vec<_> = expected
                .iter()
                .map(|(at, whom, until, attempts)| {
                    let until = until.map_or(-1.0, seconds);
                    (seconds(*at), jail.name, whom.as_str(), until, *attempts)
                })
                .collect();
            assert_eq!(rows(&own), expected, "jail {} in{names}", jail.name);
            found += expected.len();
        }
        assert_eq!(totals["records"], logs * 1500);
        assert_eq!(totals["bans"], told.len());
        let at = |ban: &serde_json::Value| ban["at"].as_f64().expect("a number");
        assert!(told.is_sorted_by(|one, next| at(one) <= at(next)), "in the order of time");
        assert!(told.iter().all(|ban| at(ban) < f64::from(NOW)));
    }
    assert!(found > 3000, "{found} bans");
}
