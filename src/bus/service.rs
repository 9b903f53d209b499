//! The service on the bus: a thread of its own that connects, serves, and connects again.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::call::{Calls, Link};
use super::error::BusError;
use super::outbox::{Dropped, Outbox};
use super::session::{Line, Session};
use super::snapshot::{Announcement, Snapshot};

/// After a lost connection it is tried again this soon; then after twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// And at the latest after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// So long may the last signals and replies take when the service stops. A bus that reads nothing
/// any more must not keep the service from ending.
const FAREWELL: Duration = Duration::from_secs(2);

/// The service's place on the bus.
#[derive(Debug)]
pub struct Bus {
    outbox: Arc<Outbox>,
    ended: mpsc::Receiver<()>,
}

/// A thread that is about to be on the bus, while the rest of the service comes up.
#[derive(Debug)]
pub struct Connecting {
    outbox: Arc<Outbox>,
    started: mpsc::Receiver<Result<(), BusError>>,
    ended: mpsc::Receiver<()>,
}

impl Connecting {
    /// Has the name taken, as soon as every object of `first` is there.
    #[must_use]
    pub fn serve(self, first: Arc<Snapshot>) -> Appearing {
        let Self { outbox, started, ended } = self;
        outbox.publish(first);
        // From here on it is the outbox's last word that ends the thread.
        Appearing { bus: Bus { outbox, ended }, started }
    }
}

/// A thread that is about to take the name on the bus.
#[derive(Debug)]
pub struct Appearing {
    bus: Bus,
    started: mpsc::Receiver<Result<(), BusError>>,
}

impl Appearing {
    /// Waits until everybody sees the service.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached, or does not give the name.
    pub fn wait(self) -> Result<Bus, BusError> {
        self.started.recv().unwrap_or(Err(BusError::Closed))?;
        Ok(self.bus)
    }
}

impl Bus {
    /// Begins to connect to the system bus; nobody sees anything of the service yet.
    ///
    /// # Errors
    ///
    /// When the system does not start a thread.
    pub fn connect(calls: Arc<dyn Calls>) -> Result<Connecting, BusError> {
        Self::start(None, calls)
    }

    /// Takes the name on the bus at `address`, which is in the form of the D-Bus specification, after
    /// every object of `first` is there.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached, or does not give the name.
    pub fn serve_at(
        address: &str,
        calls: Arc<dyn Calls>,
        first: Arc<Snapshot>,
    ) -> Result<Self, BusError> {
        Self::start(Some(address.to_owned()), calls)?.serve(first).wait()
    }

    fn start(address: Option<String>, calls: Arc<dyn Calls>) -> Result<Connecting, BusError> {
        let outbox = Arc::new(Outbox::default());
        let (start, started) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let service = Service { address, calls, outbox: Arc::clone(&outbox) };
        thread::Builder::new()
            .name("bus".to_owned())
            .spawn(move || {
                service.run(&start);
                drop(end);
            })
            .map_err(BusError::Thread)?;
        Ok(Connecting { outbox, started, ended })
    }

    /// Shows this from now on. Never waits; of snapshots that come faster than the bus takes them
    /// only the last is shown.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.outbox.publish(snapshot);
    }

    /// Queues a signal. Never waits; signals are sent in the order of these calls.
    ///
    /// # Errors
    ///
    /// When too many signals wait already, and this one is not sent.
    pub fn announce(&self, announcement: Announcement) -> Result<(), Dropped> {
        self.outbox.announce(announcement)
    }

    /// Counts a signal that is not sent, so that the next parcel says so.
    pub fn leave_out(&self) {
        self.outbox.leave_out();
    }

    /// Sends what is queued, gives the name back and leaves the bus. Every [`super::Request`]
    /// should be answered or dropped by now: replies that are still open are waited for, though
    /// not for long.
    pub fn close(self) {
        self.outbox.close();
        // Whether the farewell was in time or not, there is nothing more to do.
        let _ = self.ended.recv_timeout(FAREWELL);
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

/// What the thread works with.
struct Service {
    address: Option<String>,
    calls: Arc<dyn Calls>,
    outbox: Arc<Outbox>,
}

impl Service {
    /// Serves until the service stops, on one connection after the other. The first attempt's
    /// result goes to `started`, and nothing is tried again if that one fails.
    fn run(&self, started: &mpsc::Sender<Result<(), BusError>>) {
        let mut first = true;
        let mut told = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let up = || {
                if first {
                    // Nobody waits for this any more only if the process is ending.
                    drop(started.send(Ok(())));
                } else {
                    self.calls.link(Link::Restored);
                }
                first = false;
                told = None;
                pause = FIRST_PAUSE;
            };
            let Err(error) = zbus::block_on(self.session(up)) else { return };
            if first {
                drop(started.send(Err(error)));
                return;
            }
            let reason = error.to_string();
            if told.as_ref() != Some(&reason) {
                self.calls.link(Link::Lost(reason.clone()));
                told = Some(reason);
            }
            if self.outbox.closes_within(pause) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn session(&self, up: impl FnOnce()) -> Result<(), BusError> {
        let calls = Arc::clone(&self.calls);
        let line = Line::open(self.address.as_deref()).await?;
        let Some(snapshot) = self.outbox.latest().await else { return Ok(()) };
        let session = Session::open(line, calls, snapshot).await?;
        up();
        session.serve(&self.outbox).await
    }
}
