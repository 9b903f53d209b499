//! One file: sections, options, values. What counts as a comment, a continuation or an option is
//! what Python's `configparser` makes of it with fail2ban's settings: `#` and `;` start a comment at
//! the start of a line, `;` also behind a blank; a line further in than its option goes on with it.

use super::dict::Dict;
use super::mistake::{Fault, Severity, Sink, Trouble, quoted};
use super::text::{Place, Span, Text, is_space};

/// The section whose options all others inherit.
pub(super) const DEFAULT: &str = "DEFAULT";

/// An option as it was set.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The value before any interpolation, its lines joined by `\n`.
    pub(super) value: Text,
    /// The option's name, where it is written; none for what no file sets.
    pub(super) key: Option<Span>,
}

impl Entry {
    /// From the option's name to the end of its value.
    pub(super) fn span(&self) -> Option<Span> {
        let key = self.key.clone()?;
        let end = self.value.span(0..self.value.len()).filter(|value| value.file == key.file);
        let end = end.map_or(key.range.end, |value| value.range.end.max(key.range.end));
        Some(Span { file: key.file, range: key.range.start..end })
    }

    /// Where the value stands, or the name when it is empty.
    pub(super) fn value_span(&self) -> Option<Span> {
        if self.value.len() == 0 {
            return self.key.clone();
        }
        self.value.span(0..self.value.len())
    }
}

/// The options of a section, in the order in which they were first set.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    pub(super) entries: Dict<Entry>,
    /// Where its first heading is.
    pub(super) heading: Option<Span>,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) sections: Dict<Section>,
    pub(super) defaults: Dict<Entry>,
}

/// Reads a file. What is wrong in it is noted, and the rest of it counts all the same.
pub(super) fn parse(sink: &mut Sink, file: usize, text: &str) -> File {
    let mut parser = Parser { sink, file, read: File::default(), section: None, option: None };
    parser.run(text);
    parser.finish();
    parser.read
}

/// The option that is being read.
struct Open {
    key: String,
    key_span: Span,
    indent: usize,
    value: Text,
}

struct Parser<'s> {
    sink: &'s mut Sink,
    file: usize,
    read: File,
    section: Option<String>,
    option: Option<Open>,
}

impl Parser<'_> {
    fn run(&mut self, text: &str) {
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            self.line(at, line);
            let broken = rest.get(end..).unwrap_or_default();
            at += end + if broken.starts_with("\r\n") { 2 } else { 1 };
        }
    }

    fn line(&mut self, at: usize, line: &str) {
        let comment = comment_start(line);
        let content = line.get(..comment.unwrap_or(line.len())).unwrap_or_default();
        let value = content.trim_matches(is_space);
        if value.is_empty() {
            if let (None, Some(open)) = (comment, &mut self.option) {
                open.value.push("\n", None);
            }
            return;
        }
        // Python counts characters here, and so a tab is as wide as a blank.
        let blank = line.len() - line.trim_start_matches(is_space).len();
        let indent = line.get(..blank).unwrap_or_default().chars().count();
        let place = Place { file: self.file, at: at + blank };
        if let Some(open) = self.option.as_mut().filter(|open| indent > open.indent) {
            open.value.push("\n", None);
            open.value.push(value, Some(place));
            return;
        }
        if let Some(name) = heading(value) {
            self.finish();
            self.open_section(name, self.span(place.at, value.len()));
        } else if self.section.is_none() {
            let fault = Fault::new(
                format!("{} stands before any section", quoted(value)),
                "put a section's name in square brackets above it, like [DEFAULT] or [Definition]",
            );
            self.sink.error(fault.at(Some(self.span(place.at, value.len()))));
        } else {
            self.open_option(place, value, indent);
        }
    }

    fn open_section(&mut self, name: &str, span: Span) {
        self.section = Some(name.to_owned());
        if name == DEFAULT {
            return;
        }
        if self.read.sections.contains(name) {
            let fault = Fault::new(
                format!("the section [{name}] is in this file twice"),
                "put all of its options under one heading",
            );
            self.sink.error(fault.at(Some(span)));
            return;
        }
        self.read.sections.insert(name, Section { entries: Dict::default(), heading: Some(span) });
    }

    fn open_option(&mut self, place: Place, line: &str, indent: usize) {
        let span = self.span(place.at, line.len());
        let Some(delimiter) = line.find(['=', ':']) else {
            let fault = Fault::new(
                format!("{} is no option: it has no `=`", quoted(line)),
                "write `option = value`; a value that goes on in the next line is indented there",
            );
            return self.sink.error(fault.at(Some(span)));
        };
        let (name, value) = line.split_at(delimiter);
        let name = name.trim_end_matches(is_space);
        if name.is_empty() {
            let fault = Fault::new("a value without an option's name", "write `option = value`");
            return self.sink.error(fault.at(Some(span)));
        }
        self.finish();
        let value = value.get(1..).unwrap_or_default();
        let start = place.at + line.len() - value.trim_start_matches(is_space).len();
        let mut text = Text::default();
        text.push(value.trim_matches(is_space), Some(Place { at: start, ..place }));
        let key_span = self.span(place.at, name.len());
        self.option = Some(Open { key: name.to_lowercase(), key_span, indent, value: text });
    }

    /// Puts the option that was being read where it belongs.
    fn finish(&mut self) {
        let (Some(mut open), Some(name)) = (self.option.take(), &self.section) else { return };
        let end = open.value.as_str().trim_end_matches(is_space).len();
        open.value.truncate(end);
        let entries = if name == DEFAULT {
            Some(&mut self.read.defaults)
        } else {
            self.read.sections.entry(name, Section::default).map(|section| &mut section.entries)
        };
        let Some(entries) = entries else { return };
        if entries.contains(&open.key) {
            let fault = Fault::new(
                format!("`{}` is set twice in [{name}]", open.key),
                "keep one of the two",
            );
            let trouble = Trouble { fault, span: Some(open.key_span.clone()) };
            self.sink.note(Severity::Error, trouble);
        }
        entries.insert(&open.key, Entry { value: open.value, key: Some(open.key_span) });
    }

    fn span(&self, at: usize, len: usize) -> Span {
        Span { file: self.file, range: at..at + len }
    }
}

/// Where a line's comment starts.
fn comment_start(line: &str) -> Option<usize> {
    let mut before = None;
    let trimmed = line.trim_start_matches(is_space);
    if trimmed.starts_with(['#', ';']) {
        return Some(0);
    }
    for (at, c) in line.char_indices() {
        if c == ';' && before.is_none_or(is_space) {
            return Some(at);
        }
        before = Some(c);
    }
    None
}

/// The name in a section's heading. What stands behind the last bracket does not count.
fn heading(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?;
    inside.get(..inside.rfind(']')?).filter(|name| !name.is_empty())
}
