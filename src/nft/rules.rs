//! What the gates want of the table: which chains, sets and rules.

use std::ops::RangeInclusive;

use netlink_packet_core::NLM_F_CREATE;
use rustables::expr::{
    Bitwise, Cmp, CmpOp, Counter, ExpressionList, HighLevelPayload, IPv4HeaderField,
    IPv6HeaderField, IcmpCode, Immediate, Lookup, Meta, MetaType, NetworkHeaderField,
    RawExpression, Register, Reject, RejectType, TCPHeaderField, TransportHeaderField, VerdictKind,
};
use rustables::{
    Batch, Chain, ChainPolicy, ChainType, Hook, HookClass, MsgType, ProtocolFamily, Rule, Table,
};

use super::transaction::Transaction;
use super::{Packets, TABLE, sets};
use crate::keeper::{Action, Family, Gate, Ports, Protocol, Protocols, Scope};

/// Where our chains stand among those of the same hook: `filter - 10`, before the host's own filter
/// chains (priority 0, nft(8)). Those often accept what belongs to an open connection, and an
/// offender's open connections are to be cut too.
pub(super) const PRIORITY: i32 = -10;

/// The loopback interface's index is the same in every network namespace (`LOOPBACK_IFINDEX`,
/// include/net/flow.h of the kernel).
const LOOPBACK: u32 = 1;

/// `NFPROTO_IPV4` and `NFPROTO_IPV6` (linux/netfilter.h).
const NFPROTO: [(Family, u8); 2] = [(Family::V4, 2), (Family::V6, 10)];

/// What the table says about itself in `nft list`.
const TABLE_COMMENT: &str = "jailkeeper's own: changes by others are undone";

/// The protocols that have ports.
const WITH_PORTS: [Protocol; 5] =
    [Protocol::Tcp, Protocol::Udp, Protocol::Dccp, Protocol::Sctp, Protocol::UdpLite];

/// The words of nft's grammar that a jail's name with its family would spell.
const NFT_WORDS: [&str; 3] = ["ip6", "icmpv6", "rt4"];

/// The name of the set of a jail's offenders of one family: the jail's name and 4 or 6.
///
/// nft(8) reads only names that begin with a letter and are no words of its own; the others get a
/// `_` in front, with which no jail's name begins.
pub fn set_name(jail: &str, family: Family) -> String {
    let digit = match family {
        Family::V4 => '4',
        Family::V6 => '6',
    };
    let name = format!("{jail}{digit}");
    if name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !NFT_WORDS.contains(&name.as_str())
    {
        name
    } else {
        format!("_{name}")
    }
}

/// A chain of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Input,
    Forward,
}

impl Place {
    pub(super) const ALL: [Self; 2] = [Self::Input, Self::Forward];

    /// The chain's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Forward => "forward",
        }
    }

    pub(super) fn hook(self) -> HookClass {
        match self {
            Self::Input => HookClass::In,
            Self::Forward => HookClass::Forward,
        }
    }

    /// Whether packets of this scope come through here.
    pub(super) fn sees(self, scope: Scope) -> bool {
        match scope {
            Scope::Host => self == Self::Input,
            Scope::Forward => self == Self::Forward,
            Scope::All => true,
        }
    }
}

/// The table, with nothing in it yet.
fn table() -> Table {
    Table::new(ProtocolFamily::Inet)
        .with_name(TABLE)
        .with_flags(0u32)
        .with_userdata(comment(TABLE_COMMENT))
}

/// Adds the table, if it is not there, and wakes it, if it sleeps.
pub(super) fn add_table(batch: &mut Batch) {
    batch.add(&table(), MsgType::Add);
}

/// Adds the chain.
pub(super) fn add_chain(batch: &mut Batch, place: Place) {
    let chain = named_chain(place.name())
        .with_hook(Hook::new(place.hook(), PRIORITY))
        .with_type(ChainType::Filter)
        .with_policy(ChainPolicy::Accept);
    batch.add(&chain, MsgType::Add);
}

/// Removes a chain, whoever made it.
pub(super) fn remove_chain(batch: &mut Batch, name: &str) {
    batch.add(&named_chain(name), MsgType::Del);
}

/// Removes the table and all that is in it.
pub(super) fn remove_table(batch: &mut Batch) {
    batch.add(&Table::new(ProtocolFamily::Inet).with_name(TABLE), MsgType::Del);
}

fn named_chain(name: &str) -> Chain {
    Chain::new(&table()).with_name(name)
}

