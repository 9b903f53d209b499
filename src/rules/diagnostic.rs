//! A mistake, where it is, and the list of all of them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::fail2ban::NotFound;
use super::text::{SourceText, Texts};
use super::tree::At;
use super::wording::Problem;

/// So many mistakes are kept; nobody reads more, and a hostile file must not fill the memory.
const DIAGNOSTICS_MAX: usize = 200;

/// So much of a line is shown.
const SOURCE_LINE_BYTES_MAX: usize = 4096;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// What it concerns does not run.
    Error,
    /// It runs, but probably not as its author thinks.
    Warning,
}

/// A mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, as one sentence without a full stop.
    pub title: String,
    /// In which file.
    pub path: PathBuf,
    /// Where in the file; none when the file as a whole is meant.
    #[serde(flatten)]
    pub spot: Option<Spot>,
    /// What stands at the caret.
    pub label: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The bytes of the file.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line's text, without its end.
    pub source_line: String,
    /// The marked bytes of `source_line`.
    pub marked: Range<usize>,
}

/// Something was wrong and has been reported; what was wrong, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

/// The mistakes that were found.
#[derive(Debug, Default)]
pub(super) struct Found {
    list: Vec<Diagnostic>,
    left_out: usize,
}

/// Collects the mistakes.
pub(super) struct Sink<'t> {
    files: Vec<&'t SourceText>,
    list: Vec<Diagnostic>,
    left_out: usize,
}

impl<'t> Sink<'t> {
    pub(super) fn new(texts: &'t Texts) -> Self {
        Self::after(texts, Found::default())
    }

    /// Goes on after what was found in the files of jails.
    pub(super) fn after(texts: &'t Texts, Found { list, left_out }: Found) -> Self {
        let files = texts.jails.iter().chain(&texts.filters).collect();
        Self { files, list, left_out }
    }

    pub(super) fn into_found(self) -> Found {
        Found { list: self.list, left_out: self.left_out }
    }

    /// The file with this number.
    pub(super) fn file(&self, file: usize) -> &'t SourceText {
        self.files[file]
    }

    /// The line, from 1, in which `at` begins.
    pub(super) fn line(&self, at: &At) -> usize {
        let text = &self.files[at.file].text;
        line_of(text, at.span.start)
    }

    /// Reports `problem` at `at`.
    pub(super) fn report(&mut self, at: &At, problem: Problem) -> Wrong {
        let source = self.files[at.file];
        let spot = spot(&source.text, at.span.clone());
        self.add(&source.path, Some(spot), problem)
    }

    /// Takes over what was found in files of another kind, or reports what is wrong with asking for
    /// them at `at`.
    pub(super) fn adopt(&mut self, at: &At, fault: NotFound) -> Wrong {
        let found = match fault {
            NotFound::Asked(problem) => return self.report(at, problem),
            NotFound::Mistakes(found) => found,
        };
        let first = found.iter().find(|one| one.severity == Severity::Error).or(found.first());
        let wrong = Wrong(first.map(|one| one.title.clone()).unwrap_or_default());
        self.take_over(found);
        wrong
    }

    /// Takes over what was found in files of another kind.
    pub(super) fn take_over(&mut self, found: Vec<Diagnostic>) {
        for diagnostic in found {
            if self.list.contains(&diagnostic) {
                continue;
            }
            if self.list.len() < DIAGNOSTICS_MAX {
                self.list.push(diagnostic);
            } else {
                self.left_out += 1;
            }
        }
    }

    /// Reports `problem` for a whole file.
    pub(super) fn report_file(&mut self, path: &Path, problem: Problem) -> Wrong {
        self.add(path, None, problem)
    }

    fn add(&mut self, path: &Path, spot: Option<Spot>, problem: Problem) -> Wrong {
        let wrong = Wrong(problem.title.clone());
        let diagnostic = Diagnostic {
            severity: problem.severity,
            title: problem.title,
            path: path.to_owned(),
            spot,
            label: problem.label,
            hint: problem.hint,
        };
        if self.list.contains(&diagnostic) {
            return wrong;
        }
        if self.list.len() < DIAGNOSTICS_MAX {
            self.list.push(diagnostic);
        } else {
            self.left_out += 1;
        }
        wrong
    }

    /// All that was reported, file by file from top to bottom.
    pub(super) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        let order = |path: &Path| self.files.iter().position(|file| file.path == path);
        self.list.sort_by_cached_key(|d| {
            (order(&d.path), d.path.clone(), d.spot.as_ref().map(|spot| spot.span.start))
        });
        if let (Some(last), 1..) = (self.list.last(), self.left_out) {
            let path = last.path.clone();
            let problem = super::wording::more_mistakes(self.left_out);
            self.list.push(Diagnostic {
                severity: problem.severity,
                title: problem.title,
                path,
                spot: None,
                label: problem.label,
                hint: problem.hint,
            });
        }
        self.list
    }
}

pub(super) fn spot(text: &str, span: Range<usize>) -> Spot {
    let start = floor(text, span.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let shown_end = floor(text, line_end.min(line_start + SOURCE_LINE_BYTES_MAX));
    let source_line = text[line_start..shown_end].trim_end_matches('\r').to_owned();
    let mark = |offset: usize| offset.saturating_sub(line_start).min(source_line.len());
    let marked = mark(start)..mark(floor(text, span.end.clamp(start, text.len())));
    Spot {
        line: line_of(text, line_start),
        column: 1 + text[line_start..start].chars().count(),
        span: start..span.end.max(start),
        source_line,
        marked,
    }
}

/// The number of the line, from 1, that holds the byte `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..offset.min(text.len())]).count()
}

/// The last boundary between characters that is not behind `offset`.
pub(super) fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
