//! fail2ban's configuration language. Pure: it is given texts and opens nothing.
//!
//! In reading order: `text` is text that knows where it was written; `file` reads one file into
//! sections and options; [`Tree`] finds the files that make up a configuration, and `config` lays
//! them over each other and puts in `%(name)s`; `tags` does the same for `<name>`; [`Reference`]
//! reads `sshd[mode=aggressive]`; `definition` gives filters and actions their meaning in a jail, and
//! `filter`, `action` and `jail` say what comes out. `lint` finds what fail2ban passes over in
//! silence. What is wrong becomes a [`Mistake`].

mod action;
mod config;
mod definition;
mod dict;
mod file;
mod filter;
mod jail;
mod lint;
mod mistake;
mod reference;
mod tags;
mod text;
mod tree;
mod value;
mod words;
mod work;

#[cfg(test)]
mod tests;

pub use action::ActionSettings;
pub use filter::{FilterSettings, JailOptions, JournalMatch};
pub use jail::{JailDefaults, JailSettings, Jails, LogPath, UnreadableJail};
pub use mistake::{Mistake, Outcome, Severity};
pub use reference::{NotAReference, Reference};
pub use tree::{FILE_BYTES_MAX, FILES_MAX, Tree};
pub use value::{NotATime, Origin, Value, is_yes, seconds};
