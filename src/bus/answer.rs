//! The way back of an answer: from a plain thread to the task that holds the caller's message.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::call::BusAnswer;

/// Answers one call. Dropped without an answer, it tells the caller that the service is stopping.
#[derive(Debug)]
pub struct AnswerSender {
    slot: Arc<Mutex<Slot>>,
}

/// Waits for the answer; none if there will never be one.
#[derive(Debug)]
pub(super) struct AnswerReceiver {
    slot: Arc<Mutex<Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    answer: Option<BusAnswer>,
    over: bool,
    waiting: Option<Waker>,
}

/// Both ends of an answer's way.
pub(super) fn answer() -> (AnswerSender, AnswerReceiver) {
    let slot = Arc::new(Mutex::new(Slot::default()));
    (AnswerSender { slot: Arc::clone(&slot) }, AnswerReceiver { slot })
}

impl AnswerSender {
    /// Sends the answer; never waits. A caller that has gone away meanwhile is no error.
    pub fn send(self, answer: BusAnswer) {
        lock(&self.slot).answer = Some(answer);
    }
}

impl Drop for AnswerSender {
    fn drop(&mut self) {
        let waiting = {
            let mut slot = lock(&self.slot);
            slot.over = true;
            slot.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

impl Future for AnswerReceiver {
    type Output = Option<BusAnswer>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<BusAnswer>> {
        let mut slot = lock(&self.slot);
        if slot.over {
            return Poll::Ready(slot.answer.take());
        }
        slot.waiting = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A slot is whole after every line that holds its lock, so a panic elsewhere does not spoil it.
fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
