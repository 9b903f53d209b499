//! What syslog writes before a message in a file: the host, the program, its process.

use super::dating::Dated;
use super::judge::{Filter, Line};
use crate::keeper::is_like;
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
///
/// Some daemons write a little more or less: no host; the facility and the severity before the
/// program (OpenWrt's logread) or before the host (FreeBSD's syslogd -v); a message ID behind it
/// (msgid(1M) of Solaris); the program in brackets (metalog); the container of Linux-VServer.
pub(super) fn message<'l>(after_date: &'l str, programs: &[String]) -> Option<&'l str> {
    let is_one =
        |program: &str| programs.iter().any(|known| known == program || is_like(program, known));
    let rest = after_date.trim_start_matches(' ');
    if let Some((program, message)) = usual(rest) {
        return is_one(program).then_some(message);
    }
    let rest = past_severity(rest);
    // The host may be left out.
    if let Some((program, message)) = tagged(rest)
        && is_one(program)
    {
        return Some(past_id(message));
    }
    let (host, rest) = word(rest)?;
    if host.is_empty() {
        return None;
    }
    let rest = past_container(past_severity(rest));
    if let Some((program, message)) = tagged(rest) {
        return is_one(program).then(|| past_id(message));
    }
    let (program, rest) = word(rest)?;
    let (_process, rest) = word(rest)?;
    let (_id, rest) = word(rest)?;
    is_one(program).then(|| data_behind(rest))
}

/// `HOST PROGRAM[PID]: MESSAGE` or `HOST PROGRAM: MESSAGE` in plain characters, as nearly every line has
/// it: its program, and the message, which begins with no bracket. All of this is found in one pass;
/// nothing else that a daemon may write looks like it.
fn usual(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let behind = |at: usize, is: fn(&u8) -> bool| {
        let rest = bytes.get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| !is(byte)).unwrap_or(rest.len())
    };
    let is_plain = |byte: &u8| PLAIN.get(usize::from(*byte)).copied().unwrap_or_default();
    let host = behind(0, is_plain);
    if host == 0 || bytes.get(host) != Some(&b' ') {
        return None;
    }
    let end = behind(host + 1, is_plain);
    let tag = match bytes.get(end) {
        Some(b'[') => {
            let close = behind(end + 1, u8::is_ascii_digit);
            (bytes.get(close) == Some(&b']')).then_some(close + 1)?
        }
        _ => end,
    };
    match bytes.get(tag..)? {
        [b':', b' ', b'[', ..] => None,
        [b':', b' ', ..] => Some((text.get(host + 1..end)?, text.get(tag + 2..)?)),
        _ => None,
    }
}

/// Which bytes the names of hosts and programs are mostly made of.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        plain[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        byte += 1;
    }
    plain
};

fn word(text: &str) -> Option<(&str, &str)> {
    split_at(text, b' ')
}

/// What stands before and behind the first of a byte of ASCII, which is near.
fn split_at(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|here| here == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `PROGRAM[PID]: MESSAGE`, `PROGRAM: MESSAGE`, `PROGRAM(PART)[PID]: MESSAGE`, `[PROGRAM] MESSAGE` or
/// `[PROGRAM]: MESSAGE`; the message with the space before it.
fn tagged(text: &str) -> Option<(&str, &str)> {
    if let Some((program, rest)) = text.strip_prefix('[').and_then(|rest| split_at(rest, b']')) {
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        return (!program.contains(' ') && rest.starts_with(' ')).then_some((program, rest));
    }
    let ends = |byte: &u8| matches!(byte, b' ' | b'[' | b'(' | b':');
    let end = text.as_bytes().iter().position(ends)?;
    let (program, rest) = text.split_at(end);
    let rest = past_brackets(rest, '(', b')')?;
    let rest = past_brackets(rest, '[', b']')?;
    Some((program, rest.strip_prefix(':')?))
}

/// The text behind brackets, if it begins with some; none when they do not end.
fn past_brackets(text: &str, open: char, close: u8) -> Option<&str> {
    match text.strip_prefix(open) {
        Some(inner) => split_at(inner, close).map(|(_, rest)| rest),
        None => Some(text),
    }
}

/// The text behind `auth.info ` or `<auth.info> `, if it begins so.
fn past_severity(text: &str) -> &str {
    // Most words have no dot.
    let stops = |byte: &u8| matches!(byte, b' ' | b'.');
    if text.as_bytes().iter().find(|byte| stops(byte)) != Some(&b'.') {
        return text;
    }
    let Some((first, rest)) = word(text) else { return text };
    let bare = first.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(first);
    let is_severity = split_at(bare, b'.').is_some_and(|(facility, severity)| {
        let numbers = [facility, severity].iter().all(|part| part.parse::<u8>().is_ok());
        FACILITIES.contains(&facility) && SEVERITIES.contains(&severity)
            || numbers && bare.len() < first.len()
    });
    if is_severity { rest } else { text }
}

fn past_container(text: &str) -> &str {
    word(text).filter(|(first, _)| first.starts_with("@vserver_")).map_or(text, |(_, rest)| rest)
}

/// The message behind a space, and behind ` [ID 800047 auth.info]` if it begins so.
fn past_id(text: &str) -> &str {
    let inner = text.strip_prefix(" [ID ").and_then(|rest| rest.split_once(']'));
    let message = inner.map_or(text, |(_, rest)| rest);
    message.strip_prefix(' ').unwrap_or(message)
}

/// The names that syslog.conf(5) has for facilities and severities.
const FACILITIES: [&str; 21] = [
    "auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "security",
    "syslog", "user", "uucp", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
const SEVERITIES: [&str; 11] = [
    "debug", "info", "notice", "warning", "warn", "err", "error", "crit", "alert", "emerg", "panic",
];

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
