//! A filter's patterns, as text, to a filter.

use super::condition::{Condition, OperandFault};
use super::groups::{Names, Plan};
use super::json::KeyFault;
use super::judge::Filter;
use super::lines::LINES_MAX;
use super::patterns::{Pattern, Patterns};
use super::session::Steering;
use super::structured::{Extract, Structured};
use crate::dates::{DatePatternError, Detector, Zone};
use crate::pattern::{self, Fault, FaultKind, Language, Options, Regex, Text};

/// So many patterns of a kind a filter may have, so many conditions, and so many values and fields in
/// each list of them. The largest filter of fail2ban's has under a hundred patterns.
pub const PATTERNS_MAX: usize = 500;

/// The groups that tell who is to blame, and the one that ties lines together.
const IDS: [&str; 5] = ["fid", "ip4", "ip6", "dns", "mlfid"];

/// Everything that a filter is compiled from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// The mode in which it is.
    pub mode: String,
    /// Whose language the patterns are written in.
    pub language: Language,
    /// `prefregex`: what a line must match, and which part of it the others see.
    pub prefix: Option<String>,
    /// `failregex`.
    pub failures: Vec<String>,
    /// `ignoreregex`.
    pub ignores: Vec<String>,
    /// `[match]`: what must hold of a line's fields. All of it.
    pub conditions: Vec<Condition>,
    /// `[extract]`: what its fields tell.
    pub extract: Extract,
    /// `maxlines`: how many lines are matched together; 0 counts as 1.
    pub max_lines: usize,
    /// Of the lines of a log file, only those that these programs have written through syslog are
    /// looked at, and of them only the message; without any, all of every line
    /// (`identifier`).
    pub programs: Vec<String>,
    /// How the lines of a log file are dated (`datepattern`); without any, in one of the usual ways.
    pub dates: Vec<String>,
    /// Whether `<HOST>` may be a host's name (`usedns`).
    pub names: bool,
}

/// A part of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `prefregex`.
    Prefix,
    /// One `failregex`, by its index.
    Failure(usize),
    /// One `ignoreregex`, by its index.
    Ignore(usize),
    /// The key of a condition, by its index.
    Key(usize),
    /// What a condition, by its index, compares with: the value with this index.
    Operand(usize, usize),
    /// One key of `extract.offender`, by its index.
    Offender(usize),
    /// One key of `extract.user`, by its index.
    User(usize),
    /// One key of `extract.message`, by its index.
    Message(usize),
    /// One key of `extract.time`, by its index.
    Time(usize),
    /// One `datepattern`, by its index.
    Date(usize),
}

/// Why a recipe is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// A pattern has a mistake.
    #[error("{fault}")]
    Pattern {
        /// Which.
        part: Part,
        /// What is wrong.
        fault: Fault,
    },
    /// A failregex does not tell who is to blame.
    #[error("the pattern has no address")]
    NoAddress {
        /// Which.
        part: Part,
    },
    /// A prefregex does not tell which part of the line the others see.
    #[error("the prefregex has no <F-CONTENT>")]
    NoContent,
    /// `<F-CONTENT>` stands in another pattern than the prefregex.
    #[error("<F-CONTENT> stands outside of the prefregex")]
    ContentOutside {
        /// In which.
        part: Part,
    },
    /// A date pattern has a mistake.
    #[error("{error}")]
    Date {
        /// Which.
        part: Part,
        /// What is wrong.
        error: DatePatternError,
    },
    /// There is more of a kind than a filter may have.
    #[error("there are more than {PATTERNS_MAX} of a kind")]
    TooMany {
        /// The first that is too many.
        part: Part,
    },
    /// A key is neither a journal field nor a JSON pointer.
    #[error("{fault}")]
    Key {
        /// Which.
        part: Part,
        /// What is wrong.
        fault: KeyFault,
    },
    /// What a condition compares with has a mistake.
    #[error("{fault}")]
    Operand {
        /// Which.
        part: Part,
        /// What is wrong.
        fault: OperandFault,
    },
    /// The time is taken from a journal field. An entry of the journal has a time of its own, and a
    /// line of a log file has no fields.
    #[error("the time cannot be taken from a journal field")]
    TimeOfField {
        /// Which.
        part: Part,
    },
    /// There are conditions, and neither a failregex nor a field that tells the offender.
    #[error("nothing tells the offender")]
    NoOffender,
    /// A field tells the offender, and there is neither a condition nor a failregex: every line
    /// would be a failure.
    #[error("nothing tells which lines are failures")]
    NoCondition,
}

