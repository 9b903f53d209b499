//! What a test has found, as a person reads it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::filter::{Filter, Line, Step, Verdict};

use super::test::{Judged, TestArgs};
use super::words::clean;

/// So many missed lines are shown unasked.
const MISSED_SHOWN: usize = 10;

/// So many users are told apart.
const USERS_MAX: usize = 10_000;

/// Counts verdicts.
pub(super) struct Tally<'f> {
    title: String,
    filter: &'f Filter,
    args: &'f TestArgs,
    lines: u64,
    passed_over: u64,
    failures: u64,
    helpers: u64,
    ignored: u64,
    odd: BTreeMap<&'static str, u64>,
    undated: u64,
    hits: Vec<u64>,
    ignore_hits: Vec<u64>,
    users: BTreeMap<Arc<str>, u64>,
    missed: Vec<String>,
    missed_in_all: u64,
}

impl<'f> Tally<'f> {
    pub(super) fn new(title: String, filter: &'f Filter, args: &'f TestArgs) -> Self {
        Self {
            title,
            filter,
            args,
            lines: 0,
            passed_over: 0,
            failures: 0,
            helpers: 0,
            ignored: 0,
            odd: BTreeMap::new(),
            undated: 0,
            hits: vec![0; filter.patterns().count()],
            ignore_hits: vec![0; filter.ignores().count()],
            users: BTreeMap::new(),
            missed: Vec::new(),
            missed_in_all: 0,
        }
    }

    /// Counts a line, and shows it if it is asked for.
    pub(super) fn add(&mut self, judged: &Judged<'_>, out: &mut impl io::Write) -> io::Result<()> {
        self.lines += 1;
        if judged.is_passed_over() {
            self.passed_over += 1;
            return self.explain_line(judged, out);
        }
        self.undated += u64::from(judged.time.is_none());
        let text = clean(judged.text);
        match &judged.verdict {
            Verdict::Failure(failure) => {
                self.failures += 1;
                count(&mut self.hits, failure.pattern);
                if let Some(user) = failure.user.as_ref().filter(|_| self.args.user)
                    && (self.users.len() < USERS_MAX || self.users.contains_key(user))
                {
                    *self.users.entry(user.clone()).or_default() += 1;
                }
                if self.args.matched {
                    let user = failure.user.as_deref().map(|user| format!(" as {user:?}"));
                    let user = user.unwrap_or_default();
                    writeln!(out, "{}: {}{user}: {text}", judged.number, failure.offender)?;
                }
            }
            Verdict::Helper { pattern } => {
                self.helpers += 1;
                count(&mut self.hits, *pattern);
                if self.args.matched {
                    writeln!(out, "{}: helper: {text}", judged.number)?;
                }
            }
            Verdict::Ignored { pattern } => {
                self.ignored += 1;
                count(&mut self.ignore_hits, Some(*pattern));
            }
            Verdict::NoAddress { .. } => self.odd("matched without an address"),
            Verdict::TooLong => self.odd("too long to be judged"),
            Verdict::GaveUp => self.odd("took too many steps"),
            Verdict::Nothing => self.miss(judged, &text, out)?,
        }
        self.explain_line(judged, out)
    }

    fn explain_line(&self, judged: &Judged<'_>, out: &mut impl io::Write) -> io::Result<()> {
        if self.args.explain {
            let text = clean(judged.text);
            writeln!(out, "{}: {text}\n    {}", judged.number, self.explain(judged))?;
        }
        Ok(())
    }

    fn miss(
        &mut self,
        judged: &Judged<'_>,
        text: &str,
        out: &mut impl io::Write,
    ) -> io::Result<()> {
        self.missed_in_all += 1;
        if self.args.missed {
            writeln!(out, "{}: missed: {text}", judged.number)?;
        } else if self.missed.len() < MISSED_SHOWN {
            self.missed.push(format!("{}: {text}", judged.number));
        }
        Ok(())
    }

    fn odd(&mut self, what: &'static str) {
        *self.odd.entry(what).or_default() += 1;
    }

    /// Where the line leaves the filter, in words.
    fn explain(&self, judged: &Judged<'_>) -> String {
        let date = match judged.time {
            None => "no date; ",
            Some(_) if !judged.has_date => "no date in the line; ",
            Some(_) => "",
        };
        let Some(line) = judged.line else {
            let why = if judged.verdict == Verdict::TooLong {
                "too long to be judged"
            } else if judged.is_passed_over() {
                "a comment or an empty line"
            } else {
                "written by a program that the filter is not for"
            };
            return why.to_owned();
        };
        format!("{date}{}", self.verdict(judged, line))
    }

