//! `sshd[mode=aggressive, x="a,b"][y=z]`: a filter or an action, with what it is told.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use super::mistake::quoted;
use super::text::{Text, is_space};

/// So many references may a list have.
const REFERENCES_MAX: usize = 100;

/// So long may a list of references be, in bytes.
const LIST_BYTES_MAX: usize = 1 << 16;

/// A filter or an action by name, and the options that it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// The file's name, without its folder and ending.
    pub name: String,
    /// In the order in which they are written, each name once.
    pub options: Vec<(String, String)>,
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why}, at byte {at}")]
pub struct NotAReference {
    /// Where in the text, in bytes.
    pub at: usize,
    /// What is wrong, as a clause without a full stop.
    pub why: String,
    /// What to write instead, as a clause without a full stop.
    pub hint: &'static str,
}

impl Reference {
    /// Reads one reference.
    ///
    /// # Errors
    ///
    /// When the name is missing, a bracket is not closed, or an option is not written as
    /// `name=value`, `name="value"` or `name='value'` with a comma behind it.
    pub fn parse(text: &str) -> Result<Self, NotAReference> {
        Ok(parts(text)?.reference(text))
    }

    /// Reads the references in a list, as `action` has it: separated by blanks or lines, neither of
    /// which count within brackets.
    ///
    /// # Errors
    ///
    /// As for one reference; the position is that in the whole list.
    pub fn parse_many(text: &str) -> Result<Vec<Self>, NotAReference> {
        Ok(many(text)?.iter().map(|parts| parts.reference(text)).collect())
    }

    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Where the parts of a reference stand in its text.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) name: Range<usize>,
    options: Vec<Pair>,
}

/// An option's name and its value.
type Pair = (Range<usize>, Range<usize>);

impl Parts {
    fn reference(&self, text: &str) -> Reference {
        let part = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default().to_owned();
        let mut options: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.options {
            let (name, value) = (part(name), part(value));
            match options.iter_mut().find(|(known, _)| *known == name) {
                Some((_, old)) => *old = value,
                None => options.push((name, value)),
            }
        }
        Reference { name: part(&self.name), options }
    }

    /// The same in a longer text, in which they start `by` bytes later.
    fn shifted(self, by: usize) -> Self {
        let shift = |range: Range<usize>| range.start + by..range.end + by;
        let both = |(name, value): Pair| (shift(name), shift(value));
        Self { name: shift(self.name), options: self.options.into_iter().map(both).collect() }
    }

    /// The options as texts that know where they were written.
    pub(super) fn values(&self, text: &Text) -> Vec<(String, Text)> {
        let name = |range: &Range<usize>| text.as_str().get(range.clone()).unwrap_or_default();
        let value = |(key, value): &Pair| (name(key).to_owned(), text.part(value.clone()));
        self.options.iter().map(value).collect()
    }
}

static WHOLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?s)^([^\[]+)(?:\[(.*)\])?\s*$").ok());

/// One option with what may stand behind it, or the end, or what should not be there.
static OPTION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let value = r#"(?:"([^"]*)"|'([^']*)'|([^,\]]*))"#;
    let behind = r"(?:,|\]\s*\[|\n?$|(?P<behind>.+))";
    Regex::new(&format!(r"(?s)\s*([\w\-.]+)={value}{behind}|,?\s*$|(?P<instead>.+)")).ok()
});

/// One reference in a list. What fail2ban's parser looks ahead for is captured behind it here.
static ELEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let option = r#"[\w\-.]+=(?:"[^"]*"|'[^']*'|[^,\]]*)\s*(?:,|\]\s*\[)?\s*"#;
    Regex::new(&format!(r"(?s)([^\[\s]+(?:\s*\[\s*(?:{option})*\])?\s*|\S+)(?:\s|$)")).ok()
});

/// Takes a reference apart.
pub(super) fn parts(text: &str) -> Result<Parts, NotAReference> {
    let found = WHOLE.as_ref().and_then(|whole| whole.captures(text));
    let name = found.as_ref().and_then(|found| found.get(1));
    let (Some(found), Some(name)) = (&found, name) else { return Err(no_reference(text)) };
    let end = name.start() + name.as_str().trim_end_matches(is_space).len();
    let Some(inside) = found.get(2) else {
        return Ok(Parts { name: name.start()..end, options: Vec::new() });
    };
    if end < name.end() {
        let why =
            format!("a blank stands between {} and its bracket", quoted(name.as_str().trim()));
        return Err(NotAReference { at: end, why, hint: "take the blank out" });
    }
    let options = options(inside.as_str(), inside.start())?;
    Ok(Parts { name: name.range(), options })
}

