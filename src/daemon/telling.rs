//! Who is told what has happened: the log and the bus, some of it in each turn, and whoever has asked.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tracing::warn;

use super::crowd::Crowd;
use super::service::Service;
use super::{announce, clock, status};
use crate::keeper::{Notice, Settled};

/// So much is told in a turn, and the next one goes on, since whoever calls waits for the end of a turn.
const TOLD_IN_A_TURN: usize = 256;

/// So much waits at most for the next turn.
const UNTOLD_MOST: usize = 1024;

/// While so much is told, the service manager hears that the loop is at work: a call may ban 100,000, and
/// journald takes each entry when it likes.
const TOLD_IN_A_BEAT: usize = 2048;

/// The log tells no more often than this that signals are dropped.
const TELL_DROPPED_EVERY: Duration = Duration::from_mins(1);

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// The oldest first.
    untold: VecDeque<Notice>,
    /// So much was told in this turn.
    told: usize,
    crowd: Crowd,
    /// Until then the log has nothing more of dropped signals.
    muted_until: Option<Instant>,
}

impl Telling {
    pub(super) fn begin_turn(&mut self) {
        self.told = 0;
    }

    /// Whether there is more to tell at once.
    pub(super) fn has_more(&self) -> bool {
        !self.untold.is_empty()
    }

    /// When there is something to tell.
    pub(super) fn next(&self) -> Option<Instant> {
        self.crowd.next()
    }
}

impl Service {
    /// Answers who has asked, and tells everybody as much as may be told in this turn.
    pub(super) fn deliver(&mut self, Settled { notices, replies }: Settled) {
        let now = clock::monotonic();
        self.tell_more(Some(now));
        for notice in notices {
            self.note(&notice);
            if self.telling.crowd.takes(&notice, now) {
                self.bus.leave_out();
            } else {
                self.telling.untold.push_back(notice);
            }
        }
        let surplus = self.telling.untold.len().saturating_sub(UNTOLD_MOST);
        self.tell(surplus.max(TOLD_IN_A_TURN.saturating_sub(self.telling.told)), now);
        self.answer(replies);
    }

    /// Tells everything: there is no other turn.
    pub(super) fn deliver_all(&mut self, told: Settled) {
        self.deliver(told);
        self.tell(usize::MAX, clock::monotonic());
        self.tell_more(None);
    }

    /// Tells so many notices, the oldest, if there are as many.
    fn tell(&mut self, at_most: usize, now: Instant) {
        for number in 1..=at_most {
            let Some(notice) = self.telling.untold.pop_front() else {
                // After a flood it is long for nothing.
                self.telling.untold = VecDeque::new();
                return;
            };
            if number.is_multiple_of(TOLD_IN_A_BEAT) {
                status::told(self.notifier.watchdog());
            }
            self.telling.told += 1;
            self.tell_one(&notice, now);
        }
    }

    fn tell_one(&mut self, notice: &Notice, now: Instant) {
        announce::log(&self.warden.roster, notice);
        if let Some(signal) = announce::signal(&self.warden.roster, notice)
            && let Err(dropped) = self.bus.announce(signal)
            && self.telling.muted_until.is_none_or(|until| until <= now)
        {
            warn!("{dropped}");
            self.telling.muted_until = Some(now + TELL_DROPPED_EVERY);
        }
    }

    /// Tells how many there were that were not told one by one, when it is time; or without a time at
    /// once.
    fn tell_more(&mut self, now: Option<Instant>) {
        for more in self.telling.crowd.take(now) {
            announce::log_more(&self.warden.roster, &more);
        }
    }
}
