//! What the service says of itself: one sentence for people, and everything for the bus.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::clock;
use super::service::Service;
use crate::bus::Snapshot;

/// While much happens, the state is shown no more often than this.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// Nor is more than this part of the time spent on it: to count the attempts in the windows all of
/// them are looked at, and there may be many.
const SHOWING_PART: u32 = 50;

impl Service {
    /// Shows the present state, now or soon: a flood of records is not to be one of signals.
    pub(super) fn show_in_time(&mut self, at_once: bool) {
        let now = clock::monotonic();
        let next = self.show_not_before.filter(|at| *at > now);
        if at_once || next.is_none() {
            self.show();
            self.show_at = None;
            let done = clock::monotonic();
            self.show_not_before = Some(done + SHOW_EVERY.max(SHOWING_PART * (done - now)));
        } else {
            self.show_at = next;
        }
    }

    /// Shows the present state, to the service manager and on the bus.
    pub(super) fn show(&mut self) {
        let sentence = self.sentence();
        if self.shown != sentence {
            told(self.notifier.status(&sentence));
            self.shown.clone_from(&sentence);
        }
        self.bus.publish(Arc::new(self.snapshot(sentence)));
    }

    fn snapshot(&self, state: String) -> Snapshot {
        Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            jails: self.lineup.snapshot(
                (&self.warden.keeper, &self.friends),
                &self.warden.roster,
                clock::now(),
            ),
        }
    }

    /// How the service is. Trouble comes first: a status line may be cut.
    pub(super) fn sentence(&self) -> String {
        let banned = self.warden.keeper.banned();
        let mut parts = Vec::new();
        for (what, trouble) in [
            ("the firewall does not take changes", self.warden.table_trouble()),
            ("not all can be read", self.troubles.sources.as_ref()),
            ("the state cannot be saved", self.warden.state_trouble.as_ref()),
            ("D-Bus is not there", self.troubles.bus.as_ref()),
        ] {
            if let Some(reason) = trouble {
                parts.push(format!("{what}: {reason}"));
            }
        }
        let broken: Vec<&str> = self.lineup.broken().collect();
        if !broken.is_empty() {
            let names = broken.join(", ");
            parts.push(format!("switched on but broken: {names} (jailkeeper check tells why)"));
        }
        let kept: Vec<&str> = self.lineup.running_by_old_rules().collect();
        if !kept.is_empty() {
            let names = kept.join(", ");
            parts.push(format!("running with old rules: {names} (jailkeeper check tells why)"));
        }
        parts.push(match self.lineup.len() {
            0 => "no jail is switched on".to_owned(),
            1 => format!("1 jail runs, {banned} banned"),
            jails => format!("{jails} jails run, {banned} banned"),
        });
        parts.join("; ")
    }
}

/// The service manager has been told, or there is trouble that only the log can tell.
pub(super) fn told(result: io::Result<()>) {
    if let Err(error) = result {
        warn!("the service manager cannot be told how the service is: {error}");
    }
}
