//! The D-Bus edge: what the service shows and takes on the system bus, and the client's proxies.
//!
//! The edge knows nothing of the loop. Calls come out of it as [`Request`]s, what it shows goes in
//! as [`Snapshot`]s and [`Announcement`]s, and none of these ever makes the loop wait.

pub mod client;
pub(crate) mod listener;

mod access;
mod allowed;
mod answer;
mod call;
mod callers;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod guarded;
mod inquiry;
mod jail;
mod manager;
mod outbox;
mod path;
mod places;
mod polkit;
mod refusals;
mod row;
mod service;
mod session;
mod snapshot;
mod text;

#[cfg(test)]
mod tests;

pub use access::MAX_ARGUMENTS;
pub use answer::AnswerSender;
pub use call::{
    AllowedRow, BanRow, BusAnswer, Call, Calls, Failure, Link, MAX_ADDRESSES, Request, SettingRow,
};
pub use error::{BusError, Error};
pub use inquiry::{Diagnosis, JailView, PastBan};
pub use outbox::{Dropped, MAX_ANNOUNCEMENTS, MAX_ASIDES};
pub use path::jail_path;
pub use service::{Appearing, Bus, Connecting};
pub use snapshot::{Announcement, Health, JailSettings, JailSnapshot, JailState, Snapshot, Tally};

/// The service's name on the bus.
pub const NAME: &str = "org.jailkeeper1";

/// The object of [`MANAGER`].
pub const PATH: &str = "/org/jailkeeper1";

/// The interface of the whole service.
pub const MANAGER: &str = "org.jailkeeper1.Manager";

/// The interface of each jail's object.
pub const JAIL: &str = "org.jailkeeper1.Jail";
