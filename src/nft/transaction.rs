//! Changes that take effect together or not at all.
//!
//! nf_tables takes the messages between `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`
//! (linux/netfilter/nfnetlink.h) as one transaction: it checks them one by one, answers each that
//! is wrong, and only if none is wrong lets packets see all of them at one stroke.

use netlink_packet_core::{DefaultNla, NLM_F_ACK, NLM_F_REQUEST, NetlinkBuffer};
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterProtoFamily};

use super::error::{NftError, errno};
use super::wire::{self, Answer, Wire};

/// The subsystem of nf_tables, `NFNL_SUBSYS_NFTABLES`.
const SUBSYSTEM: u16 = 10;
/// `NFNL_MSG_BATCH_BEGIN`.
const BATCH_BEGIN: u8 = 16;
/// `NFNL_BATCH_GENID`: the ruleset's generation that the transaction is built on.
const GENERATION: u16 = 1;
/// Where the flags are in `struct nlmsghdr`.
const FLAGS_AT: usize = 6;
/// Where the sequence number is in `struct nlmsghdr`.
const SEQUENCE_AT: usize = 8;

/// Messages, not yet sent. They are counted from 0.
#[derive(Default)]
pub(super) struct Transaction {
    bytes: Vec<u8>,
    /// Where each message begins.
    starts: Vec<usize>,
}

/// A message that the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    /// The message's number in the transaction.
    pub(super) message: usize,
    /// Why, errno(3).
    pub(super) errno: i32,
}

impl Transaction {
    /// Adds a message with `NLM_F_*` flags.
    pub(super) fn message(&mut self, message: NfTablesMessage, flags: u16) {
        self.starts.push(self.bytes.len());
        self.bytes.extend(wire::message(message, NLM_F_REQUEST | flags, 0));
    }

    /// Adds what `fill` puts into a batch of rustables. That crate would send it on a socket of its
    /// own, which would be a transaction of its own; so the messages are taken out of its batch.
    pub(super) fn objects(&mut self, fill: impl FnOnce(&mut rustables::Batch)) {
        let mut batch = rustables::Batch::new();
        fill(&mut batch);
        let bytes = batch.finalize();
        let mut rest = bytes.as_slice();
        while let Ok(buffer) = NetlinkBuffer::new_checked(rest) {
            let (message, tail) = rest.split_at(buffer.length() as usize);
            // The batch's own begin and end are control messages, below the first subsystem.
            if buffer.message_type() >> 8 == SUBSYSTEM {
                self.starts.push(self.bytes.len());
                self.bytes.extend(message);
                let flags = buffer.flags() & !NLM_F_ACK;
                self.write(self.starts.len() - 1, FLAGS_AT, &flags.to_ne_bytes());
            }
            rest = tail;
        }
    }

    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Sends it. Without a refused message it has taken effect; else nothing of it has.
    ///
    /// With a generation it fails as [`NftError::Moved`] when the ruleset is of another by now.
    pub(super) fn commit(
        mut self,
        wire: &mut Wire,
        generation: Option<u32>,
        doing: &'static str,
    ) -> Result<Vec<Rejection>, NftError> {
        let Some(last) = self.len().checked_sub(1) else { return Ok(Vec::new()) };
        let count = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let begin = wire.sequences(count + 2);
        for message in 0..=last {
            let sequence = begin.wrapping_add(1).wrapping_add(offset(message));
            self.write(message, SEQUENCE_AT, &sequence.to_ne_bytes());
        }
        // The kernel answers what it refuses unasked. One acknowledgement tells that it is through.
        self.write(last, FLAGS_AT, &(self.flags(last) | NLM_F_ACK).to_ne_bytes());
        let mut bytes = control(begin_message(generation), begin);
        bytes.extend(self.bytes);
        bytes.extend(control(ControlMessage::BatchEnd, begin.wrapping_add(count + 1)));
        wire.send(&bytes, doing)?;
        rejections(wire, begin, last, doing)
    }

    fn flags(&self, message: usize) -> u16 {
        let at = self.starts[message] + FLAGS_AT;
        u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    fn write(&mut self, message: usize, field: usize, value: &[u8]) {
        let at = self.starts[message] + field;
        self.bytes[at..at + value.len()].copy_from_slice(value);
    }
}

fn rejections(
    wire: &mut Wire,
    begin: u32,
    last: usize,
    doing: &'static str,
) -> Result<Vec<Rejection>, NftError> {
    let mut refused = Vec::new();
    let ours = |sequence: u32| sequence.wrapping_sub(begin) <= offset(last) + 2;
    wire.receive(doing, ours, |sequence, _, answer| {
        let Answer::Verdict(errno) = answer else { return Ok(false) };
        let Some(message) = (sequence.wrapping_sub(begin) as usize).checked_sub(1) else {
            // An error to the beginning is about the whole.
            return match errno {
                0 => Ok(false),
                errno::ERESTART => Err(NftError::Moved { doing }),
                errno => Err(NftError::Refused { doing, errno }),
            };
        };
        if errno != 0 {
            refused.push(Rejection { message, errno });
        }
        Ok(message == last)
    })?;
    Ok(refused)
}

fn offset(message: usize) -> u32 {
    u32::try_from(message).unwrap_or(u32::MAX)
}

fn begin_message(generation: Option<u32>) -> ControlMessage {
    match generation {
        None => ControlMessage::BatchBegin,
        Some(generation) => ControlMessage::Other {
            message_type: BATCH_BEGIN,
            attributes: vec![DefaultNla::new(GENERATION, generation.to_be_bytes().to_vec())],
        },
    }
}

fn control(message: ControlMessage, sequence: u32) -> Vec<u8> {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, SUBSYSTEM);
    wire::encode(NetfilterMessage::new(header, message), NLM_F_REQUEST, sequence)
}
