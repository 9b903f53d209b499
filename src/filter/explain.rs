//! Why a filter says what it says to a line.

use super::judge::{Filter, Line};
use super::patterns::Pattern;
use crate::pattern::{Captures, Progress};

/// Where a line leaves a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An ignoreregex matches.
    Ignored {
        /// Which.
        pattern: usize,
    },
    /// The prefregex does not match.
    Prefix {
        /// How far it gets.
        progress: Progress,
        /// The text that it was to match.
        text: String,
    },
    /// No failregex matches.
    NoPattern {
        /// The one that gets furthest.
        pattern: usize,
        /// How far it gets.
        progress: Progress,
        /// The text that it was to match: what the prefregex has left.
        text: String,
    },
    /// A failregex matches.
    Matched {
        /// Which.
        pattern: usize,
    },
    /// There is no failregex.
    Empty,
}

impl Filter {
    /// Where `line` leaves the filter, by itself: lines that belong together are not looked at.
    #[must_use]
    pub fn explain(&self, line: Line<'_>) -> Step {
        let mut text = String::new();
        self.lay_out(line, &mut text);
        let Ok(Some(prefixed)) = self.content(&text, &mut Captures::default()) else {
            let prefix = self.parts.prefix.as_ref();
            return match prefix.and_then(|pattern| pattern.regex.progress(&text)) {
                Some(progress) => Step::Prefix { progress, text: shown(&text) },
                None => Step::Empty,
            };
        };
        if let Ok(Some(pattern)) = self.parts.ignores.first(&text) {
            return Step::Ignored { pattern };
        }
        let text = prefixed.content.unwrap_or_else(|| text.as_str().into());
        let list = &self.parts.failures.list;
        if let Ok(Some(pattern)) = self.parts.failures.first(&text) {
            return Step::Matched { pattern };
        }
        let progress = |(index, pattern): (usize, &Pattern)| {
            pattern.regex.progress(&text).map(|progress| (index, progress))
        };
        // Of several that get as far, the first.
        let found = list.iter().enumerate().filter_map(progress).rev();
        match found.max_by_key(|(_, progress)| progress.reached) {
            Some((pattern, progress)) => Step::NoPattern { pattern, progress, text: shown(&text) },
            None => Step::Empty,
        }
    }
}

fn shown(text: &str) -> String {
    text.trim_end_matches('\n').to_owned()
}
