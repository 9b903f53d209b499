//! What a whole machine can do to the service, and what still holds.

mod distributions;
mod flood;
mod kernels;
mod logger;
mod neighbours;
mod privilege;
mod releases;
mod watchdog;
