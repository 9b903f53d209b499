//! The arithmetic of `bantime.formula`: a text becomes a tree, and the tree a number.
//!
//! The language is what fail2ban's users write in that option: Python's arithmetic over the time,
//! the count and the factor, and nothing of Python beside it. Reading and reckoning are bounded in
//! length and depth, and reckoning always has a result: what is none in arithmetic, such as a
//! division by zero, comes out as infinite or as no number, which is for whoever asked to judge.

use std::fmt;
use std::ops::Range;

mod parse;

/// So many bytes a formula may have; fail2ban's own two have some 80.
pub const FORMULA_MAX: usize = 1000;

/// A formula that was understood.
#[derive(Clone, PartialEq)]
pub struct Formula {
    text: String,
    root: Expression,
}

/// What a formula is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Givens {
    /// `ban.Time`, `time`: the jail's bantime in seconds.
    pub time: f64,
    /// `ban.Count`, `count`: how many bans there were before this one.
    pub count: f64,
    /// `banFactor`, `factor`: the jail's `bantime.factor`.
    pub factor: f64,
}

/// Why a text is no formula, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAFormula {
    /// The part that is wrong, in bytes.
    pub range: Range<usize>,
    /// What is wrong with it, as a clause.
    pub why: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Number(f64),
    Given(Given),
    Negated(Box<Self>),
    Not(Box<Self>),
    Two(Operator, Box<Self>, Box<Self>),
    /// `then if condition else otherwise`
    Choice {
        condition: Box<Self>,
        then: Box<Self>,
        otherwise: Box<Self>,
    },
    Call(Function, Vec<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Time,
    Count,
    Factor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    DivideDown,
    Remainder,
    Power,
    ShiftLeft,
    ShiftRight,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Least,
    Most,
    Exponential,
    Logarithm,
    Root,
    Power,
    Absolute,
    Whole,
    Rounded,
    Floor,
    Ceiling,
    Itself,
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    ///
    /// What is wrong first, and where.
    pub fn parse(text: &str) -> Result<Self, NotAFormula> {
        let root = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), root })
    }

    /// Its value: infinite or no number where arithmetic knows none.
    #[must_use]
    pub fn value(&self, givens: Givens) -> f64 {
        self.root.value(&givens)
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Formula {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    fn value(&self, givens: &Givens) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Given(Given::Time) => givens.time,
            Self::Given(Given::Count) => givens.count,
            Self::Given(Given::Factor) => givens.factor,
            Self::Negated(one) => -one.value(givens),
            Self::Not(one) => truth(!is_true(one.value(givens))),
            Self::Two(operator, left, right) => operator.apply(left, right, givens),
            Self::Choice { condition, then, otherwise } => {
                let chosen = if is_true(condition.value(givens)) { then } else { otherwise };
                chosen.value(givens)
            }
            Self::Call(function, arguments) => {
                let values: Vec<f64> = arguments.iter().map(|one| one.value(givens)).collect();
                function.apply(&values)
            }
        }
    }
}

/// As in Python, every number but zero is true.
fn is_true(number: f64) -> bool {
    number != 0.0
}

fn truth(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

impl Operator {
    fn apply(self, left: &Expression, right: &Expression, givens: &Givens) -> f64 {
        let one = left.value(givens);
        match self {
            Self::And if !is_true(one) => return one,
            Self::Or if is_true(one) => return one,
            _ => {}
        }
        let other = right.value(givens);
        match self {
            Self::Plus => one + other,
            Self::Minus => one - other,
            Self::Times => one * other,
            Self::Divide => one / other,
            Self::DivideDown => (one / other).floor(),
            Self::Remainder => one - other * (one / other).floor(),
            Self::Power => one.powf(other),
            Self::ShiftLeft => shifted(one, other),
            Self::ShiftRight => shifted(one, -other).floor(),
            Self::Less => truth(one < other),
            Self::LessOrEqual => truth(one <= other),
            Self::Greater => truth(one > other),
            Self::GreaterOrEqual => truth(one >= other),
            Self::Equal => truth(one.total_cmp(&other).is_eq()),
            Self::Unequal => truth(one.total_cmp(&other).is_ne()),
            Self::And | Self::Or => other,
        }
    }
}

/// `one << by`: a number has no last bit here, so that it is only ever multiplied.
fn shifted(one: f64, by: f64) -> f64 {
    one.trunc() * by.trunc().exp2()
}

impl Function {
    fn apply(self, values: &[f64]) -> f64 {
        let one = values.first().copied().unwrap_or(f64::NAN);
        let other = values.get(1).copied();
        match self {
            Self::Least => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Most => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Exponential => one.exp(),
            Self::Logarithm => other.map_or_else(|| one.ln(), |base| one.log(base)),
            Self::Root => one.sqrt(),
            Self::Power => one.powf(other.unwrap_or(f64::NAN)),
            Self::Absolute => one.abs(),
            Self::Whole => one.trunc(),
            Self::Rounded => one.round_ties_even(),
            Self::Floor => one.floor(),
            Self::Ceiling => one.ceil(),
            Self::Itself => one,
        }
    }

    /// How many values it takes.
    fn takes(self) -> Range<usize> {
        match self {
            Self::Least | Self::Most => 2..FORMULA_MAX,
            Self::Power => 2..3,
            Self::Logarithm => 1..3,
            _ => 1..2,
        }
    }
}
