//! Running a program over a line: what a backtracking regex engine would find, with the fields.

use std::ops::Range;

use super::class::is_word;
use super::program::{GROUPS_LIMIT, Program, Step, TOKENS_LIMIT};
use super::reader::{Reader, folds_to};
use super::token::{Field, Takes, Token};

/// So many steps one search may take; a template that needs more does not match. Ten thousand times
/// what a date takes.
const BUDGET: u32 = 1 << 20;

/// Which part of a line is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region<'t> {
    /// The line up to where the search ends.
    pub(super) text: &'t str,
    /// The byte at which it begins. What is before it is seen by boundaries.
    pub(super) from: usize,
    /// `%ExY` takes no later year.
    pub(super) latest_year: u32,
    /// Whether there may be a colon between digits in the text.
    pub(super) has_clock: bool,
}

/// Whether there is a colon between digits, of which there may be more than those of ASCII.
pub(super) fn has_clock(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || !byte.is_ascii();
    text.as_bytes().windows(3).any(|three| match three {
        [before, b':', behind] => digit(*before) && digit(*behind),
        _ => false,
    })
}

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The whole match.
    pub(super) whole: Range<usize>,
    /// Group 1, when it took part.
    pub(super) cut: Option<Range<usize>>,
    /// The digits of an epoch, when there are some.
    pub(super) epoch: Option<Range<usize>>,
    pub(super) fields: Fields,
}

/// The fields of a date and where they stand, in the order of the pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    places: [Place; TOKENS_LIMIT],
    count: usize,
}

/// Where a field stands; small, since they are moved about.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    length: u16,
    field: Field,
}

impl Default for Place {
    fn default() -> Self {
        Self { start: 0, length: 0, field: Field::Ignored }
    }
}

/// A step that was tried, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub(super) step: usize,
    pub(super) at: usize,
}

impl Found {
    /// Whether this field of the date begins at this byte.
    pub(super) fn has(&self, field: Field, start: usize) -> bool {
        let mut places = self.fields.places.iter().take(self.fields.count);
        places.any(|place| place.field == field && place.start as usize == start)
    }
}

impl Fields {
    /// Adds a field. One that is too far from the beginning of the line, or too long to be part of
    /// a date, becomes one that cannot be read.
    pub(super) fn push(&mut self, field: Field, span: Range<usize>) {
        if field == Field::Ignored {
            return;
        }
        if let Some(place) = self.places.get_mut(self.count) {
            let start = u32::try_from(span.start).unwrap_or(u32::MAX);
            let length = u16::try_from(span.len()).unwrap_or(u16::MAX);
            *place = Place { start, length, field };
            self.count += 1;
        }
    }

    /// The fields with what `line` has for them.
    pub(super) fn values<'l>(&self, line: &'l str) -> impl Iterator<Item = (Field, &'l str)> {
        self.places.iter().take(self.count).map(|place| {
            let start = place.start as usize;
            let text = line.get(start..start + usize::from(place.length));
            (place.field, text.unwrap_or_default())
        })
    }
}

impl Program {
    /// The leftmost match in the region.
    pub(super) fn search(&self, region: Region<'_>) -> Option<Found> {
        let bytes = region.text.as_bytes();
        let mut run = Run::new(self, region, None);
        if self.line_begin {
            return if region.from == 0 { run.from(0) } else { None };
        }
        if self.needs_clock && !region.has_clock {
            return None;
        }
        let word_begin = self.steps.first() == Some(&Step::WordBegin);
        let mut within_word = false;
        let mut at = region.from;
        while at <= bytes.len() {
            let here = bytes.get(at).copied();
            // Every match has a character, or it could be anywhere and be of no use.
            let possible = here.is_none_or(|byte| {
                1_u128.checked_shl(u32::from(byte)).is_none_or(|bit| self.first & bit != 0)
            });
            let is_word = here.is_some_and(|byte| byte.is_ascii_alphanumeric());
            let begins = !(word_begin && within_word && is_word);
            within_word = is_word;
            if possible && begins && region.text.is_char_boundary(at) {
                if let Some(found) = run.from(at) {
                    return Some(found);
                }
                if run.budget == 0 {
                    return None;
                }
            }
            at += 1;
        }
        None
    }
}

