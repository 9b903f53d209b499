//! Configuration text to rules and diagnostics; a message to an attempt. Pure: it is given texts and
//! opens nothing.
//!
//! In reading order: [`Texts`] come in; `tree` makes them values that know where they stand; `layers`
//! lays the files over each other; `jail` and `definition` give the values their meaning with the
//! help of `value`, `span` and `ports`; `pattern` and [`Filter`] turn patterns into one automaton;
//! [`load`] puts it all together, and `choose` picks one jail or filter. What is wrong becomes a [`Diagnostic`], worded in `wording`.

mod bantime;
mod catalogue;
mod chosen;
mod definition;
mod diagnostic;
mod fail2ban;
mod filter;
mod jail;
mod layers;
mod list;
mod load;
mod loaded;
mod mentions;
mod needs;
mod networks;
mod overlay;
mod ports;
mod render;
mod safety;
mod sample;
mod settings;
mod sources;
mod span;
mod spared;
mod structured;
mod text;
mod tree;
mod value;
mod wording;
pub mod written;

#[cfg(test)]
mod tests;

pub use catalogue::{Card, ModeCard, catalogue};
pub use chosen::{
    Chosen, ChosenJail, Inspected, NotChosen, inspect, load_filter, load_jail, names,
};
pub use definition::KEYS as FILTER_KEYS;
pub use diagnostic::{Diagnostic, Severity, Spot};
pub use fail2ban::{Translated, in_files, translate};
pub use jail::{Jail, KEYS as JAIL_KEYS};
pub use list::{LIST_ENTRIES_MAX, LIST_NAMES_MAX, List, ListMistake, TooLong, parse_list};
pub use load::{load, load_all, load_needed};
pub use loaded::{BrokenJail, Loaded, Sampled};
pub use needs::{Needs, needs};
pub use overlay::{DEFAULT, Overlay, RUN_TIME, jail_names, keys_of_jails, setting};
pub use render::render;
pub use sample::Sample;
pub use settings::{Setting, built_in};
pub use sources::Usual;
pub use span::parse_sentence;
pub use spared::ignoreip_entry;
pub use text::{SourceText, Texts, Unreadable};
pub use tree::without_samples;
pub use wording::{advice, closest};
