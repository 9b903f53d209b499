//! A running service whose log gets many lines at once, none of which is a reason for a ban.

use std::fs;
use std::time::{Duration, Instant};

use crate::Part;
use crate::corpus::Log;
use crate::live::process::cpu;
use crate::live::watch::Watch;
use crate::live::{Addresses, Guard, Setting, Source, append, as_of_now, failures, guards};
use crate::measure::median;
use crate::peers::Peer;
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::Scene;

pub(crate) const PART: Part = Part {
    name: "append",
    about: "A running service whose log gets 100,000 lines of sshd at once. Nobody in them is banned; \
            behind them stands one more failed login of somebody who has all others behind him, and his \
            ban is the end of the time.",
    needs: &[Peer::Fail2ban, Peer::Fail2banRs],
    measure,
};

const LINES: u64 = 100_000;

/// More than anybody in the lines has failed logins.
const MAXRETRY: u32 = 1_000;

const SETTING: Setting = Setting { maxretry: MAXRETRY, jails: 1, journal: false };

/// How long it may take.
const LIMIT: Duration = Duration::from_mins(2);

/// Seconds by the clock and of the processor.
type Times = (f64, f64);

fn measure(scene: &Scene) -> Vec<Row> {
    let lines = lines(scene);
    let guards = guards(scene);
    let mut taken: Vec<Vec<Outcome<Times>>> = guards.iter().map(|_| Vec::new()).collect();
    for _ in 0..scene.scale.rounds {
        for ((_, make), times) in guards.iter().zip(&mut taken) {
            times.push(make(scene, SETTING).and_then(|mut guard| swallow(guard.as_mut(), &lines)));
        }
    }
    let titles = guards.into_iter().map(|(title, _)| title);
    let mut figures = titles.zip(taken.into_iter().map(middle));
    let (_, ours) = figures.next().expect("ours is first");
    let speed = |times: &Outcome<Times>| times.clone().map(|(wall, _)| LINES as f64 / wall);
    let cpu = |times: &Outcome<Times>| times.clone().map(|(_, cpu)| cpu);
    let goal = Goal::at_least(1.5e6);
    let mut fast = Row::new("100,000 lines appended", Unit::PerSecond, goal, speed(&ours));
    let goal = Goal::at_most(0.05);
    let mut cheap = Row::new("the same: processor time", Unit::Seconds, goal, cpu(&ours));
    for (title, times) in figures {
        fast = fast.beside(&title, speed(&times));
        cheap = cheap.beside(&title, cpu(&times));
    }
    vec![fast, cheap]
}

/// The log's lines, as if all of them were of now.
fn lines(scene: &Scene) -> String {
    let log = scene.corpus.log(Log::Sshd, LINES).expect("the cache can be written to");
    fs::read_to_string(log).expect("it is there")
}

/// Has it read them once.
fn swallow(guard: &mut dyn Guard, lines: &str) -> Outcome<Times> {
    let mut watch = Watch::new(guard.network());
    guard.start()?;
    let Source::File(log) = guard.source() else { unreachable!("it reads a log") };
    let mut addresses = Addresses::new();
    // The first ban shows that it reads.
    let (first, last) = (addresses.one(), addresses.one());
    append(&log, &failures(&vec![first; MAXRETRY as usize]));
    append(&log, &failures(&vec![last; MAXRETRY as usize - 1]));
    watch.await_one(first, LIMIT)?;
    settle(guard.pid());
    let text = as_of_now(lines) + &failures(&[last]);
    let (cpu_before, begin) = (cpu(guard.pid()), Instant::now());
    append(&log, &text);
    let end = watch.await_one(last, LIMIT)?;
    settle(guard.pid());
    let taken = cpu(guard.pid()).saturating_sub(cpu_before);
    guard.stop()?;
    Ok((end.duration_since(begin).as_secs_f64(), taken.as_secs_f64()))
}

/// Waits until it does nothing.
fn settle(pid: u32) {
    let mut before = cpu(pid);
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = cpu(pid);
        if now.saturating_sub(before) < Duration::from_millis(10) {
            return;
        }
        before = now;
    }
}

fn middle(times: Vec<Outcome<Times>>) -> Outcome<Times> {
    let times = times.into_iter().collect::<Outcome<Vec<Times>>>()?;
    let (walls, cpus): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
    Ok((median(walls), median(cpus)))
}
