//! How other threads speak to a reader: the journal's and that of the log files alike.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// Wakes the reader, from any thread. Clones speak to the same reader.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    wake: OwnedFd,
    stopped: AtomicBool,
    asked: AtomicU64,
}

impl Control {
    /// A control for a reader that is still to be opened.
    ///
    /// # Errors
    ///
    /// When the kernel has no eventfd(2) left.
    pub fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shared = Shared { wake, stopped: AtomicBool::new(false), asked: AtomicU64::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Asks for a sign of life, which comes as `pong` of the reader's sink.
    ///
    /// Numbers grow, the first is at least 1. The answer to a number answers all before it.
    pub fn ping(&self, number: u64) {
        self.shared.asked.fetch_max(number, Ordering::SeqCst);
        self.wake();
    }

    /// Ends the reader's run behind the batch that it is in.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// The descriptor that becomes readable with each call; the reader waits for its edges.
    pub(crate) fn fd(&self) -> RawFd {
        self.shared.wake.as_raw_fd()
    }

    /// The same, for whoever polls.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.shared.wake.as_fd()
    }

    fn wake(&self) {
        let woken = rustix::io::write(&self.shared.wake, &1_u64.to_ne_bytes());
        // The counter is full after 2^64 calls, so that eventfd(2) has nothing to refuse.
        debug_assert!(woken.is_ok(), "{:?}", woken.map_err(io::Error::from));
    }
}
