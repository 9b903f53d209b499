//! What the kernel has of our table now.

use std::collections::BTreeMap;

use netlink_packet_netfilter::nftables::ChainMessage;
use netlink_packet_netfilter::nftables::GenMessage;
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::nftables::{RuleAttribute, RuleMessage};
use netlink_packet_netfilter::nftables::{SetAttribute, SetMessage};
use netlink_packet_netfilter::nftables::{TableAttribute, TableMessage};
use rustables::{HookClass, sys};

use super::error::{NftError, errno};
use super::rules::{PRIORITY, Place};
use super::sets::{Listed, ListedSet, elements_of};
use super::wire::{Care, Wire, attribute, attributes, long_number, number, text};
use super::{ATTEMPTS, Jail, Packets, SetKey, TABLE};

/// What is under way, for errors.
const READING: &str = "reading the table inet jailkeeper";

/// `NF_ACCEPT` (linux/netfilter.h).
const ACCEPT: u32 = 1;
/// `NFT_CHAIN_BASE` (linux/netfilter/nf_tables.h): the chain hangs on a hook.
const BASE: u32 = 1;
/// `NFT_CHAIN_BINDING`: it stands within a rule (`jump { accept; }`) and goes with that.
const BINDING: u32 = 4;

/// The table as it is.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// The chains by name.
    pub(super) chains: BTreeMap<String, ListedChain>,
    /// The sets.
    pub(super) sets: Vec<ListedSet>,
    /// The packets that the rules have counted, by chain and by each set that they look into.
    pub(super) counted: BTreeMap<(String, String), Packets>,
    /// Whether there is a table at all.
    pub(super) exists: bool,
}

impl Present {
    /// What a jail's rules for one of its sets have counted in a chain. Those for sets that are not
    /// kept go on in the rules for its main set of that family.
    pub(super) fn spent(&self, place: Place, jail: &Jail, (family, length): SetKey) -> Packets {
        let name = |set: &str| (place.name().to_owned(), set.to_owned());
        let of = |set: &str| self.counted.get(&name(set)).copied().unwrap_or_default();
        let mut spent = jail.sets.get(&(family, length)).map(|set| of(set)).unwrap_or_default();
        if length == jail.gate.prefix.of(family) {
            for set in &self.sets {
                let gone = jail.wide_length(&set.name).filter(|key| key.0 == family);
                if gone.is_some_and(|key| !jail.sets.contains_key(&key)) {
                    spent.add(of(&set.name));
                }
            }
        }
        spent
    }

    /// The set of this name.
    pub(super) fn set(&self, name: &str) -> Option<&ListedSet> {
        self.sets.iter().find(|set| set.name == name)
    }

    /// Asks the kernel. Without a table there is nothing.
    pub(super) fn read(wire: &mut Wire, care: Care) -> Result<Self, NftError> {
        if !exists(wire)? {
            return Ok(Self::default());
        }
        Ok(Self {
            chains: chains(wire, care)?.into_iter().collect(),
            sets: sets(wire, care)?,
            counted: counted(wire, care)?,
            exists: true,
        })
    }
}

