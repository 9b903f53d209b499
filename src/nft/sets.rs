//! Sets and their elements, as messages and back.
//!
//! rustables' sets know neither a bound nor timeouts of elements, so these are built with
//! netlink-packet-netfilter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{DefaultNla, NLA_F_NESTED};
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::nftables::{SetAttribute, SetDescription, SetFlags, SetMessage};
use netlink_packet_netfilter::nftables::{SetElementFlags, SetElementList, SetElementMessage};
use rustables::sys;

use super::wire::{attribute, attributes, long_number, number};
use super::{Holder, TABLE};
use crate::keeper::{Family, Network, Prefix, Protocol, Timestamp, Until};

/// How many elements the set of one jail can hold. The kernel needs about 100 bytes for each.
pub const SET_SIZE: u32 = 1 << 20;

/// How many elements one message carries. The length of the list is a number of 16 bits
/// (`struct nlattr`), and an IPv6 element with a timeout takes 48 bytes of it at most.
pub(super) const ELEMENTS_PER_MESSAGE: usize = 1000;

/// The longest timeout in milliseconds that the kernel takes: `nf_msecs_to_jiffies64`
/// (net/netfilter/nf_tables_api.c) refuses what does not fit 64 bits in nanoseconds. 584 years.
const TIMEOUT_MAX: u64 = u64::MAX / 1_000_000 - 1;

/// The shortest one, in milliseconds: a tick of the kernel with the fewest of them. It rounds down to
/// ticks, and none would mean for ever.
const TIMEOUT_MIN: u64 = 10;

/// The name of an anonymous set, in which the kernel puts a number.
pub(super) const ANONYMOUS: &str = "__set%d";

/// The type of a set's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyType {
    /// The number by which nft(8) knows the type (include/datatype.h of nftables); the kernel only
    /// keeps it.
    pub(super) id: u32,
    /// The length of a key in bytes.
    pub(super) length: u32,
}

impl KeyType {
    pub(super) const IPV4_ADDR: Self = Self { id: 7, length: 4 };
    pub(super) const IPV6_ADDR: Self = Self { id: 8, length: 16 };
    const INET_PROTO: Self = Self { id: 12, length: 1 };
    const INET_SERVICE: Self = Self { id: 13, length: 2 };

    pub(super) fn of(family: Family) -> Self {
        match family {
            Family::V4 => Self::IPV4_ADDR,
            Family::V6 => Self::IPV6_ADDR,
        }
    }
}

/// A set of offenders of one family: with timeouts. One of a jail's is bounded; the common one of
/// all jails is by these.
pub(super) fn offenders(
    name: &str,
    (family, holder): (Family, Holder),
    id: u32,
) -> NfTablesMessage {
    let key = KeyType::of(family);
    let mut attributes = header(name, SetFlags::Timeout, key, id);
    if let Some(size) = size_for(holder) {
        attributes.push(SetAttribute::Description(vec![SetDescription::Size(size)]));
    }
    NfTablesMessage::NewSet(SetMessage { attributes })
}

/// An anonymous set of protocols: the set, and its elements.
pub(super) fn protocols(protocols: &[Protocol], id: u32) -> [NfTablesMessage; 2] {
    let keys = protocols.iter().map(|protocol| [protocol.number()]).collect::<Vec<_>>();
    let elements = Elements::of_keys(keys.iter().map(|key| &key[..]));
    anonymous(KeyType::INET_PROTO, id, elements)
}

/// An anonymous set of ports: the set, and its elements.
pub(super) fn ports(ports: &[u16], id: u32) -> [NfTablesMessage; 2] {
    let keys = ports.iter().map(|port| port.to_be_bytes()).collect::<Vec<_>>();
    let elements = Elements::of_keys(keys.iter().map(|key| &key[..]));
    anonymous(KeyType::INET_SERVICE, id, elements)
}

fn size_for(holder: Holder) -> Option<u32> {
    holder.map(|_| SET_SIZE)
}

/// The removal of a set.
pub(super) fn removal(name: &str) -> NfTablesMessage {
    NfTablesMessage::DeleteSet(SetMessage { attributes: address(name) })
}

/// The table and the name: which set is meant.
pub(super) fn address(name: &str) -> Vec<SetAttribute> {
    vec![SetAttribute::Table(TABLE.into()), SetAttribute::Name(name.into())]
}

fn header(name: &str, flags: SetFlags, key: KeyType, id: u32) -> Vec<SetAttribute> {
    let mut attributes = address(name);
    attributes.extend([
        SetAttribute::Flags(flags),
        SetAttribute::KeyType(key.id),
        SetAttribute::KeyLen(key.length),
        SetAttribute::Id(id),
    ]);
    attributes
}

