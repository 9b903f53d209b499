//! What the gates want of the table: which chains, sets and rules.

use std::collections::BTreeMap;

use netlink_packet_netfilter::nftables::{MetaKey, Operator};
use rustables::{
    Batch, Chain, ChainPolicy, ChainType, Hook, HookClass, MsgType, ProtocolFamily, Table, sys,
};

use super::expressions::Expressions;
use super::transaction::Transaction;
use super::ways::{End, ways};
use super::{Jail, Packets, SetKey, TABLE};
use crate::keeper::{Family, Gate, JailId, Ports, Scope};

/// Where our chains stand among those of the same hook: `filter - 10`, before the host's own filter
/// chains (priority 0, nft(8)). Those often accept what belongs to an open connection, and an
/// offender's open connections are to be cut too.
pub(super) const PRIORITY: i32 = -10;

/// The loopback interface's index is the same in every network namespace (`LOOPBACK_IFINDEX`,
/// include/net/flow.h of the kernel).
const LOOPBACK: u32 = 1;

/// linux/netfilter.h.
const NFPROTO_IPV4: u8 = 2;
/// linux/netfilter.h.
const NFPROTO_IPV6: u8 = 10;

/// `IP_CT_DIR_ORIGINAL` (linux/netfilter/nf_conntrack_tuple_common.h): from the side that has opened
/// the connection.
pub(super) const ORIGINAL: u8 = 0;
/// `IPS_DST_NAT` (linux/netfilter/nf_conntrack_common.h): the connection goes elsewhere than its
/// first packet was addressed to.
const DST_NAT: u32 = 1 << 5;

/// What the table says about itself in `nft list`.
const TABLE_COMMENT: &str = "jailkeeper's own: changes by others are undone";

/// What the turn into the chain for translated packets says about itself.
const TURN_COMMENT: &str = "there a port is the one that the client asked for";

/// What the rules that let nobody through but offenders say about themselves.
const DOOR_COMMENT: &str = "everybody else passes here";

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

/// The name of the set of everybody's offenders of one family and one length of prefix, such as
/// `banned/4/32`. What stands before the last `/` is no set of a jail's.
pub(super) fn common_set_name(family: Family, length: u8) -> String {
    match family {
        Family::V4 => format!("banned/4/{length}"),
        Family::V6 => format!("banned/6/{length}"),
    }
}

/// The name of the set of those offenders that are networks of another length than the jail's own.
///
/// The `/` is one of nft's characters for names and none of a jail's, so that no jail's set has the
/// name of another's.
pub(super) fn wide_set_name(jail: &str, family: Family, length: u8) -> String {
    format!("{}/{length}", set_name(jail, family))
}

/// Where jails have rules: a chain of ours, through which nobody's packets go but offenders'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Input,
    Forward,
    /// Forwarded packets whose destination the host has translated (DNAT), as it does for the
    /// published ports of containers.
    Translated,
}

impl Place {
    pub(super) const ALL: [Self; 3] = [Self::Input, Self::Forward, Self::Translated];

    /// The places that these jails need.
    pub(super) fn of_all(jails: &BTreeMap<JailId, Jail>) -> Vec<Self> {
        let gates = || jails.values().map(|jail| &jail.gate);
        let forwarded = gates().filter(|gate| Self::Forward.sees(gate.scope));
        let with_ports = forwarded.filter(|gate| gate.ports != Ports::All).count() > 0;
        let mut places = Self::ALL.to_vec();
        places.retain(|place| match place {
            Self::Input | Self::Forward => gates().any(|gate| place.sees(gate.scope)),
            // It asks for the connections of packets, which the kernel does not follow for nothing.
            Self::Translated => with_ports,
        });
        places
    }

