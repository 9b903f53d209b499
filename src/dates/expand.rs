//! Patterns as texts: their tokens replaced, a standard template put into them.

use super::error::DatePatternError;
use super::token;

/// What stands for the beginning of a line at the beginning of a pattern and of a name.
pub(super) const LINE_BEGIN: &str = "{^LN-BEG}";
/// What switches both boundaries off at the beginning of a pattern.
pub(super) const UNBOUND: &str = "{UNB}";
/// What stands for a standard template in a pattern.
const DATE: &str = "{DATE}";

/// A pattern with its tokens replaced.
pub(super) struct Expanded {
    pub(super) regex: String,
    /// The pattern as a template's name shows it.
    pub(super) name: String,
    /// The letters of the groups that the tokens bring.
    pub(super) groups: String,
}

impl Expanded {
    /// `place`: which pattern it is, and where in it the text begins.
    pub(super) fn of(text: &str, place: (usize, usize)) -> Result<Self, DatePatternError> {
        let (index, offset) = place;
        let mut expanded =
            Self { regex: String::new(), name: String::new(), groups: String::new() };
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('%') {
            expanded.regex += before;
            expanded.name += before;
            let start = offset + text.len() - behind.len() - 1;
            let Some(token) = token::at(behind) else {
                let letters = behind.chars().take(if behind.starts_with("Ex") { 3 } else { 1 });
                let token: String = ['%'].into_iter().chain(letters).collect();
                let range = start..start + token.len();
                return Err(DatePatternError::UnknownToken { index, range, token });
            };
            if token.groups.chars().any(|group| expanded.groups.contains(group)) {
                let range = start..start + 1 + token.key.len();
                let token = format!("%{}", token.key);
                return Err(DatePatternError::Twice { index, range, token });
            }
            expanded.regex += token.regex;
            expanded.name += token.name;
            expanded.groups += token.groups;
            rest = behind.get(token.key.len()..).unwrap_or_default();
        }
        expanded.regex += rest;
        expanded.name += rest;
        Ok(expanded)
    }
}

/// The pattern `around` with `source` in the place of `{DATE}`; a boundary that `source` begins with
/// is left to the pattern.
pub(super) fn around_date(around: &str, source: &str) -> String {
    let source = source.strip_prefix(UNBOUND).unwrap_or(source);
    let source = source.strip_prefix(LINE_BEGIN).unwrap_or(source);
    let mut text = String::new();
    let mut rest = around;
    while let Some(at) = rest.find('{') {
        let (before, behind) = rest.split_at(at);
        text += before;
        let date = behind.get(..DATE.len()).filter(|word| word.eq_ignore_ascii_case(DATE));
        let here = date.filter(|_| !before.ends_with('\\'));
        text += if here.is_some() { source } else { "{" };
        rest = behind.get(here.map_or(1, str::len)..).unwrap_or_default();
    }
    text + rest
}