impl Filter {
    /// Compiles `recipe`.
    ///
    /// # Errors
    ///
    /// Every mistake in it.
    pub fn compile(recipe: Recipe) -> Result<Self, Vec<RecipeError>> {
        let mut names = Names::default();
        let steering = Steering::new(&mut names);
        // A single line's fields are all that there is without patterns.
        let several = recipe.max_lines > 1 && !recipe.failures.is_empty();
        let text = match recipe.language {
            _ if several => Text::Lines,
            Language::Native => Text::Message,
            Language::Fail2ban => Text::Line,
        };
        let mut errors = Vec::new();
        let structured = Structured::compile(&recipe, &mut errors);
        let mut kitchen = Kitchen { recipe: &recipe, names, text, structured, errors };
        let prefix = recipe.prefix.as_ref();
        let prefix = prefix.and_then(|written| kitchen.pattern(Part::Prefix, written, false));
        kitchen.check_prefix(prefix.as_ref());
        let failures = kitchen.patterns(&recipe.failures, Part::Failure, several);
        kitchen.check_ids(prefix.as_ref(), &failures);
        let ignores = kitchen.patterns(&recipe.ignores, Part::Ignore, false);
        let failures = kitchen.together(failures, Part::Failure);
        let ignores = kitchen.together(ignores, Part::Ignore);
        kitchen.check_whole();
        kitchen.check_dates();
        let Kitchen { names, structured, errors, .. } = kitchen;
        let (Some(failures), Some(ignores), true) = (failures, ignores, errors.is_empty()) else {
            return Err(errors);
        };
        let many_ignores = recipe.ignores.len() + 2 >= recipe.failures.len();
        Ok(Self::new(super::judge::Parts {
            prefix,
            failures,
            ignores,
            ignores_first: recipe.language == Language::Fail2ban && !many_ignores,
            text,
            max_lines: recipe.max_lines.clamp(1, LINES_MAX),
            recipe,
            names: names.into(),
            steering,
            structured,
        }))
    }
}

struct Kitchen<'r> {
    recipe: &'r Recipe,
    names: Names,
    text: Text,
    structured: Structured,
    errors: Vec<RecipeError>,
}

impl Kitchen<'_> {
    fn pattern(&mut self, part: Part, written: &str, multi_line: bool) -> Option<Pattern> {
        let language = self.recipe.language;
        let linear = language == Language::Native;
        let options = Options { text: self.text, multi_line, linear };
        match pattern::compile(written, language, self.recipe.names, options) {
            Ok(regex) => {
                let outside = part != Part::Prefix && has(&regex, &["content"]);
                if outside && language == Language::Native {
                    self.errors.push(RecipeError::ContentOutside { part });
                }
                let skips = regex.names().filter(|(name, _)| name.starts_with("skiplines"));
                let skips = skips.map(|(_, group)| group).collect();
                let plan = Plan::of(&regex, &mut self.names);
                Some(Pattern { written: written.to_owned(), regex, plan, skips })
            }
            Err(fault) => {
                self.errors.push(RecipeError::Pattern { part, fault });
                None
            }
        }
    }

    fn patterns(
        &mut self,
        written: &[String],
        part: fn(usize) -> Part,
        multi_line: bool,
    ) -> Vec<Pattern> {
        if written.len() > PATTERNS_MAX {
            self.errors.push(RecipeError::TooMany { part: part(PATTERNS_MAX) });
            return Vec::new();
        }
        let written = written.iter().enumerate();
        written.filter_map(|(index, text)| self.pattern(part(index), text, multi_line)).collect()
    }

    fn check_prefix(&mut self, prefix: Option<&Pattern>) {
        let native = self.recipe.language == Language::Native;
        if native && prefix.is_some_and(|pattern| !has(&pattern.regex, &["content"])) {
            self.errors.push(RecipeError::NoContent);
        }
    }

    fn check_ids(&mut self, prefix: Option<&Pattern>, failures: &[Pattern]) {
        if self.structured.tells_offender() {
            for id in IDS {
                self.names.enter(id);
            }
            return;
        }
        if prefix.is_some_and(|pattern| has(&pattern.regex, &IDS)) || !self.errors.is_empty() {
            return;
        }
        for (index, pattern) in failures.iter().enumerate() {
            if !has(&pattern.regex, &IDS) {
                self.errors.push(RecipeError::NoAddress { part: Part::Failure(index) });
            }
        }
    }

    /// Whether the parts tell enough together.
    fn check_whole(&mut self) {
        if !self.recipe.failures.is_empty() || !self.errors.is_empty() {
            return;
        }
        match (self.recipe.conditions.is_empty(), self.structured.tells_offender()) {
            (false, false) => self.errors.push(RecipeError::NoOffender),
            (true, true) => self.errors.push(RecipeError::NoCondition),
            _ => {}
        }
    }

    fn check_dates(&mut self) {
        if self.recipe.dates.is_empty() {
            return;
        }
        if let Err(error) = Detector::new(&self.recipe.dates, Zone::utc()) {
            self.errors.push(RecipeError::Date { part: Part::Date(error.index()), error });
        }
    }

    fn together(&mut self, list: Vec<Pattern>, part: fn(usize) -> Part) -> Option<Patterns> {
        let where_too_large = part(list.len().saturating_sub(1));
        let patterns = Patterns::new(list);
        if patterns.is_err() {
            let fault = Fault { span: 0..0, kind: FaultKind::TooLarge };
            self.errors.push(RecipeError::Pattern { part: where_too_large, fault });
        }
        patterns.ok()
    }
}

fn has(regex: &Regex, groups: &[&str]) -> bool {
    regex.names().any(|(name, _)| groups.contains(&name))
}
