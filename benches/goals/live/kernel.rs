//! The kernel's table by itself, without a service.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use jailkeeper::keeper::{Change, Gate, JailId, Network, Outcome, Timestamp, Until};
use jailkeeper::nft::Firewall;

use crate::support::{self, netns::Netns};

/// A jail that guards port 22 of this host, as a stock one does.
pub(crate) fn gate(id: u32) -> Gate {
    Gate { spare_loopback: true, ..support::gate::gate(id, &format!("jail{id}")) }
}

/// A table with so many jails.
pub(crate) struct Table(Firewall);

impl Table {
    /// Makes one in this network.
    pub(crate) fn new(network: &Netns, jails: u32) -> Self {
        let mut firewall = network.run(|| Firewall::open().expect("the firewall"));
        firewall.raise(&(0..jails).map(gate).collect::<Vec<_>>()).expect("the table");
        Self(firewall)
    }

    /// Bans these for a day, by transactions alone; how long that took.
    pub(crate) fn ban(&mut self, offenders: impl Iterator<Item = (JailId, Ipv4Addr)>) -> Duration {
        let now = Timestamp::from_seconds(1_000_000_000);
        let until = Until::At(now.plus(Duration::from_hours(24)));
        let ban = |(jail, address)| Change::Ban { jail, network: Network::V4(address, 32), until };
        let bans: Vec<Change> = offenders.map(ban).collect();
        let begin = Instant::now();
        let outcome = self.0.apply(&bans, |_| None, now);
        let taken = begin.elapsed();
        assert_eq!(outcome, Outcome::Applied { refused: vec![] });
        taken
    }
}
