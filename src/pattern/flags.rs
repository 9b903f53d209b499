//! The flags of a regex: `(?i)`, `(?s-i:…)`.

use std::ops::Range;

use super::fault::Fault;

/// Which flags are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
    pub(super) verbose: bool,
    pub(super) ascii: bool,
}

impl Flags {
    /// These flags and those.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            ignore_case: self.ignore_case || other.ignore_case,
            multi_line: self.multi_line || other.multi_line,
            dot_all: self.dot_all || other.dot_all,
            verbose: self.verbose || other.verbose,
            ascii: self.ascii || other.ascii,
        }
    }

    /// Changes the flags by letters such as `i`, `s-i` or `-x`.
    pub(super) fn change(&mut self, letters: &str, span: &Range<usize>) -> Result<(), Fault> {
        let mut on = true;
        for letter in letters.chars() {
            match letter {
                '-' if on => on = false,
                'i' => self.ignore_case = on,
                'm' => self.multi_line = on,
                's' => self.dot_all = on,
                'x' => self.verbose = on,
                'a' if on => self.ascii = true,
                'u' if on => self.ascii = false,
                _ => {
                    let why = format!("\"{letter}\" is no flag; there are a, i, m, s, u and x");
                    return Err(Fault::syntax(span.clone(), why));
                }
            }
        }
        Ok(())
    }
}
