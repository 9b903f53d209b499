//! fail2ban, as Debian has it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Peer, Peers, copy, run};
use crate::measure::Job;
use crate::report::Outcome;

const MODULES: &str = "usr/lib/python3/dist-packages";

/// Compiles it, so that its start is not that of a compiler.
pub(super) fn compile(place: &Path) -> Outcome<()> {
    run(Command::new("python3").args(["-m", "compileall", "-q"]).arg(place.join(MODULES))).map(drop)
}

/// Its reader of logs, on this log with this filter.
pub(crate) fn reading(peers: &Peers, log: &Path, filter: &str) -> Outcome<Job> {
    let place = peers.place(Peer::Fail2ban)?;
    let title = peers.title(Peer::Fail2ban);
    Ok(Job::new(&title, "/usr/bin/python3")
        .args([place.join("usr/bin/fail2ban-regex")])
        .args(["-c".as_ref(), place.join("etc/fail2ban").as_os_str()])
        .args(["--usedns", "no", "--no-check-all"])
        .args([log.as_os_str(), filter.as_ref()])
        .env("PYTHONPATH", place.join(MODULES)))
}

/// How many lines have matched, by what its reader of logs has printed.
pub(crate) fn matched(output: &str) -> Outcome<f64> {
    let found = output.lines().rev().find(|line| line.starts_with("Lines:")).and_then(|line| {
        let before = line.split(" matched").next()?;
        before.split_whitespace().last()?.parse().ok()
    });
    found.ok_or_else(|| "fail2ban-regex does not say how many lines have matched".to_owned())
}

/// Its service with these jails, settled in a directory. It writes its log there, as `fail2ban.log`.
pub(crate) fn service(peers: &Peers, directory: &Path, jails: &str) -> Outcome<Command> {
    let place = peers.place(Peer::Fail2ban)?;
    let own = directory.join("etc");
    let settle = || {
        copy(&place.join("etc/fail2ban"), &own)?;
        for file in fs::read_dir(own.join("jail.d"))? {
            fs::remove_file(file?.path())?;
        }
        fs::write(own.join("jail.local"), jails)?;
        let there = directory.display();
        let settings = format!(
            "[Definition]\nloglevel = INFO\nlogtarget = {there}/fail2ban.log\n\
             socket = {there}/f.sock\npidfile = {there}/f.pid\ndbfile = {there}/f.sqlite3\n"
        );
        fs::write(own.join("fail2ban.local"), settings)
    };
    settle().map_err(|e| format!("fail2ban's settings: {e}"))?;
    let mut command = Command::new("/usr/bin/python3");
    command.arg(place.join("usr/bin/fail2ban-server")).arg("-c").arg(own).args(["-f", "start"]);
    command.env("PYTHONPATH", place.join(MODULES)).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    Ok(command)
}

/// Its reader of logs, on a file of a journal, with the filter of sshd.
pub(crate) fn reading_journal(peers: &Peers, file: &Path, matches: &str) -> Outcome<Job> {
    // Its names may hold no @; a wildcard stands for it.
    let source = format!("systemd-journal[journalfiles={}]", file.display()).replace('@', "?");
    let job = reading(peers, Path::new(&source), "sshd")?;
    Ok(job.args(["-m", matches]))
}
