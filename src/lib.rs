//! jailkeeper keeps attackers off this machine. The rooms, in reading order.

#![forbid(unsafe_code)]

pub mod keeper;
pub mod record;
pub mod rules;

pub mod bus;
pub mod confdir;
pub mod host;
pub mod journal;
pub mod nft;
pub mod store;
pub mod systemd;

pub mod cli;
pub mod daemon;
