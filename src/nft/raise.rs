//! From the table as it is to the table as the gates want it.

use std::collections::BTreeMap;

use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::nftables::SetElementMessage;
use netlink_packet_netfilter::nftables::{RuleAttribute, RuleMessage};
use rustables::HookClass;

use super::error::{NftError, errno};
use super::present::{self, ListedChain, Present};
use super::rules::{self, Lookup, Place};
use super::sets::{self, ELEMENTS_PER_MESSAGE, Elements, Listed, ListedSet};
use super::transaction::Transaction;
use super::wire::{Care, Wire};
use super::{ATTEMPTS, Found, Holder, Jail, Layout, TABLE, common};
use crate::keeper::{Family, Gate, JailId, Network};

const DOING: &str = "making the table inet jailkeeper";

/// The length by which an element comes out with its whole key.
const WHOLE: u8 = 128;

/// Elements to carry over into a set that is made anew: the network and its timeout.
pub(super) type Carried = Vec<(Network, Option<u64>)>;

/// Makes the table as the gates want it; the jails that stand then, and what was there. What it
/// builds on is what it has read: should another program come between, the kernel refuses, and it is
/// read and built anew. If others never rest, the last attempt does without that, and what they did
/// to our table meanwhile is for the monitor; counters may begin anew then.
pub(super) fn raise(wire: &mut Wire, gates: &[Gate]) -> Result<(Layout, Found), NftError> {
    let mut targets = Targets::Removed;
    for attempt in 1..=ATTEMPTS {
        match try_raise(wire, gates, targets, attempt < ATTEMPTS) {
            Err(NftError::Moved { .. } | NftError::Lost { .. }) => {}
            // The table went while it was read.
            Err(error) if error.errno() == Some(errno::ENOENT) => {}
            Err(error) if error.errno() == Some(errno::EBUSY) && targets == Targets::Removed => {
                targets = Targets::Left;
            }
            Ok(_) if targets == Targets::Left => targets = Targets::Removed,
            done => return done,
        }
    }
    Err(NftError::Moved { doing: DOING })
}

/// What becomes of others' chains to which rules jump. Older kernels (seen with Linux 5.15.0) refuse
/// (EBUSY) to remove one to which a map leads, even if the map goes in the same transaction; it can go in
/// the next one, and does nothing until then.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Targets {
    Removed,
    Left,
}

fn try_raise(
    wire: &mut Wire,
    gates: &[Gate],
    targets: Targets,
    undisturbed: bool,
) -> Result<(Layout, Found), NftError> {
    let (generation, care) = if undisturbed {
        (Some(present::generation(wire)?), Care::Whole)
    } else {
        (None, Care::Torn)
    };
    let present = Present::read(wire, care)?;
    let mut jails = gates.iter().map(|gate| (gate.jail, Jail::of(gate))).collect();
    let mut carried = carried(wire, &present, &jails)?;
    keep_wide(wire, &present, &mut jails, &mut carried)?;
    let layout = Layout::of(jails);
    common::gather(wire, &present, &layout, &mut carried)?;
    let refused = build(&layout, &present, &carried, targets).commit(wire, generation, DOING)?;
    // Where others may come between, one may have made it meanwhile.
    let found = if present.exists || !undisturbed { Found::Table } else { Found::Nothing };
    match refused.first() {
        None => Ok((layout, found)),
        Some(rejection) => Err(NftError::Refused { doing: DOING, errno: rejection.errno }),
    }
}

/// The sets that are wanted, each with its family and whose it is.
fn wanted_sets(layout: &Layout) -> BTreeMap<&str, (Family, Holder)> {
    let own = layout.jails.iter().flat_map(|(id, jail)| {
        jail.sets.iter().map(|((family, _), name)| (name.as_str(), (*family, Some(*id))))
    });
    let common = layout.common.iter();
    own.chain(common.map(|((family, _), name)| (name.as_str(), (*family, None)))).collect()
}

/// What can be kept of main sets that are of the wrong shape.
fn carried(
    wire: &mut Wire,
    present: &Present,
    jails: &BTreeMap<JailId, Jail>,
) -> Result<BTreeMap<String, Carried>, NftError> {
    let mut carried = BTreeMap::new();
    for (id, jail) in jails {
        for ((family, _), name) in &jail.sets {
            let Some(set) = present.set(name) else { continue };
            if !set.fits((*family, Some(*id))) && set.holds_addresses(*family) {
                let keep = |listed: &Listed| {
                    let network = listed.network(*family, WHOLE)?;
                    (network.length() > 0).then_some((network, listed.expiration))
                };
                let elements = present::elements(wire, name)?;
                carried.insert(name.clone(), elements.iter().filter_map(keep).collect());
            }
        }
    }
    Ok(carried)
}

