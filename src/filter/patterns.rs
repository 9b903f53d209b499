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
    /// For texts of ASCII; none when an automaton must tell.
    starts: OnceLock<Option<Starts>>,
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
        Ok(Self { list, starts: OnceLock::new(), set })
    }

    fn starts(&self) -> Option<&Starts> {
        self.starts.get_or_init(|| Starts::of(&self.list)).as_ref()
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
        if let Some(starts) = self.starts()
            && text.is_ascii()
        {
            let numbers = starts.numbers(text).filter(|index| *index >= from);
            return self.first_of(numbers, |regex| regex.catch_in_ascii(text, captures));
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

/// Which patterns a text of ASCII can match, by its first byte.
#[derive(Debug)]
struct Starts {
    /// For each 64 patterns, and each byte, the patterns that it can begin, a bit each.
    blocks: Vec<[u64; 128]>,
}

impl Starts {
    /// None when a pattern cannot be told by its beginning.
    fn of(list: &[Pattern]) -> Option<Self> {
        let block = |patterns: &[Pattern]| {
            let mut table = [0; 128];
            for (number, pattern) in patterns.iter().enumerate() {
                let bytes = pattern.regex.first_bytes()?;
                for (byte, patterns) in table.iter_mut().enumerate() {
                    *patterns |= u64::from(bytes >> byte & 1 != 0) << number;
                }
            }
            Some(table)
        };
        Some(Self { blocks: list.chunks(64).map(block).collect::<Option<_>>()? })
    }

    /// The numbers of the patterns that may match `text`.
    fn numbers(&self, text: &str) -> impl Iterator<Item = usize> {
        let first = text.bytes().next();
        self.blocks.iter().zip((0..).step_by(64)).flat_map(move |(table, base)| {
            let byte = first.and_then(|byte| table.get(usize::from(byte)));
            // An empty text may be one for all.
            let mut left = byte.copied().unwrap_or(u64::MAX);
            std::iter::from_fn(move || {
                let number = (left != 0).then_some(left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(base + number)
            })
        })
    }
}

fn compiled(list: &[Pattern]) -> Result<RegexSet, regex::Error> {
    let sources = list.iter().map(|pattern| pattern.regex.loose());
    RegexSetBuilder::new(sources).size_limit(SET_BYTES_MAX).build()
}
