//! The decisions. Pure: no input or output, no clock, nothing but `std`.
//!
//! Three verbs, and none of them can fail: [`Keeper::decide`] turns events into changes,
//! [`Keeper::settle`] hears what the firewall made of them, and [`plan`] (by way of
//! [`Keeper::audit`]) finds what must change when the firewall is not as it should be. Time is
//! passed in, effects come out as values.

mod accounts;
mod allowed;
mod calls;
mod decide;
mod dice;
mod escalation;
mod event;
mod evidence;
mod excerpt;
mod exempt;
mod formula;
mod friends;
mod gate;
mod growth;
mod hearing;
mod ignore;
mod jail;
mod jails;
mod ledger;
mod memory;
mod network;
mod news;
mod noted;
mod notice;
mod orders;
mod patience;
mod plan;
mod policy;
mod priors;
mod recall;
mod roster;
mod rule;
mod sentencing;
mod sessions;
mod shell;
mod time;
mod view;
mod window;

#[cfg(test)]
mod tests;

pub use accounts::ACCOUNT_ATTEMPTS_MAX;
pub use allowed::{Allowance, MAX_ALLOWED, Where};
pub use decide::{Decisions, Keeper, Settled};
pub use dice::Dice;
pub use event::{
    AllowOrder, Answer, Attempt, AttemptOrder, BanOrder, BanRecord, Change, DisallowOrder, Element,
    Event, Outcome, Place, Reply, SourceId, Ticket, UnbanOrder, Write,
};
pub use excerpt::Excerpt;
pub use exempt::{Entry, Exempt, ListId, SparedBy};
pub use formula::{FORMULA_MAX, Formula, Givens, NotAFormula};
pub use gate::{Action, Gate, Ports, Protocol, Protocols, Scope};
pub use growth::{Growth, Law};
pub use ignore::{HostName, IgnoreList, OwnAddresses};
pub use network::{Family, Network, NotANetwork, Prefix};
pub use notice::{Banned, Disallowed, Lifted, News, Notice, Spared};
pub use patience::pause;
pub use plan::plan;
pub use policy::{CountBy, Escalate, MAX_PREFIX, MAXMATCHES_MAX, Policy};
pub use priors::Prior;
pub use roster::{JailId, Roster};
pub use rule::IgnoreRule;
pub use sessions::Session;
pub use shell::is_like;
pub use time::{Sentence, Timestamp, Until};
pub use view::{Tally, View};
