//! Networks and windows as the state file has them.

use std::net::IpAddr;

use rusqlite::ToSql;
use rusqlite::types::ToSqlOutput;

use crate::keeper::{Network, Prefix, Timestamp, Until};

/// A network as bytes: 4 or 6, the prefix length, then the address in network order.
pub(super) struct NetworkBytes {
    bytes: [u8; 18],
    length: usize,
}

impl NetworkBytes {
    fn new<const N: usize>(family: u8, prefix: u8, address: [u8; N]) -> Self {
        let mut bytes = [0; 18];
        bytes[..2].copy_from_slice(&[family, prefix]);
        bytes[2..2 + N].copy_from_slice(&address);
        Self { bytes, length: 2 + N }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl ToSql for NetworkBytes {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_slice().to_sql()
    }
}

/// The bytes of a network.
pub(super) fn encode_network(network: Network) -> NetworkBytes {
    match network.first() {
        IpAddr::V4(address) => NetworkBytes::new(4, network.length(), address.octets()),
        IpAddr::V6(address) => NetworkBytes::new(6, network.length(), address.octets()),
    }
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
    (encode_network(network).as_slice() == bytes).then_some(network)
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
