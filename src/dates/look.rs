//! What the last date looked like, so that one that looks alike is read without a search.
//!
//! In a log, a line's date mostly differs from the one before in some digits of the time of day. A date
//! that is tied to the beginning of the line is found by the same steps, and at the same place, when
//! every character that a step has looked at is the same, or is a digit where a digit was and no step
//! tells digits apart, or is part of an hour, a minute or a second that can be as long as the old one.
//! Which characters those are is learnt from the search that found the old date.

use std::ops::Range;

use super::moment::{Basis, Known};
use super::program::{Lead, Program, Step};
use super::reader::Reader;
use super::scan::{Found, Visit};
use super::token::{Field, Takes, Token};
use crate::keeper::Timestamp;

/// So many bytes of a line are looked at most.
const BYTES_MAX: usize = 64;

/// In each of eight bytes the lower four bits, the number six, and the bit behind the lower four.
const LOWER_HALVES: u64 = u64::from_ne_bytes([0x0f; 8]);
const SIXES: u64 = u64::from_ne_bytes([6; 8]);
const UPPER_BITS: u64 = u64::from_ne_bytes([0x10; 8]);

const HOUR: i64 = 3600;
const MINUTE: i64 = 60;

/// How a date looked.
#[derive(Clone, Debug)]
pub(super) struct Look {
    lead: Lead,
    /// The bytes of the line, from behind the lead on.
    words: Vec<Word>,
    /// The numbers that may be others.
    numbers: Vec<Number>,
    /// Group 1, from behind the lead on.
    cut: Range<usize>,
    latest_year: u32,
    basis: Basis,
}

/// Eight bytes of a line.
#[derive(Clone, Copy, Debug)]
struct Word {
    old: u64,
    /// Which bits must be the same. Those of a digit that may be another are its upper four.
    fixed: u64,
    /// The lower four bits of each digit that may be another.
    digits: u64,
}

impl Word {
    fn new(old: u64, fixed: u64) -> Self {
        // Where the upper half of a byte is fixed and the lower is not, there is a digit.
        Self { old, fixed, digits: fixed >> 4 & !fixed & LOWER_HALVES }
    }

    /// The bits by which a word is another one, of which a digit more or less is none.
    fn differs(&self, new: u64) -> u64 {
        // Adding six to the lower half of a digit does not carry.
        let carries = ((new & self.digits) + (SIXES & self.digits)) & UPPER_BITS;
        (new ^ self.old) & self.fixed | carries
    }
}

/// An hour, a minute or a second.
#[derive(Clone, Copy, Debug)]
struct Number {
    at: usize,
    /// How many seconds one is.
    unit: i64,
    value: i64,
}

impl Number {
    /// Whether what takes the old value takes this one in just the same way: a number in two digits is
    /// tried as such first, but where a form for hours from 20 on comes last.
    fn is_taken_like(&self, value: i64) -> bool {
        let class = |value| match (self.unit, value) {
            (HOUR, 20..24) => 1,
            (HOUR, 0..20) | (1 | MINUTE, 0..60) => 0,
            _ => value + 2,
        };
        class(value) == class(self.value)
    }
}

/// A date that looks like the last.
pub(super) struct Alike {
    pub(super) cut: Range<usize>,
    pub(super) time: Timestamp,
}

impl Look {
    /// How a date looks that `program` has found in `line` by `visits`.
    pub(super) fn of(
        program: &Program,
        (line, latest_year): (&str, u32),
        visits: &[Visit],
        found: &Found,
        basis: Basis,
    ) -> Option<Self> {
        let base = program.lead.end_in(line)?;
        let cut = found.cut.clone()?;
        let text = line.get(base..)?;
        let mut look = Self {
            lead: program.lead,
            words: Vec::new(),
            numbers: Vec::new(),
            cut: cut.start.checked_sub(base)?..cut.end.checked_sub(base)?,
            latest_year,
            basis,
        };
        let reader = Reader { text, fold: program.fold, latest_year };
        let mut fixed = [0; BYTES_MAX];
        let mut seen = 0;
        for visit in visits.iter().skip(program.lead.steps()) {
            let step = program.steps.get(visit.step)?;
            let at = visit.at.checked_sub(base)?;
            let part = extent(step, at, &reader);
            seen = seen.max(part.end);
            let mask = if tells_digits_apart(step) { 0xff } else { 0xf0 };
            let in_found = |(field, start)| found.has(field, start + base);
            match step {
                Step::Token(token, field) if in_found((*field, at)) => {
                    match unit_of(*field).filter(|_| is_digits(text, at..at + 2)) {
                        Some(unit) if matches!(token.takes, Takes::Number(_)) => {
                            look.add(at, unit, two_digits(text, at)?);
                        }
                        _ => mark(&mut fixed, part, mask, text)?,
                    }
                }
                _ => mark(&mut fixed, part, mask, text)?,
            }
        }
        let bytes = text.as_bytes().get(..seen.next_multiple_of(8))?;
        let fixed = words(fixed.get(..bytes.len())?);
        look.words = words(bytes).zip(fixed).map(|(old, fixed)| Word::new(old, fixed)).collect();
        Some(look)
    }

    /// Notes a number, of which several alternatives may begin with the same.
    fn add(&mut self, at: usize, unit: i64, value: i64) {
        if self.numbers.iter().all(|number| number.at != at) {
            self.numbers.push(Number { at, unit, value });
        }
    }

