//! fail2ban-rs, of the registry of crates.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Peer, Peers, run};
use crate::measure::Job;
use crate::report::Outcome;

const VERSION: &str = "1.5.4";

/// Builds and installs it.
pub(super) fn install(place: &Path) -> Outcome<()> {
    let target = place.join("target");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(["install", "--quiet", "--locked", "--version", VERSION, "--root"]).arg(place);
    command.arg("fail2ban-rs").env("CARGO_TARGET_DIR", &target).current_dir("/");
    run(&mut command)?;
    fs::remove_dir_all(target).map_err(|e| e.to_string())?;
    fs::write(place.join("version"), VERSION).map_err(|e| e.to_string())
}

/// Its dry run over a log, by its own settings for a service. They are written beside `scratch`.
pub(crate) fn reading(
    peers: &Peers,
    scratch: &Path,
    log: &Path,
    (service, dates): (&str, &str),
) -> Outcome<Job> {
    let place = peers.place(Peer::Fail2banRs)?;
    let program = place.join("bin/fail2ban-rs");
    let settings = run(Command::new(&program).args(["gen-config", service]))?
        .replace(r#"date_format = "syslog""#, &format!(r#"date_format = "{dates}""#))
        // Without it what has no port is found as well, as all the others find it.
        .replace(r" port \d+", "");
    let scratch = scratch.join(format!("fail2ban-rs-{service}-{dates}"));
    fs::create_dir_all(&scratch).map_err(|e| e.to_string())?;
    let file = scratch.join("settings.toml");
    let text = format!(
        "[global]\nstate_dir = \"{0}/state\"\nsocket_path = \"{0}/socket\"\n\n{settings}\nignoreself = false\n",
        scratch.display()
    );
    fs::write(&file, text).map_err(|e| e.to_string())?;
    let title = peers.title(Peer::Fail2banRs);
    Ok(Job::new(&title, program)
        .args(["-c".as_ref(), file.as_os_str()])
        .args(["dry-run".as_ref(), log]))
}

/// Its service with these jails, which end where its own filter for sshd follows, settled in a directory.
pub(crate) fn service(peers: &Peers, directory: &Path, jails: &[String]) -> Outcome<Command> {
    let program = peers.place(Peer::Fail2banRs)?.join("bin/fail2ban-rs");
    let template = run(Command::new(&program).args(["gen-config", "sshd"]))?;
    let filter = template.find("filter = [").map(|at| &template[at..]);
    let filter = filter.ok_or("fail2ban-rs has no filter for sshd")?;
    let there = directory.display();
    let mut text =
        format!("[global]\nstate_dir = \"{there}/state\"\nsocket_path = \"{there}/f.sock\"\n");
    for jail in jails {
        text.push_str(jail);
        text.push_str(filter);
    }
    let file = directory.join("settings.toml");
    fs::write(&file, text).map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.arg("-c").arg(file).arg("run").env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    Ok(command)
}
