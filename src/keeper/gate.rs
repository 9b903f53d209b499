//! What a jail asks of the firewall: where its offenders are stopped, and how.

use std::ops::RangeInclusive;

use super::network::Prefix;
use super::roster::JailId;

/// The firewall's part of a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Whose gate it is.
    pub jail: JailId,
    /// The jail's name: a letter or digit, then letters, digits, `-` and `_`; at most 64 bytes.
    pub name: String,
    /// The destination ports that are closed to an offender.
    pub ports: Ports,
    /// The transport protocols that are closed to an offender.
    pub protocols: Protocols,
    /// What becomes of an offender's packet.
    pub action: Action,
    /// Which packets are looked at.
    pub scope: Scope,
    /// How wide the banned networks usually are.
    pub prefix: Prefix,
    /// How wide a banned network may be.
    pub max_prefix: Prefix,
    /// Whether packets on the loopback interface pass, whatever their source (`ignoreself`).
    pub spare_loopback: bool,
}

/// Destination ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Every port, and protocols without ports.
    All,
    /// These, sorted, without overlap, never empty.
    Only(Vec<RangeInclusive<u16>>),
}

/// Transport protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// Every protocol.
    All,
    /// These, sorted, each once, never empty.
    Only(Vec<Protocol>),
}

/// A transport protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 4340.
    Dccp,
    /// RFC 9260.
    Sctp,
    /// RFC 3828.
    UdpLite,
}

impl Protocol {
    /// The protocol's number in the IP header (IANA "Assigned Internet Protocol Numbers").
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Dccp => 33,
            Self::Sctp => 132,
            Self::UdpLite => 136,
        }
    }
}

/// What becomes of an offender's packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It vanishes.
    Drop,
    /// It is answered with a TCP reset, or ICMP "port unreachable" for other protocols.
    Reject,
}

/// Which packets a jail looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those for this host (hook `input`).
    Host,
    /// Those that this host forwards: routers, bridges, containers (hook `forward`).
    Forward,
    /// Both.
    All,
}
