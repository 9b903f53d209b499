//! From the text of a formula to its tree: Python's precedence of operators, and a bound to depth.

use super::{Expression, FORMULA_MAX, Function, Given, NotAFormula, Operator};

/// So deep may parentheses, signs and powers stand in each other.
const DEPTH_MAX: usize = 40;

type Parsed = Result<Expression, NotAFormula>;

/// The names that stand for a number.
const GIVENS: [(&str, Given); 6] = [
    ("ban.Time", Given::Time),
    ("ban.Count", Given::Count),
    ("banFactor", Given::Factor),
    ("time", Given::Time),
    ("count", Given::Count),
    ("factor", Given::Factor),
];

const CONSTANTS: [(&str, f64); 4] = [
    ("math.e", std::f64::consts::E),
    ("math.pi", std::f64::consts::PI),
    ("True", 1.0),
    ("False", 0.0),
];

/// The functions; those of Python's `math` stand there behind `math.`, too.
const FUNCTIONS: [(&str, Function); 12] = [
    ("min", Function::Least),
    ("max", Function::Most),
    ("exp", Function::Exponential),
    ("log", Function::Logarithm),
    ("sqrt", Function::Root),
    ("pow", Function::Power),
    ("abs", Function::Absolute),
    ("int", Function::Whole),
    ("round", Function::Rounded),
    ("floor", Function::Floor),
    ("ceil", Function::Ceiling),
    ("float", Function::Itself),
];

const COMPARISONS: [(&str, Operator); 6] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];
const SHIFTS: [(&str, Operator); 2] = [("<<", Operator::ShiftLeft), (">>", Operator::ShiftRight)];
const SUMS: [(&str, Operator); 2] = [("+", Operator::Plus), ("-", Operator::Minus)];
const PRODUCTS: [(&str, Operator); 4] = [
    ("//", Operator::DivideDown),
    ("*", Operator::Times),
    ("/", Operator::Divide),
    ("%", Operator::Remainder),
];

/// Operators that are longer than one that they begin with.
const LONGER: [&str; 5] = ["**", "//", "<<", ">>", "<="];

