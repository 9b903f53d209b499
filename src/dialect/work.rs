//! The bound of all work that a configuration can cause.

use super::mistake::{Fault, Trouble};
use super::text::Span;

/// So long may a value be after interpolation, in bytes.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// What each step costs besides the bytes that it reads and writes.
const STEP: usize = 256;

/// So much may be read and written while one question is answered, in bytes.
const WORK_MAX: usize = 1 << 28;

/// What is left of the work that may be done.
#[derive(Debug)]
pub(super) struct Work {
    left: usize,
}

impl Work {
    pub(super) fn new() -> Self {
        Self { left: WORK_MAX }
    }

    /// Takes the work for so many bytes.
    pub(super) fn spend(&mut self, bytes: usize, span: Option<Span>) -> Result<(), Trouble> {
        if let Some(left) = self.left.checked_sub(bytes.saturating_add(STEP)) {
            self.left = left;
            return Ok(());
        }
        self.left = 0;
        let fault = Fault::new(
            "the configuration is too much work to read",
            "look for options that name one another many times over",
        );
        Err(fault.at(span))
    }
}

/// Whether a value of so many bytes may be.
pub(super) fn fits(bytes: usize, span: Option<Span>) -> Result<(), Trouble> {
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    let fault = Fault::new(
        "the value grows beyond 1 MiB once its options are put in",
        "look for options that name one another many times over",
    );
    Err(fault.at(span))
}
