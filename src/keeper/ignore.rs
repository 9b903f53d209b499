//! Lists of networks that are never banned, and this host's own addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::network::{Family, Network, Prefix};

/// A set of networks that answers quickly, however many it holds: one look-up for each prefix
/// length in use. Each network may carry the host's name that it was found under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreList {
    by_length: BTreeMap<(Family, u8), BTreeMap<Network, HostName>>,
}

/// The host's name that an address was found under, if it was.
pub type HostName = Option<Arc<str>>;

impl FromIterator<Network> for IgnoreList {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        networks.into_iter().map(|network| (network, None)).collect()
    }
}

impl FromIterator<(Network, HostName)> for IgnoreList {
    fn from_iter<I: IntoIterator<Item = (Network, HostName)>>(networks: I) -> Self {
        let mut list = Self::default();
        for (network, name) in networks {
            list.insert(network, name);
        }
        list
    }
}

impl IgnoreList {
    /// Enters a network. One that is there already without a name stays so.
    pub fn insert(&mut self, network: Network, name: HostName) {
        let same_length = self.by_length.entry((network.family(), network.length())).or_default();
        same_length
            .entry(network)
            .and_modify(|known| *known = known.take().and(name.clone()))
            .or_insert(name);
    }

    /// Whether nobody is on the list.
    pub(super) fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    /// Takes a network out.
    pub(super) fn remove(&mut self, network: Network) {
        let length = (network.family(), network.length());
        if let Some(same_length) = self.by_length.get_mut(&length) {
            same_length.remove(&network);
            if same_length.is_empty() {
                self.by_length.remove(&length);
            }
        }
    }

    /// All networks on the list.
    pub fn networks(&self) -> impl Iterator<Item = Network> {
        self.by_length.values().flat_map(BTreeMap::keys).copied()
    }

    /// An entry that `network` lies in.
    pub(super) fn around(&self, network: Network) -> Option<(Network, HostName)> {
        self.by_length
            .iter()
            .filter(|((family, length), _)| {
                *family == network.family() && *length <= network.length()
            })
            .find_map(|((_, length), entries)| {
                let wide = network.widened(Prefix { ipv4: *length, ipv6: *length });
                entries.get(&wide).map(|name| (wide, name.clone()))
            })
    }

    /// An entry that lies in `network`.
    pub(super) fn within(&self, network: Network) -> Option<(Network, HostName)> {
        self.by_length
            .iter()
            .filter(|((family, length), _)| {
                *family == network.family() && *length > network.length()
            })
            .find_map(|(_, entries)| {
                // Networks sort by address, so those within come right behind the first address.
                let (entry, name) = entries.range(network..).next()?;
                network.holds(*entry).then(|| (*entry, name.clone()))
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
