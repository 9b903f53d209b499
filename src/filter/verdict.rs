//! What a filter says to a line.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::groups::Caught;
use crate::keeper::{Network, Timestamp};

/// What a filter says to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It tells of a failure.
    Failure(Failure),
    /// It tells of no failure by itself, but belongs to one that others tell of: it names the
    /// address, say, or the end of a connection.
    Helper {
        /// Which failregex matches; none where the filter has none.
        pattern: Option<usize>,
    },
    /// It is to be ignored.
    Ignored {
        /// The first ignoreregex that matches.
        pattern: usize,
    },
    /// A failure's address is missing.
    NoAddress {
        /// Which failregex matches; none where the filter has none.
        pattern: Option<usize>,
    },
    /// The text is longer than [`MESSAGE_BYTES_MAX`](crate::record::MESSAGE_BYTES_MAX).
    TooLong,
    /// A regex that needs backtracking has taken too many steps.
    GaveUp,
    /// Nothing matches.
    Nothing,
}

/// A failure, as lines tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose.
    pub offender: Offender,
    /// As whom, if that is told.
    pub user: Option<Arc<str>>,
    /// Which failregex says so: the first that matches; none where the filter has none.
    pub pattern: Option<usize>,
    /// When, if a field says so (`extract.time`).
    pub time: Option<Stated>,
    /// What the groups with a name have caught.
    pub caught: Caught,
}

/// When something was, as a field of a line states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stated {
    /// By a number.
    At(Timestamp),
    /// By a text, which is a date in whatever form.
    Text(String),
}

/// Who is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offender {
    /// An address.
    Address(IpAddr),
    /// A network: its first address, and the length of its prefix (`<SUBNET>`, `<CIDR>`).
    Network(IpAddr, u8),
    /// A host's name, which is still to be resolved (`<DNS>`, `<HOST>` where names are allowed).
    Name(String),
    /// Something else that the filter counts by (`<F-ID>`), or what looks like an address and is
    /// none. It cannot be banned.
    Other(String),
}

impl Offender {
    /// The address or network, if it is one.
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        match self {
            Self::Address(address) => Some(Network::address(*address)),
            Self::Network(first, length) => Some(Network::new(*first, *length)),
            Self::Name(_) | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Network(address, length) => write!(f, "{address}/{length}"),
            Self::Name(text) | Self::Other(text) => text.fmt(f),
        }
    }
}

/// Reads an address; one of IPv4 in IPv6's clothes is one of IPv4.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Reads an address as services write that of a peer: alone, in brackets, with a zone, with a port.
pub(super) fn parse_peer(text: &str) -> Option<IpAddr> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let address = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => address,
        Some((address, port)) => {
            port.strip_prefix(':').filter(|port| is_port(port)).map(|_| address)?
        }
        // An address of IPv6 has two colons at least, so that this is one of IPv4 with a port.
        None => match text.split_once(':') {
            Some((address, port)) if is_port(port) => return parse_address(address),
            _ => text,
        },
    };
    // RFC 4007 section 11: the zone is no part of who it is.
    parse_address(address.split_once('%').map_or(address, |(address, _)| address))
}

/// The network of `length` bits that `text` is in; a host's length is the address itself.
pub(super) fn parse_network(text: &str, length: u8) -> Option<Offender> {
    let address: IpAddr = text.parse().ok()?;
    let (first, bits) = match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(length.into())?).unwrap_or(0);
            (IpAddr::from((u32::from(v4) & mask).to_be_bytes()), 32)
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(length.into())?).unwrap_or(0);
            (IpAddr::from((u128::from(v6) & mask).to_be_bytes()), 128)
        }
    };
    Some(if length == bits { Offender::Address(first) } else { Offender::Network(first, length) })
}
