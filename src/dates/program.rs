//! What a scanner does step by step, and how a pattern becomes that.
//!
//! Only plain patterns do: tokens, signs, classes, groups, alternatives, `?`, greedy repetition of
//! one class, and a group named to be taken again. That is all of the standard templates and most of
//! what people write. Everything else is left to the regex engine.

use super::class::Class;
use super::engine::EPOCH_GROUP;
use super::token::{self, Field, Token};
use super::wrap::{Begin, Wrapped};

/// So many steps a program may have; scanning goes as deep.
const STEPS_LIMIT: usize = 256;
/// So many groups a program may have beside its tokens.
pub(super) const GROUPS_LIMIT: usize = 6;
/// So many tokens a program may have: one for each field.
pub(super) const TOKENS_LIMIT: usize = 19;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This character.
    Char(char),
    /// This small ASCII letter, or whatever is the same without regard to case.
    Letter(char),
    /// One character of the class.
    One(Class),
    /// Between `min` and `max` characters of the class, as many as possible first.
    Many(Class, u32, u32),
    /// What a token takes, for this field.
    Token(&'static Token, Field),
    /// The group begins.
    Open(usize),
    /// The group ends.
    Close(usize),
    /// The text of the group once more.
    Again(usize),
    /// Go on at the first; when that fails, at the second.
    Split(usize, usize),
    /// Go on there.
    Jump(usize),
    /// `(?=^|\b|\W)`.
    WordBegin,
    /// `(?=\b|\W|$)`.
    WordEnd,
    /// `\b`.
    Boundary,
    /// `^`.
    LineBegin,
    /// `$`.
    LineEnd,
    /// Where the epoch may stand in a line: at its beginning, behind `[` there, or behind `audit(`.
    EpochPlace,
}

/// What stands before the date at the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// Nothing that is known.
    Nothing,
    /// Everything up to the first of this byte of ASCII.
    UpTo(u8),
}

impl Lead {
    /// What `steps` begin with.
    fn of(steps: &[Step]) -> Self {
        match steps {
            [Step::LineBegin, Step::Many(class, 0, u32::MAX), Step::Char(c), ..]
                if class.is_all_but(*c) =>
            {
                // What is beyond ASCII is not found by a byte.
                u8::try_from(*c).ok().filter(u8::is_ascii).map_or(Self::Nothing, Self::UpTo)
            }
            _ => Self::Nothing,
        }
    }

    /// So many steps it is.
    pub(super) fn steps(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::UpTo(_) => 3,
        }
    }

    /// Where it ends in a line.
    pub(super) fn end_in(self, line: &str) -> Option<usize> {
        match self {
            Self::Nothing => Some(0),
            Self::UpTo(byte) => memchr::memchr(byte, line.as_bytes()).map(|at| at + 1),
        }
    }
}

/// A pattern that needs no regex engine.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Whether names, letters and zones are matched without regard to case.
    pub(super) fold: bool,
    /// Whether it can only match at the beginning of the line.
    pub(super) line_begin: bool,
    /// What it passes over there.
    pub(super) lead: Lead,
    /// Whether every match has a colon between digits.
    pub(super) needs_clock: bool,
    /// The group with an epoch's digits.
    pub(super) epoch: Option<usize>,
    /// Which ASCII bytes a match can begin with.
    pub(super) first: u128,
}

impl Program {
    /// The program of a pattern, when it is plain enough.
    pub(super) fn compile(wrapped: &Wrapped) -> Option<Self> {
        let fold = match wrapped.flags.as_str() {
            "" | "(?u)" => false,
            "(?i)" | "(?iu)" | "(?ui)" => true,
            _ => return None,
        };
        let mut compiler = Compiler {
            rest: &wrapped.body,
            fold,
            steps: Vec::new(),
            names: Vec::new(),
            tokens: 0,
            depth: 0,
        };
        match wrapped.begin {
            Begin::Nothing => {}
            Begin::Word => compiler.steps.push(Step::WordBegin),
            Begin::Line => {
                compiler.steps.extend([Step::LineBegin, Step::Many(Class::escape('W')?, 0, 2)]);
            }
        }
        compiler.alternatives()?;
        if !compiler.rest.is_empty() || compiler.names.is_empty() {
            return None;
        }
        if wrapped.word_end {
            compiler.steps.push(Step::WordEnd);
        }
        let epoch = compiler.names.iter().position(|name| name == EPOCH_GROUP);
        Self::of(compiler.steps, fold, epoch)
    }

