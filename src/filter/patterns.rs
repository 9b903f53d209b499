//! Several patterns, of which the first that matches counts.

use std::sync::OnceLock;

use regex::{RegexSet, RegexSetBuilder};

use super::groups::Plan;
use crate::pattern::{Captures, GaveUp, Regex};

/// So large the automaton of all patterns of a filter may be.
const SET_BYTES_MAX: usize = 64 << 20;

/// A pattern, compiled.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) written: String,
    pub(super) regex: Regex,
    pub(super) plan: Plan,
    /// The groups of `<SKIPLINES>`.
    pub(super) skips: Vec<usize>,
}

/// Several patterns, of which the first that matches counts.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) list: Vec<Pattern>,
    /// For texts of ASCII, with which bytes each can begin; none when an automaton must tell.
    first_bytes: OnceLock<Option<Box<[u128]>>>,
    /// Matches wherever they do; compiled when a line needs it.
    set: OnceLock<RegexSet>,
}

/// The patterns are too large together.
#[derive(Debug)]
pub(super) struct TooLarge;

impl Patterns {
    /// These patterns, in their order.
    pub(super) fn new(list: Vec<Pattern>) -> Result<Self, TooLarge> {
        let size = list.iter().map(|pattern| pattern.regex.size()).fold(0, usize::saturating_add);
        // What may be too large is compiled now, so that it is known.
        let set = match size {
            0..=SET_BYTES_MAX => OnceLock::new(),
            _ => compiled(&list).map_err(|_| TooLarge)?.into(),
        };
        Ok(Self { list, first_bytes: OnceLock::new(), set })
    }

    fn first_bytes(&self) -> Option<&[u128]> {
        let all = || self.list.iter().map(|pattern| pattern.regex.first_bytes()).collect();
        self.first_bytes.get_or_init(all).as_deref()
    }

    fn set(&self) -> &RegexSet {
        // When they were read they were small enough together.
        self.set.get_or_init(|| compiled(&self.list).unwrap_or_else(|_| RegexSet::empty()))
    }

    /// The first pattern from the number `from` on that matches, and in `captures` what it has caught.
    pub(super) fn find(
        &self,
        text: &str,
        from: usize,
        captures: &mut Captures,
    ) -> Result<Option<(usize, &Pattern)>, GaveUp> {
        if self.list.len() <= from {
            return Ok(None);
        }
        if let Some(bytes) = self.first_bytes()
            && text.is_ascii()
        {
            let may_begin =
                |begins: &u128| text.bytes().next().is_none_or(|b| begins >> b & 1 != 0);
            let numbers = bytes.iter().enumerate().skip(from).filter(|(_, it)| may_begin(it));
            return self.first_of(numbers.map(|(index, _)| index), |regex| {
                regex.catch_in_ascii(text, captures)
            });
        }
        let set = self.set();
        if !set.is_match(text) {
            return Ok(None);
        }
        let found = set.matches(text);
        let numbers = found.iter().filter(|index| *index >= from);
        self.first_of(numbers, |regex| regex.catch(text, captures))
    }

    fn first_of(
        &self,
        candidates: impl Iterator<Item = usize>,
        mut matches: impl FnMut(&Regex) -> Result<bool, GaveUp>,
    ) -> Result<Option<(usize, &Pattern)>, GaveUp> {
        for index in candidates {
            let Some(pattern) = self.list.get(index) else { break };
            if matches(&pattern.regex)? {
                return Ok(Some((index, pattern)));
            }
        }
        Ok(None)
    }

    /// The number of the first pattern that matches.
    pub(super) fn first(&self, text: &str) -> Result<Option<usize>, GaveUp> {
        let found = self.find(text, 0, &mut Captures::default())?;
        Ok(found.map(|(index, _)| index))
    }
}

fn compiled(list: &[Pattern]) -> Result<RegexSet, regex::Error> {
    let sources = list.iter().map(|pattern| pattern.regex.loose());
    RegexSetBuilder::new(sources).size_limit(SET_BYTES_MAX).build()
}
