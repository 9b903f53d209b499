//! Running a program over a line: what a backtracking regex engine would find, with the fields.

use std::ops::Range;

use super::class::{digit, is_space, is_word};
use super::program::{GROUPS_LIMIT, Program, Step, TOKENS_LIMIT};
use super::token::{Field, Token};

/// So many steps one search may take; a template that needs more does not match. Ten thousand times
/// what a date takes.
const BUDGET: u32 = 1 << 20;

/// So many lengths a token may have at one place.
const LENGTHS_LIMIT: usize = 6;

/// Which part of a line is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region<'t> {
    /// The line up to where the search ends.
    pub(super) text: &'t str,
    /// The byte at which it begins. What is before it is seen by boundaries.
    pub(super) from: usize,
    /// `%ExY` takes no later year.
    pub(super) latest_year: u32,
}

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The whole match.
    pub(super) whole: Range<usize>,
    /// Group 1, when it took part.
    pub(super) cut: Option<Range<usize>>,
    /// Group 2, when it took part.
    pub(super) second: Option<Range<usize>>,
    pub(super) fields: Fields,
}

/// The fields of a date and where they stand, in the order of the pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    spans: [(Option<Field>, usize, usize); TOKENS_LIMIT],
    count: usize,
}

impl Fields {
    /// Adds a field. More than a pattern has tokens are not kept.
    pub(super) fn push(&mut self, field: Field, span: Range<usize>) {
        if let Some(slot) = self.spans.get_mut(self.count) {
            *slot = (Some(field), span.start, span.end);
            self.count += 1;
        }
    }

    fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// The fields with what `line` has for them.
    pub(super) fn values<'l>(&self, line: &'l str) -> impl Iterator<Item = (Field, &'l str)> {
        let spans = self.spans.iter().take(self.count);
        spans.filter_map(|(field, start, end)| Some(((*field)?, line.get(*start..*end)?)))
    }
}

