//! What the firewall is asked for.

use jailkeeper::keeper::{Action, Gate, JailId, Ports, Prefix, Protocol, Protocols, Scope};

/// A jail that guards port 22 of this host.
pub(crate) fn gate(id: u32, name: &str) -> Gate {
    Gate {
        jail: JailId(id),
        name: name.into(),
        ports: Ports::Only(vec![22..=22]),
        protocols: Protocols::Only(vec![Protocol::Tcp]),
        action: Action::Drop,
        scope: Scope::Host,
        prefix: Prefix::default(),
        max_prefix: Prefix { ipv4: 16, ipv6: 32 },
        spare_loopback: false,
    }
}
