//! A journal entry as a line of text, as fail2ban's filters expect it.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::judge::Filter;
use crate::pattern::Language;
use crate::record::Fields;

/// What stands before the message in such a line.
const FIELDS: [&str; 6] = [
    "_HOSTNAME",
    "SYSLOG_IDENTIFIER",
    "_COMM",
    "SYSLOG_PID",
    "_PID",
    "_SOURCE_MONOTONIC_TIMESTAMP",
];

impl Filter {
    /// The journal fields without which [`Filter::in_journal`] cannot do.
    pub(super) fn line_fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        let none = self.parts.recipe.language == Language::Native;
        FIELDS.into_iter().filter(move |_| !none)
    }

    /// What the filter looks at in a journal entry: the message; for fail2ban's filters
    /// `HOST PROGRAM[PID]: MESSAGE`, and for the kernel's `HOST kernel: [SECONDS] MESSAGE`.
    #[must_use]
    pub fn in_journal<'m>(&self, message: &'m str, fields: &Fields) -> Cow<'m, str> {
        if self.parts.recipe.language == Language::Native {
            return message.into();
        }
        let field = |name: &str| fields.get(name).filter(|value| !value.is_empty());
        let mut line = String::new();
        if let Some(host) = field("_HOSTNAME") {
            line.push_str(host);
            line.push(' ');
        }
        if let Some(program) = field("SYSLOG_IDENTIFIER").or_else(|| field("_COMM")) {
            line.push_str(program);
            if let Some(process) = field("SYSLOG_PID").or_else(|| field("_PID")) {
                line.extend(["[", process, "]"]);
            } else if program == "kernel"
                && let Some(micros) = field("_SOURCE_MONOTONIC_TIMESTAMP")
                && let Ok(micros) = micros.parse::<u64>()
            {
                let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
                let _ = write!(line, ": [{seconds:>5}.{micros:06}] {message}");
                return line.into();
            }
            line.push_str(": ");
        }
        line.push_str(message);
        line.into()
    }
}