    fn of(steps: Vec<Step>, fold: bool, epoch: Option<usize>) -> Option<Self> {
        if steps.len() > STEPS_LIMIT {
            return None;
        }
        let line_begin = steps.first() == Some(&Step::LineBegin);
        let needs_clock = needs_clock(&steps);
        let first = super::scan::first(&steps, fold);
        let lead = Lead::of(&steps);
        Some(Self { steps, fold, line_begin, lead, needs_clock, epoch, first })
    }
}

impl Program {
    /// Restricts the program to where the epoch may stand.
    pub(super) fn begin_at_epoch(&mut self) {
        self.steps.insert(0, Step::EpochPlace);
        shift(&mut self.steps, 0);
    }
}

/// Corrects the targets behind a step that has been put in at `at`.
fn shift(steps: &mut [Step], at: usize) {
    for step in steps.iter_mut().skip(at + 1) {
        match step {
            Step::Split(first, second) => {
                *first += 1;
                *second += 1;
            }
            Step::Jump(target) => *target += 1,
            _ => {}
        }
    }
}

/// Whether there is a colon between numbers that no step goes around.
fn needs_clock(steps: &[Step]) -> bool {
    let mut around = 0;
    let number = |step: &Step| matches!(step, Step::Token(token, _) if token.is_number());
    steps.iter().enumerate().any(|(at, step)| {
        if let Step::Split(_, behind) | Step::Jump(behind) = step {
            around = around.max(*behind);
        }
        let three = steps.get(at..at + 3).filter(|_| at >= around);
        three.is_some_and(|three| match three {
            [before, Step::Char(':'), behind] => number(before) && number(behind),
            _ => false,
        })
    })
}

struct Compiler<'p> {
    rest: &'p str,
    fold: bool,
    steps: Vec<Step>,
    /// The groups so far; those without a name have an empty one.
    names: Vec<String>,
    tokens: usize,
    depth: usize,
}

