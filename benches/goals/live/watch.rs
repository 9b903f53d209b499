//! Hears from the kernel which addresses come into sets. It tells so after the commit, when the element
//! is in force.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use netlink_packet_core::{NetlinkBuffer, NlasIterator};
use netlink_sys::{Socket, protocols::NETLINK_NETFILTER};
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_timeout};

use crate::report::Outcome;
use crate::support::netns::Netns;

/// `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h).
const GROUP: u32 = 7;

/// `NFT_MSG_NEWSETELEM` with the subsystem of nf_tables.
const NEW_ELEMENT: u16 = 0x0a0c;

/// The lengths of the headers before the attributes: netlink's and netfilter's.
const HEADERS: usize = 16 + 4;

/// `NFTA_SET_ELEM_LIST_ELEMENTS`, `NFTA_LIST_ELEM`, `NFTA_SET_ELEM_KEY`, `NFTA_DATA_VALUE`.
const TO_THE_KEY: [u16; 4] = [3, 1, 1, 1];

/// A socket that hears of new elements, and when each address was first heard of.
pub(crate) struct Watch {
    socket: Socket,
    inbox: Vec<u8>,
    seen: HashMap<Ipv4Addr, Instant>,
}

impl Watch {
    /// Listens in this network.
    pub(crate) fn new(network: &Netns) -> Self {
        let socket = network.run(|| {
            let mut socket = Socket::new(NETLINK_NETFILTER).expect("a socket");
            socket.bind_auto().expect("a socket");
            set_socket_recv_buffer_size_force(socket.as_fd(), 256 << 20).expect("room for news");
            socket.add_membership(GROUP).expect("the kernel tells root");
            socket
        });
        Self { socket, inbox: Vec::with_capacity(1 << 20), seen: HashMap::new() }
    }

    /// When this address has come into a set.
    pub(crate) fn await_one(&mut self, address: Ipv4Addr, limit: Duration) -> Outcome<Instant> {
        self.await_that(limit, |seen| seen.contains_key(&address))?;
        Ok(self.seen[&address])
    }

    /// When the last of so many addresses has come.
    pub(crate) fn await_all(&mut self, count: usize, limit: Duration) -> Outcome<Instant> {
        self.await_that(limit, |seen| seen.len() >= count)?;
        Ok(*self.seen.values().max().expect("there is one"))
    }

    /// Forgets all that has come, and what is still to be read.
    pub(crate) fn forget(&mut self) {
        let moment = Duration::from_millis(200);
        while self.hear(moment).is_ok() {}
        self.seen.clear();
    }

    fn await_that(
        &mut self,
        limit: Duration,
        enough: impl Fn(&HashMap<Ipv4Addr, Instant>) -> bool,
    ) -> Outcome<()> {
        let deadline = Instant::now() + limit;
        while !enough(&self.seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.hear(left).is_err() {
                return Err(format!("after {limit:?} only {} were banned", self.seen.len()));
            }
        }
        Ok(())
    }

    /// Reads a datagram.
    fn hear(&mut self, limit: Duration) -> std::io::Result<()> {
        set_socket_timeout(self.socket.as_fd(), Timeout::Recv, Some(limit))?;
        self.inbox.clear();
        self.socket.recv(&mut self.inbox, 0)?;
        let now = Instant::now();
        let mut rest = self.inbox.as_slice();
        while let Ok(message) = NetlinkBuffer::new_checked(rest) {
            let length = message.length() as usize;
            if message.message_type() == NEW_ELEMENT {
                let attributes = rest.get(HEADERS..length).unwrap_or_default();
                keys(attributes, &TO_THE_KEY, &mut |key| {
                    if let Ok(bytes) = <[u8; 4]>::try_from(key) {
                        self.seen.entry(Ipv4Addr::from(bytes)).or_insert(now);
                    }
                });
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Calls `found` with what stands at the end of this path of attributes, each time that there is one.
fn keys(attributes: &[u8], path: &[u16], found: &mut impl FnMut(&[u8])) {
    let Some((kind, deeper)) = path.split_first() else { return found(attributes) };
    for attribute in NlasIterator::new(attributes).map_while(Result::ok) {
        if attribute.kind() == *kind {
            let end = usize::from(attribute.length());
            keys(attribute.into_inner().get(4..end).unwrap_or_default(), deeper, found);
        }
    }
}
