//! The integration tests: every room against its real outside world.

mod bus;
mod cli;
mod config;
mod daemon;
mod dates;
mod dialect;
mod files;
mod files_offline;
mod files_rotation;
mod filters;
mod fuzz;
mod host;
mod hostile;
mod import;
mod journal;
mod machine;
mod nft;
mod pattern;
mod replay;
mod seeds;
mod source;
mod sources;
mod store;
mod support;
mod systemd;
mod tester;
