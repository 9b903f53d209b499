//! What is wrong with a pattern.

use std::ops::Range;

/// A mistake in a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Fault {
    /// The bytes of the pattern, as it was written.
    pub span: Range<usize>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What can be wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// It is no regex.
    #[error("{0}")]
    Syntax(String),
    /// There is no such tag.
    #[error("there is no tag {0}")]
    UnknownTag(String),
    /// A tag is opened and not closed, or the other way round.
    #[error("{0} has no partner")]
    UnbalancedTag(String),
    /// It needs backtracking, where only what is linear is allowed; by what.
    #[error("{0} needs backtracking")]
    Backtracking(&'static str),
    /// `^` and `$` are to match inside of a message, where a client may have put a new line.
    #[error("the flag m lets ^ and $ match inside of a message")]
    InnerLines,
    /// It is too large.
    #[error("the pattern is too large")]
    TooLarge,
    /// It is empty.
    #[error("the pattern is empty")]
    Empty,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, kind: FaultKind) -> Self {
        Self { span, kind }
    }

    pub(super) fn syntax(span: Range<usize>, why: impl Into<String>) -> Self {
        Self::new(span, FaultKind::Syntax(why.into()))
    }
}
