//! One netlink socket: requests out, answers in. Knows messages and sequence numbers, nothing of
//! what they mean.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    nftables::NfTablesMessage,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;

use super::error::NftError;

/// How long the kernel may take for an answer. It works while we send, so that answers are there
/// at once; what takes this long is broken.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The receive buffer: room for one answer to each of 16,000 messages, and to spare.
const RECEIVE_BUFFER: usize = 16 << 20;

/// The send buffer at first; it grows with the largest transaction.
const SEND_BUFFER: usize = 1 << 20;

/// Larger than any datagram that the kernel makes for a dump (32 KiB) or an answer.
const DATAGRAM: usize = 128 << 10;

/// How often a dump is begun again because the ruleset changed meanwhile.
const DUMP_ATTEMPTS: usize = 20;

/// What a list must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// As it was at one moment.
    Whole,
    /// If others change the ruleset all the time, objects may be missing in it, or there twice.
    Torn,
}

/// The length of `struct nfgenmsg` (linux/netfilter/nfnetlink.h), which precedes the attributes.
const NFGENMSG: usize = 4;

/// A netlink socket to netfilter.
pub(super) struct Wire {
    socket: Socket,
    port_id: u32,
    sequence: u32,
    /// How large a send buffer has been asked for.
    pub(super) send_buffer: usize,
    inbox: Vec<u8>,
}

/// An answer, without its netlink header.
pub(super) enum Answer<'a> {
    /// A message; its attributes.
    Object(&'a [u8]),
    /// The error number, zero for an acknowledgement.
    Verdict(i32),
    /// The end of a dump; whether the ruleset changed while it was made.
    Done {
        /// The error number, zero if all went well.
        errno: i32,
    },
}

impl Wire {
    pub(super) fn open() -> Result<Self, NftError> {
        let mut socket = Socket::new(NETLINK_NETFILTER).map_err(NftError::Open)?;
        let port_id = socket.bind_auto().map_err(NftError::Open)?.port_number();
        socket.connect(&SocketAddr::new(0, 0)).map_err(NftError::Open)?;
        // Without this an error carries the whole message that it is about.
        socket.set_cap_ack(true).map_err(NftError::Open)?;
        let mut wire = Self {
            socket,
            port_id,
            sequence: 0,
            send_buffer: 0,
            inbox: Vec::with_capacity(DATAGRAM),
        };
        enlarge_receive_buffer(&wire.socket, RECEIVE_BUFFER).map_err(NftError::Open)?;
        wire.make_room(SEND_BUFFER).map_err(NftError::Open)?;
        Ok(wire)
    }

    pub(super) fn port_id(&self) -> u32 {
        self.port_id
    }

    /// A run of `count` sequence numbers that no answer of an earlier request bears; the first.
    pub(super) fn sequences(&mut self, count: u32) -> u32 {
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(count);
        first
    }