pub(super) fn parse(text: &str) -> Parsed {
    if text.len() > FORMULA_MAX {
        let beyond = text.floor_char_boundary(FORMULA_MAX);
        return Err(NotAFormula { range: beyond..text.len(), why: "it is too long" });
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let root = parser.choice()?;
    if parser.rest().is_empty() {
        return Ok(root);
    }
    Err(parser.wrong("it should be over here, or an operator stand here"))
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// What is left, without blanks before it.
    fn rest(&mut self) -> &'t str {
        let left = &self.text[self.at..];
        let trimmed = left.trim_ascii_start();
        self.at += left.len() - trimmed.len();
        trimmed
    }

    /// The next character, or the end, is wrong.
    fn wrong(&mut self, why: &'static str) -> NotAFormula {
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        NotAFormula { range: self.at..self.at + length, why }
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth >= DEPTH_MAX {
            return Err(self.wrong("it is too deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest();
        let longer = LONGER.iter().any(|longer| {
            longer.len() > sign.len() && longer.starts_with(sign) && rest.starts_with(longer)
        });
        let found = !longer && rest.starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = self.word() == word;
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// The name that stands here, with its dots; empty if there is none.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            &rest[..end]
        } else {
            ""
        }
    }

    fn operator(&mut self, known: &[(&str, Operator)]) -> Option<Operator> {
        known.iter().find(|(sign, _)| self.takes(sign)).map(|(_, operator)| *operator)
    }

    /// Operators of one precedence, from left to right.
    fn chain(&mut self, known: &[(&str, Operator)], part: fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = part(self)?;
        while let Some(operator) = self.operator(known) {
            left = two(operator, left, part(self)?);
        }
        Ok(left)
    }

    fn choice(&mut self) -> Parsed {
        self.deeper(|parser| {
            let then = parser.either()?;
            if !parser.takes_word("if") {
                return Ok(then);
            }
            let condition = Box::new(parser.either()?);
            if !parser.takes_word("else") {
                return Err(parser.wrong("an \"else\" is to stand here"));
            }
            let otherwise = Box::new(parser.choice()?);
            Ok(Expression::Choice { condition, then: Box::new(then), otherwise })
        })
    }

    fn either(&mut self) -> Parsed {
        let mut left = self.both()?;
        while self.takes_word("or") {
            left = two(Operator::Or, left, self.both()?);
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed {
        let mut left = self.inverse()?;
        while self.takes_word("and") {
            left = two(Operator::And, left, self.inverse()?);
        }
        Ok(left)
    }

    fn inverse(&mut self) -> Parsed {
        if self.takes_word("not") {
            return self.deeper(|parser| Ok(Expression::Not(Box::new(parser.inverse()?))));
        }
        let left = self.shift()?;
        let Some(operator) = self.operator(&COMPARISONS) else { return Ok(left) };
        let right = self.shift()?;
        if self.operator(&COMPARISONS).is_some() {
            return Err(self.wrong("only two values are compared at once; join two with \"and\""));
        }
        Ok(two(operator, left, right))
    }

    fn shift(&mut self) -> Parsed {
        self.chain(&SHIFTS, Self::sum)
    }

    fn sum(&mut self) -> Parsed {
        self.chain(&SUMS, Self::product)
    }

    fn product(&mut self) -> Parsed {
        self.chain(&PRODUCTS, Self::sign)
    }

    fn sign(&mut self) -> Parsed {
        if self.takes("-") {
            return self.deeper(|parser| Ok(Expression::Negated(Box::new(parser.sign()?))));
        }
        if self.takes("+") {
            return self.deeper(Self::sign);
        }
        let base = self.value()?;
        if self.takes("**") {
            // The power binds tighter than a sign before it, and looser than one behind it.
            return self.deeper(|parser| Ok(two(Operator::Power, base, parser.sign()?)));
        }
        Ok(base)
    }

    fn value(&mut self) -> Parsed {
        if self.takes("(") {
            let inner = self.choice()?;
            return self.closed().map(|()| inner);
        }
        let word = self.word();
        if word.is_empty() {
            return self.number();
        }
        let start = self.at;
        self.at += word.len();
        if let Some((_, given)) = GIVENS.iter().find(|(name, _)| *name == word) {
            return Ok(Expression::Given(*given));
        }
        if let Some((_, number)) = CONSTANTS.iter().find(|(name, _)| *name == word) {
            return Ok(Expression::Number(*number));
        }
        let bare = word.strip_prefix("math.").unwrap_or(word);
        let known = FUNCTIONS.iter().find(|(name, _)| *name == bare);
        let Some((_, function)) = known else {
            return Err(NotAFormula { range: start..self.at, why: "this name is unknown" });
        };
        if !self.takes("(") {
            return Err(self.wrong("the function's values are to stand here, in parentheses"));
        }
        self.arguments(*function, start)
    }

    fn arguments(&mut self, function: Function, start: usize) -> Parsed {
        let mut arguments = vec![self.choice()?];
        while self.takes(",") {
            arguments.push(self.choice()?);
        }
        self.closed()?;
        if function.takes().contains(&arguments.len()) {
            return Ok(Expression::Call(function, arguments));
        }
        Err(NotAFormula {
            range: start..self.at,
            why: "this function takes another number of values",
        })
    }

    fn closed(&mut self) -> Result<(), NotAFormula> {
        if self.takes(")") { Ok(()) } else { Err(self.wrong("a ) is to stand here")) }
    }

    fn number(&mut self) -> Parsed {
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut length = digits(rest);
        if rest[length..].starts_with('.') {
            length += 1 + digits(&rest[length + 1..]);
        }
        if let Some(exponent) = rest[length..].strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let power = digits(&exponent[sign..]);
            length += if power > 0 { 1 + sign + power } else { 0 };
        }
        match rest[..length].parse() {
            Ok(number) => {
                self.at += length;
                Ok(Expression::Number(number))
            }
            Err(_) => Err(self.wrong("a number, a name or a ( is to stand here")),
        }
    }
}

fn two(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Two(operator, Box::new(left), Box::new(right))
}
