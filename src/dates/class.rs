//! Characters as Python's `re` sees them: what `\w`, `\d` and `\s` take in a pattern without flags.
//!
//! They are not quite those of Rust's `regex`: a combining mark is no `\w`, a superscript digit is
//! one, and the separators U+001C to U+001F are `\s`.

use std::sync::LazyLock;

use regex_syntax::hir::{Class as Parsed, HirKind};

type Ranges = Vec<(char, char)>;

static WORD: LazyLock<Ranges> = LazyLock::new(|| ranges(r"[\p{L}\p{N}]"));
static DIGIT: LazyLock<Ranges> = LazyLock::new(|| ranges(r"\p{Nd}"));

/// A letter or a number, which `str.isalnum` is true for.
pub(super) fn is_alphanumeric(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { range_of(&WORD, c).is_some() }
}

/// `\w`.
pub(super) fn is_word(c: char) -> bool {
    c == '_' || is_alphanumeric(c)
}

/// `\s`.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The value of a character that `\d` takes: a decimal digit of any script.
pub(super) fn digit(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    // Unicode allots decimal digits in blocks of ten, zero first; adjoining blocks are one range.
    range_of(&DIGIT, c).map(|(first, _)| (u32::from(c) - u32::from(first)) % 10)
}

fn range_of(ranges: &Ranges, c: char) -> Option<(char, char)> {
    let at = ranges.partition_point(|(_, last)| *last < c);
    ranges.get(at).copied().filter(|(first, _)| *first <= c)
}

fn ranges(class: &str) -> Ranges {
    let hir = regex_syntax::parse(class).map(regex_syntax::hir::Hir::into_kind);
    match hir {
        Ok(HirKind::Class(Parsed::Unicode(class))) => {
            class.iter().map(|range| (range.start(), range.end())).collect()
        }
        _ => Vec::new(),
    }
}

/// A set of characters, as a pattern has it in brackets or by a letter behind a backslash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Class {
    /// The ASCII characters in it, one bit each.
    ascii: u128,
    beyond: Beyond,
    /// Whether it is everything that is not in it.
    negated: bool,
}

/// What beyond ASCII is in a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Beyond {
    #[default]
    Nothing,
    Words,
    Digits,
    Spaces,
}

impl Class {
    /// The class with an ASCII character more.
    pub(super) fn with(mut self, c: char) -> Option<Self> {
        self.ascii |= 1_u128.checked_shl(u32::from(c)).filter(|_| c.is_ascii())?;
        Some(self)
    }

    /// The class of `\d`, `\w`, `\s` and their negations.
    pub(super) fn escape(letter: char) -> Option<Self> {
        let (beyond, takes): (_, fn(char) -> bool) = match letter.to_ascii_lowercase() {
            'd' => (Beyond::Digits, |c| digit(c).is_some()),
            'w' => (Beyond::Words, is_word),
            's' => (Beyond::Spaces, is_space),
            _ => return None,
        };
        let mut inside = ('\0'..='\x7f').filter(|c| takes(*c));
        let class = inside.try_fold(Self { beyond, ..Self::default() }, Self::with)?;
        Some(if letter.is_ascii_uppercase() { class.negated() } else { class })
    }

    /// Both classes together; none when that cannot be said. Neither is negated.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let beyond = match (self.beyond, other.beyond) {
            (beyond, Beyond::Nothing) | (Beyond::Nothing, beyond) => beyond,
            (one, other) if one == other => one,
            _ => return None,
        };
        Some(Self { ascii: self.ascii | other.ascii, beyond, negated: false })
    }

    /// Everything that is not in it.
    pub(super) fn negated(self) -> Self {
        Self { negated: !self.negated, ..self }
    }

    /// Whether it tells letters apart, so that case matters.
    pub(super) fn has_letters(self) -> bool {
        let letters = ('A'..='Z').chain('a'..='z');
        !matches!(letters.filter(|c| self.has_ascii(*c)).count(), 0 | 52)
    }

    /// Whether it takes everything but this character of ASCII.
    pub(super) fn is_all_but(self, c: char) -> bool {
        self.negated && self.beyond == Beyond::Nothing && self.ascii == 1 << (u32::from(c) & 0x7f)
    }

    fn has_ascii(self, c: char) -> bool {
        self.ascii >> (u32::from(c) & 0x7f) & 1 == 1
    }

    pub(super) fn takes(self, c: char) -> bool {
        let inside = if c.is_ascii() {
            self.has_ascii(c)
        } else {
            match self.beyond {
                Beyond::Nothing => false,
                Beyond::Words => is_word(c),
                Beyond::Digits => digit(c).is_some(),
                Beyond::Spaces => is_space(c),
            }
        };
        inside != self.negated
    }
}
