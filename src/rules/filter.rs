//! A filter, ready for messages.

use std::net::IpAddr;

use regex::bytes::{Captures, RegexSet, RegexSetBuilder};

use super::definition::Definition;
use super::diagnostic::{Sink, Wrong};
use super::pattern::{self, PATTERN_BYTES_MAX, Pattern, Role, Use};
use super::value::{Text, all};
use super::wording;
use crate::record::MESSAGE_BYTES_MAX;

/// So many patterns a filter may have; the largest of fail2ban's has under a hundred.
const PATTERNS_MAX: usize = 500;

/// So large the automaton of all patterns of a filter may be.
const SET_BYTES_MAX: usize = 16 * PATTERN_BYTES_MAX;

/// What a filter says to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'m> {
    /// It tells of a failure.
    Failure {
        /// Whose.
        address: IpAddr,
        /// As whom, if the message says so.
        user: Option<&'m [u8]>,
        /// Which failregex says so: the first that matches.
        pattern: usize,
    },
    /// A failregex matches, and this ignoreregex too.
    Ignored {
        /// The first ignoreregex that matches.
        pattern: usize,
    },
    /// A failregex matches, but what stands for the address is none.
    NoAddress {
        /// Which.
        pattern: usize,
    },
    /// The message is longer than [`MESSAGE_BYTES_MAX`].
    TooLong,
    /// Nothing matches.
    Nothing,
}

/// A filter in one of its modes, compiled.
#[derive(Debug)]
pub struct Filter {
    name: String,
    mode: String,
    prefix: Option<Pattern>,
    failures: Group,
    ignores: Group,
}

#[derive(Debug)]
struct Group {
    set: RegexSet,
    patterns: Vec<Pattern>,
}

impl Filter {
    /// The filter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mode in which it is.
    #[must_use]
    pub fn mode(&self) -> &str {
        &self.mode
    }

    /// The failregexes as they are written, in their order.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.failures.patterns.iter().map(|pattern| pattern.written.as_str())
    }

    /// Every failregex that matches, by its index: for tests of filters. [`Self::judge`] takes the
    /// first.
    #[must_use]
    pub fn matching(&self, message: &[u8]) -> Vec<usize> {
        let content = self.content(message);
        content.map_or(Vec::new(), |text| self.failures.set.matches(text).into_iter().collect())
    }

    /// What `message` tells. Linear in its length; nothing is allocated for a message that does not
    /// match.
    #[must_use]
    pub fn judge<'m>(&self, message: &'m [u8]) -> Verdict<'m> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Verdict::TooLong;
        }
        let Some(content) = self.content(message) else { return Verdict::Nothing };
        let Some(index) = self.failures.first(content) else { return Verdict::Nothing };
        if let Some(pattern) = self.ignores.first(message) {
            return Verdict::Ignored { pattern };
        }
        let pattern = &self.failures.patterns[index];
        let captures = pattern.regex.captures(content).expect("the set has matched this pattern");
        let Some(address) = group(&captures, pattern, Role::Address).and_then(parse_address) else {
            return Verdict::NoAddress { pattern: index };
        };
        Verdict::Failure { address, user: group(&captures, pattern, Role::User), pattern: index }
    }

    fn content<'m>(&self, message: &'m [u8]) -> Option<&'m [u8]> {
        let Some(prefix) = &self.prefix else { return Some(message) };
        let captures = prefix.regex.captures(message)?;
        group(&captures, prefix, Role::Content)
    }

    /// Compiles `definition` in `mode`, with a jail's own patterns behind the filter's.
    pub(super) fn compile(
        sink: &mut Sink<'_>,
        definition: &Definition,
        mode: &str,
        inline: (&[Text], &[Text]),
    ) -> Result<Self, Wrong> {
        let (more_failures, more_ignores) =
            definition.modes.get(mode).map_or((&[][..], &[][..]), |m| (&m.failures, &m.ignores));
        let failures = [&definition.failures, more_failures, inline.0].concat();
        let ignores = [&definition.ignores, more_ignores, inline.1].concat();
        let prefix = definition.prefix.as_ref();
        let prefix = prefix.map(|text| pattern::compile(sink, text, Use::Prefix)).transpose();
        let failures = Group::compile(sink, &failures, Use::Failure);
        let ignores = Group::compile(sink, &ignores, Use::Ignore);
        Ok(Self {
            name: definition.name.clone(),
            mode: mode.to_owned(),
            prefix: prefix?,
            failures: failures?,
            ignores: ignores?,
        })
    }
}

impl Group {
    fn compile(sink: &mut Sink<'_>, texts: &[Text], used: Use) -> Result<Self, Wrong> {
        if let Some(text) = texts.get(PATTERNS_MAX) {
            return Err(sink.report(&text.at, wording::too_many("patterns", PATTERNS_MAX)));
        }
        let patterns = all(texts.iter().map(|text| pattern::compile(sink, text, used)))?;
        let sources = patterns.iter().map(|pattern| &pattern.source);
        let set = RegexSetBuilder::new(sources).unicode(false).size_limit(SET_BYTES_MAX).build();
        match (set, texts.last()) {
            (Ok(set), _) => Ok(Self { set, patterns }),
            (Err(_), Some(last)) => Err(sink.report(&last.at, wording::regex_too_large())),
            (Err(_), None) => Ok(Self { set: RegexSet::empty(), patterns }),
        }
    }

    fn first(&self, text: &[u8]) -> Option<usize> {
        if self.patterns.is_empty() || !self.set.is_match(text) {
            return None;
        }
        self.set.matches(text).iter().next()
    }
}

fn group<'m>(captures: &Captures<'m>, pattern: &Pattern, role: Role) -> Option<&'m [u8]> {
    pattern.groups(role).find_map(|number| Some(captures.get(number)?.as_bytes()))
}

fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
