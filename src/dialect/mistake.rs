//! What is wrong in a configuration, and the list of it.

use std::ops::Range;

use super::text::Span;

/// So many mistakes are kept; nobody reads more, and a hostile file must not fill the memory.
const MISTAKES_MAX: usize = 200;

/// So long may a sentence about a mistake be, in bytes.
const SENTENCE_BYTES_MAX: usize = 300;

/// So much of a text is quoted in a mistake, in characters.
const QUOTED_MAX: usize = 60;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What it concerns does not run.
    Error,
    /// It runs, but probably not as its author thinks.
    Warning,
}

/// Something wrong in a fail2ban configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// In which file, relative to the root of the configuration.
    pub path: String,
    /// Where in the file, in bytes; `0..0` when the file as a whole is meant.
    pub span: Range<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, as one sentence without a full stop.
    pub title: String,
    /// What to do about it, as one sentence without a full stop.
    pub hint: String,
}

/// What was asked for, as far as it could be had, and all that was found wrong on the way.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    /// The answer. Whatever is wrong with it is among the mistakes.
    pub value: T,
    /// In order of files and places.
    pub mistakes: Vec<Mistake>,
}

/// What is wrong, before it has a place.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) title: String,
    pub(super) hint: String,
}

impl Fault {
    pub(super) fn new(title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { title: shortened(title.into()), hint: shortened(hint.into()) }
    }

    pub(super) fn at(self, span: Option<Span>) -> Trouble {
        Trouble { fault: self, span }
    }
}

/// A fault that ends the reading of a value.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) fault: Fault,
    pub(super) span: Option<Span>,
}

impl Trouble {
    /// The same, at this place if it has none of its own.
    pub(super) fn or_at(mut self, span: Option<&Span>) -> Self {
        if self.span.is_none() {
            self.span = span.cloned();
        }
        self
    }
}

/// A mistake whose file is still a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Noted {
    span: Span,
    severity: Severity,
    title: String,
    hint: String,
}

/// Collects mistakes, each once.
#[derive(Debug, Default)]
pub(super) struct Sink {
    noted: Vec<Noted>,
    /// Where nothing more is to be said.
    settled: Vec<Span>,
    lenient: bool,
}

impl Sink {
    pub(super) fn note(&mut self, severity: Severity, trouble: Trouble) {
        if self.is_full() {
            return;
        }
        let span = trouble.span.unwrap_or(Span { file: 0, range: 0..0 });
        let within = |whole: &Span| {
            whole.file == span.file
                && (whole.range.start..=whole.range.end).contains(&span.range.start)
        };
        if self.settled.iter().any(within) {
            return;
        }
        let Fault { title, hint } = trouble.fault;
        let severity = if self.lenient { Severity::Warning } else { severity };
        let same = |known: &&mut Noted| known.span == span && known.title == title;
        if let Some(known) = self.noted.iter_mut().find(same) {
            known.severity = known.severity.min(severity);
        } else {
            self.noted.push(Noted { span, severity, title, hint });
        }
    }

    /// Whether nothing more is kept.
    pub(super) fn is_full(&self) -> bool {
        self.noted.len() >= MISTAKES_MAX
    }

    /// Whether errors are warnings for now: what is wrong with a jail that is switched off stops
    /// nothing.
    pub(super) fn set_lenient(&mut self, lenient: bool) {
        self.lenient = lenient;
    }

    pub(super) fn error(&mut self, trouble: Trouble) {
        self.note(Severity::Error, trouble);
    }

    pub(super) fn warn(&mut self, trouble: Trouble) {
        self.note(Severity::Warning, trouble);
    }

    /// Says no more about a stretch: one complaint is enough, and what comes later may only follow
    /// from it.
    pub(super) fn settle(&mut self, span: Option<Span>) {
        if !self.is_full() {
            self.settled.extend(span);
        }
    }

    /// All of them, with the names of their files.
    pub(super) fn into_mistakes(mut self, path: impl Fn(usize) -> String) -> Vec<Mistake> {
        self.noted.sort_by_key(|noted| (noted.span.file, noted.span.range.start));
        let mistake = |noted: Noted| Mistake {
            path: path(noted.span.file),
            span: noted.span.range,
            severity: noted.severity,
            title: noted.title,
            hint: noted.hint,
        };
        self.noted.into_iter().map(mistake).collect()
    }
}

fn shortened(mut sentence: String) -> String {
    if sentence.len() > SENTENCE_BYTES_MAX {
        sentence.truncate(sentence.floor_char_boundary(SENTENCE_BYTES_MAX));
        sentence.push('…');
    }
    sentence
}

/// A piece of somebody's text as a mistake quotes it: one line, not too long.
pub(super) fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("`{}…`", line.get(..end).unwrap_or_default()),
        None => format!("`{line}`"),
    }
}

/// The name among `known` that is most like `name`, as a question to put before a hint.
pub(super) fn did_you_mean<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    const ALIKE: f64 = 0.75;
    /// Longer names, and more of them, are nobody's slip of the pen.
    const NAME_BYTES_MAX: usize = 64;
    const KNOWN_MAX: usize = 2000;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    known
        .filter(|candidate| candidate.len() <= NAME_BYTES_MAX)
        .take(KNOWN_MAX)
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}

/// The hint for a name that is not known.
pub(super) fn nearest_hint(nearest: Option<String>, otherwise: &str) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => otherwise.to_owned(),
    }
}