impl Program {
    /// The steps that are tried to find a match at the beginning of the line.
    pub(super) fn visits(&self, region: Region<'_>) -> Vec<Visit> {
        let mut run = Run::new(self, region, Some(Vec::new()));
        run.from(0);
        run.visits.unwrap_or_default()
    }
}

struct Run<'p, 't> {
    program: &'p Program,
    reader: Reader<'t>,
    groups: [Option<(usize, usize)>; GROUPS_LIMIT],
    fields: Fields,
    budget: u32,
    /// Where the steps that are tried are noted, if somebody wants to know.
    visits: Option<Vec<Visit>>,
}

impl<'p, 't> Run<'p, 't> {
    fn new(program: &'p Program, region: Region<'t>, visits: Option<Vec<Visit>>) -> Self {
        let Region { text, latest_year, .. } = region;
        let reader = Reader { text, fold: program.fold, latest_year };
        let (groups, fields) = ([None; GROUPS_LIMIT], Fields::default());
        Self { program, reader, groups, fields, budget: BUDGET, visits }
    }

    fn from(&mut self, start: usize) -> Option<Found> {
        self.fields.count = 0;
        let end = self.steps(0, start)?;
        let span =
            |group: usize| self.groups.get(group).copied().flatten().map(|(start, end)| start..end);
        let (cut, epoch) = (span(0), self.program.epoch.and_then(span));
        let fields = std::mem::take(&mut self.fields);
        Some(Found { whole: start..end, cut, epoch, fields })
    }

    /// Where the match ends that goes on with step `step` at `at`.
    fn steps(&mut self, mut step: usize, mut at: usize) -> Option<usize> {
        let program = self.program;
        loop {
            self.budget = self.budget.checked_sub(1)?;
            let Some(now) = program.steps.get(step) else { return Some(at) };
            if let Some(visits) = &mut self.visits {
                visits.push(Visit { step, at });
            }
            step += 1;
            match now {
                Step::Char(c) => at = self.reader.one(at, |here| here == *c)?,
                Step::Letter(c) => at = self.reader.one(at, |here| folds_to(here, *c))?,
                Step::One(class) => at = self.reader.one(at, |here| class.takes(here))?,
                Step::Jump(target) => step = *target,
                Step::Split(first, second) => {
                    let kept = self.fields.count;
                    if let Some(end) = self.steps(*first, at) {
                        return Some(end);
                    }
                    self.fields.count = kept;
                    step = *second;
                }
                Step::Again(group) => at = self.again(*group, at)?,
                Step::Many(class, min, max) => {
                    return self.many(step, at, (*min, *max), |here| class.takes(here));
                }
                Step::Token(token, field) => {
                    let lengths = self.reader.lengths(at, token);
                    let (last, others) = lengths.as_slice().split_last()?;
                    // Only the last way to go on needs no way back.
                    for length in others {
                        let end = at + usize::from(*length);
                        let kept = self.fields.count;
                        self.fields.push(*field, at..end);
                        if let Some(found) = self.steps(step, end) {
                            return Some(found);
                        }
                        self.fields.count = kept;
                    }
                    let end = at + usize::from(*last);
                    self.fields.push(*field, at..end);
                    at = end;
                }
                // Group 1 takes part in every match, so it needs no way back either.
                Step::Open(0) => *self.groups.first_mut()? = Some((at, at)),
                Step::Close(0) => {
                    let cut = self.groups.first_mut()?.as_mut()?;
                    cut.1 = at;
                }
                Step::Open(group) | Step::Close(group) => {
                    return self.edge(step, at, *group, matches!(now, Step::Open(_)));
                }
                assertion => self.holds(assertion, at).then_some(())?,
            }
        }
    }

