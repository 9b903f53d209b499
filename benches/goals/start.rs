//! From the start of the program to READY.

use std::fmt::Write as _;
use std::time::Duration;

use jailkeeper::confdir::{self, Directories};
use jailkeeper::rules;

use crate::Part;
use crate::live::ours::Ours;
use crate::live::{Guard, Setting, guards};
use crate::measure::median;
use crate::peers::Peer;
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::{Scene, stock};

pub(crate) const PART: Part = Part {
    name: "start",
    about: "From the start of the program until it says that it is ready: ours to the service manager, the \
            others in their logs.",
    needs: &[Peer::Fail2ban, Peer::Fail2banRs],
    measure,
};

fn measure(scene: &Scene) -> Vec<Row> {
    let rounds = 3 * scene.scale.rounds;
    let mut rows = Vec::new();
    for (jails, limit) in [(1, None), (20, Some(10.0))] {
        let setting = Setting { maxretry: 3, jails, journal: false };
        let goal = limit.map_or_else(Goal::less, Goal::at_most);
        let mut figures = guards(scene).into_iter().enumerate().map(|(place, (title, make))| {
            let rounds = if place == 0 { rounds } else { scene.scale.rounds };
            (title, make(scene, setting).and_then(|mut guard| starts(guard.as_mut(), rounds)))
        });
        let (_, ours) = figures.next().expect("ours is first");
        let mut row = Row::new(&format!("{jails} jails"), Unit::Millis, goal, ours);
        for (title, figure) in figures {
            row = row.beside(&title, figure);
        }
        rows.push(row);
    }
    let mut everything = Ours::with(&catalogue(), Vec::new());
    let goal = Goal::at_most(60.0);
    let ours = starts(&mut everything, rounds);
    rows.push(Row::new("the whole catalogue", Unit::Millis, goal, ours));
    rows
}

/// Every stock jail switched on.
fn catalogue() -> String {
    let texts = confdir::read(&Directories { vendor: stock(), overrides: Vec::new() });
    let mut on = String::new();
    for jail in rules::jail_names(&texts) {
        writeln!(on, "[jail.{jail}]\nenabled = true").expect("a string");
    }
    on
}

/// The middle one of so many starts, in milliseconds. The first of them finds no state yet.
fn starts(guard: &mut dyn Guard, rounds: usize) -> Outcome<f64> {
    let mut times = Vec::new();
    for round in 0..=rounds {
        let time = guard.start()?;
        if round > 0 {
            times.push(time.as_secs_f64() * 1000.0);
        }
        std::thread::sleep(Duration::from_millis(300));
        guard.stop()?;
    }
    Ok(median(times))
}
