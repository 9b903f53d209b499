//! The loop in a world that is against it, 100,000 times.
//!
//! What decides, carries out, mends and saves is the service's own: [`super::warden`] with the keeper
//! and [`super::records`]. The kernel, the disk and the journal are models of real ones at their
//! worst: they fail, are late, lose answers, forget, and are meddled with; the process is killed, and
//! the power is lost. Everything that happens follows from a seed, which a failure prints:
//!
//! ```text
//! JAILKEEPER_SEED=4711 cargo test simulation
//! ```

mod chance;
mod claims;
mod disk;
mod journal;
mod kernel;
mod misfortunes;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, panic, thread};

use world::World;

/// So many steps are in a schedule.
const STEPS: u32 = 60;

/// What `JAILKEEPER_SCHEDULES` says is run instead.
const SCHEDULES: u64 = 100_000;

/// Runs one schedule; with `aloud` it says what happens.
fn run(seed: u64, aloud: bool) {
    let mut world = World::new(seed, aloud);
    for _ in 0..STEPS {
        world.step();
    }
    world.come_to_rest();
}

#[test]
fn whatever_fails_nothing_is_lost_nobody_is_let_in_and_nobody_wrongly_shut_out() {
    if let Ok(seed) = env::var("JAILKEEPER_SEED") {
        return run(seed.parse().expect("a seed is a number"), true);
    }
    let schedules = env::var("JAILKEEPER_SCHEDULES");
    let schedules = schedules.map_or(SCHEDULES, |it| it.parse().expect("a number of schedules"));
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= schedules {
                break;
            }
            if let Err(failure) = panic::catch_unwind(|| run(seed, false)) {
                next.store(schedules, Ordering::Relaxed);
                eprintln!("the seed of this failure: JAILKEEPER_SEED={seed}");
                panic::resume_unwind(failure);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().expect("every claim holds");
        }
    });
    eprintln!("figure: schedules of the simulation: {schedules}");
}