    /// Sends whole messages in one datagram.
    pub(super) fn send(&mut self, bytes: &[u8], doing: &'static str) -> Result<(), NftError> {
        let failed = |source| NftError::Socket { doing, source };
        self.make_room(bytes.len()).map_err(failed)?;
        loop {
            match self.socket.send(bytes, 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Hands every answer whose sequence number `expects` takes to `each`, until that says that it
    /// was the last. Answers to earlier requests are passed over.
    pub(super) fn receive(
        &mut self,
        doing: &'static str,
        expects: impl Fn(u32) -> bool,
        mut each: impl FnMut(u32, u16, Answer<'_>) -> Result<bool, NftError>,
    ) -> Result<(), NftError> {
        let deadline = Instant::now() + REPLY_TIMEOUT;
        loop {
            self.receive_datagram(doing, deadline)?;
            let mut last = false;
            for message in messages(&self.inbox) {
                let (header, payload) =
                    message.map_err(|what| NftError::Malformed { doing, what })?;
                if !expects(header.sequence_number) {
                    continue;
                }
                let answer = answer(header.message_type, payload)
                    .ok_or_else(|| NftError::Malformed { doing, what: "it is cut short".into() })?;
                last |= each(header.sequence_number, header.flags, answer)?;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Everything that the kernel lists for `request` in tables of the family `inet`, as `read`
    /// makes it out of the attributes.
    pub(super) fn dump<T>(
        &mut self,
        care: Care,
        request: &NfTablesMessage,
        doing: &'static str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NftError> {
        self.list((NetfilterProtoFamily::Inet, care), request, doing, read)
    }

    /// The same in tables of another family.
    pub(super) fn dump_in<T>(
        &mut self,
        family: NetfilterProtoFamily,
        request: &NfTablesMessage,
        doing: &'static str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NftError> {
        self.list((family, Care::Whole), request, doing, read)
    }

    fn list<T>(
        &mut self,
        (family, care): (NetfilterProtoFamily, Care),
        request: &NfTablesMessage,
        doing: &'static str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NftError> {
        for attempt in 1..=DUMP_ATTEMPTS {
            let sequence = self.sequences(1);
            let header = NetfilterHeader::new(family, 0, 0);
            let payload = NetfilterMessage::new(header, request.clone());
            self.send(&encode(payload, NLM_F_REQUEST | NLM_F_DUMP, sequence), doing)?;
            let mut list = Vec::new();
            let mut torn = false;
            let all = self.receive(
                doing,
                |number| number == sequence,
                |_, flags, answer| {
                    torn |= flags & NLM_F_DUMP_INTR != 0;
                    match answer {
                        Answer::Object(attributes) => {
                            list.extend(read(attributes));
                            Ok(false)
                        }
                        Answer::Verdict(0) | Answer::Done { errno: 0 } => Ok(true),
                        Answer::Verdict(errno) | Answer::Done { errno } => {
                            Err(NftError::Refused { doing, errno })
                        }
                    }
                },
            );
            match all {
                Ok(()) if !torn => return Ok(list),
                Ok(()) if care == Care::Torn && attempt == DUMP_ATTEMPTS => return Ok(list),
                Ok(()) | Err(NftError::Lost { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(NftError::Moved { doing })
    }

    /// The attributes of the one object that `request` asks for.
    pub(super) fn get(
        &mut self,
        request: NfTablesMessage,
        doing: &'static str,
    ) -> Result<Vec<u8>, NftError> {
        let sequence = self.sequences(1);
        self.send(&message(request, NLM_F_REQUEST, sequence), doing)?;
        let mut object = Vec::new();
        self.receive(
            doing,
            |number| number == sequence,
            |_, _, answer| match answer {
                Answer::Object(attributes) => {
                    attributes.clone_into(&mut object);
                    Ok(true)
                }
                Answer::Verdict(errno) | Answer::Done { errno } => {
                    Err(NftError::Refused { doing, errno })
                }
            },
        )?;
        Ok(object)
    }

    fn receive_datagram(&mut self, doing: &'static str, deadline: Instant) -> Result<(), NftError> {
        let failed = |source| NftError::Socket { doing, source };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if !readable(&self.socket, left).map_err(failed)? {
                return Err(NftError::Silent { doing, seconds: REPLY_TIMEOUT.as_secs() });
            }
            match receive_whole(&self.socket, &mut self.inbox) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_overflow(&error) => {
                    drain(&self.socket, &mut self.inbox).map_err(failed)?;
                    return Err(NftError::Lost { doing });
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Lets the send buffer hold `bytes` in one piece; netlink(7) has no partial send.
    fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        let wanted = bytes.saturating_add(4096);
        if wanted > self.send_buffer {
            let socket = self.socket.as_fd();
            forced_or_not(sockopt::set_socket_send_buffer_size_force(socket, wanted), || {
                sockopt::set_socket_send_buffer_size(socket, wanted)
            })?;
            self.send_buffer = wanted;
        }
        Ok(())
    }
}

/// A socket that hears of every change to any ruleset of this network namespace.
pub(super) fn listen(group: u32, receive_buffer: usize) -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    enlarge_receive_buffer(&socket, receive_buffer)?;
    socket.add_membership(group)?;
    Ok(socket)
}

/// Reads one datagram into `inbox`, which keeps its capacity.
pub(super) fn receive_whole(socket: &Socket, inbox: &mut Vec<u8>) -> io::Result<()> {
    inbox.clear();
    inbox.reserve(DATAGRAM);
    let flags = i32::try_from(rustix::net::RecvFlags::TRUNC.bits()).unwrap_or(0);
    let (length, _) = socket.recv_from(inbox, flags)?;
    if length > inbox.len() {
        return Err(io::Error::other(format!("a datagram of {length} bytes is too large")));
    }
    Ok(())
}

/// Whether the kernel has thrown answers away because the receive buffer was full.
pub(super) fn is_overflow(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
}

/// Throws away what is left in an overflown buffer. Until the socket is empty the kernel queues nothing
/// more, and says so only once (`NETLINK_S_CONGESTED`, net/netlink/af_netlink.c).
pub(super) fn drain(socket: &Socket, inbox: &mut Vec<u8>) -> io::Result<()> {
    while readable(socket, Duration::ZERO)? {
        match receive_whole(socket, inbox) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted || is_overflow(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn enlarge_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    let socket = socket.as_fd();
    forced_or_not(sockopt::set_socket_recv_buffer_size_force(socket, bytes), || {
        sockopt::set_socket_recv_buffer_size(socket, bytes)
    })
}

/// In a user namespace, such as an unprivileged container's, CAP_NET_ADMIN allows to change the
/// ruleset, but not to pass the system's limit for buffers (socket(7)). It must do, then.
fn forced_or_not(
    forced: rustix::io::Result<()>,
    unforced: impl FnOnce() -> rustix::io::Result<()>,
) -> io::Result<()> {
    match forced {
        Err(rustix::io::Errno::PERM) => Ok(unforced()?),
        done => Ok(done?),
    }
}

fn readable(socket: &Socket, within: Duration) -> io::Result<bool> {
    let timeout = Timespec {
        tv_sec: i64::try_from(within.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: within.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// `inner` as a netlink message for the family `inet`.
pub(super) fn message(
    inner: impl Into<NetfilterMessageInner>,
    flags: u16,
    sequence: u32,
) -> Vec<u8> {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Inet, 0, 0);
    encode(NetfilterMessage::new(header, inner), flags, sequence)
}

/// `payload` as a netlink message.
pub(super) fn encode(payload: NetfilterMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(payload));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The messages in a datagram, each with its header.
pub(super) fn messages(
    datagram: &[u8],
) -> impl Iterator<Item = Result<(NetlinkHeader, &[u8]), String>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let buffer = match NetlinkBuffer::new_checked(rest) {
            Ok(buffer) => buffer,
            Err(error) => {
                rest = &[];
                return Some(Err(error.to_string()));
            }
        };
        let mut header = NetlinkHeader::default();
        header.length = buffer.length();
        header.message_type = buffer.message_type();
        header.flags = buffer.flags();
        header.sequence_number = buffer.sequence_number();
        header.port_number = buffer.port_number();
        let length = buffer.length() as usize;
        let payload = &rest[16..length];
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Ok((header, payload)))
    })
}

pub(super) fn answer(message_type: u16, payload: &[u8]) -> Option<Answer<'_>> {
    Some(match message_type {
        NLMSG_ERROR => Answer::Verdict(error_number(payload)?),
        NLMSG_DONE if payload.is_empty() => Answer::Done { errno: 0 },
        NLMSG_DONE => Answer::Done { errno: error_number(payload)? },
        _ => Answer::Object(attributes_of(payload)?),
    })
}

/// The kernel writes error numbers negated, in the host's byte order.
fn error_number(payload: &[u8]) -> Option<i32> {
    let bytes = payload.first_chunk::<4>()?;
    Some(i32::from_ne_bytes(*bytes).saturating_neg())
}

/// The attributes of a netfilter message.
pub(super) fn attributes_of(payload: &[u8]) -> Option<&[u8]> {
    payload.get(NFGENMSG..)
}

/// The attributes in `bytes`, each as its kind and its value, as far as they are well-formed.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(Result::ok).filter_map(|attribute| {
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        Some((kind, attribute.into_inner().get(4..length)?))
    })
}

/// The value of the first attribute of this kind.
pub(super) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// A number of 32 bits, in network byte order as nf_tables has it.
pub(super) fn number(bytes: &[u8], kind: u16) -> Option<u32> {
    Some(u32::from_be_bytes(attribute(bytes, kind)?.try_into().ok()?))
}

/// A number of 64 bits.
pub(super) fn long_number(bytes: &[u8], kind: u16) -> Option<u64> {
    Some(u64::from_be_bytes(attribute(bytes, kind)?.try_into().ok()?))
}

/// A text, without the zero byte at its end.
pub(super) fn text(bytes: &[u8], kind: u16) -> Option<String> {
    let value = attribute(bytes, kind)?;
    let value = value.strip_suffix(&[0]).unwrap_or(value);
    Some(String::from_utf8_lossy(value).into_owned())
}
