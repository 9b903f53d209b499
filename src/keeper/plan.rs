//! What must change so that the firewall has what is wanted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Change, Element};
use super::network::Network;
use super::roster::JailId;
use super::time::Until;

/// The kernel counts an element's time in ticks of its own clock, and reading it takes a moment:
/// ends that differ by no more than this are the same.
const SAME_END: Duration = Duration::from_secs(2);

/// The changes that turn `installed` into `wanted`. Used at the start, on reload, and whenever
/// somebody else has changed the table.
pub fn plan(
    wanted: impl IntoIterator<Item = Element>,
    installed: impl IntoIterator<Item = Element>,
) -> Vec<Change> {
    let mut surplus: BTreeMap<(JailId, Network), Until> =
        installed.into_iter().map(|e| ((e.jail, e.network), e.until)).collect();
    let mut changes = Vec::new();
    for Element { jail, network, until } in wanted {
        match surplus.remove(&(jail, network)) {
            Some(has) if same_end(has, until) => {}
            _ => changes.push(Change::Ban { jail, network, until }),
        }
    }
    changes.extend(surplus.into_keys().map(|(jail, network)| Change::Lift { jail, network }));
    changes
}

fn same_end(one: Until, other: Until) -> bool {
    match (one, other) {
        (Until::Forever, Until::Forever) => true,
        (Until::At(one), Until::At(other)) => {
            one.since(other) <= SAME_END && other.since(one) <= SAME_END
        }
        _ => false,
    }
}
