//! The service manager's edge: readiness, watchdog, signals, and the identities of log entries.

pub mod catalog;
mod ending;
mod notify;
mod signals;

pub use ending::{Ending, EndingUnknown, ending};
pub use notify::Notifier;
pub use signals::{Signal, Signals};
