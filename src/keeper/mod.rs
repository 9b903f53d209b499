//! The decisions. Pure: no input or output, no clock, nothing but `std`.

mod event;
mod gate;
mod ignore;
mod network;
mod policy;
mod roster;
mod time;

pub use event::{
    Answer, Attempt, BanRecord, Change, Element, Event, Lifted, Notice, Outcome, Place, Reply,
    SourceId, Spared, Ticket, Write,
};
pub use gate::{Action, Gate, Ports, Protocol, Protocols, Scope};
pub use ignore::{IgnoreList, OwnAddresses};
pub use network::{Family, Network, NotANetwork, Prefix};
pub use policy::Policy;
pub use roster::{JailId, Roster};
pub use time::{Sentence, Timestamp, Until};
