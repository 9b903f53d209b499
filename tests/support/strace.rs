//! strace(1) beside the running service: it records what is asked of the kernel, or has it fail or
//! dawdle.

use std::fs;
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
        let strace = Command::new("strace")
            .args(["--attach", &service.to_string(), "--follow-forks", "--signal=none"])
            .arg("--quiet=all")
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let strace = Self(strace.expect("strace starts"));
        await_that("strace is attached", || {
            let tasks = fs::read_dir(format!("/proc/{service}/task")).expect("it runs").flatten();
            let mut statuses = tasks.map(|task| fs::read_to_string(task.path().join("status")));
            statuses.all(|text| text.is_ok_and(|text| !text.contains("TracerPid:\t0\n")))
        });
        strace
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
