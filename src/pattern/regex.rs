//! A regex, with the engine that it needs.

use std::sync::OnceLock;

use super::ast::Tree;
use super::captures::Captures;
use super::emit;
use super::fault::{Fault, FaultKind};
use super::flags::Flags;
use super::parse::parse;
use super::program::Program;
use super::size;
use super::walk::Walked;

/// So large one compiled regex may be; the largest of fail2ban's filters takes a tenth of it.
const SIZE_MAX: usize = 4 << 20;

/// So long a regex may be, tags written out.
const TEXT_MAX: usize = 64 * 1024;

/// So many steps the backtracking engine takes for one text; then it gives up. The hardest line of
/// fail2ban's filters takes some thousands. Each step may go through the whole text (a look-ahead
/// with `.*` in it), so that texts of more than [`SHORT_MAX`] bytes get fewer.
const STEPS_MAX: usize = 20_000;
const LONG_STEPS_MAX: usize = 500;

/// So many bytes a text has that gets [`STEPS_MAX`]: a request of a web server's log, mostly.
const SHORT_MAX: usize = 8 * 1024;

/// What a regex is matched against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Text {
    /// One message; newlines in it are characters like others.
    #[default]
    Message,
    /// One line; if there is a newline in it, it is its last character.
    Line,
    /// Several lines, each with its newline.
    Lines,
}

/// How a regex is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What it is matched against.
    pub text: Text,
    /// Whether `^` and `$` stand at every line's ends (Python's `re.MULTILINE`).
    pub multi_line: bool,
    /// Refuse what the linear engine cannot do.
    pub linear: bool,
}

/// A regex in Python's syntax, compiled.
#[derive(Clone, Debug)]
pub struct Regex {
    engine: Engine,
    /// What serves instead of the engine where it can; made when the first line comes.
    program: OnceLock<Option<Program>>,
    names: Vec<(Box<str>, usize)>,
    source: Box<str>,
    options: Options,
    /// How large it is at most when it is compiled, in bytes.
    size: usize,
    needs_backtracking: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Engine {
    Linear(Linear),
    Backtracking(Box<Backtracking>),
}

/// A regex for the linear engine, compiled when it is first needed: most patterns never meet a line,
/// and to compile all of the stock filters takes longer than all else at the start.
#[derive(Clone, Debug)]
struct Linear {
    text: Box<str>,
    built: OnceLock<Option<regex::Regex>>,
}

/// A regex for the backtracking engine.
#[derive(Clone, Debug)]
struct Backtracking {
    exact: fancy_regex::Regex,
    /// The same for long texts, from the first of them on.
    for_long: OnceLock<Option<fancy_regex::Regex>>,
    /// Matches wherever they do.
    loose: regex::Regex,
}

/// The backtracking engine has taken as many steps as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the regex needs too many steps for this text")]
pub struct GaveUp;

impl Options {
    /// The flags that a regex begins with.
    pub(super) fn flags(self) -> Flags {
        Flags { multi_line: self.multi_line, ..Flags::default() }
    }
}

impl Regex {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// When it is no regex, is too large, or needs backtracking where it may not.
    pub fn new(text: &str, options: Options) -> Result<Self, Fault> {
        let whole = 0..text.len();
        let too_large = || Fault::new(whole.clone(), FaultKind::TooLarge);
        if text.len() > TEXT_MAX {
            return Err(too_large());
        }
        let tree = parse(text, options.flags())?;
        if let (Some(what), true) = (tree.needs_backtracking, options.linear) {
            return Err(Fault::new(whole, FaultKind::Backtracking(what)));
        }
        if tree.has_inner_ends && options.text == Text::Message {
            return Err(Fault::new(whole, FaultKind::InnerLines));
        }
        let written = emit::exact(&tree, options.text);
        let engine = Engine::build(&tree, &written.text, options.text);
        let engine = engine.map_err(|why| match why {
            Some(why) => Fault::syntax(whole.clone(), why),
            None => too_large(),
        })?;
        let names = written.names.into_iter().map(|(name, group)| (name.into(), group)).collect();
        let source = text.into();
        let needs_backtracking = tree.needs_backtracking;
        let size = size::at_most(&tree.node);
        let program = OnceLock::new();
        Ok(Self { engine, program, names, source, options, size, needs_backtracking })
    }

    /// The text that it was compiled from.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// How it was compiled.
    pub(super) fn options(&self) -> Options {
        self.options
    }

    /// The groups with a name, and their numbers, in their order. A name may come twice.
    pub fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.names.iter().map(|(name, group)| (&**name, *group))
    }