    fn again(&self, group: usize, at: usize) -> Option<usize> {
        let (start, end) = self.groups.get(group).copied().flatten()?;
        let text = self.reader.text.get(start..end)?;
        self.reader.text.get(at..)?.starts_with(text).then_some(at + text.len())
    }

    fn many(
        &mut self,
        step: usize,
        at: usize,
        (min, max): (u32, u32),
        takes: impl Fn(char) -> bool,
    ) -> Option<usize> {
        let (mut end, mut count) = (at, 0);
        while let Some(next) = self.reader.one(end, &takes).filter(|_| count < max) {
            (end, count) = (next, count + 1);
        }
        let kept = self.fields.count;
        while count >= min {
            if let Some(found) = self.steps(step, end) {
                return Some(found);
            }
            self.fields.count = kept;
            if count == 0 || self.budget == 0 {
                return None;
            }
            end -= self.reader.char_before(end)?.len_utf8();
            count -= 1;
        }
        None
    }

    fn edge(&mut self, step: usize, at: usize, group: usize, opens: bool) -> Option<usize> {
        let old = self.groups.get(group).copied()?;
        let start = old.map_or(at, |(start, _)| start);
        *self.groups.get_mut(group)? = Some(if opens { (at, at) } else { (start, at) });
        let found = self.steps(step, at);
        if found.is_none() {
            *self.groups.get_mut(group)? = old;
        }
        found
    }

    fn holds(&self, assertion: &Step, at: usize) -> bool {
        match assertion {
            Step::WordBegin => self.reader.may_begin_word(at),
            Step::WordEnd => !self.reader.is_within_word(at),
            Step::Boundary => self.reader.is_boundary(at),
            Step::LineBegin => at == 0,
            Step::LineEnd => matches!(self.reader.text.get(at..), Some("" | "\n")),
            Step::EpochPlace => self.is_epoch_place(at),
            _ => false,
        }
    }

    fn is_epoch_place(&self, at: usize) -> bool {
        let before = self.reader.text.get(..at).unwrap_or_default();
        let audit = before.strip_suffix("audit(");
        before.is_empty()
            || before == "["
            || audit.is_some_and(|rest| !rest.chars().next_back().is_some_and(is_word))
    }
}

/// The ASCII characters a match of `steps` can begin with, one bit each.
pub(super) fn first(steps: &[Step], fold: bool) -> u128 {
    let mut bits = 0;
    for c in '\0'..='\x7f' {
        let mut seen = vec![false; steps.len()];
        if may_begin(steps, 0, (c, fold), &mut seen) {
            bits |= 1 << u32::from(c);
        }
    }
    bits
}

/// Whether what goes on at `step` can begin with `c`, or be empty.
fn may_begin(steps: &[Step], step: usize, (c, fold): (char, bool), seen: &mut [bool]) -> bool {
    let Some(now) = steps.get(step) else { return true };
    match seen.get_mut(step) {
        Some(true) | None => return false,
        Some(seen) => *seen = true,
    }
    let mut on = |step| may_begin(steps, step, (c, fold), seen);
    match now {
        Step::Char(own) => *own == c,
        Step::Letter(own) => folds_to(c, *own),
        Step::One(class) => class.takes(c),
        Step::Many(class, min, _) => class.takes(c) || *min == 0 && on(step + 1),
        Step::Split(first, second) => on(*first) || on(*second),
        Step::Jump(target) => on(*target),
        Step::Token(token, _) => match token.takes {
            Takes::Names(_) | Takes::Zone => c.is_ascii_alphabetic(),
            Takes::Offset => c.is_ascii_alphabetic() || matches!(c, '+' | '-'),
            _ => c.is_ascii_digit() || c == ' ',
        },
        Step::Again(_) => true,
        _ => on(step + 1),
    }
}

/// Whether a scanner knows the token; names only without regard to case, as patterns with them are.
pub(super) fn is_known(token: &Token, fold: bool) -> bool {
    match token.takes {
        Takes::Names(_) => fold,
        takes => takes != Takes::Other,
    }
}
