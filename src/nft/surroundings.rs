//! What others have in the kernel's firewall, as far as it decides which packets come past ours.

use std::fmt;

use netlink_packet_netfilter::NetfilterProtoFamily;
use netlink_packet_netfilter::nftables::{ChainMessage, NfTablesMessage, RuleMessage};
use rustables::sys;

use super::TABLE;
use super::error::NftError;
use super::rules::{PRIORITY, Place};
use super::wire::{Wire, attribute, attributes, number, text};

const READING: &str = "reading the tables of others";

/// The families of tables that IP packets come through, and their names in nft(8).
const FAMILIES: [(NetfilterProtoFamily, &str); 3] = [
    (NetfilterProtoFamily::Inet, "inet"),
    (NetfilterProtoFamily::IPv4, "ip"),
    (NetfilterProtoFamily::IPv6, "ip6"),
];

/// `NFT_NAT_DNAT` (linux/netfilter/nf_tables.h).
const DNAT: u32 = 1;

/// `NFTA_TARGET_NAME` (linux/netfilter/nf_tables_compat.h): the name of a target of iptables.
const TARGET_NAME: u16 = 1;

/// What others have in the kernel's firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The filter chains that see a packet at one of our hooks before we do. What they drop we never
    /// see; what they accept comes to us all the same (nft(8), "accept").
    pub ahead: Vec<Neighbour>,
    /// How many rules send arriving packets on to another address: forwarded ports, such as the
    /// published ones of containers. Those packets pass the hook `forward` and not `input`.
    pub redirecting_rules: u32,
    /// The connections in these pass by every hook behind `ingress`.
    pub flowtables: Vec<Flowtable>,
}

/// A chain of somebody else at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The family of its table.
    pub family: &'static str,
    /// Its table.
    pub table: String,
    /// Its name.
    pub chain: String,
    /// Where it stands among the chains of its hook.
    pub priority: i32,
}

/// A flowtable of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flowtable {
    /// The family of its table.
    pub family: &'static str,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, table, chain, priority } = self;
        write!(f, "{family} {table} {chain} (priority {priority})")
    }
}

impl fmt::Display for Flowtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.name)
    }
}

impl Surroundings {
    pub(super) fn read(wire: &mut Wire) -> Result<Self, NftError> {
        let mut all = Self::default();
        for (family, name) in FAMILIES {
            let chains = NfTablesMessage::GetChain(ChainMessage { attributes: Vec::new() });
            all.ahead.extend(wire.dump_in(family, &chains, READING, |it| neighbour(name, it))?);
            let rules = NfTablesMessage::GetRule(RuleMessage { attributes: Vec::new() });
            let redirecting =
                wire.dump_in(family, &rules, READING, |it| redirects(it).then_some(()))?;
            all.redirecting_rules += u32::try_from(redirecting.len()).unwrap_or(u32::MAX);
            let tables = NfTablesMessage::GetFlowTable(Vec::new());
            all.flowtables
                .extend(wire.dump_in(family, &tables, READING, |it| flowtable(name, it))?);
        }
        Ok(all)
    }
}

/// The chain, if it filters at one of our hooks before we do.
pub(super) fn neighbour(family: &'static str, chain: &[u8]) -> Option<Neighbour> {
    let hook = attribute(chain, sys::NFTA_CHAIN_HOOK)?;
    let at = number(hook, sys::NFTA_HOOK_HOOKNUM)?;
    let priority = number(hook, sys::NFTA_HOOK_PRIORITY)?.cast_signed();
    let table = text(chain, sys::NFTA_CHAIN_TABLE)?;
    let ours = family == "inet" && table == TABLE;
    let filters = text(chain, sys::NFTA_CHAIN_TYPE).as_deref() == Some("filter");
    let at_our_hook =
        Place::ALL.iter().any(|place| place.door().is_some_and(|(_, hook)| hook as u32 == at));
    (!ours && filters && at_our_hook && priority < PRIORITY).then_some(())?;
    Some(Neighbour { family, table, chain: text(chain, sys::NFTA_CHAIN_NAME)?, priority })
}

/// Whether the rule changes where packets go: `dnat`, `redirect`, or the like of iptables.
pub(super) fn redirects(rule: &[u8]) -> bool {
    let list = attribute(rule, sys::NFTA_RULE_EXPRESSIONS).unwrap_or_default();
    attributes(list).any(|(_, expression)| {
        let data = attribute(expression, sys::NFTA_EXPR_DATA).unwrap_or_default();
        match text(expression, sys::NFTA_EXPR_NAME).as_deref() {
            Some("nat") => number(data, sys::NFTA_NAT_TYPE) == Some(DNAT),
            Some("target") => text(data, TARGET_NAME).as_deref() == Some("DNAT"),
            _ => false,
        }
    })
}

pub(super) fn flowtable(family: &'static str, flowtable: &[u8]) -> Option<Flowtable> {
    let table = text(flowtable, sys::NFTA_FLOWTABLE_TABLE)?;
    Some(Flowtable { family, table, name: text(flowtable, sys::NFTA_FLOWTABLE_NAME)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not every kernel can make one, so this is one as the kernel writes it.
    #[test]
    fn a_flowtable_is_read() {
        let attribute = |kind: u16, text: &[u8]| {
            let length = u16::try_from(4 + text.len()).expect("it is short");
            let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
            bytes.extend(text);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let message = [
            attribute(sys::NFTA_FLOWTABLE_TABLE, b"filter\0"),
            attribute(sys::NFTA_FLOWTABLE_NAME, b"fast\0"),
        ];
        let found = flowtable("inet", &message.concat()).expect("it has a name");
        assert_eq!(found.to_string(), "inet filter fast");
    }
}
