//! Conditions on the values of fields.

use std::cmp::Ordering;

use crate::pattern::{self, Fault, Language, Options, Regex, Text};

/// A condition as it is written (`[match]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Of what: a journal field, or a JSON pointer into the message.
    pub key: String,
    /// What its value is to be: one of these.
    pub any_of: Vec<Operand>,
}

/// What a value is compared with, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A text, which may begin with an operator.
    Text(String),
    /// A number.
    Number(i64),
    /// A boolean.
    Truth(bool),
}

/// Why a text is no operand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperandFault {
    /// It begins with what looks like an operator and is none.
    #[error("there is no operator {written}")]
    UnknownOperator {
        /// What it begins with.
        written: &'static str,
        /// The operator that is meant.
        meant: &'static str,
    },
    /// An operator that compares numbers has none.
    #[error("{operator} compares numbers, and this is none")]
    NoNumber {
        /// The operator.
        operator: &'static str,
    },
    /// A regex has a mistake.
    #[error("{0}")]
    Regex(Fault),
    /// A regex has a tag that remembers something, or a named group.
    #[error("a condition's regex remembers nothing")]
    Remembers,
    /// One of several is negated. Every value is unlike one of two values.
    #[error("one of several cannot be negated")]
    NegatedAmongOthers,
}

/// What looks like an operator, and the operator that is meant.
const SLIPS: [(&str, &str); 9] = [
    ("==", "="),
    ("=~", "~"),
    ("~=", "~"),
    ("<>", "!="),
    ("!<", ">="),
    ("!>", "<="),
    ("\u{2264}", "<="),
    ("\u{2265}", ">="),
    ("\u{2260}", "!="),
];

/// The operators; of two that begin alike, the longer one first.
const OPERATORS: [(&str, Operator); 8] = [
    ("<=", Operator::Number(&[Ordering::Less, Ordering::Equal])),
    (">=", Operator::Number(&[Ordering::Greater, Ordering::Equal])),
    ("<", Operator::Number(&[Ordering::Less])),
    (">", Operator::Number(&[Ordering::Greater])),
    ("!=", Operator::Equal { negated: true }),
    ("!~", Operator::Regex { negated: true }),
    ("=", Operator::Equal { negated: false }),
    ("~", Operator::Regex { negated: false }),
];

#[derive(Clone, Copy)]
enum Operator {
    /// How a value may stand to the number.
    Number(&'static [Ordering]),
    Equal {
        negated: bool,
    },
    Regex {
        negated: bool,
    },
}

/// One operand, compiled.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) negated: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Text(String),
    Number(&'static [Ordering], f64),
    Regex(Box<Regex>),
}

impl Test {
    /// Compiles an operand.
    pub(super) fn compile(operand: &Operand) -> Result<Self, OperandFault> {
        match operand {
            Operand::Text(text) => Self::parse(text),
            Operand::Truth(truth) => Ok(Self::plain(Kind::Text(truth.to_string()))),
            Operand::Number(written) => {
                let text = written.to_string();
                let number = number(&text).ok_or(OperandFault::NoNumber { operator: "=" })?;
                Ok(Self::plain(Kind::Number(&[Ordering::Equal], number)))
            }
        }
    }

    fn plain(kind: Kind) -> Self {
        Self { negated: false, kind }
    }

    fn parse(text: &str) -> Result<Self, OperandFault> {
        if let Some((written, meant)) = slip(text) {
            return Err(OperandFault::UnknownOperator { written, meant });
        }
        let Some((name, operator)) = OPERATORS.iter().find(|(name, _)| text.starts_with(name))
        else {
            return Ok(Self::plain(Kind::Text(text.to_owned())));
        };
        let operand = text[name.len()..].trim_start();
        Ok(match operator {
            Operator::Number(wanted) => {
                let number = number(operand.trim_end());
                let number = number.ok_or(OperandFault::NoNumber { operator: name })?;
                Self::plain(Kind::Number(wanted, number))
            }
            Operator::Equal { negated } => {
                Self { negated: *negated, kind: Kind::Text(operand.to_owned()) }
            }
            Operator::Regex { negated } => {
                let regex = regex(operand, text.len() - operand.len())?;
                Self { negated: *negated, kind: Kind::Regex(Box::new(regex)) }
            }
        })
    }

    /// Whether a value is as it is to be.
    pub(super) fn holds(&self, value: &str) -> bool {
        let is_so = match &self.kind {
            Kind::Text(text) => value == text,
            Kind::Regex(regex) => regex.may_match(value),
            Kind::Number(wanted, than) => {
                let ordering = number(value).and_then(|value| value.partial_cmp(than));
                ordering.is_some_and(|ordering| wanted.contains(&ordering))
            }
        };
        is_so != self.negated
    }
}

/// What `text` begins with that looks like an operator, and what is meant.
fn slip(text: &str) -> Option<(&'static str, &'static str)> {
    if let Some(slip) = SLIPS.iter().find(|(written, _)| text.starts_with(written)) {
        return Some(*slip);
    }
    for (written, meant) in [("=<", "<="), ("=>", ">=")] {
        // "=<none>" is the text "<none>".
        if text.strip_prefix(written).is_some_and(|rest| number(rest.trim()).is_some()) {
            return Some((written, meant));
        }
    }
    let negation = text.strip_prefix('!');
    negation.is_some_and(|rest| !rest.starts_with(['=', '~'])).then_some(("!", "!="))
}

/// Compiles a regex that stands at `offset` in its operand.
fn regex(written: &str, offset: usize) -> Result<Regex, OperandFault> {
    let options = Options { text: Text::Message, multi_line: false, linear: true };
    let shifted = |Fault { span, kind }| {
        OperandFault::Regex(Fault { span: span.start + offset..span.end + offset, kind })
    };
    let regex = pattern::compile(written, Language::Native, false, options).map_err(shifted)?;
    if regex.names().next().is_some() {
        return Err(OperandFault::Remembers);
    }
    Ok(regex)
}

/// A number as JSON writes it, in the precision that RFC 8259 section 6 lets one expect.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Rust's parser would take "inf" and "nan" too.
    digits.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
