//! Chance that can be repeated: numbers from a seed.

use std::env;
use std::hash::{BuildHasher as _, RandomState};

use jailkeeper::keeper::Dice;

/// Numbers that look random.
#[derive(Clone)]
pub(crate) struct Chance(Dice);

impl Chance {
    /// From the seed in `JAILKEEPER_SEED`, or from a new one, which is printed.
    pub(crate) fn new() -> Self {
        let given = env::var("JAILKEEPER_SEED").ok();
        let given = given.map(|text| text.parse().expect("JAILKEEPER_SEED is a number"));
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(()));
        eprintln!("JAILKEEPER_SEED={seed}");
        Self::from_seed(seed)
    }

    /// From this seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.number()
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a usize")
    }

    /// One of these.
    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// Up to so many bytes, at least one.
    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..=self.below(most)).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Whether something happens that does so once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
