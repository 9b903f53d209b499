//! What the tests stand on: real parts, private to each test, and gone with it.

pub(crate) mod chance;
pub(crate) mod confined;
pub(crate) mod dbus;
pub(crate) mod fail2ban;
pub(crate) mod flood;
pub(crate) mod following;
pub(crate) mod gate;
pub(crate) mod house;
pub(crate) mod journald;
pub(crate) mod netns;
pub(crate) mod soak;
pub(crate) mod stock;
pub(crate) mod strace;
