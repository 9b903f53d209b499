//! What can go wrong between us and nf_tables.

use std::io;

/// Why the firewall could not do, or not say, what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// No netlink socket of family `NETLINK_NETFILTER`.
    #[error("cannot open a netlink socket to nf_tables: {0}")]
    Open(#[source] io::Error),
    /// The socket failed.
    #[error("cannot talk to nf_tables over netlink while {doing}: {source}")]
    Socket {
        /// What was under way.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The kernel has not answered.
    #[error("nf_tables has not answered within {seconds} s while {doing}")]
    Silent {
        /// What was under way.
        doing: &'static str,
        /// How long we waited.
        seconds: u64,
    },
    /// Answers were lost, because the socket's receive buffer was full (`ENOBUFS`).
    #[error("the answer of nf_tables was lost while {doing}: the socket's buffer overflowed")]
    Lost {
        /// What was under way.
        doing: &'static str,
    },
    /// The kernel said no.
    #[error("nf_tables refused {doing}: {}", in_words(*errno))]
    Refused {
        /// What was under way.
        doing: &'static str,
        /// The error number, errno(3).
        errno: i32,
    },
    /// The answer is no netlink message as linux/netlink.h has it.
    #[error("nf_tables answered with a malformed message while {doing}: {what}")]
    Malformed {
        /// What was under way.
        doing: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// Other programs changed the ruleset each time while we read or changed it.
    #[error(
        "the ruleset kept changing while {doing}: another program writes to nf_tables all the time"
    )]
    Moved {
        /// What was under way.
        doing: &'static str,
    },
}

impl NftError {
    /// Whether there was more to send at once than the socket's buffer holds.
    pub(super) fn is_too_large(&self) -> bool {
        const EMSGSIZE: i32 = 90;
        matches!(self, Self::Socket { source, .. } if source.raw_os_error() == Some(EMSGSIZE))
    }

    /// The error number of a refusal.
    pub(super) fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}

/// The error numbers that this edge tells apart, from asm-generic/errno.h.
pub(super) mod errno {
    pub(crate) const EPERM: i32 = 1;
    pub(crate) const ENOENT: i32 = 2;
    pub(crate) const ENOMEM: i32 = 12;
    pub(crate) const EBUSY: i32 = 16;
    pub(crate) const EEXIST: i32 = 17;
    pub(crate) const EINVAL: i32 = 22;
    pub(crate) const ENFILE: i32 = 23;
    pub(crate) const ERANGE: i32 = 34;
    pub(crate) const ERESTART: i32 = 85;
    pub(crate) const EOPNOTSUPP: i32 = 95;
}

/// What an error number means when nf_tables says it.
pub(super) fn in_words(number: i32) -> String {
    let meaning = match number {
        errno::EPERM => {
            "not permitted: the process lacks CAP_NET_ADMIN, or another program owns the table"
        }
        errno::ENOENT => "the table, chain or set is not there",
        errno::ENOMEM => "the kernel is out of memory",
        errno::EBUSY => "it is in use",
        errno::EEXIST => "it is there already, and of another kind",
        errno::EINVAL => "the kernel takes it for invalid",
        errno::ENFILE => "the set is full",
        errno::ERANGE => "a number is out of range",
        errno::EOPNOTSUPP => {
            "the kernel lacks a feature that this needs (is the module nf_tables there?)"
        }
        _ => return io::Error::from_raw_os_error(number).to_string(),
    };
    format!("{meaning} (errno {number})")
}
