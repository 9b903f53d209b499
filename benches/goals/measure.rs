//! Programs run one after the other, in turn, and what each has taken.
//!
//! A program is started by a small process of its own (`goals measure`), so that the processor time and
//! the peak of memory that the kernel tells are this program's alone.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::report::Outcome;

/// How long any program may take.
const LIMIT: Duration = Duration::from_mins(5);

/// What is run.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) name: String,
    words: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    input: Option<PathBuf>,
    one_core: bool,
}

impl Job {
    pub(crate) fn new(name: &str, program: impl AsRef<OsStr>) -> Self {
        Self {
            name: name.to_owned(),
            words: vec![program.as_ref().to_owned()],
            environment: Vec::new(),
            input: None,
            one_core: false,
        }
    }

    pub(crate) fn args(mut self, words: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn input(mut self, file: &Path) -> Self {
        self.input = Some(file.to_owned());
        self
    }

    /// Keeps all of its threads on one core.
    pub(crate) fn on_one_core(mut self) -> Self {
        self.one_core = true;
        self
    }

    /// Starts it, with its output in these files.
    fn start(&self, report: &Path, output: &Path) -> io::Result<Child> {
        let output = File::create(output)?;
        let input = match &self.input {
            Some(path) => Stdio::from(File::open(path)?),
            None => Stdio::null(),
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("measure").arg(report);
        if self.one_core {
            command.arg("--one-core");
        }
        command
            .arg("--")
            .args(&self.words)
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(input)
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
    }
}

/// What one run has taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// Seconds of processor time.
    pub(crate) cpu: f64,
    /// The peak of resident memory.
    pub(crate) peak_mib: f64,
    /// All that it has printed.
    #[serde(skip)]
    pub(crate) output: String,
}

/// What several runs have taken: the middle one of each.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    pub(crate) peak_mib: f64,
    pub(crate) output: String,
}

/// Runs them in turn, so many times each: what disturbs the machine for a while disturbs all of them.
pub(crate) fn in_turn(rounds: usize, jobs: &[Job]) -> Vec<Outcome<Taken>> {
    let mut runs: Vec<Outcome<Vec<Run>>> = jobs.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..rounds {
        for (job, runs) in jobs.iter().zip(&mut runs) {
            if let Ok(done) = runs {
                match once(job) {
                    Ok(run) => done.push(run),
                    Err(trouble) => *runs = Err(trouble),
                }
            }
        }
    }
    runs.into_iter().map(|runs| runs.map(summary)).collect()
}

fn summary(mut runs: Vec<Run>) -> Taken {
    let middle = |value: fn(&Run) -> f64| median(runs.iter().map(value).collect());
    let (wall, cpu, peak_mib) = (middle(|r| r.wall), middle(|r| r.cpu), middle(|r| r.peak_mib));
    let output = runs.pop().map(|run| run.output).unwrap_or_default();
    Taken { wall, cpu, peak_mib, output }
}

/// The middle one.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// The value that so many percent are not above.
pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) * percent).div_ceil(100);
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// Runs it once.
pub(crate) fn once(job: &Job) -> Outcome<Run> {
    let place = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let (report, output) = (place.path().join("report"), place.path().join("output"));
    let child =
        job.start(&report, &output).map_err(|e| format!("{} not started: {e}", job.name))?;
    let done = within(LIMIT, child);
    let said = fs::read(&output).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    if !done {
        let tail = tail(&said);
        return Err(format!("{} failed or took more than {LIMIT:?}: {tail}", job.name));
    }
    let report = fs::read_to_string(report).map_err(|e| format!("{}: {e}", job.name))?;
    let run: Run = serde_json::from_str(&report).map_err(|e| format!("{}: {e}", job.name))?;
    Ok(Run { output: said, ..run })
}

/// The end of what it has said.
fn tail(said: &str) -> &str {
    let at = said.floor_char_boundary(said.len().saturating_sub(300));
    said[at..].trim()
}

/// Whether it has ended well and in time. It is killed when it is late, with all that it has started.
fn within(limit: Duration, mut child: Child) -> bool {
    let group = Pid::from_raw(child.id().cast_signed());
    let (done, waiting) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if waiting.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            // It may have ended in this moment.
            let _gone = killpg(group, Signal::SIGKILL);
        }
    });
    let status = child.wait();
    drop(done);
    watch.join().expect("it does not panic");
    status.is_ok_and(|status| status.success())
}

/// The small process: runs the program, and writes what it has taken.
pub(crate) fn run_and_report(report: &Path, one_core: bool, words: &[OsString]) -> ExitCode {
    if one_core {
        let mut core = CpuSet::new();
        core.set(last_core()).expect("a machine has no more cores than fit");
        sched_setaffinity(Pid::from_raw(0), &core).expect("we may keep to a core");
    }
    let begin = Instant::now();
    let status = Command::new(&words[0]).args(&words[1..]).status();
    let wall = begin.elapsed().as_secs_f64();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            eprintln!("{}: {status}", words[0].display());
            return ExitCode::FAILURE;
        }
        Err(e) => {
            eprintln!("{}: {e}", words[0].display());
            return ExitCode::FAILURE;
        }
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let run = Run {
        wall,
        cpu: seconds(usage.user_time()) + seconds(usage.system_time()),
        peak_mib: usage.max_rss() as f64 / 1024.0,
        output: String::new(),
    };
    fs::write(report, serde_json::to_string(&run).expect("numbers")).expect("a report");
    ExitCode::SUCCESS
}

/// Most of what disturbs runs on the first one.
fn last_core() -> usize {
    thread::available_parallelism().map_or(0, |cores| cores.get() - 1)
}
