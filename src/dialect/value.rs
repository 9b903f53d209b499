//! A value as it takes effect, and what kinds of values there are.

use std::ops::Range;

use thiserror::Error;

use super::text::{Span, Text};
use super::tree::Tree;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// In which file, relative to the root of the configuration.
    pub path: String,
    /// Where in the file, in bytes. Of a value that was put together from several places, the first.
    pub span: Range<usize>,
    /// In which line, from 1.
    pub line: usize,
}

/// A value after every interpolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What it says.
    pub text: String,
    /// Where that was written; none for what stands in no file.
    pub origin: Option<Origin>,
}

impl Value {
    pub(super) fn new(tree: &Tree, text: &Text, otherwise: Option<&Span>) -> Self {
        let span = text.span(0..text.len()).or_else(|| otherwise.cloned());
        let origin = span.map(|span| Origin {
            path: tree.path(span.file).to_owned(),
            line: tree.line(&span),
            span: span.range,
        });
        Self { text: text.as_str().to_owned(), origin }
    }
}

/// Whether a value means yes. All other words mean no, as fail2ban has it.
pub fn is_yes(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "1" | "on" | "true" | "yes")
}

/// Whether a value is one of the words for yes and no.
pub(super) fn is_boolean(text: &str) -> bool {
    let lower = text.to_lowercase();
    is_yes(&lower) || matches!(lower.as_str(), "0" | "off" | "false" | "no")
}

/// A text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why}, at byte {at}")]
pub struct NotATime {
    /// Where in the text, in bytes.
    pub at: usize,
    /// What is wrong, as a clause without a full stop.
    pub why: &'static str,
}

/// So deep may brackets be in a length of time.
const BRACKETS_MAX: usize = 20;

const DAY: f64 = 86_400.0;
const YEAR: f64 = 365.25 * DAY;

/// The units in seconds. A month is the twelfth part of a year.
const UNITS: [(&[&str], f64); 7] = [
    (&["s", "ss", "se", "sec", "second", "seconds"], 1.0),
    (&["m", "mm", "mi", "min", "minute", "minutes"], 60.0),
    (&["h", "hh", "ho", "hou", "hour", "hours"], 3600.0),
    (&["d", "dd", "da", "day", "days"], DAY),
    (&["w", "ww", "we", "wee", "week", "weeks"], 7.0 * DAY),
    (&["mo", "mon", "month", "months"], YEAR / 12.0),
    (&["y", "yy", "ye", "yea", "year", "years"], YEAR),
];

/// Reads a length of time in seconds: `600`, `1d12h 30m`, `2 weeks`, `1y-6mo`, `3 * 1h`, `-1`. A
/// unit multiplies what stands before it, what stands side by side is added, and there are `+`, `-`,
/// `*`, `/`, `//`, `%` and brackets.
///
/// # Errors
///
/// When it is anything else, or no finite number comes out.
pub fn seconds(text: &str) -> Result<f64, NotATime> {
    let mut reader = Arithmetic { text, at: 0, depth: 0 };
    let sum = reader.sum()?;
    match reader.peek() {
        Some(_) => Err(reader.fail("this is no number, unit or operator")),
        None if sum.is_finite() => Ok(sum),
        None => Err(NotATime { at: 0, why: "the number is too large" }),
    }
}

/// Reads sums of products of numbers with units.
struct Arithmetic<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Arithmetic<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is no blank.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start().len();
        self.at += blank;
        self.rest().chars().next()
    }

    fn fail(&self, why: &'static str) -> NotATime {
        NotATime { at: self.at, why }
    }

    fn sum(&mut self) -> Result<f64, NotATime> {
        let mut sum = self.product()?;
        loop {
            match self.peek() {
                Some('+') => {
                    self.at += 1;
                    sum += self.product()?;
                }
                Some('-') => {
                    self.at += 1;
                    sum -= self.product()?;
                }
                Some('0'..='9') => sum += self.product()?,
                _ => return Ok(sum),
            }
        }
    }

    fn product(&mut self) -> Result<f64, NotATime> {
        let mut product = self.factor()?;
        loop {
            let operator = self.peek();
            let floor = self.rest().starts_with("//");
            match operator {
                Some('*') => {
                    self.at += 1;
                    product *= self.factor()?;
                }
                Some('/' | '%') => {
                    self.at += if floor { 2 } else { 1 };
                    let at = self.at;
                    let by = self.factor()?;
                    if by == 0.0 {
                        return Err(NotATime { at, why: "nothing can be divided by zero" });
                    }
                    product = match operator {
                        Some('%') => product - by * (product / by).floor(),
                        _ if floor => (product / by).floor(),
                        _ => product / by,
                    };
                }
                Some(c) if c.is_ascii_alphabetic() => product *= self.unit()?,
                _ => return Ok(product),
            }
        }
    }

    fn factor(&mut self) -> Result<f64, NotATime> {
        self.depth += 1;
        if self.depth > BRACKETS_MAX {
            return Err(self.fail("there are too many brackets or signs"));
        }
        let value = match self.peek() {
            Some('-') => {
                self.at += 1;
                -self.factor()?
            }
            Some('+') => {
                self.at += 1;
                self.factor()?
            }
            Some('(') => {
                self.at += 1;
                let inside = self.sum()?;
                if self.peek() != Some(')') {
                    return Err(self.fail("a bracket is not closed"));
                }
                self.at += 1;
                inside
            }
            _ => self.number()?,
        };
        self.depth -= 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<f64, NotATime> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        match rest.get(..end).and_then(|digits| digits.parse::<f64>().ok()) {
            Some(number) => {
                self.at += end;
                Ok(number)
            }
            None => Err(self.fail("a number is to stand here")),
        }
    }

    fn unit(&mut self) -> Result<f64, NotATime> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = rest.get(..end).unwrap_or_default().to_ascii_lowercase();
        match UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())) {
            Some((_, each)) => {
                self.at += end;
                Ok(*each)
            }
            None => Err(self.fail("this unit is unknown")),
        }
    }
}
