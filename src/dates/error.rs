use std::ops::Range;

use super::{PATTERN_LIMIT, PATTERNS_LIMIT};

/// Why a list of date patterns cannot be used. `index` counts the patterns from zero; a range is one
/// of bytes in the pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatePatternError {
    /// There are more patterns than a detector takes.
    #[error("{count} date patterns are too many; keep at most {PATTERNS_LIMIT}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A pattern is too long.
    #[error(
        "date pattern {} has {length} bytes; shorten it to at most {PATTERN_LIMIT}",
        index + 1
    )]
    TooLong {
        /// Which pattern.
        index: usize,
        /// Its length in bytes.
        length: usize,
    },
    /// A percent sign stands before something that is no token.
    #[error(
        "date pattern {} has the unknown token {token:?} at byte {}; write a percent sign itself \
         as \"%%\"",
        index + 1, range.start
    )]
    UnknownToken {
        /// Which pattern.
        index: usize,
        /// Where the token stands.
        range: Range<usize>,
        /// The token.
        token: String,
    },
    /// Two tokens of a pattern mean the same field, so that it would not be known which one counts.
    #[error(
        "date pattern {} has the field of {token:?} twice, the second time at byte {}; take one out",
        index + 1, range.start
    )]
    Twice {
        /// Which pattern.
        index: usize,
        /// Where the second token stands.
        range: Range<usize>,
        /// The second token.
        token: String,
    },
    /// A pattern is no regular expression once its tokens are replaced.
    #[error("date pattern {} is no regular expression: {reason}; correct it", index + 1)]
    Regex {
        /// Which pattern.
        index: usize,
        /// What the engine says.
        reason: String,
    },
    /// A pattern is the same as one before it.
    #[error("date pattern {} is already there, as {name:?}; take one of them out", index + 1)]
    Known {
        /// Which pattern.
        index: usize,
        /// The name that both have.
        name: String,
    },
}

impl DatePatternError {
    /// Which pattern it is about.
    #[must_use]
    pub fn index(&self) -> usize {
        match self {
            Self::TooMany { .. } => PATTERNS_LIMIT,
            Self::TooLong { index, .. }
            | Self::UnknownToken { index, .. }
            | Self::Twice { index, .. }
            | Self::Regex { index, .. }
            | Self::Known { index, .. } => *index,
        }
    }
}

/// A time zone that is neither an offset nor known by its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown time zone {0:?}; write an offset like \"UTC+0100\", an abbreviation like \"CET\" or a \
     name like \"Europe/Paris\""
)]
pub struct ZoneError(pub String);
