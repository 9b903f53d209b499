//! What stands at a place of a line: its characters, and how long what a token takes there may be.

use super::class::{digit, is_word};
use super::token::{Form, Takes, Token};

/// So many lengths a token may have at one place: a fraction has, with its one to six digits.
const LENGTHS_LIMIT: usize = 6;

/// So many letters the abbreviation of a time zone has at most, and at least.
const ZONE_LONGEST: usize = 5;
const ZONE_SHORTEST: usize = 3;

/// A line and the rules by which it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    /// Whether capitals are the same as small letters.
    pub(super) fold: bool,
    /// `%ExY` takes no later year.
    pub(super) latest_year: u32,
}

impl Reader<'_> {
    /// The character that begins at this byte.
    pub(super) fn char_at(&self, at: usize) -> Option<char> {
        let byte = *self.text.as_bytes().get(at)?;
        if byte.is_ascii() { Some(char::from(byte)) } else { self.text.get(at..)?.chars().next() }
    }

    /// The character that ends before this byte.
    pub(super) fn char_before(&self, at: usize) -> Option<char> {
        let byte = *self.text.as_bytes().get(at.checked_sub(1)?)?;
        if byte.is_ascii() {
            Some(char::from(byte))
        } else {
            self.text.get(..at)?.chars().next_back()
        }
    }

    /// Where the character at `at` ends, if it is a good one.
    pub(super) fn one(&self, at: usize, takes: impl Fn(char) -> bool) -> Option<usize> {
        self.char_at(at).filter(|c| takes(*c)).map(|c| at + c.len_utf8())
    }

    /// Whether a place is not in the middle of a word: `(?=^|\b|\W)`.
    pub(super) fn may_begin_word(&self, at: usize) -> bool {
        let behind = self.char_at(at);
        match self.char_before(at) {
            None => true,
            Some(before) => match behind {
                None => is_word(before),
                Some(behind) => !(is_word(before) && is_word(behind)),
            },
        }
    }

    /// Whether words are on both sides, or on none: the opposite of `\b`.
    pub(super) fn is_boundary(&self, at: usize) -> bool {
        let word = |c: Option<char>| c.is_some_and(is_word);
        word(self.char_before(at)) != word(self.char_at(at))
    }

    /// Whether a word would be cut here; if not, `(?=\b|\W|$)`.
    pub(super) fn is_within_word(&self, at: usize) -> bool {
        self.char_at(at).is_some_and(is_word) && self.char_before(at).is_some_and(is_word)
    }

    /// How long what `token` takes at `at` may be, in the order in which the token's regex would
    /// try.
    pub(super) fn lengths(&self, at: usize, token: &Token) -> Lengths {
        match token.takes {
            Takes::Number(forms) => self.number(at, forms),
            Takes::Digits(count) => Lengths::of(self.digits(at, count)),
            Takes::RecentYear => Lengths::of(self.recent_year(at)),
            Takes::Fraction => {
                let digits = self.text.bytes().skip(at).take(LENGTHS_LIMIT);
                let most = digits.take_while(u8::is_ascii_digit).count();
                (1..=most).rev().collect()
            }
            Takes::Names(names) => self.name(at, names),
            Takes::Offset => self.offset(at),
            Takes::Zone => self.zone(at),
            Takes::Other => Lengths::default(),
        }
    }

    fn number(&self, at: usize, forms: &[Form]) -> Lengths {
        let Some(first) = self.char_at(at) else { return Lengths::default() };
        let second = self.char_at(at + first.len_utf8());
        let bits = (bit(first), second.map_or(0, bit));
        let one = first.len_utf8();
        let two = one + second.map_or(0, char::len_utf8);
        let mut lengths = Lengths::default();
        for form in forms {
            if form.tens == 0 && form.units & bits.0 != 0 {
                lengths.push(one);
            } else if form.tens & bits.0 != 0 && form.units & bits.1 != 0 {
                lengths.push(two);
            }
        }
        lengths
    }

    /// The length of `count` digits.
    fn digits(&self, at: usize, count: usize) -> Option<usize> {
        let mut end = at;
        for _ in 0..count {
            end = self.one(end, |c| digit(c).is_some())?;
        }
        Some(end - at)
    }

    fn recent_year(&self, at: usize) -> Option<usize> {
        let text = self.text.get(at..).filter(|text| text.starts_with("20"))?;
        let length = self.digits(at, 4)?;
        let digits = text.get(..length)?.chars().filter_map(digit);
        let year = digits.fold(0, |year, digit| year * 10 + digit);
        (year <= self.latest_year).then_some(length)
    }

    /// The length of the name that stands there without regard to case. No two of the names fit.
    fn name(&self, at: usize, names: &[&str]) -> Lengths {
        let fits = |name: &&str| {
            name.chars().try_fold(at, |at, letter| self.one(at, |c| folds_to(c, letter)))
        };
        Lengths::of(names.iter().find_map(fits).map(|end| end - at))
    }

    fn capitals(&self, at: usize, letters: &str) -> Option<usize> {
        let is = |c, letter: char| {
            if self.fold { folds_to(c, letter.to_ascii_lowercase()) } else { c == letter }
        };
        let end = letters.chars().try_fold(at, |at, letter| self.one(at, |c| is(c, letter)))?;
        Some(end - at)
    }

    fn offset(&self, at: usize) -> Lengths {
        let hours = || {
            let sign = self.one(at, |c| matches!(c, '+' | '-'))?;
            let tens = self.one(sign, |c| matches!(c, '0' | '1'))?;
            self.one(tens, |c| digit(c).is_some())
        };
        let Some(hours) = hours() else {
            return ["Z", "UTC", "GMT"]
                .into_iter()
                .filter_map(|name| self.capitals(at, name))
                .collect();
        };
        let colon = self.one(hours, |c| c == ':').unwrap_or(hours);
        let minutes = self.digits(colon, 2).map(|length| colon + length - at);
        minutes.into_iter().chain([hours - at]).collect()
    }

    fn zone(&self, at: usize) -> Lengths {
        let capital = |c: char| {
            let odd = || matches!(c, 'ſ' | '\u{212a}' | 'ı' | 'İ');
            c.is_ascii_uppercase() || self.fold && (c.is_ascii_lowercase() || odd())
        };
        let mut abbreviations = Lengths::default();
        let mut end = at;
        for count in 1..=ZONE_LONGEST {
            let Some(next) = self.one(end, capital) else { break };
            end = next;
            if count >= ZONE_SHORTEST {
                abbreviations.push(end - at);
            }
        }
        let longest_first =
            abbreviations.as_slice().iter().rev().map(|length| usize::from(*length));
        self.capitals(at, "Z").into_iter().chain(longest_first).collect()
    }
}

