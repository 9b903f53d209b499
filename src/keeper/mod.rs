//! The decisions. Pure: no input or output, no clock, nothing but `std`.
//!
//! Three verbs, and none of them can fail: [`Keeper::decide`] turns events into changes,
//! [`Keeper::settle`] hears what the firewall made of them, and [`plan`] (by way of
//! [`Keeper::audit`]) finds what must change when the firewall is not as it should be. Time is
//! passed in, effects come out as values.

mod allowed;
mod calls;
mod decide;
mod event;
mod exempt;
mod friends;
mod gate;
mod ignore;
mod jail;
mod ledger;
mod network;
mod plan;
mod policy;
mod roster;
mod rule;
mod sessions;
mod time;
mod window;

#[cfg(test)]
mod tests;

pub use allowed::{Allowance, MAX_ALLOWED, Where};
pub use decide::{Decisions, Keeper, Settled, Tally};
pub use event::{
    AllowOrder, Answer, Attempt, BanOrder, BanRecord, Change, DisallowOrder, Disallowed, Element,
    Event, Lifted, Notice, Outcome, Place, Reply, SourceId, Spared, Ticket, UnbanOrder, Write,
};
pub use exempt::{Entry, Exempt, ListId, SparedBy};
pub use gate::{Action, Gate, Ports, Protocol, Protocols, Scope};
pub use ignore::{HostName, IgnoreList, OwnAddresses};
pub use network::{Family, Network, NotANetwork, Prefix};
pub use plan::plan;
pub use policy::Policy;
pub use roster::{JailId, Roster};
pub use rule::IgnoreRule;
pub use sessions::Session;
pub use time::{Sentence, Timestamp, Until};
