//! What an option such as `ignoreip` says, and how an entry of it is named to people.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::ignore::{HostName, IgnoreList};
use super::network::Network;

/// Who an option spares: networks, and lists that may change while the service runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exempt {
    /// The networks that stand in the configuration itself.
    pub networks: IgnoreList,
    /// The lists that it names; the keeper is told what they hold.
    pub lists: BTreeSet<ListId>,
}

impl Exempt {
    /// Whether it spares nobody, now and later.
    pub(super) fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.lists.is_empty()
    }

    /// Adds what another says.
    pub fn extend(&mut self, other: Self) {
        for network in other.networks.networks() {
            self.networks.insert(network, None);
        }
        self.lists.extend(other.lists);
    }

    /// The entries as they may stand in the configuration.
    pub fn entries(&self) -> impl Iterator<Item = String> {
        let networks = self.networks.networks().map(|network| network.to_string());
        networks.chain(self.lists.iter().map(ToString::to_string))
    }
}

/// A list whose content may change while the service runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListId {
    /// The addresses of the host of this name.
    Host(Arc<str>),
    /// What stands in this file.
    File(Arc<str>),
}

impl fmt::Display for ListId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// Who says that somebody is spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SparedBy {
    /// The option `ignoreip`.
    IgnoreIp,
    /// The option `trusted_proxies`.
    TrustedProxies,
    /// Somebody at run time, by `jailkeeper allow`.
    Hand,
}

/// One entry that spares somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The network that is spared.
    pub network: Network,
    /// The host's name under which it was found.
    pub name: HostName,
    /// The file that it stands in.
    pub file: Option<Arc<str>>,
    /// Who says so.
    pub by: SparedBy,
}

impl fmt::Display for Entry {
    /// Such as `198.51.100.0/24 of ignoreip (file /etc/friends)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}")?,
            None => write!(f, "{}", self.network)?,
        }
        f.write_str(match self.by {
            SparedBy::IgnoreIp => " of ignoreip",
            SparedBy::TrustedProxies => " of trusted_proxies",
            SparedBy::Hand => ", which is allowed by hand",
        })?;
        match &self.file {
            Some(file) => write!(f, " (file {file})"),
            None => Ok(()),
        }
    }
}
