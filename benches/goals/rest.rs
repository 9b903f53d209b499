//! How often a service wakes up when nothing happens.

use std::thread;
use std::time::Duration;

use crate::Part;
use crate::live::process::switches;
use crate::live::{Guard, Setting, guards};
use crate::peers::Peer;
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::Scene;

pub(crate) const PART: Part = Part {
    name: "rest",
    about: "Context switches of all threads, children's too, while nothing is logged and no watchdog is \
            set. All wait at the same time.",
    needs: &[Peer::Fail2ban, Peer::Fail2banRs],
    measure,
};

fn measure(scene: &Scene) -> Vec<Row> {
    let seconds = scene.scale.rest;
    // Right after its start a service is not at rest.
    let settled = Duration::from_secs(seconds.min(10));
    let mut rows = Vec::new();
    for jails in [1, 20] {
        let setting = Setting { maxretry: 3, jails, journal: false };
        let mut guards: Vec<(String, Outcome<Box<dyn Guard>>)> =
            guards(scene).into_iter().map(|(title, make)| (title, make(scene, setting))).collect();
        for (_, guard) in &mut guards {
            let started = guard.as_mut().map(|guard| guard.start());
            if let Ok(Err(why)) = started {
                *guard = Err(why);
            }
        }
        thread::sleep(settled);
        let count = |guard: &Outcome<Box<dyn Guard>>| {
            guard.as_ref().map(|guard| switches(guard.pid())).map_err(Clone::clone)
        };
        let before: Vec<_> = guards.iter().map(|(_, guard)| count(guard)).collect();
        thread::sleep(Duration::from_secs(seconds));
        let mut figures = guards.iter().zip(before).map(|((who, guard), before)| {
            let more = before.and_then(|before| count(guard).map(|after| after - before));
            (who, more.map(|switches| switches as f64))
        });
        let (_, ours) = figures.next().expect("ours is first");
        let what = format!("switches in {seconds} s, {jails} jails");
        let mut row = Row::new(&what, Unit::Count, Goal::at_most(0.0), ours);
        for (who, figure) in figures {
            row = row.beside(who, figure);
        }
        rows.push(row);
    }
    rows
}
