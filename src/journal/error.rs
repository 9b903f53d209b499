//! What can go wrong with a journal.

use std::io;
use std::path::PathBuf;

use crate::keeper::Timestamp;

/// Why the journal cannot be read, or not any longer.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The machine has no identity, so journald has nowhere to write.
    #[error(
        "this machine has no valid ID in /etc/machine-id, by which its journal is found; \
         make one with systemd-machine-id-setup(1)"
    )]
    MachineId(#[source] io::Error),
    /// There can be no namespace of this name.
    #[error(
        "\"{name}\" is no name of a journal namespace; it is the NAME of LogNamespace=NAME in the \
         units that log there"
    )]
    NotANamespace {
        /// What was given.
        name: String,
    },
    /// Opening failed.
    #[error("cannot open {journal}")]
    Open {
        /// Which journal.
        journal: String,
        /// What sd-journal said.
        #[source]
        source: io::Error,
    },
    /// There are journal files, and none may be read.
    #[error(
        "cannot read {}: permission denied; root may, and the members of the group systemd-journal \
         or adm", path.display()
    )]
    Denied {
        /// The first of them.
        path: PathBuf,
    },
    /// Nobody wants anything, and sd-journal would take that for everything.
    #[error("no match is given for the journal; the match for every entry is \"any\"")]
    NothingWanted,
    /// sd-journal does not take a match.
    #[error("the journal does not take the match {field}={value}")]
    Match {
        /// The field.
        field: String,
        /// The value that it shall have.
        value: String,
        /// What sd-journal said.
        #[source]
        source: io::Error,
    },
    /// Reading failed, and failed again behind the place.
    #[error("cannot read on in the journal; look at it with journalctl --verify")]
    Read(#[source] io::Error),
    /// Waiting for the journal is not possible.
    #[error("cannot wait for the journal while {doing}")]
    Wait {
        /// The step that failed.
        doing: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Something that the reader went on after, but that may have cost entries.
///
/// What befalls single entries is told once in a run for each kind: there could be one for every
/// entry.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The entry at the saved position is not in the journal any more.
    #[error(
        "the journal has no entry at the saved position any more (journald has deleted it to save \
         space); entries behind it may be lost, reading goes on with what follows"
    )]
    CursorGone {
        /// The time of the entry that follows; none if none does yet.
        next: Option<Timestamp>,
    },
    /// The saved position is no position.
    #[error(
        "the saved position \"{cursor}\" is not one of a journal; \
         reading starts at the time that is given for a start without position"
    )]
    CursorRefused {
        /// What was saved.
        cursor: String,
    },
    /// An entry cannot be read.
    #[error("an entry of the journal cannot be read and is left out; see journalctl --verify")]
    Unreadable {
        /// The entry's number.
        sequence: u64,
        /// What sd-journal said.
        #[source]
        source: io::Error,
    },
    /// An entry's message is too long to be judged; it is left out.
    ///
    /// It is not cut, because who chooses a part of the text could choose where it is cut, and have
    /// an address of his choice stand at the end.
    #[error("an entry has a message of more than {limit} bytes and is left out")]
    TooLong {
        /// The entry's number.
        sequence: u64,
        /// The most that is read, in bytes.
        limit: usize,
    },
    /// Some files may not be read.
    #[error(
        "cannot read {}: permission denied; other files of the journal are read", path.display()
    )]
    Denied {
        /// The first of them.
        path: PathBuf,
    },
    /// Files are damaged, or of a format that this version of libsystemd does not know.
    #[error(
        "{} is not read, or not to its end ({count} such in all): it is damaged, or written by a \
         newer systemd; see journalctl --verify", path.display()
    )]
    FileLeftOut {
        /// The first of them.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
}
