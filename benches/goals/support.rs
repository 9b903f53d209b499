//! What the tests stand on: a service in a house of its own.
#![expect(dead_code, reason = "the tests use all of it")]

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
