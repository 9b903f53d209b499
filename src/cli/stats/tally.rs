//! Counting by names of which attackers choose the number.

use std::collections::HashMap;

use serde::Serialize;

use crate::keeper::Timestamp;

/// When more names than this are known, those with the least are forgotten until half is left.
pub(super) const NAMES_MAX: usize = 1 << 16;

/// A longer name is cut: accounts have names that attackers choose.
const NAME_CHARS_MAX: usize = 64;

/// An entry of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened<'e> {
    pub(super) time: Timestamp,
    pub(super) what: What,
    pub(super) jail: &'e str,
    /// None where the entry is of too many offenders to name each.
    pub(super) offender: Option<&'e str>,
    pub(super) user: Option<&'e str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// So many.
    Attempts(u64),
    Ban,
}

/// How often each has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    pub(super) attempts: u64,
    pub(super) bans: u64,
}

impl Count {
    pub(super) fn add(&mut self, what: What) {
        match what {
            What::Attempts(number) => self.attempts += number,
            What::Ban => self.bans += 1,
        }
    }

    /// What is kept when not all can be: a ban says more than any number of attempts.
    fn weight(self) -> (u64, u64) {
        (self.bans, self.attempts)
    }
}

/// Counts by name, in bounded memory.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: HashMap<String, Count>,
    /// Whether names were forgotten, so that counts may be too low.
    pub(super) is_approximate: bool,
}

impl Tally {
    pub(super) fn add(&mut self, name: &str, what: What) {
        if let Some(count) = self.counts.get_mut(name) {
            return count.add(what);
        }
        if self.counts.len() >= NAMES_MAX {
            self.forget_least();
        }
        let name = name.chars().take(NAME_CHARS_MAX).collect();
        self.counts.entry(name).or_default().add(what);
    }

    fn forget_least(&mut self) {
        self.is_approximate = true;
        let mut all: Vec<(String, Count)> = self.counts.drain().collect();
        let half = all.len() / 2;
        all.select_nth_unstable_by(half, |(_, a), (_, b)| b.weight().cmp(&a.weight()));
        all.truncate(half);
        self.counts = all.into_iter().collect();
    }

    /// Most attempts first; of as many, most bans, and then by name.
    pub(super) fn sorted(self) -> Vec<(String, Count)> {
        let mut rows: Vec<_> = self.counts.into_iter().collect();
        rows.sort_unstable_by(|(name, a), (other, b)| {
            (b.attempts, b.bans).cmp(&(a.attempts, a.bans)).then_with(|| name.cmp(other))
        });
        rows
    }
}
