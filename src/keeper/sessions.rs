//! Who is logged in from where, so that nobody locks himself out.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::network::Network;

/// A session that is logged in now, from another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number, as `loginctl` has it.
    pub id: Arc<str>,
    /// Who is logged in.
    pub user: Arc<str>,
    /// From where.
    pub address: IpAddr,
}

impl fmt::Display for Session {
    /// Such as `user root, session 4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}, session {}", self.user, self.id)
    }
}

/// The sessions by their addresses; of several from one address, the first is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sessions {
    by_address: BTreeMap<Network, Session>,
}

impl FromIterator<Session> for Sessions {
    fn from_iter<I: IntoIterator<Item = Session>>(sessions: I) -> Self {
        let mut by_address = BTreeMap::new();
        for session in sessions {
            by_address.entry(Network::address(session.address)).or_insert(session);
        }
        Self { by_address }
    }
}

impl Sessions {
    /// A session whose address lies in `network`.
    pub(super) fn within(&self, network: Network) -> Option<&Session> {
        let (address, session) = self.by_address.range(network..).next()?;
        network.holds(*address).then_some(session)
    }

    /// The addresses, each once.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Network> {
        self.by_address.keys().copied()
    }
}
