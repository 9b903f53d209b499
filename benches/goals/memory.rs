//! What our service holds in memory, by the number of bans.

use std::time::Duration;

use crate::Part;
use crate::live::ours::Ours;
use crate::live::process::memory;
use crate::live::watch::Watch;
use crate::live::{Addresses, Guard, Setting};
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::Scene;

pub(crate) const PART: Part = Part {
    name: "memory",
    about: "Anonymous memory of the service with so many bans; the mapped journal is not its own. Those of \
            the others with 1,000 bans stand with \"bulk\".",
    needs: &[],
    measure,
};

const SETTING: Setting = Setting { maxretry: 1, jails: 1, journal: false };

const LIMIT: Duration = Duration::from_mins(3);

/// So many offenders come at once.
const BATCH: u32 = 50_000;

/// Numbers of bans, and how many MiB they may take.
const STEPS: &[(u32, Option<f64>)] =
    &[(0, None), (10_000, Some(12.0)), (100_000, Some(40.0)), (1_000_000, None)];

fn measure(scene: &Scene) -> Vec<Row> {
    let steps = if scene.scale.all { STEPS } else { &STEPS[..2] };
    let mut guard = Ours::new(&scene.scratch, SETTING);
    let mut watch = Watch::new(guard.network());
    let started = guard.start();
    std::thread::sleep(Duration::from_secs(1));
    let (mut addresses, mut banned) = (Addresses::new(), 0);
    let mut rows = Vec::new();
    for (bans, limit) in steps {
        let held = started.clone().and_then(|_| {
            reach(&guard, &mut watch, &mut addresses, &mut banned, *bans)?;
            std::thread::sleep(Duration::from_secs(2));
            Ok(memory(guard.pid()))
        });
        let goal = limit.map_or_else(Goal::less, Goal::at_most);
        rows.push(Row::new(&format!("{bans} bans"), Unit::Mebibytes, goal, held));
    }
    rows
}

/// Has it ban until there are so many bans.
fn reach(
    guard: &Ours,
    watch: &mut Watch,
    addresses: &mut Addresses,
    banned: &mut u32,
    bans: u32,
) -> Outcome<()> {
    while *banned < bans {
        let count = BATCH.min(bans - *banned);
        guard.source().fail(&addresses.take(count));
        *banned += count;
        watch.await_all(*banned as usize, LIMIT)?;
    }
    Ok(())
}