impl Program {
    /// The leftmost match in the region.
    pub(super) fn search(&self, region: Region<'_>) -> Option<Found> {
        let bytes = region.text.as_bytes();
        let mut run = Run {
            program: self,
            text: region.text,
            latest_year: region.latest_year,
            groups: [None; GROUPS_LIMIT],
            fields: Fields::default(),
            budget: BUDGET,
        };
        if self.line_begin {
            return if region.from == 0 { run.from(0) } else { None };
        }
        if self.needed.is_some_and(|byte| !bytes.contains(&byte)) {
            return None;
        }
        let mut at = region.from;
        while at <= bytes.len() {
            let here = bytes.get(at).copied();
            // Every match has a character, or it could be anywhere and be of no use.
            let possible = here.is_none_or(|byte| {
                1_u128.checked_shl(u32::from(byte)).is_none_or(|bit| self.first & bit != 0)
            });
            if possible && region.text.is_char_boundary(at) {
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

struct Run<'p, 't> {
    program: &'p Program,
    text: &'t str,
    latest_year: u32,
    groups: [Option<(usize, usize)>; GROUPS_LIMIT],
    fields: Fields,
    budget: u32,
}

impl Run<'_, '_> {
    fn from(&mut self, start: usize) -> Option<Found> {
        let end = self.steps(0, start)?;
        let [cut, second, ..] = self.groups;
        let span = |group: Option<(usize, usize)>| group.map(|(start, end)| start..end);
        let fields = self.fields.clone();
        Some(Found { whole: start..end, cut: span(cut), second: span(second), fields })
    }

    fn char_at(&self, at: usize) -> Option<char> {
        let byte = *self.text.as_bytes().get(at)?;
        if byte.is_ascii() { Some(char::from(byte)) } else { self.text.get(at..)?.chars().next() }
    }

    fn char_before(&self, at: usize) -> Option<char> {
        let byte = *self.text.as_bytes().get(at.checked_sub(1)?)?;
        if byte.is_ascii() {
            Some(char::from(byte))
        } else {
            self.text.get(..at)?.chars().next_back()
        }
    }

    /// Where the match ends that goes on with step `step` at `at`.
    fn steps(&mut self, mut step: usize, mut at: usize) -> Option<usize> {
        let program = self.program;
        loop {
            self.budget = self.budget.checked_sub(1)?;
            let Some(now) = program.steps.get(step) else { return Some(at) };
            step += 1;
            match now {
                Step::Char(c) => at = self.one(at, |here| here == *c)?,
                Step::Letter(c) => at = self.one(at, |here| folds_to(here, *c))?,
                Step::One(class) => at = self.one(at, |here| class.takes(here))?,
                Step::Jump(target) => step = *target,
                Step::Split(first, second) => {
                    if let Some(end) = self.steps(*first, at) {
                        return Some(end);
                    }
                    step = *second;
                }
                Step::Again(group) => at = self.again(*group, at)?,
                Step::Many(class, min, max) => {
                    return self.many(step, at, (*min, *max), |here| class.takes(here));
                }
                Step::Token(token) => return self.token(step, at, token),
                Step::Open(group) | Step::Close(group) => {
                    return self.edge(step, at, *group, matches!(now, Step::Open(_)));
                }
                assertion => self.holds(assertion, at).then_some(())?,
            }
        }
    }

    fn one(&self, at: usize, takes: impl Fn(char) -> bool) -> Option<usize> {
        self.char_at(at).filter(|c| takes(*c)).map(|c| at + c.len_utf8())
    }

    fn again(&self, group: usize, at: usize) -> Option<usize> {
        let (start, end) = self.groups.get(group).copied().flatten()?;
        let text = self.text.get(start..end)?;
        self.text.get(at..)?.starts_with(text).then_some(at + text.len())
    }

    fn many(
        &mut self,
        step: usize,
        at: usize,
        (min, max): (u32, u32),
        takes: impl Fn(char) -> bool,
    ) -> Option<usize> {
        let (mut end, mut count) = (at, 0);
        while let Some(next) = self.one(end, &takes).filter(|_| count < max) {
            (end, count) = (next, count + 1);
        }
        while count >= min {
            if let Some(found) = self.steps(step, end) {
                return Some(found);
            }
            if count == 0 || self.budget == 0 {
                return None;
            }
            end -= self.char_before(end)?.len_utf8();
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

    fn token(&mut self, step: usize, at: usize, token: &'static Token) -> Option<usize> {
        let field = Field::of_group(token.groups).unwrap_or(Field::Ignored);
        let lengths = self.lengths(at, token);
        for length in lengths.each() {
            self.fields.push(field, at..at + length);
            if let Some(found) = self.steps(step, at + length) {
                return Some(found);
            }
            self.fields.pop();
        }
        None
    }

    fn holds(&self, assertion: &Step, at: usize) -> bool {
        let before = self.char_before(at);
        let behind = self.char_at(at);
        let word = |c: Option<char>| c.is_some_and(is_word);
        match assertion {
            Step::WordBegin => {
                before.is_none()
                    || !(word(before) && word(behind)) && (word(before) || behind.is_some())
            }
            Step::WordEnd => !(word(before) && word(behind)),
            Step::Boundary => word(before) != word(behind),
            Step::LineBegin => at == 0,
            Step::LineEnd => behind.is_none() || self.text.get(at..) == Some("\n"),
            Step::EpochPlace => self.is_epoch_place(at),
            _ => false,
        }
    }

    fn is_epoch_place(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        let audit = before.strip_suffix("audit(");
        before.is_empty()
            || before == "["
            || audit.is_some_and(|rest| !rest.chars().next_back().is_some_and(is_word))
    }

    /// How long what `token` takes at `at` may be, in the order in which the token's regex would
    /// try.
    fn lengths(&self, at: usize, token: &'static Token) -> Lengths {
        let first = self.char_at(at);
        let second = first.and_then(|first| self.char_at(at + first.len_utf8()));
        let pair = (first.unwrap_or('\0'), second.unwrap_or('\0'));
        match token.key {
            "d" | "Exd" | "m" | "Exm" | "H" | "k" | "ExH" | "Exk" | "I" | "l" | "Exl" | "M"
            | "ExM" | "S" | "ExS" => number(token.key, pair),
            "y" | "Exy" => Lengths::of(self.digits(at, 2)),
            "Y" => Lengths::of(self.digits(at, 4)),
            "ExY" => Lengths::of(self.year(at)),
            "f" => {
                let digits = self.text.bytes().skip(at).take(6);
                let mut lengths = Lengths::default();
                let most = digits.take_while(u8::is_ascii_digit).count();
                (1..=most).rev().for_each(|length| lengths.push(length));
                lengths
            }
            "a" => self.name(at, &["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
            "b" => self.name(at, &MONTHS),
            "p" => self.name(at, &["am", "pm"]),
            "z" => self.offset(at),
            "Z" => self.zone(at),
            _ => Lengths::default(),
        }
    }

    /// The length of `count` digits.
    fn digits(&self, at: usize, count: usize) -> Option<usize> {
        let mut end = at;
        for _ in 0..count {
            end = self.one(end, |c| digit(c).is_some())?;
        }
        Some(end - at)
    }

    fn year(&self, at: usize) -> Option<usize> {
        let length =
            self.digits(at, 4).filter(|_| self.text.as_bytes().get(at..at + 2) == Some(b"20"))?;
        let text = self.text.get(at..at + length)?;
        let year = text.chars().filter_map(digit).fold(0, |year, digit| year * 10 + digit);
        (year <= self.latest_year).then_some(length)
    }

    /// The length of the name that stands there without regard to case. No two of the names fit.
    fn name(&self, at: usize, names: &[&str]) -> Lengths {
        let fits = |name: &&str| {
            name.chars().try_fold(at, |at, letter| self.one(at, |c| folds_to(c, letter)))
        };
        Lengths::of(names.iter().find_map(fits).map(|end| end - at))
    }

    fn letters(&self, at: usize, letters: &str) -> Option<usize> {
        let fold = self.program.fold;
        let takes =
            |at, letter: char| {
                self.one(at, |c| {
                    if fold { folds_to(c, letter.to_ascii_lowercase()) } else { c == letter }
                })
            };
        letters.chars().try_fold(at, takes).map(|end| end - at)
    }

    fn offset(&self, at: usize) -> Lengths {
        let mut lengths = Lengths::default();
        for name in ["Z", "UTC", "GMT"] {
            self.letters(at, name).into_iter().for_each(|length| lengths.push(length));
        }
        let hours = || {
            let sign = self.one(at, |c| matches!(c, '+' | '-'))?;
            let tens = self.one(sign, |c| matches!(c, '0' | '1'))?;
            self.one(tens, |c| digit(c).is_some())
        };
        if let Some(hours) = hours() {
            let colon = self.one(hours, |c| c == ':').unwrap_or(hours);
            let minutes = self.digits(colon, 2).map(|length| colon + length - at);
            minutes.into_iter().for_each(|length| lengths.push(length));
            lengths.push(hours - at);
        }
        lengths
    }

    fn zone(&self, at: usize) -> Lengths {
        let fold = self.program.fold;
        let mut lengths = Lengths::default();
        self.letters(at, "Z").into_iter().for_each(|length| lengths.push(length));
        let capital = |c: char| c.is_ascii_uppercase() || fold && is_folded_letter(c);
        let mut ends = [0; 6];
        let (mut end, mut count) = (at, 0);
        for slot in ends.iter_mut().skip(1) {
            let Some(next) = self.one(end, capital) else { break };
            (end, count) = (next, count + 1);
            *slot = end;
        }
        let ends = ends.iter().take(count + 1).skip(3).rev();
        ends.for_each(|end| lengths.push(end - at));
        lengths
    }
}

pub(super) const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The lengths of a number that `first` and `second` begin.
fn number(key: &str, (first, second): (char, char)) -> Lengths {
    let any = |c: char| digit(c).map(|_| c.len_utf8());
    let one = any(first);
    // A first character that is not ASCII is a digit at most by itself.
    let two = |tens: &str, second: Option<usize>| {
        second.filter(|_| tens.contains(first)).map(|length| length + 1)
    };
    let narrow = |units: &str| units.contains(second).then_some(1);
    let not_zero = ('1'..='9').contains(&first).then_some(1);
    let low = "123456789";
    let each: [Option<usize>; 3] = match key {
        "d" => {
            [two("12", any(second)), not_zero.or(two("0 ", narrow(low))), two("3", narrow("01"))]
        }
        "Exd" => [two("12", any(second)), two("0", narrow(low)), two("3", narrow("01"))],
        "m" => [two("0", narrow(low)), not_zero, two("1", narrow("012"))],
        "Exm" => [two("0", narrow(low)), two("1", narrow("012")), None],
        "H" | "Exk" => [two("01", any(second)), one, two("2", narrow("0123"))],
        "ExH" => [two("01", any(second)), two("2", narrow("0123")), None],
        "k" => [two("012", any(second)), one, None],
        "I" => [two("1", narrow("012")), two("0", narrow(low)), not_zero],
        "l" => [two("1", any(second)), one, None],
        "Exl" => [two("1", narrow("012")), one, None],
        "M" => [two("012345", any(second)), one, None],
        "ExM" => [two("012345", any(second)), None, None],
        "S" => [two("012345", any(second)), one, two("6", narrow("01"))],
        "ExS" => [two("012345", any(second)), two("6", narrow("01")), None],
        _ => [None; 3],
    };
    let mut lengths = Lengths::default();
    each.into_iter().flatten().for_each(|length| lengths.push(length));
    lengths
}

/// Whether a scanner knows the token; names only without regard to case, as patterns with them are.
pub(super) fn is_known(token: &Token, fold: bool) -> bool {
    match token.key {
        "a" | "b" | "p" => fold,
        key => matches!(
            key,
            "d" | "Exd"
                | "m"
                | "Exm"
                | "H"
                | "k"
                | "ExH"
                | "Exk"
                | "I"
                | "l"
                | "Exl"
                | "M"
                | "ExM"
                | "S"
                | "ExS"
                | "y"
                | "Exy"
                | "Y"
                | "ExY"
                | "f"
                | "z"
                | "Z"
        ),
    }
}

/// Whether `c` is `letter`, a small one, without regard to case: as Python has it, with the long s,
/// the Kelvin sign and the two odd forms of i.
fn folds_to(c: char, letter: char) -> bool {
    match c {
        'ſ' => letter == 's',
        '\u{212a}' => letter == 'k',
        'ı' | 'İ' => letter == 'i',
        c => c.to_ascii_lowercase() == letter,
    }
}

fn is_folded_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, 'ſ' | '\u{212a}' | 'ı' | 'İ')
}

/// Lengths in bytes, in the order in which they are to be tried.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    lengths: [usize; LENGTHS_LIMIT],
    count: usize,
}

impl Lengths {
    fn of(length: Option<usize>) -> Self {
        let mut lengths = Self::default();
        length.into_iter().for_each(|length| lengths.push(length));
        lengths
    }

    fn push(&mut self, length: usize) {
        if let Some(slot) = self.lengths.get_mut(self.count) {
            *slot = length;
            self.count += 1;
        }
    }

    fn each(self) -> impl Iterator<Item = usize> {
        self.lengths.into_iter().take(self.count)
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
        Step::Token(token) => match token.key {
            "a" | "b" | "p" | "Z" => c.is_ascii_alphabetic(),
            "z" => c.is_ascii_alphabetic() || matches!(c, '+' | '-'),
            "d" => c.is_ascii_digit() || is_space(c),
            _ => c.is_ascii_digit(),
        },
        Step::Again(_) => true,
        _ => on(step + 1),
    }
}
