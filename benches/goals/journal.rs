//! Reading the files of a journal: matching entries a second.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Part;
use crate::corpus::NOW;
use crate::measure::{Job, Taken, in_turn};
use crate::peers::{Peer, fail2ban};
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::{Scene, client};

pub(crate) const PART: Part = Part {
    name: "journal",
    about: "The files of a journal, half of whose entries are those of ssh.service, by `jailkeeper replay`. \
            fail2ban reads one of the files.",
    needs: &[Peer::Fail2ban],
    measure,
};

const UNIT: &str = "_SYSTEMD_UNIT=ssh.service";

/// The floor: a loop in C that takes the message of each entry.
const FLOOR: &str = "floor: C, next and MESSAGE";

fn measure(scene: &Scene) -> Vec<Row> {
    let entries = 2 * scene.scale.lines;
    let directory = scene.corpus.journal(entries).expect("the cache can be written to");
    let files = files(&directory);
    let floor = floor(&scene.scratch);
    let mut readings = vec![
        ("jailkeeper".to_owned(), Ok(replay(&directory))),
        (FLOOR.to_owned(), floor.clone().map(|floor| over(&floor, &files))),
        ("journalctl -o cat".to_owned(), Ok(journalctl(&directory))),
    ];
    let one = &files[..1];
    let few = floor.and_then(|floor| counted(&over(&floor, one)));
    if scene.scale.all {
        let job = fail2ban::reading_journal(&scene.peers, &one[0], UNIT);
        readings.push((scene.peers.title(Peer::Fail2ban), job));
    }
    let jobs: Vec<Job> = readings.iter().filter_map(|(_, job)| job.clone().ok()).collect();
    let mut taken = in_turn(scene.scale.rounds, &jobs).into_iter();
    let taken: Vec<(String, Outcome<Taken>)> = readings
        .into_iter()
        .map(|(who, job)| (who, job.and_then(|_| taken.next().expect("one each"))))
        .collect();
    let of_sshd = taken[1].1.clone().and_then(|floor| count(&floor.output));
    let row = |what: &str, goal: Goal, seconds: fn(Taken) -> f64| {
        let speed = |(who, taken): &(String, Outcome<Taken>)| {
            let entries = if who.starts_with("fail2ban") { few.clone() } else { of_sshd.clone() };
            Ok(entries? / seconds(taken.clone()?))
        };
        let row = Row::new(what, Unit::PerSecond, goal, speed(&taken[0]));
        taken[1..].iter().fold(row, |row, other| row.beside(&other.0, speed(other)))
    };
    let goal = || Goal::more().or_beside(FLOOR, 0.9);
    vec![
        row("matching entries", goal(), |taken| taken.wall),
        row("the same: of processor time", goal(), |taken| taken.cpu),
    ]
}

/// Its files, oldest first: the one that is still written to has the plain name.
fn files(directory: &Path) -> Vec<PathBuf> {
    let pattern = format!("{}/*@*.journal", directory.display());
    let archived = glob::glob(&pattern).expect("it is a pattern").flatten();
    archived.chain([directory.join("bench.journal")]).collect()
}

fn replay(directory: &Path) -> Job {
    let files = format!("{}/*.journal", directory.display());
    client("replay").args(["--filter", "sshd", "--now", NOW, "--journal-file", &files])
}

fn journalctl(directory: &Path) -> Job {
    Job::new("journalctl", "journalctl")
        .args(["--no-pager", "-o", "cat", "-D"])
        .args([directory.as_os_str(), UNIT.as_ref()])
}

fn over(floor: &Path, files: &[PathBuf]) -> Job {
    Job::new("the floor", floor).args([UNIT]).args(files)
}

/// Builds the floor.
fn floor(scratch: &Path) -> Outcome<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/goals/journal_floor.c");
    let program = scratch.join("journal_floor");
    let output = Command::new("cc")
        .args(["-O2", "-Wall", "-o"])
        .args([&program, &source])
        .arg("-lsystemd")
        .output()
        .map_err(|e| format!("cc does not start: {e}"))?;
    if output.status.success() {
        Ok(program)
    } else {
        Err(format!("cc has failed: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// How many entries the floor has counted.
fn count(output: &str) -> Outcome<f64> {
    let number = output.split(' ').next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("the floor says \"{output}\""))
}

fn counted(floor: &Job) -> Outcome<f64> {
    crate::measure::once(floor).and_then(|run| count(&run.output))
}