fn anonymous(key: KeyType, id: u32, elements: Elements) -> [NfTablesMessage; 2] {
    let flags = SetFlags::Anonymous | SetFlags::Constant;
    let mut list = list_of(ANONYMOUS, elements);
    list.push(SetElementList::SetId(id));
    [
        NfTablesMessage::NewSet(SetMessage { attributes: header(ANONYMOUS, flags, key, id) }),
        NfTablesMessage::NewSetElement(SetElementMessage { attributes: list }),
    ]
}

/// A list of elements, as it stands in a message.
///
/// It is written here and not by netlink-packet-netfilter, for which an element is a tree that is
/// allocated in pieces and measured anew at each of its levels: for many bans that takes longer than
/// all else that we do to send them.
#[derive(Default)]
pub(super) struct Elements(Vec<u8>);

impl Elements {
    fn of_keys<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut elements = Self::default();
        for key in keys {
            elements.add(|element| put_key(element, key));
        }
        elements
    }

    /// Those that keep these networks out; without a timeout, in milliseconds, for ever.
    ///
    /// The network of length 0 is the set's catch-all element (`*`), which we never add, but can
    /// remove.
    pub(super) fn of_offenders(
        offenders: impl IntoIterator<Item = (Network, Option<u64>)>,
    ) -> Self {
        let mut elements = Self::default();
        for (network, timeout) in offenders {
            elements.add(|element| match network {
                Network::V4(_, 0) | Network::V6(_, 0) => {
                    let flags = SetElementFlags::CatchAll.bits().to_be_bytes();
                    put(element, sys::NFTA_SET_ELEM_FLAGS, &flags);
                }
                Network::V4(address, _) => put_offender(element, &address.octets(), timeout),
                Network::V6(address, _) => put_offender(element, &address.octets(), timeout),
            });
        }
        elements
    }

    fn add(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        nest(&mut self.0, sys::NFTA_LIST_ELEM, fill);
    }
}

fn put_offender(element: &mut Vec<u8>, key: &[u8], timeout: Option<u64>) {
    put_key(element, key);
    if let Some(timeout) = timeout {
        put(element, sys::NFTA_SET_ELEM_TIMEOUT, &timeout.to_be_bytes());
    }
}

fn put_key(element: &mut Vec<u8>, key: &[u8]) {
    nest(element, sys::NFTA_SET_ELEM_KEY, |data| put(data, sys::NFTA_DATA_VALUE, key));
}

/// Appends an attribute (`struct nlattr`, linux/netlink.h).
fn put(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("attributes of elements are short");
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Appends an attribute that holds others.
fn nest(bytes: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    put(bytes, kind | NLA_F_NESTED, &[]);
    fill(bytes);
    let length = u16::try_from(bytes.len() - start).expect("attributes of elements are short");
    bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
}

/// The attributes of a message about elements of one set.
pub(super) fn list_of(set: &str, elements: Elements) -> Vec<SetElementList> {
    vec![
        SetElementList::Table(TABLE.into()),
        SetElementList::Set(set.into()),
        SetElementList::Other(DefaultNla::new(
            sys::NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED,
            elements.0,
        )),
    ]
}

/// The request for all elements of a set.
pub(super) fn elements_of(set: &str) -> NfTablesMessage {
    let attributes = vec![SetElementList::Table(TABLE.into()), SetElementList::Set(set.into())];
    NfTablesMessage::GetSetElement(SetElementMessage { attributes })
}

/// The timeout in milliseconds of a ban until then, as far as the kernel takes it. Without one the ban
/// is for ever.
pub(super) fn timeout(until: Until, now: Timestamp) -> Option<u64> {
    match until {
        Until::Forever => None,
        Until::At(end) => {
            let millis = end.since(now).as_micros().div_ceil(1000);
            Some(u64::try_from(millis).unwrap_or(u64::MAX).clamp(TIMEOUT_MIN, TIMEOUT_MAX))
        }
    }
}

/// An element as the kernel lists it: its key, and how many milliseconds it will stay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    /// None for the catch-all element.
    pub(super) key: Option<Vec<u8>>,
    pub(super) expiration: Option<u64>,
}