/// Adds a gate's rules for one place, and the anonymous sets that they look into.
///
/// What `spent` says of a set's packets so far is where its first rule goes on counting. `id` is
/// the transaction's last set id.
pub(super) fn add_rules(
    transaction: &mut Transaction,
    gate: &Gate,
    place: Place,
    id: &mut u32,
    spent: impl Fn(&str) -> Packets,
) {
    for (family, nfproto) in NFPROTO {
        let set = set_name(&gate.name, family);
        let mut counted = spent(&set);
        for (ways, end) in ways(gate) {
            let mut rule = Expressions::default();
            ways.matches(&mut rule, transaction, id);
            // A forwarded packet never comes from the loopback interface.
            if gate.spare_loopback && place == Place::Input {
                rule.push(Meta::new(MetaType::Iif));
                rule.push(Cmp::new(CmpOp::Neq, LOOPBACK.to_ne_bytes()));
            }
            rule.push(Meta::new(MetaType::NfProto));
            rule.push(Cmp::new(CmpOp::Eq, [nfproto]));
            source(&mut rule, gate, family);
            rule.push(Lookup::default().with_set(set.as_str()).with_sreg(Register::Reg1));
            let Packets { packets, bytes } = std::mem::take(&mut counted);
            rule.push(Counter::default().with_nb_packets(packets).with_nb_bytes(bytes));
            match end {
                End::Drop => rule.push(Immediate::new_verdict(VerdictKind::Drop)),
                End::Reset => rule.push(Reject::default().with_type(RejectType::TcpRst)),
                End::Unreachable => rule.push(
                    Reject::default()
                        .with_type(RejectType::IcmpxUnreach)
                        .with_icmp_code(IcmpCode::PortUnreach),
                ),
            }
            let rule = rule.on(place, &gate.name);
            transaction.objects(|batch| batch.add(&rule, MsgType::Add));
        }
    }
}

/// Loads the packet's source, cut to the jail's prefix.
fn source(rule: &mut Expressions, gate: &Gate, family: Family) {
    let (field, length, whole) = match family {
        Family::V4 => (NetworkHeaderField::IPv4(IPv4HeaderField::Saddr), gate.prefix.ipv4, 4),
        Family::V6 => (NetworkHeaderField::IPv6(IPv6HeaderField::Saddr), gate.prefix.ipv6, 16),
    };
    rule.push(HighLevelPayload::Network(field).build());
    let mask = mask(length, whole);
    if mask.iter().any(|byte| *byte != u8::MAX) {
        let keep = Bitwise::new(mask, vec![0; whole]).expect("mask and xor are of one length");
        rule.push(keep);
    }
}

/// The first `length` bits of `bytes` bytes.
fn mask(length: u8, bytes: usize) -> Vec<u8> {
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    mask.to_be_bytes()[..bytes].to_vec()
}

/// What a rule does with a packet in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Drop,
    Reset,
    Unreachable,
}

/// By which transport protocols and destination ports a rule chooses packets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ways {
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
fn ways(gate: &Gate) -> Vec<(Ways, End)> {
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
    /// Adds what lets only these packets go on; it stands first in the rule, because most packets
    /// are for other ports.
    fn matches(&self, rule: &mut Expressions, transaction: &mut Transaction, id: &mut u32) {
        if let Some(protocols) = &self.protocols {
            rule.push(Meta::new(MetaType::L4Proto));
            if let [one] = protocols.as_slice() {
                rule.push(Cmp::new(CmpOp::Eq, [one.number()]));
            } else {
                *id += 1;
                add_anonymous(transaction, sets::protocols(protocols, *id));
                rule.push(lookup_anonymous(*id));
            }
        }
        // All these protocols have the destination port where TCP has it.
        let port = HighLevelPayload::Transport(TransportHeaderField::Tcp(TCPHeaderField::Dport));
        match &self.ports {
            RulePorts::All => {}
            RulePorts::Range(range) => {
                rule.push(port.build());
                rule.push(Cmp::new(CmpOp::Gte, range.start().to_be_bytes()));
                rule.push(Cmp::new(CmpOp::Lte, range.end().to_be_bytes()));
            }
            RulePorts::Listed(ports) => {
                rule.push(port.build());
                if let [one] = ports.as_slice() {
                    rule.push(Cmp::new(CmpOp::Eq, one.to_be_bytes()));
                } else {
                    *id += 1;
                    add_anonymous(transaction, sets::ports(ports, *id));
                    rule.push(lookup_anonymous(*id));
                }
            }
        }
    }
}

fn add_anonymous(
    transaction: &mut Transaction,
    messages: [netlink_packet_netfilter::nftables::NfTablesMessage; 2],
) {
    for message in messages {
        transaction.message(message, NLM_F_CREATE);
    }
}

fn lookup_anonymous(id: u32) -> Lookup {
    Lookup::default().with_set(sets::ANONYMOUS).with_sreg(Register::Reg1).with_set_id(id)
}

/// A rule's expressions.
#[derive(Default)]
struct Expressions(ExpressionList);

impl Expressions {
    fn push(&mut self, expression: impl Into<RawExpression>) {
        self.0.add_value(expression);
    }

    /// The rule, with the jail's name as its comment.
    fn on(self, place: Place, jail: &str) -> Rule {
        Rule::new(&named_chain(place.name()))
            .expect("the chain has a name and a table")
            .with_expressions(self.0)
            .with_userdata(comment(jail))
    }
}

/// A comment as nft(8) keeps it in an object's user data: type 0 (`NFTNL_UDATA_RULE_COMMENT` and
/// `NFTNL_UDATA_TABLE_COMMENT`, libnftnl/udata.h), length, and the text with a zero byte.
fn comment(text: &str) -> Vec<u8> {
    let mut data = vec![0, u8::try_from(text.len() + 1).expect("comments are short")];
    data.extend(text.as_bytes());
    data.push(0);
    data
}
