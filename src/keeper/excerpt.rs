//! Texts of which many stand in one piece of memory.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A part of a text that others share. What comes in masses costs no memory of its own then, which one
/// thread would have to find and another to give back.
#[derive(Clone)]
pub struct Excerpt {
    whole: Arc<str>,
    part: Range<usize>,
}

impl Excerpt {
    /// This part of a text, in bytes.
    ///
    /// # Panics
    ///
    /// When it does not lie within the text, or begins or ends within a character.
    #[must_use]
    pub fn of(whole: &Arc<str>, part: Range<usize>) -> Self {
        assert!(whole.get(part.clone()).is_some(), "{part:?} is no part of the text");
        Self { whole: Arc::clone(whole), part }
    }
}

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        Self { whole: text.into(), part: 0..text.len() }
    }
}

impl Deref for Excerpt {
    type Target = str;

    fn deref(&self) -> &str {
        &self.whole[self.part.clone()]
    }
}

impl PartialEq for Excerpt {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Excerpt {}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_its_part() {
        let whole = Arc::from("onetwöthree");
        let part = Excerpt::of(&whole, 3..7);
        assert_eq!(&*part, "twö");
        assert_eq!(part, Excerpt::from("twö"));
        assert_ne!(part, Excerpt::of(&whole, 0..3));
        assert_eq!(format!("{part:?}"), "\"twö\"");
    }
}
