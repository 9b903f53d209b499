//! The exit codes, as jailkeeper(1) tables them.

/// It is done.
pub const DONE: u8 = 0;

/// It is not done, or was refused.
pub const FAILED: u8 = 1;

/// The arguments are wrong.
pub const USAGE: u8 = 2;

/// The service is not running.
pub const NOT_RUNNING: u8 = 3;

/// The caller may not do that.
pub const NOT_PERMITTED: u8 = 4;

/// There is no such jail.
pub const NO_SUCH_JAIL: u8 = 5;

/// The configuration has errors (`EX_CONFIG` of sysexits.h(3head)).
pub const CONFIG: u8 = 78;
