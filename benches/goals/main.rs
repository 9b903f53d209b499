//! Measures what jailkeeper is to reach, beside others and beside the floor: `make bench`.
//!
//! Each part runs in a process that is the first of its PID namespace, with a mount namespace of its
//! own. So whatever a part starts ends with it, also when it fails or is interrupted, and what it
//! writes goes away with its directory.
#![expect(clippy::cast_precision_loss, reason = "figures for people have three digits")]

mod append;
mod bulk;
mod control;
mod corpus;
mod floor;
mod inside;
mod journal;
mod latency;
mod live;
mod measure;
mod memory;
mod offline;
mod packets;
mod peers;
mod report;
mod rest;
mod scene;
mod size;
mod start;
mod support;

use std::ffi::OsString;
use std::io::{BufWriter, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::{Parser, Subcommand};

use corpus::Log;
use inside::Frame;
use peers::{Peer, Peers};
use report::Row;
use scene::Scene;

/// A group of goals that are measured together.
struct Part {
    name: &'static str,
    about: &'static str,
    /// Who is to be fetched for it.
    needs: &'static [Peer],
    measure: fn(&Scene) -> Vec<Row>,
}

const PARTS: &[Part] = &[
    offline::PART,
    journal::PART,
    append::PART,
    control::PART,
    latency::PART,
    bulk::PART,
    memory::PART,
    packets::PART,
    rest::PART,
    start::PART,
    size::PART,
];

/// Measures every goal, ours and the others' in turn, and prints a table.
#[derive(Parser)]
#[command(name = "goals", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// A short form for every day: less of everything, and only the quickest of the others
    #[arg(long)]
    quick: bool,
    /// Where logs and other programs are kept for the next run
    #[arg(long, default_value = "/var/cache/jailkeeper-build/bench")]
    cache: PathBuf,
    /// Put the tables into this file, in the place of what stands there of the same parts
    #[arg(long)]
    results: Option<PathBuf>,
    /// cargo gives this to every bench
    #[arg(long, hide = true)]
    bench: bool,
    /// The parts to measure [default: all]
    #[arg(value_parser = part)]
    parts: Vec<&'static Part>,
    #[command(subcommand)]
    step: Option<Step>,
}

/// What the harness does in processes of its own.
#[derive(Subcommand)]
#[command(hide = true)]
enum Step {
    /// Run a part, as the first process of its namespace
    Inside {
        part: String,
        directory: PathBuf,
        cache: PathBuf,
        #[arg(long)]
        quick: bool,
    },
    /// Write so many lines of sshd's log
    Lines { lines: u64 },
    /// Run a program, and tell what it has taken
    Measure {
        report: PathBuf,
        #[arg(long)]
        one_core: bool,
        #[arg(last = true)]
        words: Vec<OsString>,
    },
    /// Do what any program would have to do at least
    Floor {
        name: String,
        #[arg(last = true)]
        words: Vec<OsString>,
    },
}

fn part(name: &str) -> Result<&'static Part, String> {
    PARTS.iter().find(|part| part.name == name).ok_or_else(|| {
        let all: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        format!("there is no such part; there are: {}", all.join(" "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.step {
        None => {}
        Some(Step::Inside { part: name, directory, cache, quick }) => {
            let part = part(&name).expect("the outer process knows the parts");
            return inside::run(part, &directory, &Scene::new(&cache, directory.clone(), quick));
        }
        Some(Step::Lines { lines }) => {
            let mut out = BufWriter::new(stdout().lock());
            // Whoever reads them may have enough.
            let _closed = Log::Sshd.write(lines, &mut out);
            return ExitCode::SUCCESS;
        }
        Some(Step::Measure { report, one_core, words }) => {
            return measure::run_and_report(&report, one_core, &words);
        }
        Some(Step::Floor { name, words }) => return floor::run(&name, &words),
    }
    if !nix::unistd::geteuid().is_root() {
        eprintln!("goals: the firewall can be measured by root alone: sudo make bench");
        return ExitCode::FAILURE;
    }
    let parts = if arguments.parts.is_empty() { PARTS.iter().collect() } else { arguments.parts };
    let quick = arguments.quick;
    all(&parts, &arguments.cache, quick, arguments.results.as_deref())
}

/// Measures these, and prints and keeps what comes of it.
fn all(parts: &[&Part], cache: &Path, quick: bool, results: Option<&Path>) -> ExitCode {
    let frame = Frame::new(cache, quick).expect("signals can be waited for");
    let peers = Peers::new(cache);
    let mut sections = Vec::new();
    let mut failed = Vec::new();
    for part in parts {
        part.needs.iter().for_each(|peer| peers.fetch(*peer));
        if frame.interrupted.load(Ordering::Relaxed) {
            break;
        }
        eprintln!("goals: measuring {}", part.name);
        match inside::enter(part.name, &frame) {
            Ok(rows) => {
                let section = report::section(part.name, part.about, &rows);
                println!("{section}");
                sections.push((part.name, section));
            }
            Err(trouble) => {
                eprintln!("goals: {}: {trouble}", part.name);
                failed.push(part.name);
            }
        }
    }
    let order: Vec<_> = PARTS.iter().map(|part| part.name).collect();
    if let Some(path) = results
        && let Err(e) = report::keep(path, &order, &sections)
    {
        eprintln!("goals: cannot write {}: {e}", path.display());
        return ExitCode::FAILURE;
    }
    if frame.interrupted.load(Ordering::Relaxed) {
        eprintln!("goals: interrupted; what was measured before is kept");
        ExitCode::from(130)
    } else if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        eprintln!("goals: not measured: {}", failed.join(" "));
        ExitCode::FAILURE
    }
}
