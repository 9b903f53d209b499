//! Finding and reading the dates in lines of text. Pure: now and the time zone are passed in.
//!
//! In reading order: `token` has the tokens of date patterns, `expand` replaces them and `wrap` adds
//! the boundaries that a pattern gets; `engine` runs it, on `program`, `reader` and `scan` if it is
//! plain and on [`crate::pattern`] if not; `template` makes a pattern one form of date and `standard` has
//! those that are known without one; `moment`, `zone` and `clock` make the parts of a date a point in time;
//! [`Detector`] finds the date of each line of a source and learns which template serves; `look` reads
//! a date that looks like the last without asking any.
//!
//! What is found and what it means is what fail2ban 1.0.2 finds and takes it for, so that its
//! configuration keeps its meaning, but for this:
//!
//! - `ISO8601` is a keyword, as fail2ban's manual has it; there it is that text itself.
//! - `{DEFAULT}` behind other patterns adds the standard templates, as the manual has it; there it
//!   adds nothing.
//! - `%ExY` takes the years of the decades from 2000 to three years after now, and not after the
//!   start of the program.
//! - Where fail2ban gives a line up with an error (a day without a month, an abbreviation that is
//!   in no table), the line has a date that means nothing.
//! - A pattern that no line could match without an error is refused when it is read.

mod class;
mod clock;
mod detector;
mod engine;
mod error;
mod expand;
mod line;
mod look;
mod moment;
mod program;
mod reader;
mod scan;
mod standard;
mod template;
mod token;
mod wrap;
mod zone;

#[cfg(test)]
mod tests;

pub use detector::{Detector, Found};
pub use error::{DatePatternError, ZoneError};
pub use zone::Zone;

/// So many patterns a detector takes.
pub const PATTERNS_LIMIT: usize = 50;
/// So long a pattern may be, in bytes.
pub const PATTERN_LIMIT: usize = 4096;
