//! Numbers that look random and are the same in every run.

use jailkeeper::keeper::Dice;

/// Good enough to choose words by.
pub(crate) struct Random(Dice);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Dice::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.number()
    }

    /// One of the numbers from 0 up to this one, without it.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of these.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.place(from.len())]
    }

    /// One of the places in what is so long.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a length")
    }

    /// The place of one of these, the heavier the likelier.
    pub(crate) fn weighed(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            if left < *weight {
                return place;
            }
            left -= weight;
        }
        unreachable!("it is below the sum")
    }

    /// An address of those that are set aside for benchmarks (RFC 2544).
    pub(crate) fn address(&mut self) -> String {
        format!("198.{}.{}.{}", 18 + self.below(2), self.below(256), 1 + self.below(254))
    }
}
