//! The one loop. It alone knows every room and the clock.
//!
//! A turn of it: wait; take control calls first, then what the reader has found; have the keeper
//! decide; change the kernel; save; tell. See [`service`].

mod allowing;
mod announce;
mod clock;
mod crowd;
mod friends;
mod inbox;
mod inquiry;
mod judge;
mod lineup;
mod list_watch;
mod log;
mod mending;
mod options;
mod pulse;
mod readers;
mod reading;
mod records;
mod reloading;
mod scribe;
mod service;
mod setting;
#[cfg(test)]
mod simulation;
mod sources;
mod start;
mod status;
mod telling;
mod warden;

pub use options::{Options, Usage};

use service::{Ended, Service};
use start::StartError;
use tracing::warn;

use crate::pledge;
use crate::store::StoreError;

/// The service has stopped as it was told to.
const STOPPED: u8 = 0;
/// Something that it needs is missing or was lost.
const FAILED: u8 = 1;
/// The state file is of a newer jailkeeper (`EX_DATAERR`). A new start would find the same.
const NEWER_STATE: u8 = 65;
/// No jail can run because of the configuration (`EX_CONFIG` of sysexits.h, as systemd has it).
const BAD_CONFIGURATION: u8 = 78;

/// Runs the service; its exit code.
pub fn run(options: Options) -> u8 {
    log::start();
    if let Err(error) = pledge::execute_nothing() {
        warn!(
            "the kernel cannot be asked to let us execute nothing ({error}); the unit still does"
        );
    }
    match Service::start(options) {
        Ok(service) => match service.run() {
            Ended::Stopped => STOPPED,
            Ended::Lost(what) => {
                log::last_word(&what);
                FAILED
            }
        },
        Err(error @ StartError::Configuration(_)) => {
            log::last_word(&error);
            BAD_CONFIGURATION
        }
        Err(error @ StartError::State(StoreError::Newer { .. })) => {
            log::last_word(&error);
            NEWER_STATE
        }
        Err(error) => {
            log::last_word(&error);
            FAILED
        }
    }
}
