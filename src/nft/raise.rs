//! From the table as it is to the table as the gates want it.

use std::collections::BTreeMap;

use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::nftables::SetElementMessage;
use netlink_packet_netfilter::nftables::{RuleAttribute, RuleMessage};

use super::error::{NftError, errno};
use super::present::{self, Present};
use super::rules::{self, Place, set_name};
use super::sets::{self, ELEMENTS_PER_MESSAGE, Listed};
use super::transaction::Transaction;
use super::wire::Wire;
use super::{ATTEMPTS, FAMILIES, TABLE};
use crate::keeper::{Family, Gate, Network, Prefix};

const DOING: &str = "making the table inet jailkeeper";

/// The prefix by which an element comes out with its whole key.
const WHOLE: Prefix = Prefix { ipv4: 32, ipv6: 128 };

/// Elements to carry over into a set that is made anew: the network and its timeout.
type Carried = Vec<(Network, Option<u64>)>;

/// Makes the table as the gates want it. What it builds on is what it has read: should another
/// program come between, the kernel refuses, and it is read and built anew. If others never rest,
/// the last attempt does without that, and what they did to our table meanwhile is for the monitor.
pub(super) fn raise(wire: &mut Wire, gates: &[Gate]) -> Result<(), NftError> {
    for attempt in 1..=ATTEMPTS {
        match try_raise(wire, gates, attempt < ATTEMPTS) {
            Err(NftError::Moved { .. } | NftError::Lost { .. }) => {}
            // The table went while it was read.
            Err(error) if error.errno() == Some(errno::ENOENT) => {}
            done => return done,
        }
    }
    Err(NftError::Moved { doing: DOING })
}

fn try_raise(wire: &mut Wire, gates: &[Gate], undisturbed: bool) -> Result<(), NftError> {
    let generation = if undisturbed { Some(present::generation(wire)?) } else { None };
    let present = Present::read(wire)?;
    let carried = carried(wire, &present, gates)?;
    let refused = build(gates, &present, &carried).commit(wire, generation, DOING)?;
    match refused.first() {
        None => Ok(()),
        Some(rejection) => Err(NftError::Refused { doing: DOING, errno: rejection.errno }),
    }
}

/// The sets that the gates want, each with its family.
fn wanted_sets(gates: &[Gate]) -> BTreeMap<String, Family> {
    let of_gate = |gate: &Gate| FAMILIES.map(|family| (set_name(&gate.name, family), family));
    gates.iter().flat_map(of_gate).collect()
}

/// What can be kept of wanted sets that are of the wrong shape.
fn carried(
    wire: &mut Wire,
    present: &Present,
    gates: &[Gate],
) -> Result<BTreeMap<String, Carried>, NftError> {
    let wanted = wanted_sets(gates);
    let mut carried = BTreeMap::new();
    for set in &present.sets {
        let Some(family) = wanted.get(&set.name) else { continue };
        if !set.fits(*family) && set.holds_addresses(*family) {
            let keep = |listed: &Listed| {
                let network = listed.network(*family, WHOLE)?;
                (network.length() > 0).then_some((network, listed.expiration))
            };
            let elements = present::elements(wire, &set.name)?;
            carried.insert(set.name.clone(), elements.iter().filter_map(keep).collect());
        }
    }
    Ok(carried)
}

fn build(gates: &[Gate], present: &Present, carried: &BTreeMap<String, Carried>) -> Transaction {
    let wanted = wanted_sets(gates);
    let mut places = Place::ALL.to_vec();
    places.retain(|place| gates.iter().any(|gate| place.sees(gate.scope)));
    let mut transaction = Transaction::default();
    transaction.objects(rules::add_table);
    clear(&mut transaction, present, &wanted, &places);
    for place in places.iter().copied() {
        if present.chains.get(place.name()) != Some(&true) {
            transaction.objects(|batch| rules::add_chain(batch, place));
        }
    }
    let mut id = 0;
    for (name, family) in &wanted {
        if !present.sets.iter().any(|set| set.name == *name && set.fits(*family)) {
            id += 1;
            transaction.message(sets::offenders(name, *family, id), NLM_F_CREATE);
            fill(&mut transaction, name, carried.get(name).map_or(&[], Vec::as_slice));
        }
    }
    for place in places {
        for gate in gates.iter().filter(|gate| place.sees(gate.scope)) {
            rules::add_rules(&mut transaction, gate, place, &mut id, |set| {
                let rule = (place.name().to_owned(), set.to_owned());
                present.counted.get(&rule).copied().unwrap_or_default()
            });
        }
    }
    transaction
}

/// Removes every rule, and then, since no rule holds them any more, the sets and chains that are
/// not wanted or not as wanted.
fn clear(
    transaction: &mut Transaction,
    present: &Present,
    wanted: &BTreeMap<String, Family>,
    places: &[Place],
) {
    if !present.exists {
        return;
    }
    let all_rules = RuleMessage { attributes: vec![RuleAttribute::Table(TABLE.into())] };
    transaction.message(NfTablesMessage::DeleteRule(all_rules), 0);
    for set in &present.sets {
        let stays = wanted.get(&set.name).is_some_and(|family| set.fits(*family));
        if !stays && !set.is_anonymous() {
            transaction.message(sets::removal(&set.name), 0);
        }
    }
    for (name, fits) in &present.chains {
        if !(*fits && places.iter().any(|place| place.name() == name)) {
            transaction.objects(|batch| rules::remove_chain(batch, name));
        }
    }
}

fn fill(transaction: &mut Transaction, set: &str, elements: &[(Network, Option<u64>)]) {
    for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
        let nodes = chunk.iter().map(|(network, timeout)| sets::offender(*network, *timeout));
        let attributes = sets::list_of(set, nodes.collect());
        let message = NfTablesMessage::NewSetElement(SetElementMessage { attributes });
        transaction.message(message, NLM_F_CREATE);
    }
}
