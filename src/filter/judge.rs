//! A filter, ready for lines.

use std::borrow::Cow;
use std::sync::Arc;

use super::blame::Ids;
use super::groups::{Caught, Groups, Names};
use super::lines::Lines;
use super::patterns::{Pattern, Patterns};
use super::recipe::Recipe;
use super::session::{Sessions, Steering};
use super::structured::{Structured, Told};
use super::users::Users;
use super::verdict::{Failure, Verdict};
use crate::keeper::Timestamp;
use crate::pattern::{Captures, GaveUp, Language, Text};
use crate::record::{Fields, MESSAGE_BYTES_MAX};

/// A filter in one of its modes, compiled.
#[derive(Debug)]
pub struct Filter {
    pub(super) parts: Parts,
    ids: Ids,
    /// The groups of which a session knows one at most.
    whom: Vec<usize>,
}

/// What a filter is made of.
#[derive(Debug)]
pub(super) struct Parts {
    /// What it was compiled from.
    pub(super) recipe: Recipe,
    pub(super) prefix: Option<Pattern>,
    pub(super) failures: Patterns,
    pub(super) ignores: Patterns,
    /// Whether what is to be ignored is looked for before anything else, as fail2ban does where
    /// there are few ignoreregexes.
    pub(super) ignores_first: bool,
    pub(super) text: Text,
    pub(super) max_lines: usize,
    pub(super) names: Arc<Names>,
    pub(super) steering: Steering,
    pub(super) structured: Structured,
}

/// What a filter remembers between the lines of one source.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) sessions: Sessions,
    lines: Lines,
    buffer: String,
    captures: Captures,
    users: Users,
}

/// What a prefregex makes of a text.
#[derive(Default)]
pub(super) struct Prefixed<'t> {
    /// What its groups have caught.
    caught: Option<Groups>,
    /// What the other patterns are to look at, if that is not the whole text.
    pub(super) content: Option<Cow<'t, str>>,
}

/// A line, with its date cut out.
#[derive(Clone, Copy, Debug)]
pub struct Line<'l> {
    /// What stands before the date.
    pub before: &'l str,
    /// What stands behind it; all of a journal's message.
    pub after: &'l str,
    /// The journal's fields that the filter asks for; a log file's line has none.
    pub fields: Option<&'l Fields>,
}

/// What is known of a line beside its text.
#[derive(Clone, Copy)]
struct Beside<'l> {
    told: &'l Told<'l>,
    now: Timestamp,
}

impl<'l> Line<'l> {
    /// A line without a date.
    #[must_use]
    pub fn plain(text: &'l str) -> Self {
        Self { before: "", after: text, fields: None }
    }

    /// A journal entry's message, and its fields.
    #[must_use]
    pub fn entry(message: &'l str, fields: &'l Fields) -> Self {
        Self { before: "", after: message, fields: Some(fields) }
    }
}

/// Filters are the same when they are compiled from the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.parts.recipe == other.parts.recipe
    }
}

impl Filter {
    pub(super) fn new(parts: Parts) -> Self {
        let ids = Ids::of(&parts.names);
        // fail2ban keeps what it once knew.
        let is_ours = parts.recipe.language == Language::Native;
        let whom = if is_ours { ids.whom() } else { Vec::new() };
        Self { parts, ids, whom }
    }

