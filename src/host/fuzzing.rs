//! The way in for the fuzz target: what reads the kernel's list of addresses, over any bytes.

use std::net::IpAddr;

use super::Addresses;

/// Reads a datagram as a part of the list with this number.
pub fn read(datagram: &[u8], sequence: u32) -> Vec<IpAddr> {
    let mut list = Addresses::default();
    // What is malformed, or no list, ends it.
    let _ = list.read(datagram, sequence);
    list.all
}