    fn verdict(&self, judged: &Judged<'_>, line: Line<'_>) -> String {
        match &judged.verdict {
            Verdict::Failure(failure) => {
                return format!("{} tells of {}", by(failure.pattern), failure.offender);
            }
            Verdict::Helper { pattern } => {
                return format!("{} matches, and is no failure by itself", by(*pattern));
            }
            Verdict::Ignored { pattern } => {
                return format!("ignoreregex {} matches", pattern + 1);
            }
            Verdict::NoAddress { pattern } => {
                return format!("{} matches, and there is no address", by(*pattern));
            }
            Verdict::GaveUp => return "a pattern takes too many steps for it".to_owned(),
            Verdict::TooLong | Verdict::Nothing => {}
        }
        let stopped = |text: &str, progress: &crate::pattern::Progress| {
            let rest = text.get(progress.reached..).unwrap_or_default();
            let rest: String = rest.chars().take(60).collect();
            let wanted: String = progress.stopped_at.chars().take(60).collect();
            format!("wants {wanted} where the line has {:?}", clean(&rest))
        };
        match self.filter.explain(line) {
            Step::Ignored { pattern } => format!("ignoreregex {} matches", pattern + 1),
            Step::Prefix { progress, text } => {
                format!("the prefregex does not match: it {}", stopped(&text, &progress))
            }
            Step::NoPattern { pattern, progress, text } => format!(
                "no failregex matches; {} comes furthest: it {}",
                pattern + 1,
                stopped(&text, &progress)
            ),
            Step::Matched { pattern } => {
                format!("failregex {} matches, together with lines before it only", pattern + 1)
            }
            Step::Empty => "the filter has no failregex".to_owned(),
        }
    }

    /// Writes the counts.
    pub(super) fn finish<'t>(
        &self,
        templates: impl Iterator<Item = (&'t str, u64)>,
        out: &mut impl io::Write,
    ) -> io::Result<()> {
        writeln!(out, "{}\n", self.title)?;
        let patterns: Vec<&str> = self.filter.patterns().collect();
        table(out, "Failregex", &patterns, &self.hits)?;
        let ignores: Vec<&str> = self.filter.ignores().collect();
        table(out, "Ignoreregex", &ignores, &self.ignore_hits)?;
        let found: Vec<(&str, u64)> = templates.filter(|(_, hits)| *hits > 0).collect();
        if !found.is_empty() {
            writeln!(out, "Date formats:")?;
            for (name, hits) in found {
                writeln!(out, "{hits:>8}  {name}")?;
            }
            writeln!(out)?;
        }
        for (pattern, why) in self.filter.backtracking() {
            writeln!(out, "Slow, because of {why}: {}", clean(pattern))?;
        }
        if self.args.user {
            writeln!(out, "Users:")?;
            let mut users: Vec<_> = self.users.iter().collect();
            users.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (user, count) in users {
                writeln!(out, "{count:>8}  {}", clean(user))?;
            }
            writeln!(out)?;
        }
        self.sum(out)
    }

    fn sum(&self, out: &mut impl io::Write) -> io::Result<()> {
        write!(out, "Lines: {} read, {} failures", self.lines, self.failures)?;
        if self.helpers > 0 {
            write!(out, ", {} that help to tell", self.helpers)?;
        }
        writeln!(out, ", {} ignored, {} missed", self.ignored, self.missed_in_all)?;
        if self.passed_over > 0 {
            writeln!(out, "       {} empty or a comment", self.passed_over)?;
        }
        for (what, count) in &self.odd {
            writeln!(out, "       {count} {what}")?;
        }
        if self.undated > 0 {
            writeln!(out, "       {} without a date", self.undated)?;
        }
        if !self.missed.is_empty() {
            let hint = "all of them: --missed; why: --explain";
            writeln!(out, "\nMissed ({hint}):")?;
            for line in &self.missed {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(())
    }
}

fn by(pattern: Option<usize>) -> String {
    pattern.map_or("[match]".to_owned(), |pattern| format!("failregex {}", pattern + 1))
}

fn count(hits: &mut [u64], pattern: Option<usize>) {
    if let Some(hits) = pattern.and_then(|pattern| hits.get_mut(pattern)) {
        *hits += 1;
    }
}

fn table(out: &mut impl io::Write, title: &str, patterns: &[&str], hits: &[u64]) -> io::Result<()> {
    let all: u64 = hits.iter().sum();
    if patterns.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}: {all} hits")?;
    for (index, (pattern, hits)) in patterns.iter().zip(hits).enumerate() {
        if *hits > 0 || patterns.len() <= 20 {
            let pattern: String = clean(pattern).chars().take(120).collect();
            writeln!(out, "{hits:>8}  {:>3}. {pattern}", index + 1)?;
        }
    }
    writeln!(out)
}
