//! Chance from a seed: the same schedule again, whenever it is asked for.

use crate::keeper::Dice;

/// Numbers that look random.
#[derive(Debug)]
pub(super) struct Chance(Dice);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// Any number.
    pub(super) fn number(&mut self) -> u64 {
        self.0.number()
    }

    /// A number below this one, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// Once in so many times; never if that is 0.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let index = self.below(all.len() as u64);
        all[usize::try_from(index).expect("an index")]
    }
}
