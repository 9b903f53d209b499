//! Tells when somebody else changed our table.

use std::fmt;
use std::io;

use netlink_packet_core::NetlinkHeader;
use netlink_sys::Socket;
use rustables::sys;

use super::TABLE;
use super::error::NftError;
use super::wire::{attributes_of, is_overflow, listen, messages, number, receive_whole, text};

/// `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h): all changes of all rulesets.
const GROUP: u32 = 7;

/// Room for the news of a few hundred thousand elements at once, so that a large batch of our own
/// does not push out what others do meanwhile.
const RECEIVE_BUFFER: usize = 64 << 20;

/// The subsystem of nf_tables, `NFNL_SUBSYS_NFTABLES`, in the upper byte of a message's type.
const SUBSYSTEM: u16 = 10;

/// `NFT_MSG_NEWGEN` (linux/netfilter/nf_tables.h), with the subsystem: the end of a transaction.
const NEW_GENERATION: u16 = SUBSYSTEM << 8 | 15;

/// `NFPROTO_INET` (linux/netfilter.h).
const INET: u8 = 1;

/// The kind of the attribute that names the table: the same in the messages about tables, chains,
/// rules, sets, elements, objects and flowtables (linux/netfilter/nf_tables.h).
const TABLE_NAME: u16 = 1;

const DOING: &str = "watching the ruleset";

/// Something that may have changed our table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Another program's transaction did.
    Changed {
        /// The program's name and process id, as the kernel tells them.
        by: Option<(String, u32)>,
    },
    /// The news was too much for the socket's buffer; what has changed is not known.
    Lost,
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { by: Some((program, pid)) } => {
                write!(f, "{program} (process {pid}) changed table inet {TABLE}")
            }
            Self::Changed { by: None } => write!(f, "another program changed table inet {TABLE}"),
            Self::Lost => {
                f.write_str("there were more changes to nf_tables than could be followed")
            }
        }
    }
}

/// A socket that hears of every change to the ruleset.
pub struct Monitor {
    socket: Socket,
    /// The size of the socket's buffer, in bytes.
    room: usize,
    inbox: Vec<u8>,
    ear: Ear,
}

/// What the kernel has told so far of a transaction.
pub(super) struct Ear {
    firewall_port: u32,
    /// Whose transaction has touched our table, as far as it has been told yet.
    intruder: Option<u32>,
}

impl Monitor {
    /// Begins to listen. `firewall_port` is [`super::Firewall::port_id`]: its changes are no
    /// disturbance.
    ///
    /// # Errors
    ///
    /// When the socket cannot be had; it needs CAP_NET_ADMIN.
    pub fn open(firewall_port: u32) -> Result<Self, NftError> {
        Self::with_buffer(firewall_port, RECEIVE_BUFFER)
    }

    pub(super) fn with_buffer(firewall_port: u32, bytes: usize) -> Result<Self, NftError> {
        let socket = listen(GROUP, bytes).map_err(NftError::Open)?;
        Ok(Self { socket, room: bytes, inbox: Vec::new(), ear: Ear::of(firewall_port) })
    }

    /// Waits until somebody else has changed our table or anything in it. What the kernel lets
    /// expire is no change.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub fn wait(&mut self) -> Result<Disturbance, NftError> {
        let failed = |source| NftError::Socket { doing: DOING, source };
        loop {
            match receive_whole(&self.socket, &mut self.inbox) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_overflow(&error) => {
                    // Until a socket that has overflown is empty, nothing more is told to it, and to
                    // read it takes long.
                    *self = Self::with_buffer(self.ear.firewall_port, self.room)?;
                    return Ok(Disturbance::Lost);
                }
                Err(source) => return Err(failed(source)),
            }
            if let Some(disturbance) = self.ear.hear(&self.inbox)? {
                return Ok(disturbance);
            }
        }
    }
}

impl Ear {
    pub(super) fn of(firewall_port: u32) -> Self {
        Self { firewall_port, intruder: None }
    }

    /// Goes through the messages of one datagram. The kernel tells of a transaction's changes and
    /// then, with the new generation, who made them; that may be in a later datagram.
    pub(super) fn hear(&mut self, datagram: &[u8]) -> Result<Option<Disturbance>, NftError> {
        let mut heard = None;
        for message in messages(datagram) {
            let (header, payload) =
                message.map_err(|what| NftError::Malformed { doing: DOING, what })?;
            let attributes = attributes_of(payload).unwrap_or_default();
            if header.message_type == NEW_GENERATION {
                if self.intruder.take().is_some() {
                    heard = Some(Disturbance::Changed { by: author(attributes) });
                }
            } else if header.port_number != self.firewall_port
                && is_about_us(&header, payload, attributes)
            {
                self.intruder = Some(header.port_number);
            }
        }
        Ok(heard)
    }
}

fn is_about_us(header: &NetlinkHeader, payload: &[u8], attributes: &[u8]) -> bool {
    header.message_type >> 8 == SUBSYSTEM
        && payload.first() == Some(&INET)
        && text(attributes, TABLE_NAME).as_deref() == Some(TABLE)
}

fn author(attributes: &[u8]) -> Option<(String, u32)> {
    let name = text(attributes, sys::NFTA_GEN_PROC_NAME)?;
    Some((name, number(attributes, sys::NFTA_GEN_PROC_PID)?))
}
