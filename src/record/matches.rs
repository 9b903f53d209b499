//! Which journal entries a jail wants: `journalmatch` in the form of journalctl(1).
//!
//! `A=x B=y` wants both, `A=x A=y` either, and `+` parts alternatives: `A=x B=y + C=z`. Several
//! lines are alternatives too.

use std::collections::BTreeMap;
use std::fmt;

/// A disjunction of [`Alternative`]s. Without any it wants every entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    alternatives: Vec<Alternative>,
}

/// For each field named, the values of which the entry must have one.
pub type Alternative = BTreeMap<String, Vec<String>>;

/// Why a text is no journal match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchesError {
    /// The byte offset in the text.
    pub offset: usize,
    /// The word that is wrong.
    pub word: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for MatchesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": {}", self.word, self.why)
    }
}

impl std::error::Error for MatchesError {}

impl Matches {
    /// Every entry (`journalmatch = "any"`).
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Reads one line of a `journalmatch`.
    ///
    /// # Errors
    ///
    /// When a word is not `FIELD=value`, or an alternative is empty.
    pub fn parse(text: &str) -> Result<Self, MatchesError> {
        let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        Self::read(text, text.split_ascii_whitespace().map(|word| (offset(word), word)))
    }

    /// Reads a `journalmatch` whose words are known already, in which there may be blanks.
    ///
    /// # Errors
    ///
    /// As [`Matches::parse`]; the offset is that of the word's number.
    pub fn parse_words<'w>(words: impl Iterator<Item = &'w str>) -> Result<Self, MatchesError> {
        Self::read("", words.enumerate())
    }

    fn read<'w>(
        text: &str,
        words: impl Iterator<Item = (usize, &'w str)>,
    ) -> Result<Self, MatchesError> {
        let mut alternatives = vec![Alternative::new()];
        for (offset, word) in words {
            let fail = |why| Err(MatchesError { offset, word: word.to_owned(), why });
            let current = alternatives.last_mut().expect("there is always one");
            if word == "+" {
                if current.is_empty() {
                    return fail("nothing stands before this +");
                }
                alternatives.push(Alternative::new());
                continue;
            }
            let Some((field, value)) = word.split_once('=') else {
                return fail("a journal match is FIELD=value");
            };
            if !is_field_name(field) {
                return fail("a journal field is written in capitals, digits and underscores");
            }
            current.entry(field.to_owned()).or_default().push(value.to_owned());
        }
        match alternatives.last() {
            Some(last) if last.is_empty() => Err(MatchesError {
                offset: text.len(),
                word: text.to_owned(),
                why: if alternatives.len() == 1 {
                    "this match is empty"
                } else {
                    "nothing stands behind the last +"
                },
            }),
            _ => Ok(Self { alternatives }),
        }
    }

    /// Wants what either wants.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        if self.is_any() || other.is_any() {
            return Self::any();
        }
        for alternative in other.alternatives {
            if !self.alternatives.contains(&alternative) {
                self.alternatives.push(alternative);
            }
        }
        self
    }

    /// Whether it wants every entry.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.alternatives.is_empty()
    }

    /// The alternatives, for sd_journal_add_match(3).
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// The fields that an entry is judged by, each once, sorted.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let mut fields: Vec<&str> =
            self.alternatives.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Whether it wants an entry of which `has(field, value)` tells if it has that value.
    pub fn wants(&self, mut has: impl FnMut(&str, &str) -> bool) -> bool {
        self.is_any()
            || self.alternatives.iter().any(|alternative| {
                alternative
                    .iter()
                    .all(|(field, values)| values.iter().any(|value| has(field, value)))
            })
    }
}

impl FromIterator<Alternative> for Matches {
    fn from_iter<A: IntoIterator<Item = Alternative>>(alternatives: A) -> Self {
        Self { alternatives: alternatives.into_iter().collect() }
    }
}

/// Whether a journal field can have this name (`journal_field_valid` in systemd's sources).
#[must_use]
pub fn is_field_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
