//! What the tests stand on: a service in a house of its own.
#![expect(dead_code, reason = "the tests use all of it")]

/// What the tests have the service run under is no part of what is measured.
pub(crate) mod confined {
    use std::process::Command;

    pub(crate) fn command(program: &str) -> Command {
        Command::new(program)
    }
}

#[path = "../../tests/support/dbus.rs"]
pub(crate) mod dbus;
#[path = "../../tests/support/gate.rs"]
pub(crate) mod gate;
#[path = "../../tests/support/house.rs"]
pub(crate) mod house;
#[path = "../../tests/support/journald.rs"]
pub(crate) mod journald;
#[path = "../../tests/support/netns.rs"]
pub(crate) mod netns;
