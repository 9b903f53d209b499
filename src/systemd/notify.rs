//! What the service tells its manager, by sd_notify(3).

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;

/// A status is cut to this, because the manager reads at most a page (4096 bytes) at a time.
const STATUS_BYTES_MOST: usize = 2048;

/// Tells the service manager how the service is. Without one (`NOTIFY_SOCKET` is not set) it says
/// nothing, and succeeds.
///
/// Each call fails when the manager's socket cannot be reached; the service is no worse for it,
/// but the manager may give up on it in time.
#[derive(Clone, Copy, Debug)]
pub struct Notifier {
    watchdog_interval: Option<Duration>,
}

impl Notifier {
    /// The manager that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { watchdog_interval: sd_notify::watchdog_enabled().map(|limit| limit / 2) }
    }

    /// How often [`Notifier::watchdog`] is to be called: half of what the manager allows
    /// (sd_watchdog_enabled(3)). None when it does not watch this process.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog_interval
    }

    /// The service does its work, for the first time or after a reload.
    pub fn ready(&self, status: &str) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
    }

    /// What `systemctl status` shows.
    pub fn status(&self, status: &str) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Status(&one_line(status))])
    }

    /// The configuration is being read again; [`Notifier::ready`] must follow, also when that has
    /// failed.
    pub fn reloading(&self) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
    }

    /// The service is about to end.
    pub fn stopping(&self, status: &str) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))])
    }

    /// Everything has really moved since the last time.
    pub fn watchdog(&self) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Watchdog])
    }
}

/// A line break would begin another assignment in the message.
fn one_line(status: &str) -> String {
    let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= STATUS_BYTES_MOST;
    let cut = status.char_indices().take_while(fits);
    cut.map(|(_, c)| if c.is_control() { ' ' } else { c }).collect()
}
