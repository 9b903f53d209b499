//! How bans grow for offenders who were banned before: `bantime.increment` and its family.

use std::num::NonZeroU32;
use std::time::Duration;

use super::formula::{Formula, Givens};
use super::time::Sentence;

/// No ban that grows is longer: a hundred years of 365.25 days.
const LONGEST: Duration = Duration::from_hours(100 * 8766);

/// Beyond so many bans the weight of an attempt grows no more; with it every `maxretry` is met.
const WEIGHED_BANS: u32 = 20;

/// By what the sentences of a jail grow.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// The rule.
    pub law: Law,
    /// What the law multiplies by (`bantime.factor`).
    pub factor: f64,
    /// No sentence grows beyond this (`bantime.maxtime`).
    pub maxtime: Option<Duration>,
    /// Up to so much is added at random, so that nobody can reckon with the end (`bantime.rndtime`).
    pub rndtime: Duration,
    /// Whether the bans of all jails count (`bantime.overalljails`).
    pub overalljails: bool,
    /// For each such span without a ban, one earlier ban is forgotten (`bantime.decay`).
    pub decay: Option<Duration>,
    /// Whether the attempts of known offenders weigh more (`bantime.lower_maxretry`).
    pub lowers_maxretry: bool,
}

/// From the number of earlier bans to the length of this one.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Twice as long each time (fail2ban's stock formula).
    Doubling,
    /// `bantime.formula`.
    Formula(Formula),
    /// `bantime.multipliers`, never none: the one for each number of earlier bans, from 0; the last
    /// stays.
    Multipliers(Vec<f64>),
}

impl Default for Growth {
    /// fail2ban's.
    fn default() -> Self {
        Self {
            law: Law::Doubling,
            factor: 1.0,
            maxtime: None,
            rndtime: Duration::ZERO,
            overalljails: false,
            decay: None,
            lowers_maxretry: false,
        }
    }
}

impl Growth {
    /// The sentence of somebody who was banned `earlier` times, where the first one gets `stock`.
    /// `chance` is a number from 0 to 1. A ban never gets shorter, as in fail2ban.
    #[must_use]
    pub fn sentence(&self, stock: Sentence, earlier: u32, chance: f64) -> Sentence {
        let Sentence::For(stock) = stock else { return Sentence::Forever };
        if earlier == 0 {
            return Sentence::For(stock);
        }
        let longest = self.maxtime.unwrap_or(LONGEST).min(LONGEST);
        let grown = seconds(self.grown(stock, earlier), longest).min(longest);
        let extra = seconds(self.rndtime.as_secs_f64() * chance, self.rndtime);
        Sentence::For(grown.saturating_add(extra).min(LONGEST).max(stock))
    }

    /// By the law alone, in seconds.
    fn grown(&self, stock: Duration, earlier: u32) -> f64 {
        let (time, count) = (stock.as_secs_f64(), f64::from(earlier));
        match &self.law {
            Law::Doubling => time * count.min(20.0).exp2() * self.factor,
            Law::Formula(formula) => formula.value(Givens { time, count, factor: self.factor }),
            Law::Multipliers(multipliers) => {
                let index = usize::try_from(earlier).unwrap_or(usize::MAX);
                let multiplier = multipliers.get(index).or(multipliers.last());
                time * self.factor * multiplier.copied().unwrap_or(1.0)
            }
        }
    }

    /// How many attempts are a ban for somebody who was banned `earlier` times. As in fail2ban, each
    /// of them weighs as much as 2, 3, 5, 9 and so on after one, two, three, four bans.
    #[must_use]
    pub fn maxretry(&self, stock: NonZeroU32, earlier: u32) -> NonZeroU32 {
        if !self.lowers_maxretry || earlier == 0 {
            return stock;
        }
        let weight = (1_u32 << (earlier.min(WEIGHED_BANS) - 1)) + 1;
        NonZeroU32::new(stock.get().div_ceil(weight)).unwrap_or(NonZeroU32::MIN)
    }
}

/// A length of time that arithmetic has come to. What is too long for any, or no number at all, is
/// `longest`.
fn seconds(seconds: f64, longest: Duration) -> Duration {
    if seconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds).unwrap_or(longest)
}