impl Listed {
    /// Reads the elements out of one message of a dump. What is no single key, such as the end of
    /// an interval, is passed over.
    pub(super) fn read(message: &[u8]) -> Vec<Self> {
        let Some(list) = attribute(message, sys::NFTA_SET_ELEM_LIST_ELEMENTS) else {
            return Vec::new();
        };
        attributes(list).filter_map(|(_, element)| Self::read_one(element)).collect()
    }

    fn read_one(element: &[u8]) -> Option<Self> {
        let expiration = long_number(element, sys::NFTA_SET_ELEM_EXPIRATION);
        let flags = number(element, sys::NFTA_SET_ELEM_FLAGS).unwrap_or(0);
        let flags = SetElementFlags::from_bits_retain(flags);
        if flags.contains(SetElementFlags::CatchAll) {
            return Some(Self { key: None, expiration });
        }
        if flags.contains(SetElementFlags::IntervalEnd) {
            return None;
        }
        let key = attribute(element, sys::NFTA_SET_ELEM_KEY)?;
        let value = attribute(key, sys::NFTA_DATA_VALUE)?;
        Some(Self { key: Some(value.to_vec()), expiration })
    }

    /// The network that the element keeps out in a set for networks of this length.
    ///
    /// A key with host bits keeps out nobody there, and the catch-all element everybody; those
    /// come out as a single address and as the network of length 0, which fit no jail's prefix.
    pub(super) fn network(&self, family: Family, length: u8) -> Option<Network> {
        let Some(key) = &self.key else {
            return Some(match family {
                Family::V4 => Network::V4(Ipv4Addr::UNSPECIFIED, 0),
                Family::V6 => Network::V6(Ipv6Addr::UNSPECIFIED, 0),
            });
        };
        let address = match family {
            Family::V4 => IpAddr::from(<[u8; 4]>::try_from(key.as_slice()).ok()?),
            Family::V6 => IpAddr::from(<[u8; 16]>::try_from(key.as_slice()).ok()?),
        };
        let whole = match address {
            IpAddr::V4(v4) => Network::V4(v4, 32),
            IpAddr::V6(v6) => Network::V6(v6, 128),
        };
        let wide = whole.widened(Prefix { ipv4: length, ipv6: length });
        Some(if wide.first() == whole.first() { wide } else { whole })
    }

    /// When it ends.
    pub(super) fn until(&self, now: Timestamp) -> Until {
        match self.expiration {
            None => Until::Forever,
            Some(millis) => Until::At(now.plus(std::time::Duration::from_millis(millis))),
        }
    }
}

/// A set as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedSet {
    pub(super) name: String,
    flags: u32,
    key: KeyType,
    size: u32,
    timeout: u64,
    /// Whether it is more than a set of plain keys: a map, or with expressions for its elements.
    more: bool,
}

impl ListedSet {
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let size = attribute(message, sys::NFTA_SET_DESC)
            .and_then(|description| number(description, sys::NFTA_SET_DESC_SIZE));
        let beyond = [
            sys::NFTA_SET_DATA_TYPE,
            sys::NFTA_SET_OBJ_TYPE,
            sys::NFTA_SET_EXPR,
            sys::NFTA_SET_EXPRESSIONS,
        ];
        Some(Self {
            name: super::wire::text(message, sys::NFTA_SET_NAME)?,
            flags: number(message, sys::NFTA_SET_FLAGS).unwrap_or(0),
            key: KeyType {
                id: number(message, sys::NFTA_SET_KEY_TYPE).unwrap_or(0),
                length: number(message, sys::NFTA_SET_KEY_LEN).unwrap_or(0),
            },
            size: size.unwrap_or(0),
            timeout: long_number(message, sys::NFTA_SET_TIMEOUT).unwrap_or(0),
            more: beyond.iter().any(|beyond| attribute(message, *beyond).is_some()),
        })
    }

    /// Whether it belongs to a rule and goes with it.
    pub(super) fn is_anonymous(&self) -> bool {
        self.flags & SetFlags::Anonymous.bits() != 0
    }

    /// Whether it is just as [`offenders`] makes it.
    pub(super) fn fits(&self, (family, holder): (Family, Holder)) -> bool {
        self.flags == SetFlags::Timeout.bits()
            && self.key == KeyType::of(family)
            && self.size == size_for(holder).unwrap_or(0)
            && self.timeout == 0
            && !self.more
    }

    /// Whether its elements are single addresses of this family, though it may not fit otherwise.
    pub(super) fn holds_addresses(&self, family: Family) -> bool {
        let unlike = SetFlags::Interval | SetFlags::Map | SetFlags::Concat | SetFlags::Object;
        self.key == KeyType::of(family) && self.flags & unlike.bits() == 0
    }
}