    /// What the linear engine cannot do, if that is why the backtracking one serves.
    #[must_use]
    pub fn needs_backtracking(&self) -> Option<&'static str> {
        self.needs_backtracking
    }

    /// A regex of the `regex` crate that matches wherever this one does; of a linear one, nowhere
    /// else.
    #[must_use]
    pub fn loose(&self) -> &str {
        match &self.engine {
            Engine::Linear(it) => &it.text,
            Engine::Backtracking(it) => it.loose.as_str(),
        }
    }

    /// So many bytes it takes at most when it is compiled.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether it may match somewhere in `text`; certain of a linear one.
    #[must_use]
    pub fn may_match(&self, text: &str) -> bool {
        match &self.engine {
            Engine::Linear(it) => it.regex().is_some_and(|regex| regex.is_match(text)),
            Engine::Backtracking(it) => it.loose.is_match(text),
        }
    }

    /// With which bytes a match in a text of ASCII can begin, a bit each; none when an engine is needed
    /// to tell.
    #[must_use]
    pub fn first_bytes(&self) -> Option<u128> {
        self.program().map(|program| program.first)
    }

    fn program(&self) -> Option<&Program> {
        let make = || {
            let tree = parse(&self.source, self.options.flags()).ok()?;
            Program::of(&tree, self.options.text)
        };
        self.program.get_or_init(make).as_ref()
    }

    /// The first match in `text`.
    ///
    /// # Errors
    ///
    /// When the backtracking engine gives up.
    pub fn captures(&self, text: &str) -> Result<Option<Captures>, GaveUp> {
        let mut captures = Captures::default();
        Ok(self.catch(text, &mut captures)?.then_some(captures))
    }

    /// Whether there is a match in `text`, and what the first has caught. Without one `captures` holds
    /// nothing of use.
    ///
    /// # Errors
    ///
    /// When the backtracking engine gives up.
    pub fn catch(&self, text: &str, captures: &mut Captures) -> Result<bool, GaveUp> {
        if text.is_ascii() {
            self.catch_in_ascii(text, captures)
        } else {
            self.search(text, 0, captures)
        }
    }

    /// The same for a text that is known to be of ASCII.
    ///
    /// # Errors
    ///
    /// When the backtracking engine gives up.
    pub fn catch_in_ascii(&self, text: &str, captures: &mut Captures) -> Result<bool, GaveUp> {
        let Some(program) = self.program() else { return self.search(text, 0, captures) };
        match program.walk(text, captures) {
            Walked::Found => Ok(true),
            Walked::Not => Ok(false),
            Walked::Unknown => self.search(text, 0, captures),
        }
    }

    /// The first match in `text` that begins at the byte `from` or later. `^` is at the beginning
    /// of `text` still.
    ///
    /// # Errors
    ///
    /// When the backtracking engine gives up.
    pub fn captures_from(&self, text: &str, from: usize) -> Result<Option<Captures>, GaveUp> {
        if from > text.len() || !text.is_char_boundary(from) {
            return Ok(None);
        }
        let mut captures = Captures::default();
        Ok(self.search(text, from, &mut captures)?.then_some(captures))
    }

    /// Has the engine search.
    fn search(&self, text: &str, from: usize, captures: &mut Captures) -> Result<bool, GaveUp> {
        match &self.engine {
            Engine::Linear(it) => {
                let regex = it.regex().ok_or(GaveUp)?;
                let mut places = regex.capture_locations();
                let found = regex.captures_read_at(&mut places, text, from).is_some();
                let span = |group| places.get(group).map(|(start, end)| start..end);
                captures.take((0..places.len()).map(span));
                Ok(found)
            }
            Engine::Backtracking(it) => it.search(text, from, captures),
        }
    }
}

impl Backtracking {
    fn new(exact: &str, loose: regex::Regex) -> Result<Self, Option<String>> {
        let exact = backtracking(exact, STEPS_MAX).map_err(|error| Some(error.to_string()))?;
        Ok(Self { exact, for_long: OnceLock::new(), loose })
    }

    fn search(&self, text: &str, from: usize, captures: &mut Captures) -> Result<bool, GaveUp> {
        // The exact one need not be tried where the loose one does not match yet.
        let Some(first) = self.loose.find_at(text, from) else { return Ok(false) };
        let exact = if text.len() > SHORT_MAX { self.for_long() } else { Some(&self.exact) };
        let found = exact.ok_or(GaveUp)?.captures_from_pos(text, first.start());
        let Some(found) = found.map_err(|_| GaveUp)? else { return Ok(false) };
        captures.take(found.iter().map(|group| group.map(|group| group.range())));
        Ok(true)
    }

    fn for_long(&self) -> Option<&fancy_regex::Regex> {
        let build = || backtracking(self.exact.as_str(), LONG_STEPS_MAX).ok();
        self.for_long.get_or_init(build).as_ref()
    }
}

impl Linear {
    /// The engine. That it cannot be built was ruled out when the pattern was read; if it were so all
    /// the same, every line would be given up, which the jail's state tells.
    fn regex(&self) -> Option<&regex::Regex> {
        self.built.get_or_init(|| linear(&self.text).ok()).as_ref()
    }
}

/// Compiles for the linear engine; without a reason in the error, the regex is too large.
fn linear(source: &str) -> Result<regex::Regex, Option<String>> {
    let built = regex::RegexBuilder::new(source).size_limit(SIZE_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => None,
        other => Some(other.to_string()),
    })
}

fn backtracking(text: &str, steps: usize) -> Result<fancy_regex::Regex, fancy_regex::Error> {
    fancy_regex::RegexBuilder::new(text)
        .backtrack_limit(steps)
        .delegate_size_limit(SIZE_MAX)
        .build()
}

impl Engine {
    /// Builds the engine; without a reason in the error, the regex is too large.
    fn build(tree: &Tree, exact: &str, text: Text) -> Result<Self, Option<String>> {
        if tree.needs_backtracking.is_none() {
            // What may be too large is compiled now, so that it is known.
            let is_small = size::at_most(&tree.node) <= SIZE_MAX;
            let built = if is_small { OnceLock::new() } else { Some(linear(exact)?).into() };
            return Ok(Self::Linear(Linear { text: exact.into(), built }));
        }
        let loose = linear(&emit::loose(tree, text))?;
        Ok(Self::Backtracking(Box::new(Backtracking::new(exact, loose)?)))
    }
}
