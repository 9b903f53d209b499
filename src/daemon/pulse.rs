//! The watchdog's rhythm: the service manager hears of us only when the loop has turned and every
//! reader has answered.

use std::time::{Duration, Instant};

use super::clock;

/// When the reader is asked next, and what it was asked last.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Option<Duration>,
    next: Option<Instant>,
    number: u64,
}

impl Pulse {
    /// Beats at this interval; without a watchdog never.
    pub(super) fn new(every: Option<Duration>) -> Self {
        Self { every, next: every.map(|every| clock::monotonic() + every), number: 0 }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn is_due(&self) -> bool {
        self.next.is_some_and(|at| at <= clock::monotonic())
    }

    /// The number to ask the reader with now.
    pub(super) fn beat(&mut self) -> u64 {
        self.next = self.every.map(|every| clock::monotonic() + every);
        self.number += 1;
        self.number
    }
}
