//! What a filter asks of structured logs: conditions on fields, and fields that tell something.

use std::borrow::Cow;

use super::condition::{Condition, Test};
use super::json::{KeyFault, Pointers, Scalar};
use super::recipe::{PATTERNS_MAX, Part, Recipe, RecipeError};
use super::verdict::Stated;
use crate::keeper::Timestamp;
use crate::record::{Fields, is_field_name};

/// What fields tell (`[extract]`), each by journal fields or JSON pointers of which the first that
/// is there counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extract {
    /// Whose failure it is: an address, with or without a port. What a pattern catches counts
    /// before it.
    pub offender: Vec<String>,
    /// As whom. What a pattern catches counts before it.
    pub user: Vec<String>,
    /// The text that the patterns look at instead of the line.
    pub message: Vec<String>,
    /// When, for log files.
    pub time: Vec<String>,
}

/// Conditions and keys, compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Structured {
    /// The journal fields that are asked for, sorted.
    names: Vec<String>,
    pointers: Pointers,
    of_fields: Vec<(String, AnyOf)>,
    of_pointers: Vec<(usize, AnyOf)>,
    offender: Vec<Key>,
    user: Vec<Key>,
    message: Vec<Key>,
    time: Vec<Key>,
}

type AnyOf = Vec<Test>;

/// Where a value is.
#[derive(Clone, Debug)]
enum Key {
    Field(String),
    /// What a pointer leads to, by its slot.
    Pointer(usize),
}

/// What the fields of a line tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Told<'l> {
    pub(super) offender: Option<Cow<'l, str>>,
    pub(super) user: Option<Cow<'l, str>>,
    pub(super) message: Option<Cow<'l, str>>,
    pub(super) time: Option<Stated>,
}

impl Structured {
    /// Compiles what `recipe` has of conditions and keys. Mistakes go to `errors`.
    pub(super) fn compile(recipe: &Recipe, errors: &mut Vec<RecipeError>) -> Self {
        let mut it = Self::default();
        let Recipe { conditions, extract, .. } = recipe;
        if conditions.len() > PATTERNS_MAX {
            errors.push(RecipeError::TooMany { part: Part::Key(PATTERNS_MAX) });
            return it;
        }
        for (index, condition) in conditions.iter().enumerate() {
            it.condition(index, condition, errors);
        }
        it.offender = it.keys(&extract.offender, Part::Offender, errors);
        it.user = it.keys(&extract.user, Part::User, errors);
        it.message = it.keys(&extract.message, Part::Message, errors);
        it.time = it.keys(&extract.time, Part::Time, errors);
        if let Some(index) = it.time.iter().position(|key| matches!(key, Key::Field(_))) {
            errors.push(RecipeError::TimeOfField { part: Part::Time(index) });
        }
        it.names.sort_unstable();
        it.names.dedup();
        it
    }

    fn condition(&mut self, index: usize, condition: &Condition, errors: &mut Vec<RecipeError>) {
        let Condition { key, any_of } = condition;
        if any_of.len() > PATTERNS_MAX {
            errors.push(RecipeError::TooMany { part: Part::Operand(index, PATTERNS_MAX) });
            return;
        }
        let mut tests = Vec::new();
        for (number, operand) in any_of.iter().enumerate() {
            let part = Part::Operand(index, number);
            match Test::compile(operand) {
                Ok(test) if test.negated && any_of.len() > 1 => {
                    let fault = super::OperandFault::NegatedAmongOthers;
                    errors.push(RecipeError::Operand { part, fault });
                }
                Ok(test) => tests.push(test),
                Err(fault) => errors.push(RecipeError::Operand { part, fault }),
            }
        }
        match self.key(key) {
            Ok(Key::Field(name)) => self.of_fields.push((name, tests)),
            Ok(Key::Pointer(slot)) => self.of_pointers.push((slot, tests)),
            Err(fault) => errors.push(RecipeError::Key { part: Part::Key(index), fault }),
        }
    }

    fn keys(
        &mut self,
        written: &[String],
        part: fn(usize) -> Part,
        errors: &mut Vec<RecipeError>,
    ) -> Vec<Key> {
        if written.len() > PATTERNS_MAX {
            errors.push(RecipeError::TooMany { part: part(PATTERNS_MAX) });
            return Vec::new();
        }
        let mut keys = Vec::new();
        for (index, text) in written.iter().enumerate() {
            match self.key(text) {
                Ok(key) => keys.push(key),
                Err(fault) => errors.push(RecipeError::Key { part: part(index), fault }),
            }
        }
        keys
    }