/// Takes in the sets for wider networks in which there is one; those in which there is anything
/// else, too, or that are of the wrong shape, are made anew.
fn keep_wide(
    wire: &mut Wire,
    present: &Present,
    jails: &mut BTreeMap<JailId, Jail>,
    carried: &mut BTreeMap<String, Carried>,
) -> Result<(), NftError> {
    for set in present.sets.iter().filter(|set| set.name.contains('/')) {
        let mut of_jails = jails.values_mut();
        let found = of_jails.find_map(|jail| Some((jail.wide_length(&set.name)?, jail)));
        let Some(((family, length), jail)) = found else { continue };
        if !set.holds_addresses(family) {
            continue;
        }
        let elements = present::elements(wire, &set.name)?;
        let keep = |listed: &Listed| {
            let network = listed.network(family, length)?;
            (network.length() == length).then_some((network, listed.expiration))
        };
        let kept: Carried = elements.iter().filter_map(keep).collect();
        if kept.is_empty() {
            continue;
        }
        jail.sets.insert((family, length), set.name.clone());
        if kept.len() < elements.len() || !set.fits((family, Some(jail.gate.jail))) {
            carried.insert(set.name.clone(), kept);
        }
    }
    Ok(())
}

fn build(
    layout: &Layout,
    present: &Present,
    carried: &BTreeMap<String, Carried>,
    targets: Targets,
) -> Transaction {
    let wanted = wanted_sets(layout);
    let places = Place::of_all(&layout.jails);
    let chains = Place::chains(&places);
    // Of sets that are kept as they are nothing is carried over.
    let stays = |set: &ListedSet| {
        wanted.get(set.name.as_str()).is_some_and(|shape| set.fits(*shape))
            && !carried.contains_key(&set.name)
    };
    let mut transaction = Transaction::default();
    transaction.objects(rules::add_table);
    clear(&mut transaction, present, stays, (&chains, targets));
    for (name, hook) in chains {
        if present.chains.get(name) != Some(&ListedChain::Ours) {
            transaction.objects(|batch| rules::add_chain(batch, name, hook));
        }
    }
    let mut id = 0;
    for (name, shape) in &wanted {
        if !present.set(name).is_some_and(stays) {
            id += 1;
            transaction.message(sets::offenders(name, *shape, id), NLM_F_CREATE);
            fill(&mut transaction, name, carried.get(*name).map_or(&[], Vec::as_slice));
        }
    }
    for (key, set) in layout.doors() {
        rules::add_doors(&mut transaction, &places, key, set);
    }
    if places.contains(&Place::Translated) {
        rules::add_turn(&mut transaction);
    }
    for place in places {
        for jail in layout.jails.values().filter(|jail| place.sees(jail.gate.scope)) {
            for ((family, length), set) in &jail.sets {
                let (family, length) = (*family, *length);
                let spent = present.spent(place, jail, (family, length));
                let lookup = Lookup { set, family, length, spent };
                rules::add_rules(&mut transaction, &jail.gate, place, lookup, &mut id);
            }
        }
    }
    transaction
}

/// Removes every rule, and then, since no rule holds them any more, the sets and chains that are
/// not wanted or not as wanted.
fn clear(
    transaction: &mut Transaction,
    present: &Present,
    stays: impl Fn(&ListedSet) -> bool,
    (chains, targets): (&[(&str, Option<HookClass>)], Targets),
) {
    if !present.exists {
        return;
    }
    let all_rules = RuleMessage { attributes: vec![RuleAttribute::Table(TABLE.into())] };
    transaction.message(NfTablesMessage::DeleteRule(all_rules), 0);
    for set in &present.sets {
        if !stays(set) && !set.is_anonymous() {
            transaction.message(sets::removal(&set.name), 0);
        }
    }
    for (name, what) in &present.chains {
        let is_wanted = chains.iter().any(|(wanted, _)| wanted == name);
        let stays = match what {
            ListedChain::Ours => is_wanted,
            ListedChain::Base => false,
            ListedChain::Target => targets == Targets::Left && !is_wanted,
        };
        if !stays {
            transaction.objects(|batch| rules::remove_chain(batch, name));
        }
    }
}

fn fill(transaction: &mut Transaction, set: &str, elements: &[(Network, Option<u64>)]) {
    for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
        let attributes = sets::list_of(set, Elements::of_offenders(chunk.iter().copied()));
        let message = NfTablesMessage::NewSetElement(SetElementMessage { attributes });
        transaction.message(message, NLM_F_CREATE);
    }
}