    /// The chain's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Input => "banned/input",
            Self::Forward => "banned/forward",
            Self::Translated => "banned/translated",
        }
    }

    /// The chain that sends offenders here: its name, and the hook on which it hangs. Without one
    /// it is a rule of another place that does.
    pub(super) fn door(self) -> Option<(&'static str, HookClass)> {
        match self {
            Self::Input => Some(("input", HookClass::In)),
            Self::Forward => Some(("forward", HookClass::Forward)),
            Self::Translated => None,
        }
    }

    /// The chains of these places, each with its hook, if it hangs on one.
    pub(super) fn chains(places: &[Self]) -> Vec<(&'static str, Option<HookClass>)> {
        let doors = places.iter().filter_map(|place| place.door());
        let doors = doors.map(|(name, hook)| (name, Some(hook)));
        doors.chain(places.iter().map(|place| (place.name(), None))).collect()
    }

    /// Whether packets of this scope come through here.
    pub(super) fn sees(self, scope: Scope) -> bool {
        match scope {
            Scope::Host => self == Self::Input,
            Scope::Forward => self != Self::Input,
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

/// Adds a chain, which hangs on this hook if there is one.
pub(super) fn add_chain(batch: &mut Batch, name: &str, hook: Option<HookClass>) {
    let mut chain = named_chain(name);
    if let Some(hook) = hook {
        chain = chain
            .with_hook(Hook::new(hook, PRIORITY))
            .with_type(ChainType::Filter)
            .with_policy(ChainPolicy::Accept);
    }
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

/// A set of a jail's offenders: those of one family and one length of prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup<'a> {
    pub(super) set: &'a str,
    pub(super) family: Family,
    pub(super) length: u8,
    /// What the rules for it have counted so far.
    pub(super) spent: Packets,
}

/// Sends the packets of those who are in this set to the rules of these places; all others are let
/// go, whatever the number of jails.
pub(super) fn add_doors(
    transaction: &mut Transaction,
    places: &[Place],
    (family, length): SetKey,
    set: &str,
) {
    for place in places {
        let Some((door, _)) = place.door() else { continue };
        let mut rule = Expressions::default();
        source(&mut rule, family, length);
        rule.look_up(set);
        rule.goto(place.name());
        rule.add(transaction, door, comment(DOOR_COMMENT));
    }
}

/// Sends on what others have translated to where the port is the one that the client has asked for.
pub(super) fn add_turn(transaction: &mut Transaction) {
    let mut rule = Expressions::default();
    rule.connection(sys::NFT_CT_STATUS, None);
    rule.mask(&DST_NAT.to_ne_bytes());
    rule.compare(Operator::NotEqual, &0_u32.to_ne_bytes());
    rule.connection(sys::NFT_CT_DIRECTION, None);
    rule.compare(Operator::Equal, &[ORIGINAL]);
    rule.goto(Place::Translated.name());
    rule.add(transaction, Place::Forward.name(), comment(TURN_COMMENT));
}

/// Adds a gate's rules for one place and one of its sets, and the anonymous sets that they look
/// into. `id` is the transaction's last set id; the first rule goes on counting.
pub(super) fn add_rules(
    transaction: &mut Transaction,
    gate: &Gate,
    place: Place,
    mut lookup: Lookup<'_>,
    id: &mut u32,
) {
    for (ways, end) in ways(gate) {
        let mut rule = Expressions::default();
        // First of all, since few offenders of all jails are this one's.
        source(&mut rule, lookup.family, lookup.length);
        rule.look_up(lookup.set);
        ways.matches(&mut rule, place, transaction, id);
        // A forwarded packet never comes from the loopback interface.
        if gate.spare_loopback && place == Place::Input {
            rule.meta(MetaKey::Iif);
            rule.compare(Operator::NotEqual, &LOOPBACK.to_ne_bytes());
        }
        rule.count(std::mem::take(&mut lookup.spent));
        match end {
            End::Drop => rule.drop(),
            End::Reset => rule.reset(),
            End::Unreachable => rule.unreachable(),
        }
        rule.add(transaction, place.name(), comment(&gate.name));
    }
}

/// Loads the packet's source, cut to the length of the set's prefix.
fn source(rule: &mut Expressions, family: Family, length: u8) {
    // Where the source address stands in the headers of RFC 791 and RFC 8200.
    let (nfproto, offset, whole) = match family {
        Family::V4 => (NFPROTO_IPV4, 12, 4),
        Family::V6 => (NFPROTO_IPV6, 8, 16),
    };
    rule.meta(MetaKey::Nfproto);
    rule.compare(Operator::Equal, &[nfproto]);
    rule.payload(sys::NFT_PAYLOAD_NETWORK_HEADER, offset, whole);
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0).to_be_bytes();
    let mask = &mask[..whole as usize];
    if mask.iter().any(|byte| *byte != u8::MAX) {
        rule.mask(mask);
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
