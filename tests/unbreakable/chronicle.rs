//! Who has changed our table, and when, as the kernel tells it.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use jailkeeper::nft::{Disturbance, Monitor};

use crate::support::house::{PATIENCE, await_that};
use crate::support::netns::Netns;

/// A netlink port that nobody has: whatever anybody changes is heard.
const NOBODY: u32 = 0;

/// Hears every transaction that touches our table, from the moment at which this is made.
pub(super) struct Chronicle {
    news: Receiver<(Instant, bool)>,
    heard: Vec<(Instant, bool)>,
}

impl Chronicle {
    /// Of the ruleset of this namespace. The thread ends with the process.
    pub(super) fn begin(network: &Netns) -> Self {
        let mut monitor = network.run(|| Monitor::open(NOBODY).expect("a socket"));
        let (sender, news) = channel();
        thread::spawn(move || {
            while let Ok(Disturbance::Changed { by }) = monitor.wait() {
                let ours = by.is_some_and(|(program, _)| program == "jailkeeperd");
                if sender.send((Instant::now(), ours)).is_err() {
                    return;
                }
            }
        });
        Self { news, heard: Vec::new() }
    }

    /// Waits until the service has had the last word.
    pub(super) fn await_answer(&mut self) {
        await_that("the service changes its table behind others", || {
            self.heard.extend(self.news.try_iter());
            self.heard.last().is_some_and(|(_, ours)| *ours)
        });
    }

    /// How long each change of others was in force: until the last word of the service before the
    /// next one. Those that stood in a row are one.
    pub(super) fn repairs(mut self) -> Vec<Duration> {
        self.heard.extend(self.news.try_iter());
        let mut repairs = Vec::new();
        let mut broken_at = None;
        for (index, (at, ours)) in self.heard.iter().enumerate() {
            match (ours, broken_at) {
                (false, None) => broken_at = Some(*at),
                (true, Some(since)) if self.heard.get(index + 1).is_none_or(|next| !next.1) => {
                    repairs.push(at.duration_since(since));
                    broken_at = None;
                }
                _ => {}
            }
        }
        repairs
    }
}

/// The time in the middle, and the longest.
pub(super) fn middle_and_longest(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], *times.last().expect("at least one"))
}

/// As long as a change must be undone in the middle, so that the test says nothing of what else
/// the machine does: the goal is 50 ms, and a debug build on a loaded machine has four times that.
pub(super) const AT_MOST: Duration = Duration::from_millis(200);

/// Waits until the table is as wanted, by nft(8).
pub(super) fn await_table(network: &Netns, wanted: &str, after: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = table(network);
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "after \"{after}\":\n{found}\nin place of:\n{wanted}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Our table, without what counts up or down in it, nor the order of its parts: what is made anew
/// stands last. Nothing when it is not there.
pub(super) fn table(network: &Netns) -> String {
    let list = network.nft("list ruleset");
    let ours = list
        .split_inclusive("\n}\n")
        .find_map(|table| table.strip_prefix("table inet jailkeeper {\n")?.strip_suffix("}\n"));
    let ours = ours.map(without_counts).unwrap_or_default();
    // The kernel gives no table that is there another comment.
    let parts = ours.strip_prefix("\tcomment \"jailkeeper's own: changes by others are undone\"\n");
    let parts = parts.unwrap_or(&ours).trim_end().split("\n\n");
    let mut parts: Vec<_> = parts.map(sorted_lines).collect();
    parts.sort_unstable();
    parts.join("\n\n")
}

fn sorted_lines(part: &str) -> String {
    let mut lines: Vec<_> = part.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn without_counts(table: &str) -> String {
    let mut words = table.split(' ');
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        kept.push(word);
        if word == "counter" {
            // "packets 7 bytes 420"
            words.by_ref().take(4).for_each(drop);
        }
    }
    kept.join(" ")
}