fn no_reference(text: &str) -> NotAReference {
    let open = text.find('[');
    let (at, why, hint) = match open {
        None => (0, "a name is missing", "write a name, like `sshd` or `iptables[port=ssh]`"),
        Some(0) => (0, "a name is missing before the bracket", "write the name before the `[`"),
        Some(open) => match text.rfind(']') {
            None => (open, "the bracket is not closed", "write a `]` behind the last option"),
            Some(close) => (close + 1, "something stands behind the bracket", "take it out"),
        },
    };
    NotAReference { at, why: why.to_owned(), hint }
}

fn options(inside: &str, offset: usize) -> Result<Vec<Pair>, NotAReference> {
    let mut pairs = Vec::new();
    for found in OPTION.iter().flat_map(|option| option.captures_iter(inside)) {
        let name = found.get(1);
        if let Some(behind) = found.name("behind") {
            let name = quoted(name.map_or("", |name| name.as_str()));
            let why = format!("{} stands behind the option {name}", quoted(behind.as_str().trim()));
            let hint = "separate options by a comma, and put a value with a comma in quotes";
            let blank = behind.len() - behind.as_str().trim_start_matches(is_space).len();
            return Err(NotAReference { at: offset + behind.start() + blank, why, hint });
        }
        if let Some(instead) = found.name("instead") {
            let why =
                format!("an option is to stand here, not {}", quoted(instead.as_str().trim()));
            let hint =
                "write name=value without blanks around the `=`, and a comma between options";
            let blank = instead.len() - instead.as_str().trim_start_matches(is_space).len();
            return Err(NotAReference { at: offset + instead.start() + blank, why, hint });
        }
        let value = (2..=4).find_map(|group| found.get(group));
        if let (Some(name), Some(value)) = (name, value) {
            let trimmed = value.as_str().trim_start_matches(is_space);
            let start = offset + value.end() - trimmed.len();
            let end = start + trimmed.trim_end_matches(is_space).len();
            pairs.push((offset + name.start()..offset + name.end(), start..end));
        }
    }
    Ok(pairs)
}

/// Takes a list of references apart.
pub(super) fn many(text: &str) -> Result<Vec<Parts>, NotAReference> {
    let one = |range: Range<usize>| {
        let start = range.start;
        let read = parts(text.get(range.clone()).unwrap_or_default());
        let wrong = match read {
            Ok(parts) => return Ok(parts.shifted(start)),
            Err(wrong) => wrong,
        };
        // What is wrong within brackets may end the reference early. Then it is behind that end.
        let rest = text.get(start..).unwrap_or_default();
        let longer = rest.get(..rest.rfind(']').map_or(0, |close| close + 1)).unwrap_or_default();
        let wrong = match parts(longer) {
            Err(behind) if longer.len() > range.len() => behind,
            _ => wrong,
        };
        Err(NotAReference { at: wrong.at + start, ..wrong })
    };
    split(text)?.into_iter().map(one).collect()
}

/// Where the references of a list stand in it, without the blanks around them.
fn split(text: &str) -> Result<Vec<Range<usize>>, NotAReference> {
    let too_many = |at| {
        let why =
            format!("the list is longer than {REFERENCES_MAX} names or {LIST_BYTES_MAX} bytes");
        Err(NotAReference { at, why, hint: "leave out what is not needed" })
    };
    if text.len() > LIST_BYTES_MAX {
        return too_many(LIST_BYTES_MAX);
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(element) = ELEMENT.as_ref().and_then(|element| element.captures_at(text, at)) {
        let Some(element) = element.get(1) else { break };
        if found.len() >= REFERENCES_MAX {
            return too_many(element.start());
        }
        let trimmed = element.as_str().trim_end_matches(is_space);
        found.push(element.start()..element.start() + trimmed.len());
        at = element.end();
    }
    Ok(found)
}
