//! What syslog writes before a message in a file: the host, the program, its process.

use super::dating::Dated;
use super::judge::{Filter, Line};
use crate::pattern::Language;

impl Filter {
    /// What the filter looks at in a line of a log file; nothing when the line is not for it. A
    /// filter for the journal thereby serves files that syslog writes, too.
    #[must_use]
    pub fn in_file<'l>(&self, dated: &Dated<'l>) -> Option<Line<'l>> {
        let line = dated.line;
        if self.reads_json() {
            return Some(Line::plain(dated.text));
        }
        if self.parts.recipe.language == Language::Fail2ban {
            return Some(line);
        }
        if self.parts.recipe.programs.is_empty() {
            let after = line.after.trim_start_matches(' ');
            return Some(if line.before.is_empty() { Line::plain(after) } else { line });
        }
        message(line.after, &self.parts.recipe.programs).map(Line::plain)
    }
}

/// The message of a line of syslog whose program is one of `programs`: the line without its date
/// is `HOST PROGRAM[PID]: MESSAGE`, in the form of RFC 3164, section 4.1, which syslog daemons write
/// to files, or in that of RFC 5424, section 6: `HOST PROGRAM PID MSGID [DATA] MESSAGE`.
pub(super) fn message<'l>(after_date: &'l str, programs: &[String]) -> Option<&'l str> {
    let rest = after_date.trim_start_matches(' ');
    let (host, rest) = word(rest)?;
    let is_one = |program: &str| programs.iter().any(|known| known == program);
    // The host may be left out.
    if let Some((program, message)) = tagged(after_date.trim_start_matches(' '))
        && is_one(program)
    {
        return Some(message);
    }
    if host.is_empty() {
        return None;
    }
    if let Some((program, message)) = tagged(rest) {
        return is_one(program).then_some(message);
    }
    let (program, rest) = word(rest)?;
    let (_process, rest) = word(rest)?;
    let (_id, rest) = word(rest)?;
    is_one(program).then(|| data_behind(rest))
}

fn word(text: &str) -> Option<(&str, &str)> {
    text.split_once(' ')
}

/// `PROGRAM[PID]: MESSAGE` or `PROGRAM: MESSAGE`.
fn tagged(text: &str) -> Option<(&str, &str)> {
    let end = text.find([' ', '[', ':'])?;
    let (program, rest) = text.split_at(end);
    let rest = match rest.strip_prefix('[') {
        Some(process) => process.split_once(']').map(|(_, rest)| rest)?,
        None => rest,
    };
    let message = rest.strip_prefix(':')?;
    Some((program, message.strip_prefix(' ').unwrap_or(message)))
}

/// What stands behind the structured data of RFC 5424, section 6.3: `-`, or elements in brackets in
/// whose quotes a bracket may stand.
fn data_behind(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('-') {
        return rest.strip_prefix(' ').unwrap_or(rest);
    }
    let (mut in_quotes, mut escaped, mut open) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_quotes => escaped = true,
            b'"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            b'[' => open = true,
            b']' => open = false,
            b' ' if !open => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}
