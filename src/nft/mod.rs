//! The kernel's edge: the nftables table, over netlink.
//!
//! The table `inet jailkeeper` is ours alone. Each jail has a set of offenders per family in it,
//! and one rule per family and hook (two for `reject`, and these for each range among its ports),
//! such as
//!
//! ```text
//! ip6 saddr & ffff:ffff:ffff:ffff:: @sshd6 tcp dport 22 iif != "lo" counter drop comment "sshd"
//! ```
//!
//! The sets are plain hash sets of networks' first addresses; how long the prefix is stands in the
//! rule. Wider networks than a jail usually bans have sets and rules of their own for each length
//! (`sshd4/24`), which come with the first element and go, once empty, when the table is raised the
//! next time.
//!
//! The offenders of all jails are also in common sets, one for each family and length
//! (`banned/4/32`). The chains on the hooks look only into those, and what is not there passes: so
//! the packets of everybody else meet no rule of a jail, however many there are. An element stays
//! there at least as long as in any jail's set. A jail that is alone needs no common sets: its own
//! serve. Should it stay longer, that costs its packets the
//! way through the jails' rules and does nothing else to them.
//!
//! Forwarded packets whose destination the host has translated have a chain of their
//! own, in which a jail's ports are those that the client has asked for.
//!
//! Table and chains are made with rustables, all else with netlink-packet-netfilter, and both go
//! into one transaction on one socket.
//! What the kernel lists is read attribute by attribute, so that whatever a stranger puts into our
//! table cannot hinder us from mending it.

mod apply;
mod common;
mod error;
mod expressions;
#[doc(hidden)]
pub mod fuzzing;
mod monitor;
mod present;
mod raise;
mod rules;
mod sets;
mod surroundings;
mod transaction;
mod ways;
mod wire;

use std::collections::BTreeMap;

pub use error::NftError;
pub use monitor::{Disturbance, Monitor};
pub use rules::set_name;
pub use sets::SET_SIZE;
pub use surroundings::{Flowtable, Neighbour, Surroundings};

use self::error::errno;
use self::rules::{common_set_name, wide_set_name};
use self::transaction::Transaction;
use self::wire::{Care, Wire};
use crate::keeper::{Change, Element, Family, Gate, JailId, Network, Outcome, Timestamp, Until};

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

/// What is in one set: networks of this family and this length.
type SetKey = (Family, u8);

/// Whose set: a jail's own, or the common one of all.
type Holder = Option<JailId>;

/// A gate that stands, and its sets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Jail {
    gate: Gate,
    /// The main sets, for networks of the jail's own lengths, and those for wider ones.
    sets: BTreeMap<SetKey, String>,
}

impl Jail {
    /// With its main sets alone.
    fn of(gate: &Gate) -> Self {
        let main = |family| ((family, gate.prefix.of(family)), set_name(&gate.name, family));
        Self { gate: gate.clone(), sets: FAMILIES.map(main).into() }
    }

    /// What belongs into the same set as this network. What no rule could look for, such as a key
    /// with host bits, is a matter of the main set.
    fn key(&self, network: Network) -> SetKey {
        let family = network.family();
        let main = self.gate.prefix.of(family);
        let length = network.length();
        (family, if length == 0 { main } else { length.min(main) })
    }

    /// What is in the set of this name, if it is one of ours for networks that are wider than usual.
    fn wide_length(&self, set: &str) -> Option<SetKey> {
        let (main, length) = set.rsplit_once('/')?;
        let family = FAMILIES.into_iter().find(|it| set_name(&self.gate.name, *it) == main)?;
        let wide = self.gate.max_prefix.of(family)..self.gate.prefix.of(family);
        let length = wide.into_iter().find(|it| it.to_string() == length)?;
        Some((family, length))
    }
}

/// The sets that stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Layout {
    jails: BTreeMap<JailId, Jail>,
    /// The common sets, for whatever the jails have sets, if there are several jails.
    common: BTreeMap<SetKey, String>,
}

impl Layout {
    fn of(jails: BTreeMap<JailId, Jail>) -> Self {
        let mut layout = Self { jails, common: BTreeMap::new() };
        if layout.shares() {
            let keys = layout.jails.values().flat_map(|jail| jail.sets.keys());
            layout.common = keys.map(|key| (*key, common_set_name(key.0, key.1))).collect();
        }
        layout
    }

    /// Whether there are common sets: a jail that is alone needs none.
    fn shares(&self) -> bool {
        self.jails.len() > 1
    }

    /// The sets into which every packet is looked up.
    fn doors(&self) -> impl Iterator<Item = (SetKey, &str)> {
        let alone = self.jails.values().filter(|_| !self.shares()).flat_map(|jail| &jail.sets);
        self.common.iter().chain(alone).map(|(key, set)| (*key, set.as_str()))
    }

