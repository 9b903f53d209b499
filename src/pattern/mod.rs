//! Patterns: fail2ban's language of regexes and tags, compiled. Pure.
//!
//! A pattern is a regex in Python's syntax with tags such as `<ADDR>` in it. In reading order: `tags`
//! writes the tags out; `parse` (with `class` and `flags`) makes a tree of the regex; `emit` writes
//! the tree in the syntax of our engines; [`Regex`] holds the engine that it needs: the linear one
//! whenever that can do it, the backtracking one, with a limit to its steps, only for look-around,
//! back-references, conditionals and atomic groups. Most patterns need no engine: `program` writes them
//! as steps, `demands` knows what no match is without, and `walk` takes the steps. `safety` looks at the
//! tree for what a client could abuse.

mod ast;
mod captures;
mod class;
mod demands;
mod emit;
mod fault;
mod flags;
mod parse;
mod program;
mod progress;
mod regex;
mod safety;
mod set;
mod size;
mod tags;
mod walk;

#[cfg(test)]
mod tests;

pub use captures::Captures;
pub use fault::{Fault, FaultKind};
pub use progress::Progress;
pub use regex::{GaveUp, Options, Regex, Text};
pub use safety::{Danger, Shape};
pub use tags::{Language, compile, shape, tag_names};
