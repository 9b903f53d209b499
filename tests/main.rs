//! The integration tests: every room against its real outside world.

mod bus;
mod cli;
mod config;
mod daemon;
mod dates;
mod dialect;
mod filters;
mod host;
mod journal;
mod machine;
mod nft;
mod source;
mod store;
mod support;
mod systemd;
