//! What the loop has said and the bus has not yet sent.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::snapshot::{Announcement, Snapshot};

/// So many signals wait at most: enough for the unban of everybody in a large jail at once.
pub const MAX_ANNOUNCEMENTS: usize = 131_072;

/// And so many of attempts, which have a room of their own: a flood of them costs no signal of a
/// ban.
pub const MAX_ASIDES: usize = 1024;

/// A signal was not queued, because too many of its kind wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signals come faster than the bus takes them; {so_far} were dropped so far")]
pub struct Dropped {
    /// How many were dropped since the start, with this one.
    pub so_far: u64,
}

/// Only the last snapshot counts; announcements keep their order. Where some were dropped, the next
/// parcel says so at its end.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    closing: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// None until the service is up.
    snapshot: Option<Arc<Snapshot>>,
    fresh: bool,
    announcements: VecDeque<Announcement>,
    asides: usize,
    dropped: u64,
    untold: u64,
    closing: bool,
    waiting: Option<Waker>,
}

/// What is to be sent next, in this order.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) announcements: VecDeque<Announcement>,
    /// Whether this is the last one.
    pub(super) closing: bool,
}

impl Outbox {
    /// Has this shown from now on. Where it says nothing new, nobody is woken.
    pub(super) fn publish(&self, snapshot: Arc<Snapshot>) {
        let mut state = self.lock();
        if state.snapshot.as_ref() == Some(&snapshot) {
            return;
        }
        state.snapshot = Some(snapshot);
        state.fresh = true;
        wake(state);
    }

    pub(super) fn announce(&self, announcement: Announcement) -> Result<(), Dropped> {
        let mut state = self.lock();
        let is_full = if announcement.is_aside() {
            state.asides >= MAX_ASIDES
        } else {
            state.announcements.len() - state.asides >= MAX_ANNOUNCEMENTS
        };
        if is_full {
            state.dropped += 1;
            state.untold += 1;
            return Err(Dropped { so_far: state.dropped });
        }
        state.asides += usize::from(announcement.is_aside());
        state.announcements.push_back(announcement);
        wake(state);
        Ok(())
    }

    pub(super) fn leave_out(&self) {
        let mut state = self.lock();
        state.dropped += 1;
        state.untold += 1;
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        self.closing.notify_all();
        wake(state);
    }

    /// The last snapshot, for objects that are made anew, as soon as there is one; none when the
    /// service stops before.
    pub(super) async fn latest(&self) -> Option<Arc<Snapshot>> {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.snapshot.is_none() && !state.closing {
                state.waiting = Some(context.waker().clone());
                return Poll::Pending;
            }
            state.fresh = false;
            Poll::Ready(state.snapshot.clone())
        })
        .await
    }

    /// Everything that is to be sent, as soon as there is anything.
    pub(super) async fn next(&self) -> Parcel {
        poll_fn(|context| {
            let mut state = self.lock();
            if !state.fresh && state.announcements.is_empty() && !state.closing {
                state.waiting = Some(context.waker().clone());
                return Poll::Pending;
            }
            let snapshot = state.snapshot.clone().filter(|_| state.fresh);
            state.fresh = false;
            state.asides = 0;
            let mut announcements = std::mem::take(&mut state.announcements);
            match std::mem::take(&mut state.untold) {
                0 => {}
                signals => announcements.push_back(Announcement::Missed { signals }),
            }
            Poll::Ready(Parcel { snapshot, announcements, closing: state.closing })
        })
        .await
    }

    /// Takes back what could not be sent; it stands before what has come since.
    pub(super) fn put_back(&self, mut unsent: VecDeque<Announcement>) {
        let mut state = self.lock();
        unsent.append(&mut state.announcements);
        state.asides = unsent.iter().filter(|unsent| unsent.is_aside()).count();
        state.announcements = unsent;
    }

    /// Waits for `pause`, or until the service stops: then it is true.
    pub(super) fn closes_within(&self, pause: Duration) -> bool {
        let state = self.lock();
        let waited = self.closing.wait_timeout_while(state, pause, |state| !state.closing);
        waited.unwrap_or_else(PoisonError::into_inner).0.closing
    }

    /// The state is whole after every line that holds the lock, so a panic does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waiting = state.waiting.take();
    drop(state);
    if let Some(waker) = waiting {
        waker.wake();
    }
}
