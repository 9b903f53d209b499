//! strace(1) beside the running service: it records what is asked of the kernel, or has it fail or
//! dawdle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::house::{House, await_that};

/// strace at work; without it the service goes on by itself.
pub(crate) struct Strace(Child);

impl Strace {
    /// Attaches it to all threads of the service.
    pub(crate) fn attach(house: &House, arguments: &[&str]) -> Self {
        let service = house.service.as_ref().expect("it runs").id();
        let strace = Self::start(service, &[&["--follow-forks"], arguments].concat());
        await_that("strace is attached to all threads", || {
            let tasks = fs::read_dir(format!("/proc/{service}/task")).expect("it runs").flatten();
            tasks.map(|task| task.path().join("status")).all(|status| is_traced(&status))
        });
        strace
    }

    /// Attaches it to the first thread of the service, which is the loop, and to no other.
    pub(crate) fn attach_to_loop(house: &House, arguments: &[&str]) -> Self {
        Self::attach_to_thread(house.service.as_ref().expect("it runs").id(), arguments)
    }

    /// Attaches it to one thread.
    pub(crate) fn attach_to_thread(thread: u32, arguments: &[&str]) -> Self {
        let strace = Self::start(thread, arguments);
        let status = PathBuf::from(format!("/proc/{thread}/status"));
        await_that("strace is attached to the thread", || is_traced(&status));
        strace
    }

    /// It ends with the test, however that ends.
    fn start(thread: u32, arguments: &[&str]) -> Self {
        let strace = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "strace", "--signal=none", "--quiet=all"])
            .arg(format!("--attach={thread}"))
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(strace.expect("setpriv and strace are installed"))
    }

    /// Returns when what it traces has ended.
    pub(crate) fn finish(mut self) {
        self.0.wait().expect("strace ends with what it traces");
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // It lets go of what it traces. It may have ended by itself.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Whether the thread with this status has a tracer (proc_pid_status(5)).
fn is_traced(status: &Path) -> bool {
    fs::read_to_string(status).is_ok_and(|text| !text.contains("TracerPid:\t0\n"))
}
