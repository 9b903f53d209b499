//! The service of this tree.

use std::fmt::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{Guard, Setting, Source, directory, logs};
use crate::report::Outcome;
use crate::support::house::House;
use crate::support::netns::Netns;

/// How long it may take to be ready, or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// Our service in a house of its own.
pub(crate) struct Ours {
    pub(crate) house: House,
    logs: Vec<PathBuf>,
    /// When it was heard that the service is ready.
    ready: Receiver<Instant>,
}

impl Ours {
    pub(crate) fn new(scratch: &Path, setting: Setting) -> Self {
        let logs = logs(&directory(scratch, "jailkeeper"), setting.jails);
        Self::with(&configuration(setting, &logs), if setting.journal { Vec::new() } else { logs })
    }

    /// With this in jailkeeper.toml. The first of the logs is where failed logins are told.
    pub(crate) fn with(configuration: &str, logs: Vec<PathBuf>) -> Self {
        let mut house = House::new(configuration);
        let path = house.path("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        let (heard, ready) = mpsc::channel();
        thread::spawn(move || listen(&manager, &heard));
        let path = path.to_string_lossy().into_owned();
        // Our lines are dated in UTC.
        house.environment = vec![("NOTIFY_SOCKET", path), ("TZ", "UTC".to_owned())];
        house.environment.extend(of_the_unit());
        std::fs::create_dir(house.path("state")).expect("a directory");
        Self { house, logs, ready }
    }
}

/// What the service's unit puts into its environment: the allocator's thresholds.
fn of_the_unit() -> impl Iterator<Item = (&'static str, String)> {
    let unit = include_str!("../../../units/jailkeeper.service").lines();
    let lines = unit.filter_map(|line| line.strip_prefix("Environment="));
    let words = lines.flat_map(str::split_whitespace);
    words.filter_map(|word| word.split_once('=')).map(|(name, value)| (name, value.to_owned()))
}

/// Listens as the service manager does, for as long as the harness runs: a service waits when
/// nobody takes what it tells.
fn listen(manager: &UnixDatagram, heard: &Sender<Instant>) {
    let mut message = [0; 4096];
    while let Ok(length) = manager.recv(&mut message) {
        let now = Instant::now();
        if String::from_utf8_lossy(&message[..length]).contains("READY=1")
            && heard.send(now).is_err()
        {
            return;
        }
    }
}

/// Jails for sshd that do not ban for ever, and look at nobody's other settings.
fn configuration(setting: Setting, logs: &[PathBuf]) -> String {
    let mut text = format!(
        "[default]\nmaxretry = {}\nfindtime = \"10m\"\nbantime = \"1h\"\n",
        setting.maxretry
    );
    if setting.journal {
        return text;
    }
    text.push_str("[jail.sshd]\nenabled = false\n");
    for (number, log) in logs.iter().enumerate() {
        write!(
            text,
            "[jail.jk{number}]\nenabled = true\nfilter = \"sshd\"\nport = \"ssh\"\n\
             backend = \"files\"\nlogpath = [\"{}\"]\n",
            log.display()
        )
        .expect("a string");
    }
    text
}

impl Guard for Ours {
    fn network(&self) -> &Netns {
        &self.house.network
    }

    fn start(&mut self) -> Outcome<Duration> {
        let begin = Instant::now();
        self.house.launch();
        let ready = self.ready.recv_timeout(PATIENCE);
        let ready = ready.map_err(|_| format!("it is not ready: {}", self.house.log()))?;
        Ok(ready.duration_since(begin))
    }

    fn stop(&mut self) -> Outcome<Duration> {
        let begin = Instant::now();
        match self.house.end(Signal::SIGTERM) {
            Some(0) => Ok(begin.elapsed()),
            code => Err(format!("it has ended with {code:?}")),
        }
    }

    fn pid(&self) -> u32 {
        self.house.service.as_ref().expect("it runs").id()
    }

    fn source(&self) -> Source<'_> {
        match self.logs.first() {
            Some(log) => Source::File(log.clone()),
            None => Source::Journal(&self.house.journald),
        }
    }
}