    /// The filter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.recipe.name
    }

    /// The mode in which it is.
    #[must_use]
    pub fn mode(&self) -> &str {
        &self.parts.recipe.mode
    }

    /// What it was compiled from.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.parts.recipe
    }

    /// The failregexes as they are written, in their order.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.parts.failures.list.iter().map(|pattern| pattern.written.as_str())
    }

    /// The ignoreregexes as they are written, in their order.
    pub fn ignores(&self) -> impl Iterator<Item = &str> {
        self.parts.ignores.list.iter().map(|pattern| pattern.written.as_str())
    }

    /// The patterns that need backtracking: each as it is written, and why.
    pub fn backtracking(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let Parts { prefix, failures, ignores, .. } = &self.parts;
        let all = prefix.iter().chain(&failures.list).chain(&ignores.list);
        all.filter_map(|pattern| Some((&*pattern.written, pattern.regex.needs_backtracking()?)))
    }

    /// The journal fields that it asks for.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.structured.names().chain(self.line_fields().map(|name| -> &str { name }))
    }

    /// Whether it recognises nothing in a log file, whose lines have no journal fields.
    #[must_use]
    pub fn needs_journal(&self) -> bool {
        self.parts.structured.needs_journal()
    }

    /// Whether it looks into JSON. Then it is to be given its lines whole: without its date a line
    /// may be JSON no longer.
    #[must_use]
    pub fn reads_json(&self) -> bool {
        self.parts.structured.reads_json()
    }

    /// Whether it recognises nothing: there is neither a failregex nor a field that tells the
    /// offender.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.failures.list.is_empty() && !self.parts.structured.tells_offender()
    }

    /// What `line` tells, together with what `memory` knows of the lines before it. `now` is when
    /// it is judged, by which sessions are forgotten.
    pub fn judge(&self, memory: &mut Memory, line: Line<'_>, now: Timestamp) -> Verdict {
        let structured = &self.parts.structured;
        if !structured.admits(line.fields) {
            return Verdict::Nothing;
        }
        if line.before.len() + line.after.len() > MESSAGE_BYTES_MAX {
            return Verdict::TooLong;
        }
        let joined = (!line.before.is_empty() && structured.reads_json())
            .then(|| [line.before, line.after].concat());
        let whole = joined.as_deref().unwrap_or(line.after);
        let Some(told) = structured.read(whole, line.fields) else { return Verdict::Nothing };
        let line = told.message.as_deref().map_or(line, Line::plain);
        let mut captures = std::mem::take(&mut memory.captures);
        let verdict = self.judge_text(memory, &mut captures, line, Beside { told: &told, now });
        memory.captures = captures;
        let mut verdict = verdict.unwrap_or(Verdict::GaveUp);
        if let Verdict::Failure(failure) = &mut verdict {
            failure.time = told.time;
        }
        verdict
    }

    /// The text of a line.
    fn judge_text(
        &self,
        memory: &mut Memory,
        captures: &mut Captures,
        line: Line<'_>,
        beside: Beside<'_>,
    ) -> Result<Verdict, GaveUp> {
        match self.parts.text {
            Text::Lines => self.judge_together(memory, captures, line, beside),
            Text::Message if line.before.is_empty() => {
                self.judge_alone(memory, captures, line.after, beside)
            }
            Text::Message | Text::Line => {
                let mut buffer = std::mem::take(&mut memory.buffer);
                buffer.clear();
                self.lay_out(line, &mut buffer);
                let verdict = self.judge_alone(memory, captures, &buffer, beside);
                memory.buffer = buffer;
                verdict
            }
        }
    }

    /// Writes a line as the patterns are to see it. Where lines have ends, a new line inside of a
    /// message is none: fail2ban writes it as `\n`.
    pub(super) fn lay_out(&self, line: Line<'_>, buffer: &mut String) {
        buffer.push_str(line.before);
        buffer.push_str(line.after);
        if self.parts.text == Text::Message {
            return;
        }
        if buffer.contains('\n') {
            *buffer = buffer.trim_end_matches('\n').replace('\n', r"\n");
        }
        if self.parts.text == Text::Line {
            buffer.push('\n');
        }
    }

    /// One line, by itself.
    fn judge_alone(
        &self,
        memory: &mut Memory,
        captures: &mut Captures,
        text: &str,
        beside: Beside<'_>,
    ) -> Result<Verdict, GaveUp> {
        if let Some(verdict) = self.ignored_first(text)? {
            return Ok(verdict);
        }
        let Some(prefixed) = self.content(text, captures)? else { return Ok(Verdict::Nothing) };
        let Prefixed { caught, content } = prefixed;
        let text = content.as_deref().unwrap_or(text);
        if self.parts.failures.list.is_empty() && self.parts.structured.tells_offender() {
            if let Some(pattern) = self.parts.ignores.first(text)? {
                return Ok(Verdict::Ignored { pattern });
            }
            let groups = caught.unwrap_or_else(|| self.parts.names.nothing());
            return Ok(self.verdict(memory, groups, None, beside));
        }
        let (mut otherwise, mut from) = (Verdict::Nothing, 0);
        while let Some((index, pattern)) = self.parts.failures.find(text, from, captures)? {
            if let Some(pattern) = self.parts.ignores.first(text)? {
                return Ok(Verdict::Ignored { pattern });
            }
            let groups = self.groups(caught.as_ref(), pattern, captures, text);
            match self.verdict(memory, groups, Some(index), beside) {
                unfinished @ Verdict::NoAddress { .. } => otherwise = unfinished,
                verdict => return Ok(verdict),
            }
            from = index + 1;
        }
        Ok(otherwise)
    }

    /// A line together with those before it.
    fn judge_together(
        &self,
        memory: &mut Memory,
        captures: &mut Captures,
        line: Line<'_>,
        beside: Beside<'_>,
    ) -> Result<Verdict, GaveUp> {
        let mut next = String::new();
        self.lay_out(line, &mut next);
        memory.lines.push(next, self.parts.max_lines);
        let lines = memory.lines.clone();
        let mut text = lines.text();
        if let Some(verdict) = self.ignored_first(&text)? {
            return Ok(verdict);
        }
        let Some(prefixed) = self.content(&text, captures)? else { return Ok(Verdict::Nothing) };
        let Prefixed { caught, content } = prefixed;
        if let Some(content) = content.map(Cow::into_owned) {
            memory.lines = Lines::one(content.trim_end_matches('\n'));
            text = content;
        }
        let mut otherwise = Verdict::Nothing;
        for (index, pattern) in self.parts.failures.list.iter().enumerate() {
            if !pattern.regex.catch(&text, captures)? {
                continue;
            }
            let (used, others) = lines.divide(&text, captures, &pattern.skips);
            memory.lines = others;
            if let Some(pattern) = self.parts.ignores.first(&used.text())? {
                return Ok(Verdict::Ignored { pattern });
            }
            let groups = self.groups(caught.as_ref(), pattern, captures, &text);
            match self.verdict(memory, groups, Some(index), beside) {
                unfinished @ Verdict::NoAddress { .. } => otherwise = unfinished,
                verdict => return Ok(verdict),
            }
            text = memory.lines.text();
        }
        Ok(otherwise)
    }

    fn ignored_first(&self, text: &str) -> Result<Option<Verdict>, GaveUp> {
        if !self.parts.ignores_first {
            return Ok(None);
        }
        let found = self.parts.ignores.first(text)?;
        Ok(found.map(|pattern| Verdict::Ignored { pattern }))
    }

    /// What the prefregex makes of a text; nothing when it does not match.
    pub(super) fn content<'t>(
        &self,
        text: &'t str,
        captures: &mut Captures,
    ) -> Result<Option<Prefixed<'t>>, GaveUp> {
        let Some(prefix) = &self.parts.prefix else { return Ok(Some(Prefixed::default())) };
        if !prefix.regex.catch(text, captures)? {
            return Ok(None);
        }
        let mut groups = prefix.plan.read(&self.parts.names, captures, text);
        let content = self.ids.content.and_then(|name| {
            let content = prefix.plan.span(name, captures).filter(|span| !span.is_empty());
            groups.take(name);
            let content = text.get(content?)?;
            let is_message = self.parts.text == Text::Message;
            Some(if is_message { content.into() } else { [content, "\n"].concat().into() })
        });
        Ok(Some(Prefixed { caught: Some(groups), content }))
    }

    fn groups(
        &self,
        prefix: Option<&Groups>,
        pattern: &Pattern,
        captures: &Captures,
        text: &str,
    ) -> Groups {
        let own = pattern.plan.read(&self.parts.names, captures, text);
        match prefix {
            None => own,
            Some(prefix) => {
                let mut groups = prefix.clone();
                groups.overlay(own);
                groups
            }
        }
    }

    /// What a failure tells, with what its session knows.
    fn verdict(
        &self,
        memory: &mut Memory,
        caught: Groups,
        pattern: Option<usize>,
        beside: Beside<'_>,
    ) -> Verdict {
        let steering = &self.parts.steering;
        let mut groups = caught;
        self.ids.complete(&mut groups, beside.told, steering.user);
        let in_session = groups.has(steering.id);
        if in_session {
            let merged = memory.sessions.merge(steering, &self.whom, groups, beside.now);
            if merged.no_fail {
                return Verdict::Helper { pattern };
            }
            groups = merged.groups;
        }
        let Some(offender) = self.ids.offender(&groups) else {
            if in_session {
                memory.sessions.set_pending(&groups, steering);
                return Verdict::Helper { pattern };
            }
            return Verdict::NoAddress { pattern };
        };
        let user = groups.value(steering.user).map(|name| memory.users.named(&name));
        let caught = Caught { names: Arc::clone(&self.parts.names), groups };
        Verdict::Failure(Failure { offender, user, pattern, time: None, caught })
    }
}
