//! fail2ban and fail2ban-rs as services.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Guard, Setting, Source, directory, logs};
use crate::peers::{Peer, fail2ban, fail2ban_rs};
use crate::report::Outcome;
use crate::scene::Scene;
use crate::support::journald::Journald;
use crate::support::netns::Netns;

/// How long another may take for anything; fail2ban takes minutes to restore 10,000 bans.
const PATIENCE: Duration = Duration::from_mins(8);

/// Another's service.
pub(crate) struct Other {
    title: String,
    network: Netns,
    journald: Option<Journald>,
    log: PathBuf,
    command: Command,
    /// Where it says what it does, and what it says there when it is ready, once for each jail.
    told: PathBuf,
    ready: &'static str,
    jails: u32,
    process: Option<Child>,
}

impl Drop for Other {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ended = process.kill();
            let _status = process.wait();
        }
    }
}

/// fail2ban, waiting for files by inotify, or reading the journal.
pub(crate) fn fail2ban(scene: &Scene, setting: Setting) -> Outcome<Box<dyn Guard>> {
    let place = directory(&scene.scratch, "fail2ban");
    let logs = logs(&place, setting.jails);
    let journald = setting.journal.then(Journald::start);
    let backend = match &journald {
        Some(journald) => format!("systemd[journalpath={}]", journald.directory().display()),
        None => "pyinotify".to_owned(),
    };
    let mut jails = format!(
        "[DEFAULT]\nbanaction = nftables\nbackend = {backend}\nusedns = no\nmaxretry = {}\n\
         findtime = 600\nbantime = 3600\n",
        setting.maxretry
    );
    for (number, log) in logs.iter().enumerate() {
        write!(jails, "\n[jk{number}]\nenabled = true\nfilter = sshd\nport = 22\n")
            .expect("a string");
        if journald.is_none() {
            writeln!(jails, "logpath = {}", log.display()).expect("a string");
        }
    }
    let command = fail2ban::service(&scene.peers, &place, &jails)?;
    Ok(Box::new(Other {
        title: scene.peers.title(Peer::Fail2ban),
        network: Netns::new(),
        journald,
        log: logs[0].clone(),
        command,
        told: place.join("fail2ban.log"),
        ready: if setting.journal { "is in operation now" } else { "started" },
        jails: setting.jails,
        process: None,
    }))
}

/// fail2ban-rs.
pub(crate) fn fail2ban_rs(scene: &Scene, setting: Setting) -> Outcome<Box<dyn Guard>> {
    let place = directory(&scene.scratch, "fail2ban-rs");
    let logs = logs(&place, setting.jails);
    let journald = setting.journal.then(Journald::start);
    if let Some(journald) = &journald {
        as_machines_own(journald);
    }
    let mut jails = Vec::new();
    for (number, log) in logs.iter().enumerate() {
        let source = if setting.journal {
            "log_backend = \"systemd\"\njournalmatch = [\"_COMM=sshd\"]\n"
        } else {
            ""
        };
        jails.push(format!(
            "\n[jail.jk{number}]\nlog_path = \"{}\"\ndate_format = \"syslog\"\nmax_retry = {}\n\
             find_time = 600\nban_time = 3600\nport = [\"22\"]\nprotocol = \"tcp\"\n\
             backend = \"nftables\"\nignoreself = false\n{source}",
            log.display(),
            setting.maxretry
        ));
    }
    let command = fail2ban_rs::service(&scene.peers, &place, &jails)?;
    Ok(Box::new(Other {
        title: scene.peers.title(Peer::Fail2banRs),
        network: Netns::new(),
        journald,
        log: logs[0].clone(),
        command,
        told: place.join("told"),
        ready: "watcher started",
        jails: setting.jails,
        process: None,
    }))
}

/// Makes its files the journal of this machine, as long as our mounts last: fail2ban-rs reads no other.
fn as_machines_own(journald: &Journald) {
    let machine = fs::read_to_string("/etc/machine-id").expect("journald needs a machine ID");
    let own = Path::new("/var/log/journal").join(machine.trim());
    fs::create_dir_all(&own).expect("a directory");
    // The one before is gone, and what was in it.
    let _none = umount2(&own, MntFlags::MNT_DETACH);
    let nothing: Option<&Path> = None;
    mount(Some(&journald.directory()), &own, nothing, MsFlags::MS_BIND, nothing).expect("a mount");
}

impl Guard for Other {
    fn network(&self) -> &Netns {
        &self.network
    }

    fn start(&mut self) -> Outcome<Duration> {
        let _first = fs::remove_file(&self.told);
        let told = File::create(self.told.with_extension("output")).expect("a file");
        let errors = if self.ready == "watcher started" {
            File::create(&self.told).expect("a file")
        } else {
            told.try_clone().expect("a file")
        };
        let command = &mut self.command;
        command.stdin(Stdio::null()).stdout(told).stderr(errors);
        let begin = Instant::now();
        let child = self.network.run(|| command.spawn());
        self.process = Some(child.map_err(|e| format!("it does not start: {e}"))?);
        while begin.elapsed() < PATIENCE {
            let said = fs::read_to_string(&self.told).unwrap_or_default();
            if said.matches(self.ready).count() >= self.jails as usize {
                return Ok(begin.elapsed());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(format!("{} is not ready after {PATIENCE:?}", self.title))
    }

    fn stop(&mut self) -> Outcome<Duration> {
        let begin = Instant::now();
        kill(Pid::from_raw(self.pid().cast_signed()), Signal::SIGTERM)
            .map_err(|e| e.to_string())?;
        let process = self.process.as_mut().expect("it runs");
        while begin.elapsed() < PATIENCE {
            if process.try_wait().map_err(|e| e.to_string())?.is_some() {
                self.process = None;
                return Ok(begin.elapsed());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(format!("{} does not stop", self.title))
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    fn source(&self) -> Source<'_> {
        match &self.journald {
            Some(journald) => Source::Journal(journald),
            None => Source::File(self.log.clone()),
        }
    }
}
