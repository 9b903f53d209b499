//! The service in a house of its own: with a journald, a bus and a network.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::confined;
use super::dbus::PrivateBus;
use super::journald::Journald;
use super::netns::Netns;

/// Long enough for a machine that does much else, or that is emulated.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Everything around the service, and the service.
pub(crate) struct House {
    pub(crate) service: Option<Child>,
    pub(crate) journald: Journald,
    pub(crate) bus: PrivateBus,
    pub(crate) network: Netns,
    pub(crate) place: TempDir,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Whether the service goes without the unit's list of system calls: strace has a call fail by making
    /// it one that does not exist.
    pub(crate) is_injected: bool,
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = service.kill();
            // It has ended by itself if it cannot be killed.
            let status = service.wait();
            if status.is_ok_and(|s| s.signal() == Some(Signal::SIGSYS as i32)) {
                eprintln!("it has made a system call that the unit does not list; strace(1) tells");
            }
        }
        if thread::panicking() {
            eprintln!("the service's log:\n{}", self.log());
        }
    }
}

impl House {
    /// With the packaged configuration, and this in `jailkeeper.toml`.
    pub(crate) fn new(configuration: &str) -> Self {
        let house = Self {
            service: None,
            journald: Journald::start(),
            bus: PrivateBus::start(),
            network: Netns::new(),
            place: TempDir::new().expect("a temporary directory"),
            environment: Vec::new(),
            is_injected: false,
        };
        fs::create_dir(house.path("etc")).expect("a directory");
        house.configure(configuration);
        house
    }

    /// The same, with the service running.
    pub(crate) fn guarded(configuration: &str) -> Self {
        let mut house = Self::new(configuration);
        house.start();
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn configure(&self, text: &str) {
        let journal = format!("[journal]\nnamespace = \"{}\"\n{text}", self.journald.namespace());
        fs::write(self.path("etc/jailkeeper.toml"), journal).expect("a configuration");
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(crate) fn launch(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log"));
        let log = log.expect("a log");
        let program = env!("CARGO_BIN_EXE_jailkeeperd");
        let mut command =
            if self.is_injected { Command::new(program) } else { confined::command(program) };
        command
            .arg("--vendor")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/jailkeeper"))
            .arg("--config")
            .arg(self.path("etc"))
            .arg("--state")
            .arg(self.path("state"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.bus.address())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = self.network.run(move || command.spawn());
        self.service = Some(child.expect("jailkeeperd starts"));
    }

    /// Starts the service and waits until it is ready.
    pub(crate) fn start(&mut self) {
        fs::create_dir_all(self.path("state")).expect("a directory");
        let ready = |house: &Self| house.log().lines().filter(|l| l.starts_with("ready")).count();
        let before = ready(self);
        self.launch();
        await_that("the service is ready", || ready(self) > before);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.service.as_ref().expect("it runs").id();
        kill(Pid::from_raw(pid.cast_signed()), signal).expect("it can be signalled");
    }

    /// Ends the service; its exit code.
    pub(crate) fn end(&mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        self.service.take().expect("it runs").wait().expect("it ends").code()
    }

    pub(crate) fn fails(&self, address: &str, times: usize) {
        for attempt in 0..times {
            let line =
                format!("Failed password for root from {address} port {} ssh2", 4000 + attempt);
            self.journald.send_as("sshd", &line);
        }
    }

    pub(crate) fn await_log(&self, what: &str, times: usize) {
        await_that(&format!("{times} × {what:?} in the log"), || self.times_logged(what) >= times);
    }

    pub(crate) fn times_logged(&self, what: &str) -> usize {
        self.log().lines().filter(|line| line.contains(what)).count()
    }

    pub(crate) fn set(&self, name: &str) -> String {
        self.network.nft(&format!("list set inet jailkeeper {name}"))
    }

    pub(crate) fn assert_element(&self, set: &str, element: &str) {
        let found = self.set(set);
        assert!(found.contains(element), "{element} is not in:\n{found}");
    }

    pub(crate) fn client(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_jailkeeper"))
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.bus.address())
            .output()
            .expect("the client runs")
    }
}

pub(crate) fn await_that(what: &str, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !come() {
        assert!(Instant::now() < deadline, "it does not come about: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