impl Compiler<'_> {
    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    fn alternatives(&mut self) -> Option<()> {
        let start = self.steps.len();
        let cut = !self.names.is_empty();
        self.sequence()?;
        if !self.rest.starts_with('|') {
            return Some(());
        }
        // Each branch but the last gets a split before it and a jump behind it.
        let mut jumps = Vec::new();
        let mut branch = start;
        while self.take("|") {
            self.steps.insert(branch, Step::Split(branch + 1, 0));
            shift(&mut self.steps, branch);
            jumps.push(self.steps.len());
            self.steps.push(Step::Jump(0));
            let next = self.steps.len();
            *self.steps.get_mut(branch)? = Step::Split(branch + 1, next);
            branch = next;
            self.sequence()?;
        }
        let end = self.steps.len();
        for jump in jumps {
            *self.steps.get_mut(jump)? = Step::Jump(end);
        }
        // In a branch group 1 could be missing from the match.
        (cut || self.names.is_empty()).then_some(())
    }

    fn sequence(&mut self) -> Option<()> {
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            self.item()?;
            if self.steps.len() > STEPS_LIMIT {
                return None;
            }
        }
        Some(())
    }

    /// One thing with what says how often.
    fn item(&mut self) -> Option<()> {
        let start = self.steps.len();
        let groups = self.names.len();
        self.atom()?;
        let times = self.repetition()?;
        if times == (1, 1) {
            return Some(());
        }
        if self.names.len() > groups && groups == 0 {
            return None; // Group 1 may be missing from the match.
        }
        let alone = self.steps.len() == start + 1;
        let class = match self.steps.get(start).filter(|_| alone) {
            Some(Step::One(class)) => Some(*class),
            Some(Step::Char(c)) => Class::default().with(*c),
            _ => None,
        };
        match class {
            Some(class) => *self.steps.get_mut(start)? = Step::Many(class, times.0, times.1),
            _ if times == (0, 1) => {
                self.steps.insert(start, Step::Split(start + 1, 0));
                shift(&mut self.steps, start);
                let end = self.steps.len();
                *self.steps.get_mut(start)? = Step::Split(start + 1, end);
            }
            _ => return None,
        }
        Some(())
    }

    /// How often, at least and at most; once when nothing says it.
    fn repetition(&mut self) -> Option<(u32, u32)> {
        let (min, max) = if self.take("?") {
            (0, 1)
        } else if self.take("*") {
            (0, u32::MAX)
        } else if self.take("+") {
            (1, u32::MAX)
        } else if self.take("{") {
            let (range, rest) = self.rest.split_once('}')?;
            let (min, max) = range.split_once(',').unwrap_or((range, range));
            self.rest = rest;
            let most = if max.is_empty() { u32::MAX } else { max.parse().ok()? };
            (min.parse().ok()?, most)
        } else {
            return Some((1, 1));
        };
        let once_more = self.rest.starts_with(['?', '*', '+', '{']);
        (!once_more && min <= max).then_some((min, max))
    }

    fn atom(&mut self) -> Option<()> {
        if self.rest.starts_with("(?P=") || self.rest.starts_with('(') {
            return self.group();
        }
        let step = match self.next()? {
            '%' => return self.token(),
            '[' => Step::One(self.set()?),
            '^' => Step::LineBegin,
            '$' => Step::LineEnd,
            '\\' => match self.next()? {
                'b' => Step::Boundary,
                '%' => return None, // A token all the same.
                c if c.is_ascii_punctuation() || c == ' ' => Step::Char(c),
                c => Step::One(Class::escape(c)?),
            },
            '.' | '*' | '+' | '?' | '{' => return None,
            c if c.is_ascii_alphabetic() && self.fold => Step::Letter(c.to_ascii_lowercase()),
            c if c.is_ascii() || !self.fold => Step::Char(c),
            _ => return None,
        };
        let zero_width = matches!(step, Step::LineBegin | Step::LineEnd | Step::Boundary);
        if zero_width && self.rest.starts_with(['?', '*', '+', '{']) {
            return None;
        }
        self.steps.push(step);
        Some(())
    }

    fn token(&mut self) -> Option<()> {
        let token = token::at(self.rest)?;
        self.rest = self.rest.strip_prefix(token.key)?;
        if token.key == "%" {
            self.steps.push(Step::Char('%'));
            return Some(());
        }
        // A space may stand before these.
        if matches!(token.key, "k" | "l" | "Exk" | "Exl") {
            self.steps.push(Step::Many(Class::default().with(' ')?, 0, 1));
            if self.rest.starts_with(['?', '*', '+', '{']) {
                return None; // The regex would repeat the token, but not the space.
            }
        }
        self.tokens += 1;
        let field = Field::of_group(token.groups).unwrap_or(Field::Ignored);
        self.steps.push(Step::Token(token, field));
        let known = super::scan::is_known(token, self.fold);
        (known && self.tokens <= TOKENS_LIMIT && !self.names.is_empty()).then_some(())
    }

    fn group(&mut self) -> Option<()> {
        if self.take("(?P=") {
            let (name, rest) = self.rest.split_once(')')?;
            let group = self.names.iter().position(|known| known == name && !name.is_empty())?;
            self.rest = rest;
            self.steps.push(Step::Again(group));
            return Some(());
        }
        self.depth += 1;
        let mut group = None;
        if !self.take("(?:") {
            let name = if self.take("(?P<") {
                let (name, rest) = self.rest.split_once('>')?;
                self.rest = rest;
                // A group that fills a field, or that would be the first, is the regex engine's.
                let own = Field::of_group(name).is_none() && !self.names.is_empty();
                own.then(|| name.to_owned())?
            } else if self.take("(") && !self.rest.starts_with('?') {
                String::new()
            } else {
                return None;
            };
            if self.names.len() == GROUPS_LIMIT || self.depth > GROUPS_LIMIT {
                return None;
            }
            let number = self.names.len();
            self.names.push(name);
            self.steps.push(Step::Open(number));
            group = Some(number);
        }
        self.alternatives()?;
        self.steps.extend(group.map(Step::Close));
        self.depth -= 1;
        self.take(")").then_some(())
    }

    /// The set behind `[`.
    fn set(&mut self) -> Option<Class> {
        let mut class = Class::default();
        let negated = self.take("^");
        let mut first = true;
        loop {
            let c = match self.next()? {
                ']' if !first => break,
                '%' | '[' => return None,
                '\\' => match self.next()? {
                    c if c.is_ascii_punctuation() && c != '%' => c,
                    letter => {
                        let more =
                            Class::escape(letter).filter(|_| !letter.is_ascii_uppercase())?;
                        class = class.and(more)?;
                        first = false;
                        continue;
                    }
                },
                c => c,
            };
            first = false;
            let mut last = c;
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                last = self.next().filter(|last| *last != '\\' && *last != '[')?;
            }
            if last < c {
                return None;
            }
            for c in c..=last {
                class = class.with(c)?;
            }
        }
        let class = if negated { class.negated() } else { class };
        (!(self.fold && class.has_letters())).then_some(class)
    }
}
