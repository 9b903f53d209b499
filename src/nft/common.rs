//! The common sets, held against those of the jails.

use std::collections::BTreeMap;

use super::error::NftError;
use super::present::{self, Present};
use super::raise::Carried;
use super::wire::Wire;
use super::{Layout, SetKey};
use crate::keeper::{Network, Prefix};

/// The sets are read one after another, and elements run out meanwhile: ends in milliseconds that
/// differ by less are the same, and what has less left is not missed.
const SLACK: u64 = 2_000;

/// Carries over what the jails' sets hold into those common sets that do not have just that: new
/// ones, and those that somebody has changed. What has gone with a jail goes from them too.
pub(super) fn gather(
    wire: &mut Wire,
    present: &Present,
    layout: &Layout,
    carried: &mut BTreeMap<String, Carried>,
) -> Result<(), NftError> {
    for (key, name) in &layout.common {
        let common = match present.set(name) {
            Some(set) if set.fits((key.0, None)) => Some(listed(wire, name, *key)?),
            _ => None,
        };
        let prefix = Prefix { ipv4: key.1, ipv6: key.1 };
        let mut wanted = Vec::new();
        for (id, jail) in &layout.jails {
            let Some(set) = jail.sets.get(key) else { continue };
            match (carried.get(set), present.set(set)) {
                (Some(elements), _) => wanted.extend(
                    elements.iter().map(|(network, left)| (network.widened(prefix), *left)),
                ),
                (None, Some(it)) if it.fits((key.0, Some(*id))) => {
                    wanted.extend(listed(wire, set, *key)?);
                }
                _ => {}
            }
        }
        let wanted = longest(wanted);
        if !common.is_some_and(|common| serves(&common, &wanted)) {
            carried.insert(name.clone(), wanted);
        }
    }
    Ok(())
}

/// The elements of a set that are networks of its length, sorted.
fn listed(wire: &mut Wire, set: &str, (family, length): SetKey) -> Result<Carried, NftError> {
    let elements = present::elements(wire, set)?;
    let networks = elements.iter().filter_map(|element| {
        let network = element.network(family, length)?;
        (network.length() == length).then_some((network, element.expiration))
    });
    Ok(networks.collect())
}

/// Each element once, sorted, with the latest end.
fn longest(mut elements: Carried) -> Carried {
    elements.sort_unstable_by_key(|(network, left)| (*network, std::cmp::Reverse(end(*left))));
    elements.dedup_by_key(|(network, _)| *network);
    elements
}

/// Without a timeout it is later than any.
fn end(left: Option<u64>) -> u64 {
    left.unwrap_or(u64::MAX)
}

/// Whether the common set has just these elements, each for long enough.
fn serves(common: &Carried, wanted: &Carried) -> bool {
    lasting(common).count() == lasting(wanted).count()
        && lasting(common).zip(lasting(wanted)).all(|((has, left), (wanted, needed))| {
            has == wanted && left.saturating_add(SLACK) >= needed
        })
}

fn lasting(elements: &Carried) -> impl Iterator<Item = (Network, u64)> {
    let ends = elements.iter().map(|(network, left)| (*network, end(*left)));
    ends.filter(|(_, end)| *end > SLACK)
}
