//! Reading whole logs: lines a second on one core, and the memory that it takes.

use std::path::{Path, PathBuf};

use crate::Part;
use crate::corpus::{Log, NOW};
use crate::floor;
use crate::measure::{Job, Taken, in_turn, once};
use crate::peers::{Peer, crowdsec, fail2ban, fail2ban_rs};
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::{Scene, client, stock};

pub(crate) const PART: Part = Part {
    name: "offline",
    about: "Whole logs, by `jailkeeper replay`: dates, offenders, users and windows. All programs on one \
            core, but where it says otherwise. The slow ones read the same log with fewer lines.",
    needs: &[Peer::Fail2ban, Peer::Fail2banRs, Peer::Sshguard, Peer::Crowdsec, Peer::Ripgrep],
    measure,
};

/// How many lines are enough for the slow ones.
const SLOW: u64 = 100_000;
const SLOWEST: u64 = 20_000;

/// Somebody's program, and how many lines it is given.
type Reading = (String, u64, Outcome<Job>);

fn measure(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(sshd(scene));
    rows.extend(kind(scene, Log::SshdIso, "sshd", ("sshd", "iso8601"), 3e6));
    rows.extend(kind(scene, Log::Mixed, "sshd", ("sshd", "syslog"), 3e6));
    let botsearch = ("nginx-botsearch", "common");
    rows.extend(kind(scene, Log::NginxAccess, "nginx-botsearch", botsearch, 2.5e6));
    let auth = ("nginx-auth", "common");
    rows.extend(kind(scene, Log::NginxError, "nginx-http-auth", auth, 2.5e6));
    if scene.scale.all {
        rows.push(found(scene));
    }
    rows.push(two_at_once(scene));
    rows.push(flat(scene));
    rows
}

fn log(scene: &Scene, log: Log, lines: u64) -> PathBuf {
    scene.corpus.log(log, lines).expect("the cache can be written to")
}

/// Ours over these logs.
fn replay(filter: &str, logs: &[PathBuf]) -> Job {
    client("replay").args(["--filter", filter, "--now", NOW, "--timezone", "UTC"]).args(logs)
}

/// The log of sshd, beside everybody and the floors.
fn sshd(scene: &Scene) -> Vec<Row> {
    let lines = scene.scale.lines;
    let path = log(scene, Log::Sshd, lines);
    let mut readings = common(scene, Log::Sshd, "sshd", ("sshd", "syslog"));
    let title = |peer| scene.peers.title(peer);
    let place = |peer| scene.peers.place(peer);
    let sshguard = place(Peer::Sshguard).map(|place| {
        Job::new("sshguard", place.join("usr/libexec/sshguard/sshg-parser")).input(&path)
    });
    readings.push((format!("{}, parser alone", title(Peer::Sshguard)), lines, sshguard));
    if scene.scale.all {
        let few = log(scene, Log::Sshd, SLOWEST);
        let crowdsec = crowdsec::reading(&scene.peers, &scene.scratch, &few, "syslog");
        readings.push((title(Peer::Crowdsec), SLOWEST, crowdsec));
    }
    for (name, what) in [("each", "12 patterns in turn"), ("set", "set of 12 patterns")] {
        let job = Job::new(what, std::env::current_exe().expect("our own path"))
            .args(["floor", name, "--"])
            .args([&path]);
        readings.push((format!("floor: {what}"), lines, Ok(job)));
    }
    let ripgrep = place(Peer::Ripgrep).map(|place| {
        Job::new("rg", place.join("usr/bin/rg"))
            .args(["-c", "-j1", "--no-config", &floor::union()])
            .args([&path])
    });
    readings.push((RIPGREP.to_owned(), lines, ripgrep));
    let wc = Job::new("wc", "wc").args(["-l"]).args([&path]);
    readings.push(("floor: wc -l".to_owned(), lines, Ok(wc)));
    let goal = Goal::at_least(3e6).or_beside(RIPGREP, 0.6);
    rows(scene, "sshd.log, sshd", goal, readings)
}

const RIPGREP: &str = "floor: ripgrep -c";

/// Another log, beside fail2ban and fail2ban-rs.
fn kind(scene: &Scene, log: Log, filter: &str, template: (&str, &str), goal: f64) -> Vec<Row> {
    let what = format!("{}.log, {filter}", log.name());
    rows(scene, &what, Goal::at_least(goal), common(scene, log, filter, template))
}

fn common(scene: &Scene, kind: Log, filter: &str, template: (&str, &str)) -> Vec<Reading> {
    let lines = scene.scale.lines;
    let path = log(scene, kind, lines);
    let mut readings =
        vec![(OURS.to_owned(), lines, Ok(replay(filter, std::slice::from_ref(&path))))];
    if scene.scale.all {
        let few = log(scene, kind, SLOW);
        let job = fail2ban::reading(&scene.peers, &few, filter);
        readings.push((scene.peers.title(Peer::Fail2ban), SLOW, job));
    }
    let job = fail2ban_rs::reading(&scene.peers, &scene.scratch, &path, template);
    readings.push((scene.peers.title(Peer::Fail2banRs), lines, job));
    readings
}

