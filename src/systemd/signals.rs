//! The signals that the service obeys.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals as Pending};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To end (SIGTERM, SIGINT).
    Stop,
    /// To read the configuration again (SIGHUP).
    Reload,
}

/// Watches for signals until it is dropped. One that comes while another is being delivered waits;
/// only of several of the same kind that wait, one is delivered, as signal(7) has it.
#[derive(Debug)]
pub struct Signals {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Calls `deliver` for each signal from now on, on a thread of its own. Watch before anything
    /// else starts: until then a signal ends the process.
    ///
    /// # Errors
    ///
    /// When the signals cannot be watched or the thread cannot be started.
    pub fn watch(deliver: impl FnMut(Signal) + Send + 'static) -> io::Result<Self> {
        let mut pending = Pending::new([SIGTERM, SIGINT, SIGHUP])?;
        let handle = pending.handle();
        let mut deliver = deliver;
        let thread = thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in pending.forever() {
                deliver(if signal == SIGHUP { Signal::Reload } else { Signal::Stop });
            }
        })?;
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Signals {
    /// Waits until a delivery that has begun is over.
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // Its panic was reported when it happened.
            let _ = thread.join();
        }
    }
}
