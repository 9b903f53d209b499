//! How long a test goes on that could go on for ever, and what it has come to.

use std::env;

/// How many rounds: `usual` ones in `make test`, `long` ones in `make soak`.
pub(crate) fn rounds(usual: u32, long: u32) -> u32 {
    if env::var_os("JAILKEEPER_SOAK").is_some() { long } else { usual }
}

/// Tells a figure for RELIABILITY.md; `make soak` gathers them.
pub(crate) fn figure(claim: &str, figure: impl std::fmt::Display) {
    eprintln!("figure: {claim}: {figure}");
}
