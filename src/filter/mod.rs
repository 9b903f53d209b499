//! Filters: from a line to an attempt. Pure.
//!
//! In reading order: a [`Recipe`] holds a filter's patterns as text; [`Filter`] is what is compiled
//! of them, and judges lines; `patterns` finds the first that matches, `groups` holds what the patterns catch, `blame` knows whom that means,
//! `session` ties lines together by an id, `lines` by standing close; [`Verdict`] is what comes out.
//! `mask` makes a line fit to be kept.
//! Of logs that have fields, `structured` knows what must hold and what is told: `condition` compares
//! values, `json` finds them.

mod blame;
mod condition;
mod dating;
mod examine;
mod explain;
mod groups;
mod header;
mod journal_line;
mod json;
mod judge;
mod lines;
mod mask;
mod patterns;
mod recipe;
mod session;
mod structured;
mod users;
mod verdict;

#[cfg(test)]
mod tests;

pub use condition::{Condition, Operand, OperandFault};
pub use dating::{Dated, Dating, Placed, place};
pub use examine::{Examined, Examiner};
pub use explain::Step;
pub use groups::Caught;
pub use json::KeyFault;
pub use judge::{Filter, Line, Memory};
pub use lines::LINES_MAX;
pub use mask::{TEXT_BYTES_MAX, mask};
pub use recipe::{PATTERNS_MAX, Part, Recipe, RecipeError};
pub use structured::Extract;
pub use verdict::{Failure, Offender, Stated, Verdict};
