//! The kernel's edge: the nftables table, over netlink.
//!
//! The table `inet jailkeeper` is ours alone. Each jail has a set of offenders per family in it,
//! and one rule per family and hook (two for `reject`, and these for each range among its ports),
//! such as
//!
//! ```text
//! tcp dport 22 iif != "lo" ip6 saddr & ffff:ffff:ffff:ffff:: @sshd6 counter drop comment "sshd"
//! ```
//!
//! The sets are plain hash sets of networks' first addresses; how long the prefix is stands in the
//! rule. Table, chains and rules are made with rustables, sets and elements with
//! netlink-packet-netfilter (which knows timeouts), and both go into one transaction on one socket.
//! What the kernel lists is read attribute by attribute, so that whatever a stranger puts into our
//! table cannot hinder us from mending it.

mod apply;
mod error;
mod monitor;
mod present;
mod raise;
mod rules;
mod sets;
mod transaction;
mod wire;

use std::collections::BTreeMap;

pub use error::NftError;
pub use monitor::{Disturbance, Monitor};
pub use rules::set_name;
pub use sets::SET_SIZE;

use self::error::errno;
use self::transaction::Transaction;
use self::wire::Wire;
use crate::keeper::{Change, Element, Family, Gate, JailId, Outcome, Prefix, Timestamp};

/// The name of our table, of family `inet`.
pub const TABLE: &str = "jailkeeper";

/// The families, each of which has a set in every jail.
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// How often something is tried anew because the ruleset changed meanwhile.
const ATTEMPTS: usize = 10;

/// What a jail's rules have stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// How many packets.
    pub packets: u64,
    /// Their bytes, from the IP header on.
    pub bytes: u64,
}

impl Packets {
    fn add(&mut self, more: Self) {
        self.packets = self.packets.saturating_add(more.packets);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

/// What is kept of a gate that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Jail {
    sets: [String; 2],
    prefix: Prefix,
    max_prefix: Prefix,
}

impl Jail {
    fn of(gate: &Gate) -> Self {
        Self {
            sets: FAMILIES.map(|family| set_name(&gate.name, family)),
            prefix: gate.prefix,
            max_prefix: gate.max_prefix,
        }
    }

    fn set(&self, family: Family) -> &str {
        match family {
            Family::V4 => &self.sets[0],
            Family::V6 => &self.sets[1],
        }
    }
}

/// The kernel's firewall, as far as it is ours.
///
/// It needs CAP_NET_ADMIN in the network namespace in which it is opened, and stays in that one.
pub struct Firewall {
    wire: Wire,
    jails: BTreeMap<JailId, Jail>,
}

impl Firewall {
    /// Opens the socket. Nothing is changed yet.
    ///
    /// # Errors
    ///
    /// When the kernel has no netfilter. That it lacks CAP_NET_ADMIN the process learns from the
    /// first request.
    pub fn open() -> Result<Self, NftError> {
        Ok(Self { wire: Wire::open()?, jails: BTreeMap::new() })
    }

    /// Our netlink port, by which a [`Monitor`] tells our changes from those of others.
    pub fn port_id(&self) -> u32 {
        self.wire.port_id()
    }

    /// Makes the table just as the gates want it, in one transaction; there is no moment without
    /// the rules.
    ///
    /// A set that fits keeps its elements. One of the wrong shape is made anew, with the single
    /// addresses that it had. Chains, sets and rules that no gate wants go. Counters go on.
    ///
    /// # Errors
    ///
    /// When the kernel refuses; the table is then as it was.
    pub fn raise(&mut self, gates: &[Gate]) -> Result<(), NftError> {
        raise::raise(&mut self.wire, gates)?;
        self.jails = gates.iter().map(|gate| (gate.jail, Jail::of(gate))).collect();
        Ok(())
    }

    /// Every element of every jail, also those that do not fit the jail's prefix: a key with host
    /// bits comes as a single address, a set's catch-all element as the network of length 0.
    /// [`Change::Lift`] removes both.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, as it does when the table is gone.
    pub fn elements(&mut self, now: Timestamp) -> Result<Vec<Element>, NftError> {
        let mut all = Vec::new();
        for (id, jail) in &self.jails {
            for family in FAMILIES {
                let listed = present::elements(&mut self.wire, jail.set(family))?;
                all.extend(listed.iter().filter_map(|element| {
                    let network = element.network(family, jail.prefix)?;
                    Some(Element { jail: *id, network, until: element.until(now) })
                }));
            }
        }
        Ok(all)
    }

    /// Makes the changes in one transaction, so that packets see all of them at one stroke.
    /// Refused elements are set aside and named; the rest goes in. Of several changes to the same
    /// network of a jail the last counts.
    ///
    /// More than 131,072 changes are several transactions; so are fewer where the system lets us
    /// have no large buffers, as in a user namespace (some 5,000 with its default limits).
    pub fn apply(&mut self, changes: &[Change], now: Timestamp) -> Outcome {
        apply::apply(&mut self.wire, &self.jails, changes, now)
    }

    /// What each jail's rules have stopped since the table was made.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn counters(&mut self) -> Result<Vec<(JailId, Packets)>, NftError> {
        let counted = present::counted(&mut self.wire)?;
        let of_jail = |jail: &Jail| {
            let mut sum = Packets::default();
            for ((_, set), packets) in &counted {
                if jail.sets.contains(set) {
                    sum.add(*packets);
                }
            }
            sum
        };
        Ok(self.jails.iter().map(|(id, jail)| (*id, of_jail(jail))).collect())
    }

    /// Removes the table, if it is there.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn lower(&mut self) -> Result<(), NftError> {
        const DOING: &str = "removing the table inet jailkeeper";
        let mut transaction = Transaction::default();
        transaction.objects(rules::remove_table);
        let refused = transaction.commit(&mut self.wire, None, DOING)?;
        match refused.first().map(|rejection| rejection.errno) {
            None | Some(errno::ENOENT) => Ok(()),
            Some(errno) => Err(NftError::Refused { doing: DOING, errno }),
        }
    }
}

#[cfg(test)]
mod tests;
