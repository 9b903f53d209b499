//! Chance that can be repeated: numbers from a seed.

use std::env;
use std::hash::{BuildHasher as _, RandomState};

/// Numbers that look random (`SplitMix64`).
#[derive(Clone)]
pub(crate) struct Chance(u64);

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
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
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
