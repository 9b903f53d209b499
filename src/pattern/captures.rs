//! What a match has caught.

use std::ops::Range;

/// Where a regex and its groups have matched. One can be used for many texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    /// Where each group begins and ends, first the whole.
    edges: Vec<usize>,
}

impl Captures {
    /// The edges of a group that takes no part.
    pub(super) const NOWHERE: usize = usize::MAX;

    /// Where the whole has matched.
    #[must_use]
    pub fn whole(&self) -> Range<usize> {
        self.group(0).unwrap_or(0..0)
    }

    /// Where the group with this number has matched, if it has.
    #[must_use]
    pub fn group(&self, group: usize) -> Option<Range<usize>> {
        let [start, end] = *self.edges.get(2 * group..)?.first_chunk()?;
        (start != Self::NOWHERE).then_some(start..end)
    }

    /// Forgets what was caught, and makes room for so many groups.
    pub(super) fn clear(&mut self, groups: usize) {
        self.edges.clear();
        self.edges.resize(2 * groups, Self::NOWHERE);
    }

    /// Takes what groups have caught, in their order.
    pub(super) fn take(&mut self, groups: impl Iterator<Item = Option<Range<usize>>>) {
        self.edges.clear();
        for group in groups {
            let span = group.unwrap_or(Self::NOWHERE..Self::NOWHERE);
            self.edges.extend([span.start, span.end]);
        }
    }

    pub(super) fn edges_mut(&mut self) -> &mut [usize] {
        &mut self.edges
    }

    /// The whole goes from the text's beginning to `end`.
    pub(super) fn set_whole(&mut self, end: usize) {
        if let Some(whole) = self.edges.first_chunk_mut() {
            *whole = [0, end];
        }
    }
}