/// Whether `c` is `letter`, a small one, without regard to case: as Python has it, with the long s,
/// the Kelvin sign and the two odd forms of i.
pub(super) fn folds_to(c: char, letter: char) -> bool {
    match c {
        'ſ' => letter == 's',
        '\u{212a}' => letter == 'k',
        'ı' | 'İ' => letter == 'i',
        c => c.to_ascii_lowercase() == letter,
    }
}

/// The bit of a character in the sets of a [`Form`].
fn bit(c: char) -> u16 {
    match c {
        '0'..='9' => 1 << (u32::from(c) - u32::from('0')),
        ' ' => Form::SPACE,
        c if !c.is_ascii() && digit(c).is_some() => Form::OTHER_DIGIT,
        _ => 0,
    }
}

/// Lengths in bytes, in the order in which they are to be tried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lengths {
    each: [u8; LENGTHS_LIMIT],
    count: u8,
}

impl Lengths {
    fn of(length: Option<usize>) -> Self {
        length.into_iter().collect()
    }

    fn push(&mut self, length: usize) {
        // No token takes more than a few characters.
        let length = u8::try_from(length).unwrap_or(u8::MAX);
        if let Some(slot) = self.each.get_mut(usize::from(self.count)) {
            *slot = length;
            self.count += 1;
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.each.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl FromIterator<usize> for Lengths {
    fn from_iter<I: IntoIterator<Item = usize>>(lengths: I) -> Self {
        let mut all = Self::default();
        for length in lengths {
            all.push(length);
        }
        all
    }
}
