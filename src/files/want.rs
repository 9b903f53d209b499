//! What is asked of the reader.

use super::encoding::Encoding;

/// The log files of one jail.
#[derive(Clone, Debug)]
pub struct Want {
    /// Absolute paths. `*`, `?` and `[…]` in them stand for what they do in a shell; there need not
    /// be such files yet.
    pub paths: Vec<String>,
    /// How they are encoded. Where several wants disagree about one file, each gets its own
    /// reading of the lines.
    pub encoding: Encoding,
    /// Where reading begins in a file that is there at the start and has no saved position.
    pub from: From,
}

/// Where reading begins. A file that comes later is read from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// At the beginning.
    #[default]
    Head,
    /// At the end. If several wants disagree about one file, it is read from the beginning.
    Tail,
}
