//! Many bans at once, and many that are restored.

use std::time::{Duration, Instant};

use jailkeeper::keeper::JailId;

use crate::Part;
use crate::live::kernel::Table;
use crate::live::process::memory;
use crate::live::watch::Watch;
use crate::live::{Addresses, Guard, Setting, guards};
use crate::peers::Peer;
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::Scene;
use crate::support::netns::Netns;

pub(crate) const PART: Part = Part {
    name: "bulk",
    about: "So many offenders with three failed logins each, appended to a log at once; then a stop, and a \
            start that restores the bans.",
    needs: &[Peer::Fail2ban, Peer::Fail2banRs],
    measure,
};

const SETTING: Setting = Setting { maxretry: 3, jails: 1, journal: false };

/// fail2ban takes minutes for 10,000 bans.
const LIMIT: Duration = Duration::from_mins(5);

/// What is measured, in this order, and what is to be reached.
const FIGURES: usize = 6;

type Figures = [f64; FIGURES];

fn measure(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    let many = if scene.scale.all { 10_000 } else { 1_000 };
    rows.extend(table(scene, many, &[Some(0.25), None, None, Some(0.5), None, Some(12.0)], true));
    if scene.scale.all {
        rows.extend(table(scene, 1_000, &[None; FIGURES], true));
        rows.extend(table(scene, 100_000, &[None, None, None, Some(0.5), None, Some(40.0)], false));
    }
    rows
}

/// A row for each figure of so many bans.
fn table(scene: &Scene, count: u32, goals: &[Option<f64>; FIGURES], beside: bool) -> Vec<Row> {
    let mut guards = guards(scene);
    if !beside {
        guards.truncate(1);
    }
    let mut named = guards.into_iter().map(|(title, make)| {
        (title, make(scene, SETTING).and_then(|mut guard| go(guard.as_mut(), count)))
    });
    let (_, ours) = named.next().expect("ours is first");
    let named: Vec<(String, Outcome<Figures>)> = named.collect();
    let floor = kernel_floor(count);
    let figures: [(&str, Unit); FIGURES] = [
        ("found and banned", Unit::Seconds),
        ("stop", Unit::Seconds),
        ("restart to READY", Unit::Seconds),
        ("restart to the last restored", Unit::Seconds),
        ("the next ban after it", Unit::Millis),
        ("anonymous memory", Unit::Mebibytes),
    ];
    let mut rows = Vec::new();
    for (place, ((name, unit), goal)) in figures.into_iter().zip(goals).enumerate() {
        let at = |figures: &Outcome<Figures>| figures.clone().map(|figures| figures[place]);
        let goal = goal.map_or_else(Goal::less, Goal::at_most);
        let mut row = Row::new(&format!("{count}: {name}"), unit, goal, at(&ours));
        for (who, figures) in &named {
            row = row.beside(who, at(figures));
        }
        if place == 0 || place == 3 {
            row = row.beside("floor: one transaction", Ok(floor));
        }
        rows.push(row);
    }
    rows
}

fn go(guard: &mut dyn Guard, count: u32) -> Outcome<Figures> {
    let mut watch = Watch::new(guard.network());
    let mut addresses = Addresses::new();
    guard.start()?;
    std::thread::sleep(Duration::from_secs(2));
    let offenders = addresses.take(count);
    let attempts: Vec<_> = (0..SETTING.maxretry).flat_map(|_| offenders.iter().copied()).collect();
    let begin = Instant::now();
    guard.source().fail(&attempts);
    let banned = watch.await_all(offenders.len(), LIMIT)?.duration_since(begin);
    std::thread::sleep(Duration::from_secs(1));
    let held = memory(guard.pid());
    let stopped = guard.stop()?;
    watch.forget();
    let begin = Instant::now();
    let ready = guard.start()?;
    let restored = watch.await_all(offenders.len(), LIMIT)?.duration_since(begin);
    let next = addresses.one();
    let begin = Instant::now();
    guard.source().fail(&vec![next; SETTING.maxretry as usize]);
    let next = watch.await_one(next, LIMIT)?.duration_since(begin);
    guard.stop()?;
    let [banned, stopped, ready, restored] =
        [banned, stopped, ready, restored].map(|time| time.as_secs_f64());
    Ok([banned, stopped, ready, restored, next.as_secs_f64() * 1000.0, held])
}

/// So many elements in one transaction, by our own hands.
fn kernel_floor(count: u32) -> f64 {
    let network = Netns::new();
    let offenders = Addresses::new().take(count).into_iter().map(|address| (JailId(0), address));
    Table::new(&network, 1).ban(offenders).as_secs_f64()
}
