//! The way in for the fuzz target: everything that reads what the kernel tells, over any bytes.

use netlink_packet_netfilter::nftables::{NfTablesMessage, SetElementMessage};

use super::monitor::{Disturbance, Ear};
use super::sets::{Elements, Listed, ListedSet, list_of};
use super::wire::{Answer, answer, message, messages};
use super::{present, surroundings};
use crate::keeper::{Family, Network, Timestamp};

/// Reads a datagram as an answer to each of our requests, and as news of the ruleset. Returns the
/// networks that it lists if it is of a set for networks of this length.
pub fn read(datagram: &[u8], family: Family, length: u8) -> Vec<Network> {
    let mut listed = Vec::new();
    for (header, payload) in messages(datagram).map_while(Result::ok) {
        let Some(Answer::Object(object)) = answer(header.message_type, payload) else { continue };
        let _ = present::chain(object);
        let _ = present::rule(object);
        let _ = ListedSet::read(object).map(|set| set.holds_addresses(family));
        let _ = surroundings::neighbour("ip", object);
        let _ = surroundings::redirects(object);
        let _ = surroundings::flowtable("ip", object);
        for element in Listed::read(object) {
            let _ = element.until(Timestamp::from_seconds(1));
            listed.extend(element.network(family, length));
        }
    }
    listed
}

/// What a [`super::Monitor`] hears in these datagrams, one after the other.
pub fn hear<'d>(datagrams: impl IntoIterator<Item = &'d [u8]>) -> Vec<Disturbance> {
    let mut ear = Ear::of(1);
    datagrams.into_iter().filter_map(|datagram| ear.hear(datagram).ok().flatten()).collect()
}

/// These networks as we write them to the kernel, in one datagram.
pub fn written(set: &str, networks: &[Network]) -> Vec<u8> {
    let elements = Elements::of_offenders(networks.iter().map(|network| (*network, Some(1))));
    let attributes = list_of(set, elements);
    message(NfTablesMessage::NewSetElement(SetElementMessage { attributes }), 0, 1)
}
