//! What stands in every text that a plain regex matches: most lines are no match, and that they lack
//! it is seen sooner than by the steps.

use memchr::memmem::Finder;

use super::program::Step;
use super::walk::begins;

/// A shorter text is in too many lines that are no match.
const BYTES_MIN: usize = 5;

/// So many texts are looked for.
const TEXTS_MAX: usize = 2;

/// The texts that no match is without.
#[derive(Clone, Debug)]
pub(super) struct Demands {
    /// What a match begins with.
    start: Box<[u8]>,
    /// What is in it somewhere, the longest first.
    inside: Box<[Finder<'static>]>,
}

impl Demands {
    /// Those of a program that matches from the beginning on.
    pub(super) fn of(steps: &[Step]) -> Self {
        let is_place = |step: &Step| matches!(step, Step::Start { .. } | Step::Edge(_));
        let start = match steps.iter().find(|step| !is_place(step)) {
            Some(Step::Text(text)) => text.clone(),
            _ => Box::default(),
        };
        let mut inside: Vec<&[u8]> = texts(steps)
            .filter(|text| text.len() >= BYTES_MIN && text.len() > start.len())
            .collect();
        inside.sort_by_key(|text| std::cmp::Reverse(text.len()));
        inside.truncate(TEXTS_MAX);
        let inside = inside.into_iter().map(|text| Finder::new(text).into_owned()).collect();
        Self { start, inside }
    }

    /// Whether all of them stand in `text`.
    pub(super) fn are_met_by(&self, text: &[u8]) -> bool {
        begins(text, &self.start) && self.inside.iter().all(|one| one.find(text).is_some())
    }
}

/// The texts that every way through the steps passes.
fn texts(steps: &[Step]) -> impl Iterator<Item = &[u8]> {
    // No way leads back but to the beginning of a circle, which a split leads around.
    let mut around = 0;
    steps.iter().enumerate().filter_map(move |(at, step)| match step {
        Step::Split(first, second) => {
            around = around.max(first.step).max(second.step);
            None
        }
        Step::Jump(target) => {
            around = around.max(*target);
            None
        }
        Step::Text(text) if at >= around => Some(&**text),
        _ => None,
    })
}
