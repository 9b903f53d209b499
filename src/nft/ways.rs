//! By which protocols and ports a gate's rules choose packets, and what becomes of those.

use std::ops::RangeInclusive;

use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_netfilter::nftables::{MetaKey, NfTablesMessage, Operator};
use rustables::sys;

use super::expressions::Expressions;
use super::rules::{ORIGINAL, Place};
use super::sets;
use super::transaction::Transaction;
use crate::keeper::{Action, Gate, Ports, Protocol, Protocols};

/// The protocols that have ports.
const WITH_PORTS: [Protocol; 5] =
    [Protocol::Tcp, Protocol::Udp, Protocol::Dccp, Protocol::Sctp, Protocol::UdpLite];

/// What a rule does with a packet in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Drop,
    Reset,
    Unreachable,
}

/// By which transport protocols and destination ports a rule chooses packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ways {
    /// None is every protocol.
    protocols: Option<Vec<Protocol>>,
    ports: RulePorts,
}

/// The ports of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RulePorts {
    All,
    Range(RangeInclusive<u16>),
    Listed(Vec<u16>),
}

/// The rules that a gate needs: one for `drop`; for `reject` one that resets TCP connections, and
/// one that answers the other protocols. A gate with ranges among several ports needs them for
/// each range.
pub(super) fn ways(gate: &Gate) -> Vec<(Ways, End)> {
    let protocols = match &gate.protocols {
        Protocols::Only(protocols) => Some(protocols.clone()),
        Protocols::All => (gate.ports != Ports::All).then(|| WITH_PORTS.to_vec()),
    };
    let mut rules = Vec::new();
    for ports in ports_by_rule(&gate.ports) {
        for (protocols, end) in ends(gate.action, protocols.clone()) {
            rules.push((Ways { protocols, ports: ports.clone() }, end));
        }
    }
    rules
}

/// The ends of packets of these protocols.
fn ends(
    action: Action,
    protocols: Option<Vec<Protocol>>,
) -> impl Iterator<Item = (Option<Vec<Protocol>>, End)> {
    let is_tcp = |protocol: &Protocol| *protocol == Protocol::Tcp;
    let (tcp, others) = match action {
        Action::Drop => return [Some((protocols, End::Drop)), None].into_iter().flatten(),
        Action::Reject => match protocols {
            None => (true, Some(None)),
            Some(list) => {
                let (tcp, others): (Vec<_>, Vec<_>) = list.into_iter().partition(is_tcp);
                (!tcp.is_empty(), (!others.is_empty()).then_some(Some(others)))
            }
        },
    };
    let reset = tcp.then(|| (Some(vec![Protocol::Tcp]), End::Reset));
    let unreachable = others.map(|others| (others, End::Unreachable));
    [reset, unreachable].into_iter().flatten()
}

/// The single ports in one rule, and each range in a rule of its own.
///
/// A set could hold them all, but only a set of intervals, and such a set is not atomic: on Linux
/// 6.18 it finds nothing for a moment after the transaction that made it.
fn ports_by_rule(ports: &Ports) -> Vec<RulePorts> {
    let Ports::Only(ranges) = ports else { return vec![RulePorts::All] };
    let (single, wide): (Vec<_>, Vec<_>) =
        ranges.iter().cloned().partition(|range| range.start() == range.end());
    let mut rules = Vec::new();
    if !single.is_empty() {
        rules.push(RulePorts::Listed(single.iter().map(|range| *range.start()).collect()));
    }
    rules.extend(wide.into_iter().map(RulePorts::Range));
    rules
}

impl Ways {
    /// Adds what lets only these packets go on.
    pub(super) fn matches(
        &self,
        rule: &mut Expressions,
        place: Place,
        transaction: &mut Transaction,
        id: &mut u32,
    ) {
        if let Some(protocols) = &self.protocols {
            rule.meta(MetaKey::L4Proto);
            if let [one] = protocols.as_slice() {
                rule.compare(Operator::Equal, &[one.number()]);
            } else {
                *id += 1;
                add_anonymous(transaction, sets::protocols(protocols, *id));
                rule.look_up_anonymous(*id);
            }
        }
        if self.ports != RulePorts::All {
            read_port(rule, place);
        }
        match &self.ports {
            RulePorts::All => {}
            RulePorts::Range(range) => {
                rule.compare(Operator::GreatherThanEqual, &range.start().to_be_bytes());
                rule.compare(Operator::LessThanEqual, &range.end().to_be_bytes());
            }
            RulePorts::Listed(ports) => {
                if let [one] = ports.as_slice() {
                    rule.compare(Operator::Equal, &one.to_be_bytes());
                } else {
                    *id += 1;
                    add_anonymous(transaction, sets::ports(ports, *id));
                    rule.look_up_anonymous(*id);
                }
            }
        }
    }
}

/// Reads the port that the client has asked for: the packet's own, unless the host has translated
/// it on the way.
fn read_port(rule: &mut Expressions, place: Place) {
    match place {
        Place::Input | Place::Forward => {
            // All these protocols have the destination port where TCP has it (RFC 9293, 3.1).
            rule.payload(sys::NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
        }
        Place::Translated => rule.connection(sys::NFT_CT_PROTO_DST, Some(ORIGINAL)),
    }
}

fn add_anonymous(transaction: &mut Transaction, messages: [NfTablesMessage; 2]) {
    for message in messages {
        transaction.message(message, NLM_F_CREATE);
    }
}
