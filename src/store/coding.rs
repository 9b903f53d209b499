//! Networks and windows as the state file has them.

use std::net::IpAddr;

use crate::keeper::{Network, Prefix, Timestamp, Until};

/// A network as bytes: 4 or 6, the prefix length, then the address in network order.
pub(super) fn encode_network(network: Network) -> Vec<u8> {
    let (family, address) = match network.first() {
        IpAddr::V4(address) => (4, address.octets().to_vec()),
        IpAddr::V6(address) => (6, address.octets().to_vec()),
    };
    [vec![family, network.length()], address].concat()
}

/// The network behind the bytes; nothing unless they are just what [`encode_network`] makes.
pub(super) fn decode_network(bytes: &[u8]) -> Option<Network> {
    let (&[family, length], address) = bytes.split_first_chunk()?;
    let address = match family {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        6 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
        _ => return None,
    };
    let widest = if address.is_ipv4() { 32 } else { 128 };
    if length > widest {
        return None;
    }
    let network = Network::of(address, Prefix { ipv4: length, ipv6: length });
    (encode_network(network) == bytes).then_some(network)
}

/// The times of a window as bytes: eight for each, the highest first.
pub(super) fn encode_times(times: &[Timestamp]) -> Vec<u8> {
    times.iter().flat_map(|time| time.micros().to_be_bytes()).collect()
}

/// The times behind the bytes; nothing unless there is at least one, and they are in order.
pub(super) fn decode_times(bytes: &[u8]) -> Option<Vec<Timestamp>> {
    let (times, []) = bytes.as_chunks::<8>() else { return None };
    let times: Vec<Timestamp> =
        times.iter().map(|time| Timestamp::from_micros(i64::from_be_bytes(*time))).collect();
    (!times.is_empty() && times.is_sorted()).then_some(times)
}

/// The end of a ban as a column; for ever is NULL.
pub(super) fn encode_until(until: Until) -> Option<i64> {
    match until {
        Until::At(end) => Some(end.micros()),
        Until::Forever => None,
    }
}

/// The end of a ban from its column.
pub(super) fn decode_until(until: Option<i64>) -> Until {
    until.map_or(Until::Forever, |end| Until::At(Timestamp::from_micros(end)))
}
