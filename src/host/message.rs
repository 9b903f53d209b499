//! The messages of rtnetlink that are about addresses. netlink-packet-route's own list of messages has
//! all that there are, of links, routes and queues too: half a megabyte of the program.

use netlink_packet_core::{
    DecodeError, Emitable, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable, Parseable,
};
use netlink_packet_route::address::AddressMessage;

/// `RTM_NEWADDR` and `RTM_GETADDR` (linux/rtnetlink.h).
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;

/// What we ask, and what we are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The question for all addresses.
    AllAddresses(AddressMessage),
    /// An address that there is.
    Address(AddressMessage),
    /// Something else, of this type.
    Other(u16),
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        match header.message_type {
            NEW_ADDRESS => AddressMessage::parse(payload).map(Self::Address),
            other => Ok(Self::Other(other)),
        }
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        match self {
            Self::AllAddresses(_) => GET_ADDRESS,
            Self::Address(_) => NEW_ADDRESS,
            Self::Other(kind) => *kind,
        }
    }

    fn buffer_len(&self) -> usize {
        match self {
            Self::AllAddresses(message) | Self::Address(message) => message.buffer_len(),
            Self::Other(_) => 0,
        }
    }

    fn serialize(&self, buffer: &mut [u8]) {
        match self {
            Self::AllAddresses(message) | Self::Address(message) => message.emit(buffer),
            Self::Other(_) => {}
        }
    }
}
