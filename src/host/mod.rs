//! The host's own addresses, over rtnetlink.
//!
//! `ignoreself` spares them; they come and go with interfaces, DHCP and router advertisements, so
//! [`Watch`] tells when to ask again.

#[doc(hidden)]
pub mod fuzzing;
mod message;

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use message::Message;

/// `RTNLGRP_IPV4_IFADDR` and `RTNLGRP_IPV6_IFADDR` (linux/rtnetlink.h).
const ADDRESS_GROUPS: [u32; 2] = [5, 9];

/// How long the kernel may take to list the addresses; it does so at once.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the list is asked for again because addresses changed while it was made.
const ATTEMPTS: usize = 20;

/// Changes come in bursts, such as when an interface goes up; a burst is over after this long
/// without a change.
const QUIET: Duration = Duration::from_millis(50);

/// A burst is reported after this long, though it may not be over.
const BURST_MAX: Duration = Duration::from_secs(1);

/// Larger than any datagram that the kernel makes for a list (32 KiB).
const DATAGRAM: usize = 64 << 10;

/// Why the host's addresses are not known.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No netlink socket of family `NETLINK_ROUTE`.
    #[error("cannot open a netlink socket to read the host's addresses: {0}")]
    Open(#[source] io::Error),
    /// The socket failed.
    #[error("cannot read the host's addresses over netlink: {0}")]
    Socket(#[source] io::Error),
    /// The kernel said no.
    #[error("the kernel refused to list the host's addresses: {0}")]
    Refused(#[source] io::Error),
    /// The kernel has not answered.
    #[error("the kernel has not listed the host's addresses within {} s", REPLY_TIMEOUT.as_secs())]
    Silent,
    /// The answer is no netlink message as linux/rtnetlink.h has it.
    #[error("the kernel listed the host's addresses in a malformed message: {0}")]
    Malformed(#[source] DecodeError),
    /// The addresses changed each time while they were listed.
    #[error("the host's addresses kept changing while they were listed")]
    Moved,
}

/// The addresses of all interfaces, loopback included, sorted, each once.
///
/// # Errors
///
/// When the kernel does not list them.
pub fn addresses() -> Result<Vec<IpAddr>, HostError> {
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(HostError::Open)?;
    socket.bind_auto().map_err(HostError::Open)?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(HostError::Open)?;
    for attempt in 1..=ATTEMPTS {
        let sequence = u32::try_from(attempt).unwrap_or(0);
        socket.send(&request(sequence), 0).map_err(HostError::Socket)?;
        if let Some(mut addresses) = receive_list(&socket, sequence)? {
            addresses.sort_unstable();
            addresses.dedup();
            return Ok(addresses);
        }
    }
    Err(HostError::Moved)
}

fn request(sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let all = Message::AllAddresses(AddressMessage::default());
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(all));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The addresses of the list with this number; none if they changed meanwhile.
fn receive_list(socket: &Socket, sequence: u32) -> Result<Option<Vec<IpAddr>>, HostError> {
    let deadline = Instant::now() + REPLY_TIMEOUT;
    let mut datagram = Vec::with_capacity(DATAGRAM);
    let mut list = Addresses::default();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if !readable(socket, left).map_err(HostError::Socket)? {
            return Err(HostError::Silent);
        }
        datagram.clear();
        socket.recv(&mut datagram, 0).map_err(HostError::Socket)?;
        if list.read(&datagram, sequence)? {
            return Ok((!list.torn).then_some(list.all));
        }
    }
}

/// The addresses that the kernel has listed so far.
#[derive(Default)]
struct Addresses {
    all: Vec<IpAddr>,
    /// Whether they changed meanwhile.
    torn: bool,
}

impl Addresses {
    /// Reads on in a datagram. Whether the list ends with it.
    fn read(&mut self, datagram: &[u8], sequence: u32) -> Result<bool, HostError> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let message =
                NetlinkMessage::<Message>::deserialize(rest).map_err(HostError::Malformed)?;
            let length = (message.header.length as usize).next_multiple_of(4);
            rest = rest.get(length..).unwrap_or_default();
            if message.header.sequence_number != sequence {
                continue;
            }
            self.torn |= message.header.flags & NLM_F_DUMP_INTR != 0;
            match message.payload {
                NetlinkPayload::InnerMessage(Message::Address(address)) => {
                    self.all.extend(own(&address));
                }
                NetlinkPayload::Error(error) => return Err(HostError::Refused(error.to_io())),
                NetlinkPayload::Done(done) if done.code != 0 => {
                    let error = io::Error::from_raw_os_error(done.code.saturating_neg());
                    return Err(HostError::Refused(error));
                }
                NetlinkPayload::Done(_) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }
}

/// The interface's own address. On a point-to-point link `IFA_ADDRESS` is the peer's, and
/// `IFA_LOCAL` ours (linux/if_addr.h).
fn own(message: &AddressMessage) -> Option<IpAddr> {
    let find = |ours: bool| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) if ours => Some(*address),
            AddressAttribute::Address(address) if !ours => Some(*address),
            _ => None,
        })
    };
    find(true).or_else(|| find(false))
}

/// Tells when the host's addresses may have changed, in the network namespace where it was opened.
pub struct Watch {
    socket: Socket,
}

impl Watch {
    /// Begins to listen. Ask for the [`addresses`] after this, so that no change is missed.
    ///
    /// # Errors
    ///
    /// When the socket cannot be had.
    pub fn open() -> Result<Self, HostError> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(HostError::Open)?;
        socket.bind_auto().map_err(HostError::Open)?;
        for group in ADDRESS_GROUPS {
            socket.add_membership(group).map_err(HostError::Open)?;
        }
        Ok(Self { socket })
    }

    /// Waits until addresses have come or gone. Changes that follow each other closely are one.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub fn wait(&mut self) -> Result<(), HostError> {
        let mut datagram = Vec::with_capacity(DATAGRAM);
        self.receive(&mut datagram)?;
        let end = Instant::now() + BURST_MAX;
        loop {
            let left = end.saturating_duration_since(Instant::now()).min(QUIET);
            if left.is_zero() || !readable(&self.socket, left).map_err(HostError::Socket)? {
                return Ok(());
            }
            self.receive(&mut datagram)?;
        }
    }

    /// Takes one piece of news. That news was lost is news, too.
    fn receive(&self, datagram: &mut Vec<u8>) -> Result<(), HostError> {
        loop {
            datagram.clear();
            match self.socket.recv(datagram, 0) {
                Ok(_) => return Ok(()),
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::INTR) => {}
                    Some(Errno::NOBUFS) => return Ok(()),
                    _ => return Err(HostError::Socket(error)),
                },
            }
        }
    }
}

fn readable(socket: &Socket, within: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(within).map_err(io::Error::other)?;
    loop {
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
