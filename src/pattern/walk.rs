//! Running a program over a text: the ways of a regex, one after the other.

use super::captures::Captures;
use super::program::{Next, Program, Step, Way};

/// So many steps a walk may take, and one more for every [`BYTES_A_STEP`] bytes of the text. Lines that
/// are no attack on the pattern take some dozens.
const STEPS_MAX: usize = 1000;
const BYTES_A_STEP: usize = 8;

/// So deep the choices of a walk may lie in each other, which is what it takes of the stack.
const DEPTH_MAX: usize = 200;

/// All bytes of a line.
const NO_NEWLINE: u128 = !(1 << 10);

/// How a walk has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// It has found the match.
    Found,
    /// There is none.
    Not,
    /// It has taken too many steps to know.
    Unknown,
}

impl Program {
    /// Looks for the match in `text`, which is all of ASCII.
    pub(super) fn walk(&self, text: &str, captures: &mut Captures) -> Walked {
        if !self.demands.are_met_by(text.as_bytes()) {
            return Walked::Not;
        }
        captures.clear(self.groups);
        let fuel = STEPS_MAX + text.len() / BYTES_A_STEP;
        let edges = captures.edges_mut();
        let mut walk = Walk { steps: &self.steps, text: text.as_bytes(), edges, fuel, depth: 0 };
        match walk.on(0, 0) {
            Some(end) => {
                captures.set_whole(end);
                Walked::Found
            }
            None if walk.fuel == 0 => Walked::Unknown,
            None => Walked::Not,
        }
    }
}

struct Walk<'p, 't, 'c> {
    steps: &'p [Step],
    text: &'t [u8],
    edges: &'c mut [usize],
    fuel: usize,
    depth: usize,
}

impl<'p> Walk<'p, '_, '_> {
    /// Where the match ends that goes on with `step` at `at`.
    fn on(&mut self, mut step: usize, mut at: usize) -> Option<usize> {
        let steps: &'p [Step] = self.steps;
        loop {
            self.fuel = self.fuel.checked_sub(1)?;
            let Some(now) = steps.get(step) else { return Some(at) };
            step += 1;
            match now {
                Step::Text(text) => at = self.behind(text, at)?,
                Step::Fold(text) => {
                    let here = self.text.get(at..at + text.len())?;
                    at = here.eq_ignore_ascii_case(text).then_some(at + text.len())?;
                }
                Step::One(set) => at = self.has(*set, at).then_some(at + 1)?,
                Step::Many { set, min, max, next } => {
                    let (least, most) = (at.checked_add(*min)?, self.run(*set, at, *max));
                    if most < least {
                        return None;
                    }
                    if *next == Next::Other || most == least {
                        at = most;
                    } else {
                        return self.many(step, (least, most), *next);
                    }
                }
                Step::Few { set, min, max, next } => {
                    let (least, most) = (at.checked_add(*min)?, self.run(*set, at, *max));
                    return self.few(step, (least, most), *next);
                }
                Step::Split(first, second) => {
                    step = if !self.may_take(first, at) {
                        second.step
                    } else if !self.may_take(second, at) {
                        first.step
                    } else if let Some(end) = self.deeper(first.step, at) {
                        return Some(end);
                    } else {
                        second.step
                    };
                }
                Step::Jump(target) => step = *target,
                Step::Edge(edge) => *self.edges.get_mut(*edge)? = at,
                Step::Without(group) => {
                    self.edges.get_mut(2 * group..2 * group + 2)?.fill(Captures::NOWHERE);
                }
                Step::Start { inner } => {
                    let is = at == 0 || *inner && self.text.get(at - 1) == Some(&b'\n');
                    is.then_some(())?;
                }
                Step::End { inner } => {
                    let next = self.text.get(at);
                    let is = next.is_none() || *inner && next == Some(&b'\n');
                    is.then_some(())?;
                }
                Step::WordEdge { not } => (self.is_word_edge(at) != *not).then_some(())?,
            }
        }
    }

    /// Tries a way that may fail.
    fn deeper(&mut self, step: usize, at: usize) -> Option<usize> {
        if self.depth == DEPTH_MAX {
            self.fuel = 0;
            return None;
        }
        self.depth += 1;
        let end = self.on(step, at);
        self.depth -= 1;
        end
    }

    fn many(&mut self, step: usize, (least, most): (usize, usize), next: Next) -> Option<usize> {
        let mut end = most;
        loop {
            if let Next::Text { byte, offset, .. } = next {
                let upto = self.text.len().min(end + offset + 1);
                end = least + memchr::memrchr(byte, self.text.get(least + offset..upto)?)?;
            }
            if self.goes_on(next, end)
                && let Some(found) = self.deeper(step, end)
            {
                return Some(found);
            }
            if end == least || self.fuel == 0 {
                return None;
            }
            end -= 1;
        }
    }

    fn few(&mut self, step: usize, (least, most): (usize, usize), next: Next) -> Option<usize> {
        let mut end = least;
        while end <= most {
            if let Next::Text { byte, offset, .. } = next {
                end += memchr::memchr(byte, self.text.get(end + offset..)?)?;
                if end > most {
                    return None;
                }
            }
            if self.goes_on(next, end)
                && let Some(found) = self.deeper(step, end)
            {
                return Some(found);
            }
            if self.fuel == 0 {
                return None;
            }
            end += 1;
        }
        None
    }

    /// Whether what must come behind a repetition stands there, as far as that is known.
    fn goes_on(&mut self, next: Next, at: usize) -> bool {
        let Next::Text { step, .. } = next else { return true };
        self.fuel = self.fuel.saturating_sub(1);
        match self.steps.get(step) {
            Some(Step::Text(text)) => self.behind(text, at).is_some(),
            _ => true,
        }
    }

    /// Whether what comes may begin so.
    fn may_take(&self, way: &Way, at: usize) -> bool {
        self.text.get(at).is_none_or(|byte| is_in(way.begins, *byte))
    }

    /// Where `text` ends, if it stands there.
    fn behind(&self, text: &[u8], at: usize) -> Option<usize> {
        begins(self.text.get(at..)?, text).then_some(at + text.len())
    }

    fn has(&self, set: u128, at: usize) -> bool {
        self.text.get(at).is_some_and(|byte| is_in(set, *byte))
    }

    /// Where the bytes of `set` from `at` on end, of which `max` are taken.
    fn run(&mut self, set: u128, at: usize, max: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let rest = rest.get(..max).unwrap_or(rest);
        let length = match set {
            u128::MAX => Some(rest.len()),
            NO_NEWLINE => memchr::memchr(b'\n', rest),
            set => rest.iter().position(|byte| !is_in(set, *byte)),
        };
        let length = length.unwrap_or(rest.len());
        // A long run costs more than a step.
        self.fuel = self.fuel.saturating_sub(length / 64);
        at + length
    }

    fn is_word_edge(&self, at: usize) -> bool {
        let is_word = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let before = at.checked_sub(1).and_then(|before| self.text.get(before));
        is_word(before) != is_word(self.text.get(at))
    }
}

/// Whether `text` begins with `start`, byte by byte: most are told by their first, sooner than memcmp(3)
/// begins.
pub(super) fn begins(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && text.iter().zip(start).all(|(here, wanted)| here == wanted)
}

/// Whether a byte of ASCII is in a set.
fn is_in(set: u128, byte: u8) -> bool {
    let half = if byte & 0x40 == 0 { set } else { set >> 64 };
    // The lower half is meant.
    #[expect(clippy::cast_possible_truncation)]
    let half = half as u64;
    half >> (byte & 0x3f) & 1 != 0
}
