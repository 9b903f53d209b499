//! Runs `src/netlink.rs` under libFuzzer.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| jailkeeper_fuzz::netlink::run(input));
