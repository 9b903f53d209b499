//! TOML as values that know where they stand.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Sink, floor};
use super::wording;

/// A place in a file, by the file's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) file: usize,
    pub(super) span: Range<usize>,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text(String),
    Number(i64),
    Fraction(f64),
    Truth(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// A kind that no setting has; its name.
    Other(&'static str),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: At,
    pub(super) value: Node,
}

impl Kind {
    /// The kind's name, for a message.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Fraction(_) => "a fraction",
            Self::Truth(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

/// A file's top-level entries, and whether all of it could be read.
pub(super) struct Document {
    pub(super) entries: Vec<Entry>,
    pub(super) sound: bool,
}

/// Parses a file; syntax errors are reported, and what can be read in spite of them is returned.
pub(super) fn parse(sink: &mut Sink<'_>, file: usize) -> Document {
    parse_text(sink, file, &sink.file(file).text)
}

/// Parses a filter's file without its samples.
pub(super) fn parse_without_samples(sink: &mut Sink<'_>, file: usize) -> Document {
    parse_text(sink, file, without_samples(&sink.file(file).text))
}

/// A filter's text without its samples, if they stand at its end: they are most of it, and only those
/// who run them need them.
#[must_use]
pub fn without_samples(text: &str) -> &str {
    const SAMPLE: &str = "\n[[sample]]";
    let samples = text.find(SAMPLE).unwrap_or(text.len());
    let (before, behind) = text.split_at(samples);
    let ends_with_them =
        behind.match_indices("\n[").all(|(at, _)| behind[at..].starts_with(SAMPLE));
    if ends_with_them { before } else { text }
}

fn parse_text(sink: &mut Sink<'_>, file: usize, text: &str) -> Document {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let line_start = text[..floor(text, span.start)].rfind('\n').map_or(0, |n| n + 1);
        let line = text[line_start..].lines().next().unwrap_or("");
        sink.report(&At { file, span }, wording::syntax(error.message(), line));
    }
    let mut entries = entries(table.into_inner(), file);
    if !errors.is_empty() {
        // What the parser made of a broken line is its own, not the author's.
        for entry in &mut entries {
            keep_names(&mut entry.value, 2);
        }
    }
    Document { entries, sound: errors.is_empty() }
}

/// Leaves of a value the tables down to `depth`, and whether something is enabled.
fn keep_names(node: &mut Node, depth: usize) {
    if let Kind::Table(entries) = &mut node.kind {
        entries.retain(|entry| match entry.value.kind {
            Kind::Table(_) => depth > 0,
            Kind::Truth(_) => entry.key == "enabled",
            _ => false,
        });
        for entry in entries {
            keep_names(&mut entry.value, depth.saturating_sub(1));
        }
    }
}

fn entries(table: DeTable<'_>, file: usize) -> Vec<Entry> {
    let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| Entry {
        key_at: At { file, span: key.span() },
        key: std::borrow::Cow::into_owned(key.into_inner()),
        value: node(value, file),
    };
    table.into_iter().map(entry).collect()
}

fn node(value: Spanned<DeValue<'_>>, file: usize) -> Node {
    let at = At { file, span: value.span() };
    let kind = match value.into_inner() {
        DeValue::String(text) => Kind::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Kind::Other("a number too large to mean anything"), Kind::Number),
        DeValue::Float(fraction) => {
            fraction.as_str().parse().map_or(Kind::Other("a fraction that is none"), Kind::Fraction)
        }
        DeValue::Boolean(truth) => Kind::Truth(truth),
        DeValue::Datetime(_) => Kind::Other("a date"),
        DeValue::Array(list) => Kind::List(list.into_iter().map(|n| node(n, file)).collect()),
        DeValue::Table(table) => Kind::Table(entries(table, file)),
    };
    Node { at, kind }
}

/// The place in the file of `range` in the text of the string at `at`.
pub(super) fn within(sink: &Sink<'_>, at: &At, range: Range<usize>) -> At {
    let raw = sink.file(at.file).text.get(at.span.clone()).unwrap_or("");
    let start = at.span.start + raw_offset(raw, range.start);
    let end = at.span.start + raw_offset(raw, range.end);
    At { file: at.file, span: start..end.max(start) }
}

/// Where in a string as TOML writes it (TOML 1.0, "String") the byte `offset` of its value stands.
fn raw_offset(raw: &str, offset: usize) -> usize {
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| raw.starts_with(quotes));
    let Some(quotes) = quotes else { return offset.min(raw.len()) };
    let mut at = quotes.len();
    if quotes.len() == 3 {
        at += raw[at..]
            .bytes()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .take(2)
            .count()
            .min(if raw[at..].starts_with("\r\n") { 2 } else { 1 });
    }
    let inner_end = raw.len().saturating_sub(quotes.len()).max(at);
    if quotes.starts_with('\'') {
        return (at + offset).min(inner_end);
    }
    let mut decoded = 0;
    while decoded < offset && at < inner_end {
        let (raw_len, value_len) = step(&raw[at..]);
        at += raw_len;
        decoded += value_len;
    }
    at.min(inner_end)
}

/// The length of the first character of a basic string as written, and of what it stands for.
fn step(rest: &str) -> (usize, usize) {
    let mut chars = rest.chars();
    let first = chars.next().map_or(1, char::len_utf8);
    if !rest.starts_with('\\') {
        return (first, first);
    }
    let hex = |digits: usize| {
        let code = rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
    };
    match chars.next() {
        Some('x') => hex(2),
        Some('u') => hex(4),
        Some('U') => hex(8),
        Some(c) if c.is_whitespace() => {
            (1 + rest[1..].len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len(), 0)
        }
        Some(c) => (1 + c.len_utf8(), 1),
        None => (1, 1),
    }
}
