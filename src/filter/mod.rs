//! Filters: from a line to an attempt. Pure.
//!
//! In reading order: a [`Recipe`] holds a filter's patterns as text; [`Filter`] is what is compiled
//! of them, and judges lines; `groups` holds what the patterns catch, `session` ties lines together
//! by an id, `lines` by standing close; [`Verdict`] is what comes out.

mod groups;
mod judge;
mod lines;
mod recipe;
mod session;
mod verdict;

#[cfg(test)]
mod tests;

pub use judge::{Filter, Line, Memory};
pub use lines::LINES_MAX;
pub use recipe::{PATTERNS_MAX, Part, Recipe, RecipeError};
pub use verdict::{Failure, Offender, Verdict};
