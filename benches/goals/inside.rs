//! The process that a part runs in: what it starts and what it writes is gone when it ends.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Part;
use crate::report::Row;
use crate::scene::Scene;

/// What a part has found, in the directory of its run.
const FOUND: &str = "rows.json";

/// What is the same for all parts of a run.
pub(crate) struct Frame<'a> {
    pub(crate) cache: &'a Path,
    pub(crate) quick: bool,
    /// Whether we were asked to end.
    pub(crate) interrupted: Arc<AtomicBool>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(cache: &'a Path, quick: bool) -> std::io::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        Ok(Self { cache, quick, interrupted })
    }
}

/// Runs a part in a process of its own, and returns what it has found.
pub(crate) fn enter(part: &str, frame: &Frame) -> Result<Vec<Row>, String> {
    let cache = frame.cache;
    let directory = cache.join("run");
    let _alone = alone(cache).map_err(|e| format!("cannot lock {}: {e}", cache.display()))?;
    let fresh = || {
        // A run that was killed may have left its own.
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)
    };
    fresh().map_err(|e| format!("cannot make {} anew: {e}", directory.display()))?;
    // The first process of a namespace ends with the thread that has started it.
    let outcome = thread::scope(|scope| {
        scope.spawn(|| run_inside(part, &directory, frame)).join().expect("it does not panic")
    });
    // It is made anew in the next run at the latest.
    let _left = fs::remove_dir_all(&directory);
    outcome
}

/// Waits until no other run measures here: each would be in the other's way.
fn alone(cache: &Path) -> std::io::Result<File> {
    fs::create_dir_all(cache)?;
    let lock = File::create(cache.join("lock"))?;
    if lock.try_lock().is_err() {
        eprintln!("goals: waiting for another run to end");
        lock.lock()?;
    }
    Ok(lock)
}

fn run_inside(part: &str, directory: &Path, frame: &Frame) -> Result<Vec<Row>, String> {
    let program = std::env::current_exe().map_err(|e| format!("which program are we? {e}"))?;
    let mut command = Command::new(program);
    command.arg("inside").args([part.as_ref(), directory, frame.cache]).env("TMPDIR", directory);
    if frame.quick {
        command.arg("--quick");
    }
    // It is for the children of this thread.
    unshare(CloneFlags::CLONE_NEWPID)
        .map_err(|e| format!("cannot make a namespace (are we root?): {e}"))?;
    let mut child = command.spawn().map_err(|e| format!("cannot start ourselves: {e}"))?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| format!("it is lost: {e}"))? {
            break status;
        }
        if frame.interrupted.load(Ordering::Relaxed) {
            // The kernel ends the namespace with its first process.
            let _ended = child.kill();
            let _status = child.wait();
            let _left = fs::remove_dir_all(directory);
            return Err("interrupted".to_owned());
        }
        thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        return Err(status
            .signal()
            .map_or("failed".to_owned(), |n| format!("ended by signal {n}")));
    }
    let found =
        File::open(directory.join(FOUND)).map_err(|e| format!("it has found nothing: {e}"))?;
    serde_json::from_reader(found).map_err(|e| format!("what it has found is broken: {e}"))
}

/// The first process of the namespace: measures, and writes down what was found.
pub(crate) fn run(part: &Part, directory: &Path, scene: &Scene) -> ExitCode {
    prctl::set_pdeathsig(Signal::SIGKILL).expect("we may wish to end with our parent");
    furnish(directory);
    let rows = (part.measure)(scene);
    let file = File::create(directory.join(FOUND)).expect("a file for what was found");
    serde_json::to_writer(file, &rows).expect("what was found is written");
    ExitCode::SUCCESS
}

/// Mounts over what services share, so that nothing is left in it and nobody else is met there.
fn furnish(directory: &Path) {
    let ours = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    unshare(ours).expect("mounts and a network of our own");
    let nothing: Option<&Path> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .expect("mounts of our own");
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), nothing).expect("our own /proc");
    for (place, name) in
        [("/var/log", "log"), ("/run/log", "run-log"), ("/run/systemd", "run-systemd")]
    {
        let ours: PathBuf = directory.join(name);
        fs::create_dir_all(&ours).expect("a directory");
        fs::create_dir_all(place).expect("a directory");
        mount(Some(&ours), place, nothing, MsFlags::MS_BIND, nothing).expect("a mount");
    }
    fs::create_dir_all("/var/log/journal").expect("a directory");
}