    /// The set for these networks, if it is there.
    fn set(&self, holder: Holder, key: SetKey) -> Option<&str> {
        let sets = match holder {
            None => &self.common,
            Some(jail) => &self.jails.get(&jail)?.sets,
        };
        sets.get(&key).map(String::as_str)
    }

    /// A set comes to those that stand.
    fn enter(&mut self, holder: Holder, key: SetKey) {
        match holder.map(|jail| self.jails.get_mut(&jail)) {
            None => drop(self.common.insert(key, common_set_name(key.0, key.1))),
            Some(None) => {}
            Some(Some(jail)) => {
                let name = wide_set_name(&jail.gate.name, key.0, key.1);
                jail.sets.insert(key, name);
            }
        }
    }

    /// It has not come.
    fn leave(&mut self, holder: Holder, key: SetKey) {
        match holder.map(|jail| self.jails.get_mut(&jail)) {
            None => drop(self.common.remove(&key)),
            Some(jail) => drop(jail.and_then(|jail| jail.sets.remove(&key))),
        }
    }
}

/// What was there when the table was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No table: nobody is banned yet.
    Nothing,
    /// A table, which may have elements.
    Table,
}

/// The kernel's firewall, as far as it is ours.
///
/// It needs CAP_NET_ADMIN in the network namespace in which it is opened, and stays in that one.
pub struct Firewall {
    wire: Wire,
    layout: Layout,
}

impl Firewall {
    /// Opens the socket. Nothing is changed yet.
    ///
    /// # Errors
    ///
    /// When the kernel has no netfilter. That it lacks CAP_NET_ADMIN the process learns from the
    /// first request.
    pub fn open() -> Result<Self, NftError> {
        Ok(Self { wire: Wire::open()?, layout: Layout::default() })
    }

    /// Our netlink port, by which a [`Monitor`] tells our changes from those of others.
    pub fn port_id(&self) -> u32 {
        self.wire.port_id()
    }

    /// Makes the table just as the gates want it, in one transaction; there is no moment without
    /// the rules.
    ///
    /// A set that fits keeps its elements. One of the wrong shape is made anew, with the single
    /// addresses that it had. Sets for wider networks than usual stay if there is one in them that
    /// the gate may ban. The common sets are held against those of the jails. Chains, sets and rules
    /// that no gate wants go. Counters go on.
    ///
    /// # Errors
    ///
    /// When the kernel refuses; the table is then as it was.
    pub fn raise(&mut self, gates: &[Gate]) -> Result<Found, NftError> {
        let (layout, found) = raise::raise(&mut self.wire, gates)?;
        self.layout = layout;
        Ok(found)
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
        for (id, jail) in &self.layout.jails {
            for ((family, length), set) in &jail.sets {
                let listed = present::elements(&mut self.wire, set)?;
                let is_main = *length == jail.gate.prefix.of(*family);
                all.extend(listed.iter().filter_map(|element| {
                    let network = element.network(*family, *length)?;
                    // Only others put what does not fit into the set for wider networks, and
                    // `raise` throws it out.
                    let fits = is_main || network.length() == *length;
                    let until = element.until(now);
                    fits.then_some(Element { jail: *id, network, until })
                }));
            }
        }
        Ok(all)
    }

    /// Makes the changes in one transaction, so that packets see all of them at one stroke.
    /// Refused elements are set aside and named; the rest goes in. Of several changes to the same
    /// network of a jail the last counts.
    ///
    /// More than 16,384 changes are several transactions; so are fewer where the system lets us
    /// have no large buffers, as in a user namespace (some 5,000 with its default limits).
    ///
    /// `elsewhere` tells until when any other jail keeps a network out.
    pub fn apply(
        &mut self,
        changes: &[Change],
        elsewhere: impl Fn(Network) -> Option<Until>,
        now: Timestamp,
    ) -> Outcome {
        apply::apply(&mut self.wire, &mut self.layout, (changes, &elsewhere), now)
    }

    /// What each jail's rules have stopped since the table was made.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn counters(&mut self) -> Result<Vec<(JailId, Packets)>, NftError> {
        let counted = present::counted(&mut self.wire, Care::Whole)?;
        let of_jail = |jail: &Jail| {
            let mut sum = Packets::default();
            for ((_, set), packets) in &counted {
                if jail.sets.values().any(|it| it == set) {
                    sum.add(*packets);
                }
            }
            sum
        };
        Ok(self.layout.jails.iter().map(|(id, jail)| (*id, of_jail(jail))).collect())
    }

    /// What others have in the kernel's firewall, as far as it decides which packets we see.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn surroundings(&mut self) -> Result<Surroundings, NftError> {
        Surroundings::read(&mut self.wire)
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
