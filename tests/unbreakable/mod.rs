//! Nothing lost, nobody let in, nobody wrongly shut out: whatever happens around the service.
//!
//! Each claim of RELIABILITY.md is held by a test here, in `tests/machine/unbreakable` where it takes
//! a whole machine, or beside the code that it is about. `make test` runs their short forms, `make
//! soak` the long ones.

mod arguments;
mod attempts;
mod chronicle;
mod clock;
mod day;
mod disk;
mod faults;
mod floods;
mod injection;
mod journal;
mod kernel;
mod kill;
mod privilege;
mod releases;
mod slow_lines;
mod supply;
