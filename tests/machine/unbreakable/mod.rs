//! What a whole machine can do to the service, and what still holds.

mod distributions;
mod kernels;
mod privilege;
mod releases;
mod watchdog;
