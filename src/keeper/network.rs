//! Addresses and networks, normalised once.
//!
//! The family is part of the type's value, so an IPv6 offender can never end up in an IPv4 set; an
//! IPv4 address that arrives mapped into IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is
//! IPv4 from here on.

use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network: an address whose host bits are zero, and the length of its prefix.
///
/// A single address is a network of full length. Offenders are networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// An IPv4 network; the length is at most 32.
    V4(Ipv4Addr, u8),
    /// An IPv6 network; the length is at most 128.
    V6(Ipv6Addr, u8),
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A prefix length for each family, such as those by which a jail counts and bans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// For IPv4, 1 to 32.
    pub ipv4: u8,
    /// For IPv6, 1 to 128.
    pub ipv6: u8,
}

impl Default for Prefix {
    /// An IPv4 address by itself, IPv6 by the /64 that one customer usually has.
    fn default() -> Self {
        Self { ipv4: 32, ipv6: 64 }
    }
}

impl Prefix {
    /// The length for this family.
    #[must_use]
    pub fn of(self, family: Family) -> u8 {
        match family {
            Family::V4 => self.ipv4,
            Family::V6 => self.ipv6,
        }
    }
}

impl Ord for Network {
    /// By family, address and length. Most of the keeper's work is to find offenders in maps, and
    /// numbers are compared in half the time that bytes take.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::V4(one, length), Self::V4(another, other)) => {
                (one.to_bits(), length).cmp(&(another.to_bits(), other))
            }
            (Self::V6(one, length), Self::V6(another, other)) => {
                (one.to_bits(), length).cmp(&(another.to_bits(), other))
            }
            _ => self.family().cmp(&other.family()),
        }
    }
}

impl PartialOrd for Network {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Network {
    /// The single address, IPv4-mapped IPv6 as IPv4.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4, 32),
            IpAddr::V6(v6) => Self::V6(v6, 128),
        }
    }

    /// The network of this length that holds `address`, at most the whole address; IPv4-mapped IPv6
    /// is IPv4.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Self {
        match address {
            IpAddr::V4(v4) => Self::v4(v4, length.min(32)),
            IpAddr::V6(v6) => match (length.min(128), v6.to_ipv4_mapped()) {
                (length @ 96.., Some(v4)) => Self::v4(v4, length - 96),
                (length, _) => Self::v6(v6, length),
            },
        }
    }

    /// The network of `prefix` that holds `address`.
    #[must_use]
    pub fn of(address: IpAddr, prefix: Prefix) -> Self {
        Self::address(address).widened(prefix)
    }

    /// The network of `prefix` that holds this one; itself when it is that wide already.
    #[must_use]
    pub fn widened(self, prefix: Prefix) -> Self {
        match self {
            Self::V4(address, length) => Self::v4(address, length.min(prefix.ipv4)),
            Self::V6(address, length) => Self::v6(address, length.min(prefix.ipv6)),
        }
    }

    fn v4(address: Ipv4Addr, length: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        Self::V4(Ipv4Addr::from_bits(address.to_bits() & mask), length)
    }

    fn v6(address: Ipv6Addr, length: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Self::V6(Ipv6Addr::from_bits(address.to_bits() & mask), length)
    }

    /// This network and all that hold it, the narrowest first, but for that of every address.
    pub fn and_wider(self) -> impl Iterator<Item = Self> {
        let wider = move |length| self.widened(Prefix { ipv4: length, ipv6: length });
        (1..=self.length()).rev().map(wider)
    }

    /// The network's first address.
    #[must_use]
    pub fn first(self) -> IpAddr {
        match self {
            Self::V4(address, _) => IpAddr::V4(address),
            Self::V6(address, _) => IpAddr::V6(address),
        }
    }

    /// The length of the prefix.
    #[must_use]
    pub fn length(self) -> u8 {
        match self {
            Self::V4(_, length) | Self::V6(_, length) => length,
        }
    }

    /// The address family.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::V4(..) => Family::V4,
            Self::V6(..) => Family::V6,
        }
    }

    /// Whether `other` lies within this network, or is the same.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.family() == other.family()
            && self.length() <= other.length()
            && other.widened(Prefix { ipv4: self.length().min(32), ipv6: self.length() }) == self
    }

    /// Whether this network is neither wider than `widest` nor narrower than `narrowest`.
    #[must_use]
    pub fn fits(self, widest: Prefix, narrowest: Prefix) -> bool {
        let family = self.family();
        (widest.of(family)..=narrowest.of(family)).contains(&self.length())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address, 32) => address.fmt(f),
            Self::V6(address, 128) => address.fmt(f),
            Self::V4(address, length) => write!(f, "{address}/{length}"),
            Self::V6(address, length) => write!(f, "{address}/{length}"),
        }
    }
}

/// A text that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotANetwork {
    /// What is wrong with the text, as a clause without a full stop.
    pub why: &'static str,
}

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

impl std::error::Error for NotANetwork {}

impl FromStr for Network {
    type Err = NotANetwork;

    /// Reads `192.0.2.1`, `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::1`, `2001:db8::/32`;
    /// host bits are dropped.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| NotANetwork { why: "this is not an IP address" })?;
        let Some(length) = length else { return Ok(Self::address(address)) };
        let length = if address.is_ipv4() { length_v4(length)? } else { length_v6(length)? };
        Ok(Self::new(address, length))
    }
}

fn length_v4(text: &str) -> Result<u8, NotANetwork> {
    if let Ok(mask) = text.parse::<Ipv4Addr>() {
        let bits = mask.to_bits();
        return if bits.leading_ones() + bits.trailing_zeros().min(32) == 32 || bits == u32::MAX {
            Ok(u8::try_from(bits.leading_ones()).unwrap_or(32))
        } else {
            Err(NotANetwork { why: "this netmask has ones behind zeros" })
        };
    }
    text.parse()
        .ok()
        .filter(|length| *length <= 32)
        .ok_or(NotANetwork { why: "the prefix length of an IPv4 network is 0 to 32" })
}

fn length_v6(text: &str) -> Result<u8, NotANetwork> {
    text.parse()
        .ok()
        .filter(|length| *length <= 128)
        .ok_or(NotANetwork { why: "the prefix length of an IPv6 network is 0 to 128" })
}
