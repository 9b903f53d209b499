//! Characters as Python's `re` sees them: what `\w`, `\d` and `\s` take in a pattern without flags.
//!
//! They are not quite those of Rust's `regex`: a combining mark is no `\w`, a superscript digit is
//! one, and the separators U+001C to U+001F are `\s`.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

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
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.iter().map(|range| (range.start(), range.end())).collect()
        }
        _ => Vec::new(),
    }
}
