//! What the loop waits for.
//!
//! Two queues, both bounded: control first, so that a person is answered however much the journal
//! has to say; and the readers' batches, which make their reader wait when they are full.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::clock::Step;
use super::friends::FriendNews;
use crate::bus::{Calls, Link, Request};
use crate::keeper::{Attempt, JailId, SourceId, Timestamp};
use crate::store::SavedPosition;

/// Calls and events that wait at once; one more caller is told that the service is busy.
const MAX_CONTROLS: usize = 1024;

/// Batches that wait at once; a reader with another one waits. One is of [`crate::journal::BATCH`]
/// records at most, or of 64 KiB of a log file.
const MAX_BATCHES: usize = 8;

/// When so many attempts are together, what else waits is for the next turn: whoever calls meanwhile
/// waits for the end of this one, and what it decides and tells is in memory at once.
const TURN: usize = 128;

/// Something that is not a record.
#[derive(Debug)]
pub(super) enum Control {
    /// A call over the bus.
    Call(Request),
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// Somebody else has changed our table.
    FirewallDisturbed(String),
    /// Something is new of those who are never banned.
    Friend(FriendNews),
    /// This host's addresses have changed.
    AddressesChanged,
    /// The time of day was set, or the machine was suspended.
    ClockSet(Step),
    /// The connection to the bus was lost, or is back.
    BusLink(Link),
    /// A reader has really moved since it was asked with this number.
    ReaderAlive(Arc<str>, u64),
    /// A reader had trouble, with this file or directory if it is about one, and goes on.
    ReaderTrouble(Arc<str>, Option<PathBuf>, String),
    /// A reader has ended, of itself or because it was told to.
    ReaderEnded(Arc<str>, Result<(), String>),
    /// The disk is done with what it was given last.
    StateWritten,
    /// A part that the service cannot do without is gone.
    Lost(&'static str),
}

/// What a reader has found since its last batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) attempts: Vec<Attempt>,
    pub(super) records: Vec<(JailId, Timestamp)>,
    /// What was odd about a record, for the jail's health.
    pub(super) remarks: Vec<(JailId, &'static str)>,
    /// How far the reader has come; nothing when it is not a reader that has found something.
    pub(super) reached: Option<Reached>,
}

/// How far a reader has come.
#[derive(Debug)]
pub(super) enum Reached {
    /// A source has been read up to here.
    At {
        /// Which.
        name: String,
        /// The number under which the attempts of a log file come.
        source: Option<SourceId>,
        /// The position.
        saved: SavedPosition,
    },
    /// A log file is gone for good.
    Gone {
        /// Which.
        name: String,
    },
}

/// The loop's ends of the queues.
pub(super) struct Inbox {
    controls: Receiver<Control>,
    batches: Receiver<Batch>,
    kept: Vec<Control>,
}

/// Everybody else's ends.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) controls: Sender<Control>,
    pub(super) batches: Sender<Batch>,
}

pub(super) fn queues() -> (Outbox, Inbox) {
    let (control_sender, controls) = bounded(MAX_CONTROLS);
    let (batch_sender, batches) = bounded(MAX_BATCHES);
    let outbox = Outbox { controls: control_sender, batches: batch_sender };
    (outbox, Inbox { controls, batches, kept: Vec::new() })
}

impl Inbox {
    /// Waits until there is something or the time is up, and takes what is there: of the controls at
    /// most what the queue held at that moment, of the batches enough for a turn.
    pub(super) fn wait(&mut self, at_most: Option<Duration>) -> (Vec<Control>, Vec<Batch>) {
        let mut controls = std::mem::take(&mut self.kept);
        let mut batches: Vec<Batch> = Vec::new();
        let at_most = if controls.is_empty() { at_most } else { Some(Duration::ZERO) };
        let patience = at_most.map_or_else(crossbeam_channel::never, crossbeam_channel::after);
        select! {
            recv(self.controls) -> control => controls.extend(control),
            recv(self.batches) -> batch => batches.extend(batch),
            recv(patience) -> _ => {}
        }
        controls.extend(self.controls.try_iter().take(MAX_CONTROLS));
        let mut attempts: usize = batches.iter().map(|batch| batch.attempts.len()).sum();
        while attempts < TURN && batches.len() < MAX_BATCHES {
            let Ok(batch) = self.batches.try_recv() else { break };
            attempts += batch.attempts.len();
            batches.push(batch);
        }
        (controls, batches)
    }

    /// Whether there are batches that wait.
    pub(super) fn has_batches(&self) -> bool {
        !self.batches.is_empty()
    }

    /// All batches that wait at this moment.
    pub(super) fn waiting(&self) -> Vec<Batch> {
        self.batches.try_iter().take(MAX_BATCHES).collect()
    }

    /// Keeps controls for the next time.
    pub(super) fn put_back(&mut self, controls: Vec<Control>) {
        self.kept.extend(controls);
    }
}

impl Calls for Outbox {
    fn request(&self, request: Request) -> Result<(), Request> {
        self.controls.try_send(Control::Call(request)).map_err(|refused| {
            match refused.into_inner() {
                Control::Call(request) => request,
                _ => unreachable!("a call was sent"),
            }
        })
    }

    fn link(&self, link: Link) {
        // Without room for it the status says nothing of the bus; whoever asks over it sees.
        let _ = self.controls.try_send(Control::BusLink(link));
    }
}