const OURS: &str = "jailkeeper";

/// Runs them in turn; a row for their speed, and one for their memory.
fn rows(scene: &Scene, what: &str, goal: Goal, readings: Vec<Reading>) -> Vec<Row> {
    let jobs: Vec<Job> = readings
        .iter()
        .filter_map(|(_, _, job)| job.as_ref().ok().cloned().map(Job::on_one_core))
        .collect();
    let mut taken = in_turn(scene.scale.rounds, &jobs).into_iter();
    let mut taken: Vec<(String, u64, Outcome<Taken>)> = readings
        .into_iter()
        .map(|(who, lines, job)| (who, lines, job.and_then(|_| taken.next().expect("one each"))))
        .collect();
    let (_, lines, ours) = taken.remove(0);
    let speed = |lines: u64, taken: &Outcome<Taken>| {
        taken.as_ref().map(|t| lines as f64 / t.wall).map_err(Clone::clone)
    };
    let peak = |taken: &Outcome<Taken>| taken.as_ref().map(|t| t.peak_mib).map_err(Clone::clone);
    let cheap = |lines: u64, taken: &Outcome<Taken>| {
        taken.as_ref().map(|t| lines as f64 / t.cpu).map_err(Clone::clone)
    };
    let mut fast = Row::new(what, Unit::PerSecond, goal, speed(lines, &ours));
    let of_cpu = format!("{what}: of processor time");
    let mut busy = Row::new(&of_cpu, Unit::PerSecond, Goal::more(), cheap(lines, &ours));
    let mut small =
        Row::new(&format!("{what}: peak memory"), Unit::Mebibytes, Goal::less(), peak(&ours));
    for (who, lines, theirs) in taken {
        fast = fast.beside(&who, speed(lines, &theirs));
        busy = busy.beside(&who, cheap(lines, &theirs));
        small = small.beside(&who, peak(&theirs));
    }
    vec![fast, busy, small]
}

/// How many failed logins are found in the log of sshd. To be fast by finding less is no art.
fn found(scene: &Scene) -> Row {
    let path = log(scene, Log::Sshd, SLOW);
    let counted = |job: Outcome<Job>, count: fn(&str) -> Outcome<f64>| count(&once(&job?)?.output);
    let ours = counted(Ok(replay("sshd", std::slice::from_ref(&path))), attempts);
    let title = scene.peers.title(Peer::Fail2ban);
    let job = fail2ban::reading(&scene.peers, &path, "sshd");
    let goal = Goal::more().or_beside(&title, 1.0);
    Row::new(&format!("failed logins found in {SLOW} lines"), Unit::Count, goal, ours)
        .beside(&title, counted(job, fail2ban::matched))
}

/// How many attempts a replay tells of, in its last line.
fn attempts(output: &str) -> Outcome<f64> {
    let before = output.split(" attempts").next().unwrap_or_default();
    let number = before.split_whitespace().last().and_then(|number| number.parse().ok());
    number.ok_or_else(|| "replay does not say how many attempts there were".to_owned())
}

/// Two logs on two cores, beside one on one.
fn two_at_once(scene: &Scene) -> Row {
    let lines = scene.scale.lines;
    let one = log(scene, Log::Sshd, lines);
    let two = [one.clone(), log(scene, Log::SshdIso, lines)];
    let jobs = [replay("sshd", &[one]).on_one_core(), replay("sshd", &two)];
    let mut taken = in_turn(scene.scale.rounds, &jobs).into_iter();
    let mut wall = || taken.next().expect("one each").map(|taken| taken.wall);
    let (one, two) = (wall(), wall());
    let times = one.and_then(|one| two.map(|two| 2.0 * one / two));
    Row::new("two logs on two cores, beside one on one", Unit::Times, Goal::at_least(1.8), times)
}

/// The peak of memory with ten million lines, beside that with ten thousand.
fn flat(scene: &Scene) -> Row {
    let (few_lines, many_lines) = (10_000, 10 * scene.scale.lines);
    let mut taken = in_turn(1, &[streamed(few_lines), streamed(many_lines)]).into_iter();
    let mut peak = || taken.next().expect("one each").map(|taken| taken.peak_mib);
    let (few, many) = (peak(), peak());
    let what = format!("memory with {many_lines} lines, beside that with {few_lines}");
    Row::new(
        &what,
        Unit::Times,
        Goal::at_most(1.1),
        few.and_then(|few| many.map(|many| many / few)),
    )
}

/// Ours over as many lines, which are made while it reads.
fn streamed(lines: u64) -> Job {
    let pipe = format!(
        "\"$0\" lines {lines} | \"$1\" replay --vendor \"$2\" --filter sshd --now {NOW} --timezone UTC -"
    );
    Job::new("replay of a stream", "sh")
        .args([
            "-c".as_ref(),
            pipe.as_ref(),
            std::env::current_exe().expect("our path").as_os_str(),
        ])
        .args([Path::new(env!("CARGO_BIN_EXE_jailkeeper")), &stock()])
}
