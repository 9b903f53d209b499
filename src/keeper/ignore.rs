//! Who is never banned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::event::Spared;
use super::network::{Family, Network, Prefix};

/// A set of networks that answers quickly, however many it holds: one look-up for each prefix
/// length in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreList {
    by_length: BTreeMap<(Family, u8), BTreeSet<Network>>,
}

impl FromIterator<Network> for IgnoreList {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        let mut list = Self::default();
        for network in networks {
            let same_length = list.by_length.entry((network.family(), network.length()));
            same_length.or_default().insert(network);
        }
        list
    }
}

impl IgnoreList {
    /// Why `network` must not be banned for what `culprit` did, if it must not.
    pub fn spares(&self, culprit: Network, network: Network) -> Option<Spared> {
        if let Some(entry) = self.entry_around(culprit) {
            return Some(Spared::IgnoreIp(entry));
        }
        self.entry_within(network).map(Spared::HoldsIgnoreIp)
    }

    /// All networks on the list.
    pub fn networks(&self) -> impl Iterator<Item = Network> {
        self.by_length.values().flatten().copied()
    }

    fn entry_around(&self, network: Network) -> Option<Network> {
        self.by_length
            .iter()
            .filter(|((family, length), _)| {
                *family == network.family() && *length <= network.length()
            })
            .find_map(|((_, length), entries)| {
                let wide = network.widened(Prefix { ipv4: *length, ipv6: *length });
                entries.get(&wide).copied()
            })
    }

    fn entry_within(&self, network: Network) -> Option<Network> {
        self.by_length
            .iter()
            .filter(|((family, length), _)| {
                *family == network.family() && *length > network.length()
            })
            .find_map(|(_, entries)| {
                // Networks sort by address, so those within come right behind the first address.
                entries.range(network..).next().copied().filter(|entry| network.holds(*entry))
            })
    }
}

/// This host's own addresses; loopback is always among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnAddresses {
    addresses: BTreeSet<IpAddr>,
}

impl FromIterator<IpAddr> for OwnAddresses {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        Self { addresses: addresses.into_iter().map(|a| a.to_canonical()).collect() }
    }
}

impl OwnAddresses {
    /// An own address that lies within `network`, if one does.
    pub fn within(&self, network: Network) -> Option<Network> {
        let mut later = self.addresses.range(network.first()..);
        later.next().map(|address| Network::address(*address)).filter(|own| network.holds(*own))
    }

    /// Whether `network` is one of the addresses, or lies within the loopback network.
    ///
    /// A wider network that holds an own address is not spared: the firewall never looks at
    /// packets on the loopback interface, and that is where this host's own packets are.
    pub fn contains(&self, network: Network) -> bool {
        network.first().is_loopback()
            || (network == Network::address(network.first())
                && self.addresses.contains(&network.first()))
    }
}