/// Whether the table is there.
pub(super) fn exists(wire: &mut Wire) -> Result<bool, NftError> {
    let request = NfTablesMessage::GetTable(TableMessage {
        attributes: vec![TableAttribute::Name(TABLE.into())],
    });
    match wire.get(request, READING) {
        Ok(_) => Ok(true),
        Err(error) if error.errno() == Some(errno::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The number of the ruleset's generation; each transaction of anybody makes a new one.
pub(super) fn generation(wire: &mut Wire) -> Result<u32, NftError> {
    let request = NfTablesMessage::GetGen(GenMessage { attributes: Vec::new() });
    number(&wire.get(request, READING)?, sys::NFTA_GEN_ID).ok_or_else(|| NftError::Malformed {
        doing: READING,
        what: "the ruleset's generation is missing".to_owned(),
    })
}

/// The elements of a set, each once, sorted.
///
/// The kernel lists a hash set piece by piece, and forgets where it was when the set grows or
/// shrinks meanwhile: elements then come twice, and others perhaps not at all. So a list with the
/// same element twice is asked for again.
pub(super) fn elements(wire: &mut Wire, set: &str) -> Result<Vec<Listed>, NftError> {
    let mut elements = Vec::new();
    for _ in 0..ATTEMPTS {
        let read = |message: &[u8]| Some(Listed::read(message));
        let lists =
            wire.dump(Care::Whole, &elements_of(set), "reading the elements of a set", read)?;
        elements = lists.into_iter().flatten().collect();
        elements.sort_unstable();
        let listed = elements.len();
        elements.dedup_by(|one, other| one.key == other.key);
        if elements.len() == listed {
            break;
        }
    }
    Ok(elements)
}

/// The sets, each once.
fn sets(wire: &mut Wire, care: Care) -> Result<Vec<ListedSet>, NftError> {
    let request =
        NfTablesMessage::GetSet(SetMessage { attributes: vec![SetAttribute::Table(TABLE.into())] });
    let mut sets = wire.dump(care, &request, READING, ListedSet::read)?;
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    sets.dedup_by(|one, other| one.name == other.name);
    Ok(sets)
}

/// The packets that the rules have counted, by chain and set.
pub(super) fn counted(
    wire: &mut Wire,
    care: Care,
) -> Result<BTreeMap<(String, String), Packets>, NftError> {
    let request = NfTablesMessage::GetRule(RuleMessage {
        attributes: vec![RuleAttribute::Table(TABLE.into())],
    });
    let doing = "reading the counters";
    let rules = wire.dump(care, &request, doing, |message| Some(rule(message)))?;
    let mut counted: BTreeMap<_, Packets> = BTreeMap::new();
    for (chain, sets, packets) in rules {
        for set in sets {
            counted.entry((chain.clone(), set)).or_default().add(packets);
        }
    }
    Ok(counted)
}

/// A rule's chain, the sets that it looks into, and what it has counted.
pub(super) fn rule(message: &[u8]) -> (String, Vec<String>, Packets) {
    let chain = text(message, sys::NFTA_RULE_CHAIN).unwrap_or_default();
    let (mut sets, mut packets) = (Vec::new(), Packets::default());
    let list = attribute(message, sys::NFTA_RULE_EXPRESSIONS).unwrap_or_default();
    for (_, expression) in attributes(list) {
        let data = attribute(expression, sys::NFTA_EXPR_DATA).unwrap_or_default();
        match text(expression, sys::NFTA_EXPR_NAME).as_deref() {
            Some("lookup") => sets.extend(text(data, sys::NFTA_LOOKUP_SET)),
            Some("counter") => packets.add(Packets {
                packets: long_number(data, sys::NFTA_COUNTER_PACKETS).unwrap_or(0),
                bytes: long_number(data, sys::NFTA_COUNTER_BYTES).unwrap_or(0),
            }),
            _ => {}
        }
    }
    (chain, sets, packets)
}

/// Our table's chains, but for those within rules. The kernel cannot list those of one table, so others'
/// are passed over.
fn chains(wire: &mut Wire, care: Care) -> Result<Vec<(String, ListedChain)>, NftError> {
    let request = NfTablesMessage::GetChain(ChainMessage { attributes: Vec::new() });
    wire.dump(care, &request, READING, chain)
}

/// What a chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListedChain {
    /// As we make it.
    Ours,
    /// The kernel sends packets into it.
    Base,
    /// Only rules and maps lead to it.
    Target,
}

/// A chain's name, and what it is; none if it is not of our table, or stands within a rule.
pub(super) fn chain(message: &[u8]) -> Option<(String, ListedChain)> {
    if text(message, sys::NFTA_CHAIN_TABLE).as_deref() != Some(TABLE) {
        return None;
    }
    if number(message, sys::NFTA_CHAIN_FLAGS).is_some_and(|flags| flags & BINDING != 0) {
        return None;
    }
    let name = text(message, sys::NFTA_CHAIN_NAME)?;
    let mut ours = Place::chains(&Place::ALL).into_iter();
    let is_ours = ours.any(|(it, hook)| it == name && is_at(message, hook));
    let has_hook = attribute(message, sys::NFTA_CHAIN_HOOK).is_some();
    let other = if has_hook { ListedChain::Base } else { ListedChain::Target };
    Some((name, if is_ours { ListedChain::Ours } else { other }))
}

fn is_at(chain: &[u8], wanted: Option<HookClass>) -> bool {
    let hook = attribute(chain, sys::NFTA_CHAIN_HOOK);
    let (Some(hook), Some(wanted)) = (hook, wanted) else {
        return hook.is_none() && wanted.is_none();
    };
    number(hook, sys::NFTA_HOOK_HOOKNUM) == Some(wanted as u32)
        && number(hook, sys::NFTA_HOOK_PRIORITY) == Some(PRIORITY.cast_unsigned())
        && number(chain, sys::NFTA_CHAIN_POLICY) == Some(ACCEPT)
        && text(chain, sys::NFTA_CHAIN_TYPE).as_deref() == Some("filter")
        && number(chain, sys::NFTA_CHAIN_FLAGS).is_none_or(|flags| flags == BASE)
}
