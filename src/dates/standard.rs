//! The standard templates, in the order in which they are tried first.

use std::sync::{Arc, LazyLock};

use super::error::DatePatternError;
use super::expand::LINE_BEGIN;
use super::template::Template;

/// The forms of date that a detector knows by itself: each that is not tied to the beginning of a
/// line is there twice, first tied and then free.
pub(super) static STANDARD: LazyLock<Standard> = LazyLock::new(Standard::new);

/// The standard templates.
#[derive(Debug)]
pub(super) struct Standard {
    /// Those tied to the beginning of a line in addition; a detector prefers them.
    pub(super) tied: Vec<Arc<Template>>,
    /// The forms themselves.
    pub(super) plain: Vec<Arc<Template>>,
}

impl Standard {
    fn new() -> Self {
        // The patterns below are good ones, as a test shows.
        let all = |prefix: &str, patterns: &mut dyn Iterator<Item = &&str>| {
            let template = |pattern: &&str| Template::of(&format!("{prefix}{pattern}"), 0);
            let templates = patterns.map(template).collect::<Result<Vec<_>, DatePatternError>>();
            templates.unwrap_or_default().into_iter().map(Arc::new).collect()
        };
        let is_free =
            |pattern: &&&str| !pattern.starts_with(LINE_BEGIN) && !pattern.starts_with('^');
        Self {
            tied: all(LINE_BEGIN, &mut PATTERNS.iter().filter(is_free)),
            plain: all("", &mut PATTERNS.iter()),
        }
    }

    /// All of them, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.tied.iter().chain(&self.plain)
    }

    /// Whether this is the pattern of a template that a detector prefers.
    pub(super) fn prefers(&self, source: &str) -> bool {
        let is = |tied: &Arc<Template>| {
            // Keywords are written in capitals and small letters alike.
            let keyword = !source.contains('%') && tied.source.eq_ignore_ascii_case(source);
            keyword || tied.source == source
        };
        source.starts_with(LINE_BEGIN) && self.tied.iter().any(is)
    }
}

/// The forms: each line above a pattern shows what it takes.
pub(super) const PATTERNS: &[&str] = &[
    // 2005-01-23T21:59:59.981746+01:00, 2005/01/23 21:59:59, 2005.01.23 21:59:59,5 UTC
    r"%ExY(?P<_sep>[-/.])%m(?P=_sep)%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\s*%z)?",
    // Jan 23 21:59:59, Sun Jan 23 21:59:59.011 2005
    r"(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    // Sun Jan 23 2005 21:59:59.011
    r"(?:%a )?%b %d %ExY %k:%M:%S(?:\.%f)?",
    // 23/01/2005 21:59:59, 23-01-05 21:59:59
    r"%d(?P<_sep>[-/])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S",
    // 23/Jan/2005:21:59:59 +0100, 23-Jan-2005 21:59:59.252
    r"%d(?P<_sep>[-/])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z)?",
    // 01/23/2005:21:59:59
    r"%m/%d/%ExY:%H:%M:%S",
    // 01-23-2005 21:59:59.252
    r"%m-%d-%ExY %k:%M:%S(?:\.%f)?",
    // 1106517599.252 at the beginning of a line, in brackets there, or behind "audit("
    "Epoch",
    // 21:59:59
    r"{^LN-BEG}%H:%M:%S",
    // <01/23/05@21:59:59>
    r"^<%m/%d/%Exy@%H:%M:%S>",
    // 050123 21:59:59, 050123  1:59:59
    r"%Exy%Exm%Exd  ?%H:%M:%S",
    // Jan 23, 2005 9:59:59 PM
    r"%b %d, %ExY %I:%M:%S %p",
    // Jan-23-05 21:59:59
    r"^%b-%d-%Exy %k:%M:%S",
    // 20050123T215959, 20050123 215959.5Z
    r"%ExY%Exm%Exd(?:T|  ?)%ExH%ExM%ExS(?:[.,]%f)?(?:\s*%z)?",
    // CET Jan 23 21:59:59
    r"(?:%Z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    // +01:00 Jan 23 21:59:59.011 2005
    r"(?:%z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    // @4000000041f4104f00000000
    "TAI64N",
];