    fn key(&mut self, written: &str) -> Result<Key, KeyFault> {
        if is_field_name(written) {
            self.names.push(written.to_owned());
            return Ok(Key::Field(written.to_owned()));
        }
        self.pointers.enter(written).map(Key::Pointer)
    }

    /// The journal fields that are asked for, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether a line without journal fields can tell nothing.
    pub(super) fn needs_journal(&self) -> bool {
        let fields_only =
            |keys: &[Key]| !keys.is_empty() && keys.iter().all(|key| matches!(key, Key::Field(_)));
        !self.of_fields.is_empty() || fields_only(&self.offender) || fields_only(&self.message)
    }

    /// Whether it looks into JSON.
    pub(super) fn reads_json(&self) -> bool {
        !self.pointers.is_empty()
    }

    /// Whether it tells whose failure it is.
    pub(super) fn tells_offender(&self) -> bool {
        !self.offender.is_empty()
    }

    /// Whether the conditions on journal fields hold.
    pub(super) fn admits(&self, fields: Option<&Fields>) -> bool {
        self.of_fields.iter().all(|(name, any_of)| {
            let value = fields.and_then(|fields| fields.get(name));
            value.is_some_and(|value| any_of.iter().any(|test| test.holds(value)))
        })
    }

    /// What the fields of a line tell; nothing when a condition on its JSON does not hold, or the
    /// text that the patterns are to look at is missing.
    pub(super) fn read<'l>(&self, line: &'l str, fields: Option<&'l Fields>) -> Option<Told<'l>> {
        // Every key is that of a field or a pointer.
        if self.names.is_empty() && self.pointers.is_empty() {
            return Some(Told::default());
        }
        let mut found = Vec::new();
        if self.reads_json() {
            found = self.pointers.read(line)?;
        }
        let holds = |(slot, any_of): &(usize, AnyOf)| {
            let value = found.get(*slot).and_then(Option::as_ref);
            value.is_some_and(|value| any_of.iter().any(|test| test.holds(&value.text)))
        };
        if !self.of_pointers.iter().all(holds) {
            return None;
        }
        let time = self.time.iter().find_map(|key| stated(value(key, &found, fields)?));
        let first = |keys: &[Key]| keys.iter().find_map(|key| value(key, &found, fields));
        let text = |scalar: Option<Scalar<'l>>| scalar.map(|scalar| scalar.text);
        let offender = text(first(&self.offender));
        let user = text(first(&self.user));
        let message = text(first(&self.message));
        if message.is_none() && !self.message.is_empty() {
            return None;
        }
        Some(Told { offender, user, message, time })
    }
}

/// The value behind a key, if there is one and it is not empty.
fn value<'l>(
    key: &Key,
    found: &[Option<Scalar<'l>>],
    fields: Option<&'l Fields>,
) -> Option<Scalar<'l>> {
    let value = match key {
        Key::Field(name) => {
            fields?.get(name).map(|text| Scalar { text: text.into(), quoted: true })
        }
        Key::Pointer(slot) => found.get(*slot).cloned().flatten(),
    };
    value.filter(|scalar| !scalar.text.is_empty())
}

/// The time that a value states.
fn stated(scalar: Scalar<'_>) -> Option<Stated> {
    if scalar.quoted {
        return Some(Stated::Text(scalar.text.into_owned()));
    }
    since_epoch(&scalar.text).map(Stated::At)
}

/// The time of a number of seconds, milliseconds, microseconds or nanoseconds since the epoch.
/// Which it is, its size tells: each is taken for the coarsest that is before the year 5138.
fn since_epoch(text: &str) -> Option<Timestamp> {
    const LIMIT: u64 = 100_000_000_000;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    let (factor, digits) = match whole {
        0..LIMIT => (1_000_000, 6),
        LIMIT..100_000_000_000_000 => (1_000, 3),
        100_000_000_000_000..100_000_000_000_000_000 => (1, 0),
        _ => return Some(Timestamp::from_micros(i64::try_from(whole / 1_000).ok()?)),
    };
    let zeros = std::iter::repeat('0');
    let fraction: String = fraction.chars().chain(zeros).take(digits).collect();
    let rest: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    i64::try_from(whole * factor + rest).ok().map(Timestamp::from_micros)
}
