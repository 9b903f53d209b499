//! A real Debian with systemd, sshd and D-Bus, in which the package is installed and attacked.
//!
//! [`image`] has the root file system, [`boot`] makes machines of it, [`lan`] connects them with
//! attackers, [`probe`] watches whether a ban has gaps, `inside` tries from within a process what it
//! may, and [`scene`] puts them together; [`virt`] has kernels of other releases. The scenarios follow.
//! Each test has a machine of its own, of which nothing remains.

mod boot;
mod image;
#[cfg(target_arch = "x86_64")]
mod inside;
mod lan;
mod probe;
mod scene;

mod bans;
mod comeback;
mod configuration;
mod diagnosis;
mod endurance;
mod friends;
mod history;
mod networks;
mod package;
mod polkit;
mod services;
mod sources;
mod sshd;
mod unbreakable;
mod unit;
pub(crate) mod virt;

use std::thread;
use std::time::{Duration, Instant};

/// Asks `question` until it has an answer.
///
/// # Panics
///
/// When there is none within `limit`; `what` says in the message what was waited for.
fn wait_for<T>(what: &str, limit: Duration, mut question: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// How long anything may take that a machine does by itself. It is a matter of seconds, but the
/// tests share the processors with each other.
const PATIENCE: Duration = Duration::from_mins(1);
