//! The firewall, in the kernel: each test in network namespaces of its own.

mod common;
mod elements;
mod monitor;
mod networks;
mod packets;
mod router;
mod surroundings;
mod table;

use std::time::{Duration, SystemTime};

use jailkeeper::keeper::{Change, JailId, Network, Outcome, Timestamp, Until};
use jailkeeper::nft::Firewall;

use crate::support::gate::gate;

/// The table as nft(8) shows it.
const LIST: &str = "list table inet jailkeeper";

fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    Timestamp::from_micros(i64::try_from(since.as_micros()).expect("it is not that late"))
}

fn network(text: &str) -> Network {
    text.parse().expect("a network")
}

fn seconds(seconds: u64) -> Until {
    Until::At(now().plus(Duration::from_secs(seconds)))
}

fn ban(text: &str, until: Until) -> Change {
    Change::Ban { jail: JailId(0), network: network(text), until }
}

fn lift(text: &str) -> Change {
    Change::Lift { jail: JailId(0), network: network(text) }
}

/// Makes changes, all of which must go in.
fn apply(firewall: &mut Firewall, changes: &[Change]) {
    let outcome = firewall.apply(changes, |_| None, now());
    assert_eq!(outcome, Outcome::Applied { refused: vec![] });
}