    /// The date of a line, if it looks like the last.
    pub(super) fn read(
        &self,
        line: &str,
        latest_year: u32,
        known: &mut Known<'_>,
    ) -> Option<Alike> {
        let base = self.lead.end_in(line)?;
        let text = line.get(base..)?;
        let bytes = text.as_bytes();
        if bytes.len() < self.words.len() * 8 {
            return None;
        }
        let mut differs = 0;
        for (eight, word) in bytes.as_chunks().0.iter().zip(&self.words) {
            differs |= word.differs(u64::from_ne_bytes(*eight));
        }
        if differs != 0 || latest_year != self.latest_year {
            return None;
        }
        let mut seconds = 0;
        for number in &self.numbers {
            let value = two_digits(text, number.at)?;
            if value != number.value {
                if !number.is_taken_like(value) {
                    return None;
                }
                seconds += (value - number.value) * number.unit;
            }
        }
        let time = self.basis.later_by(seconds, known)?;
        Some(Alike { cut: self.cut.start + base..self.cut.end + base, time })
    }
}

/// Notes which bits must be the same. A digit may only become another digit.
fn mark(fixed: &mut [u8; BYTES_MAX], part: Range<usize>, mask: u8, text: &str) -> Option<()> {
    let bytes = text.as_bytes().get(part.clone())?;
    for (fixed, byte) in fixed.get_mut(part)?.iter_mut().zip(bytes) {
        *fixed |= if byte.is_ascii_digit() { mask } else { 0xff };
    }
    Some(())
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks().0.iter().map(|eight| u64::from_ne_bytes(*eight))
}

/// What of the text a step has looked at, or more.
fn extent(step: &Step, at: usize, reader: &Reader<'_>) -> Range<usize> {
    match step {
        // A group that is taken again was looked at before.
        Step::Char(_) | Step::Letter(_) | Step::One(_) | Step::Again(_) => at..at + 1,
        Step::Many(class, _, max) => {
            let rest = reader.text.chars().skip(at).take(*max as usize);
            at..at + rest.take_while(|c| class.takes(*c)).count() + 1
        }
        Step::Token(token, _) => at..at + reach(token, reader.char_at(at)),
        Step::WordBegin | Step::WordEnd | Step::Boundary => at.saturating_sub(1)..at + 1,
        Step::LineEnd => at..at + 2,
        Step::LineBegin | Step::Jump(_) | Step::Split(..) | Step::Open(_) | Step::Close(_) => {
            at..at
        }
        // Everything before.
        Step::EpochPlace => 0..at,
    }
}

/// So many bytes a token looks at most, of which the first begins this character.
fn reach(token: &Token, first: Option<char>) -> usize {
    // Such a character ends the search for a zone, of which most dates have none.
    let begins_no_zone = |c: char| c.is_ascii() && !c.is_ascii_alphabetic() && !"+-".contains(c);
    match token.takes {
        Takes::Offset | Takes::Zone if first.is_some_and(begins_no_zone) => 1,
        Takes::Number(_) => 2,
        Takes::Digits(count) => count,
        Takes::RecentYear => 4,
        Takes::Fraction | Takes::Offset | Takes::Zone => 6,
        Takes::Names(names) => names.iter().map(|name| name.len()).max().unwrap_or(0),
        Takes::Other => 0,
    }
}

/// Whether a step may go another way for another digit.
fn tells_digits_apart(step: &Step) -> bool {
    match step {
        Step::WordBegin | Step::WordEnd | Step::Boundary => false,
        Step::One(class) | Step::Many(class, ..) => {
            let digits = ('0'..='9').filter(|c| class.takes(*c)).count();
            digits != 0 && digits != 10
        }
        Step::Token(token, _) => token.takes != Takes::Fraction,
        _ => true,
    }
}

fn unit_of(field: Field) -> Option<i64> {
    match field {
        Field::Hour => Some(HOUR),
        Field::Minute => Some(MINUTE),
        Field::Second => Some(1),
        _ => None,
    }
}

fn is_digits(text: &str, part: Range<usize>) -> bool {
    text.as_bytes().get(part).is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit))
}

fn two_digits(text: &str, at: usize) -> Option<i64> {
    let [tens, units] = *text.as_bytes().get(at..)?.first_chunk()?;
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(units)?)
}

#[cfg(test)]
mod tests {
    use super::super::token::TOKENS;
    use super::*;

    #[test]
    fn numbers_that_are_said_to_be_taken_alike_are_so() {
        for token in TOKENS.iter().filter(|token| matches!(token.takes, Takes::Number(_))) {
            let Some(unit) = Field::of_group(token.groups).and_then(unit_of) else { continue };
            for (old, new) in (0..100).flat_map(|old| (0..100).map(move |new| (old, new))) {
                let lengths = |value: i64| {
                    let text = format!("{value:02}:");
                    let reader = Reader { text: &text, fold: true, latest_year: 2029 };
                    reader.lengths(0, token).as_slice().to_vec()
                };
                let is_alike = Number { at: 0, unit, value: old }.is_taken_like(new);
                assert!(!is_alike || lengths(old) == lengths(new), "{} {old} {new}", token.key);
            }
        }
    }
}
