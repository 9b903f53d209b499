//! Who asks the person at this terminal for a password, when polkit wants one.

use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command};

use rustix::io::FdFlags;
use rustix::process::{Pid, Signal};

/// polkit's own agent for terminals, pkttyagent(1). It ends with this value.
#[derive(Debug)]
pub(super) struct Agent(Child);

impl Agent {
    /// Starts the agent, and waits until polkit knows it. None where nobody needs to be asked or can
    /// be: for root, and without a terminal. Where it is not installed there is none either; then
    /// the service's error tells of it, if no other agent asks.
    pub(super) fn start() -> Option<Self> {
        if rustix::process::geteuid().is_root() || !io::stdin().is_terminal() {
            return None;
        }
        Self::spawn().ok()
    }

    fn spawn() -> io::Result<Self> {
        let (mut ready, kept) = io::pipe()?;
        rustix::io::fcntl_setfd(&kept, FdFlags::empty())?;
        let child = Command::new("pkttyagent")
            .args(["--notify-fd", &kept.as_raw_fd().to_string()])
            // An agent that is there already, such as a desktop's, comes first.
            .arg("--fallback")
            .spawn()?;
        drop(kept);
        let agent = Self(child);
        // It closes its end when it is ready, or ends.
        ready.read_to_end(&mut Vec::new())?;
        Ok(agent)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // An agent that has ended by itself is as good.
        let _ = rustix::process::kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}
