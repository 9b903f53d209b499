//! What a whole machine can do to the service, and what still holds.

mod privilege;
mod releases;
