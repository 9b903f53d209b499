//! jailkeeper keeps attackers off this machine: it reads the journal, recognises failed logins, and
//! has the kernel drop the packets of whoever fails too often.
//!
//! A tour of the house, in reading order; ARCHITECTURE.md is its map. [`keeper`] decides, and
//! knows nothing but values and the time that it is told. [`record`] and [`rules`] turn text into
//! jails and messages into attempts; [`dialect`] knows what fail2ban's own files mean, and [`dates`]
//! finds out when a line was written. Around these pure rooms stand the edges, each with one part of
//! the world behind it: [`confdir`], [`files`], [`journal`], [`nft`], [`host`], [`names`], [`lists`],
//! [`sessions`], [`store`], [`bus`], [`systemd`], [`pledge`]. [`daemon`] is the loop that joins them,
//! and [`cli`] the client that talks to it.

#![forbid(unsafe_code)]

pub mod dates;
pub mod dialect;
pub mod filter;
pub mod keeper;
pub mod pattern;
pub mod record;
pub mod rules;

pub mod bus;
pub mod confdir;
pub mod control;
pub mod files;
pub mod host;
pub mod journal;
pub mod lists;
pub mod names;
pub mod nft;
pub mod pledge;
pub mod sessions;
pub mod store;
pub mod systemd;

pub mod cli;
pub mod daemon;
