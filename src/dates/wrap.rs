//! The boundaries that a pattern gets where it brings none of its own, and its group 1.
//!
//! What a pattern looks like is judged by its text, as in fail2ban: before a pattern that begins
//! with `^` or `**` no boundary is put, and behind one that ends with `$`, `\b`, `\s` or `**` none
//! either. Tokens are still in the text; none of them begins or ends like that.

use super::class::is_space;

/// What is put before a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Nothing.
    Nothing,
    /// `(?=^|\b|\W)`: not in the middle of a word.
    Word,
    /// `^(?:\W{0,2})?`: the beginning of the line, or at most two signs behind it.
    Line,
}

/// A pattern with its boundaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrapped {
    /// Inline flags for the whole, such as `(?iu)`; often empty.
    pub(super) flags: String,
    /// What is put before the body.
    pub(super) begin: Begin,
    /// The pattern itself, its tokens still to be replaced. It has a group.
    pub(super) body: String,
    /// Whether `(?=\b|\W|$)` is put behind the body: no end in the middle of a word.
    pub(super) word_end: bool,
    /// Whether the whole is tied to the beginning or the end of the line.
    pub(super) anchored: bool,
}

/// Wraps `pattern`, wishing for the boundaries `begin` and `word_end`.
pub(super) fn wrap(pattern: &str, begin: Begin, word_end: bool) -> Wrapped {
    let (flags, body) = flags_of(pattern);
    let begin = if has_begin(&body) { Begin::Nothing } else { begin };
    let word_end = word_end && !has_end(&body);
    let body = if has_group(&body) { body } else { grouped(&body) };
    let anchored = begin == Begin::Line
        || (begin == Begin::Nothing && begins_line(&body))
        || (!word_end && ends_line(&body));
    let body = without_stars(&body, begin == Begin::Nothing, !word_end);
    Wrapped { flags, begin, body, word_end, anchored }
}

/// Takes the flags for the whole pattern out of it. Names of days and months make them `(?iu)`.
fn flags_of(pattern: &str) -> (String, String) {
    if has_names(pattern) {
        return ("(?iu)".to_owned(), pattern.trim_end_matches(is_space).to_owned());
    }
    let pattern = pattern.trim_matches(is_space);
    for (at, _) in pattern.match_indices("(?") {
        let Some((before, rest)) = pattern.split_at_checked(at) else { continue };
        let letters = rest.chars().skip(2).take_while(char::is_ascii_lowercase).count();
        let behind = rest.get(2 + letters..).and_then(|rest| rest.strip_prefix(')'));
        if let Some(behind) = behind.filter(|_| letters > 0) {
            let flags = rest.get(..letters + 3).unwrap_or_default();
            return (flags.to_owned(), format!("{before}{behind}"));
        }
    }
    (String::new(), pattern.to_owned())
}

/// Whether a token stands for text that can be written in capitals.
fn has_names(pattern: &str) -> bool {
    let mut before = None;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let name = matches!(chars.peek(), Some('a' | 'A' | 'b' | 'B' | 'p' | 'c'));
        if c == '%' && before != Some('%') && name {
            return true;
        }
        before = Some(c);
    }
    false
}

fn has_begin(body: &str) -> bool {
    let rest = body.trim_start_matches('(');
    if rest.starts_with('^') || rest.starts_with("**") {
        return true;
    }
    if rest.len() == body.len() {
        return false;
    }
    rest.starts_with("?:^")
        || inline_flags(rest).is_some_and(|rest| {
            let inner = rest.trim_start_matches('(');
            rest.starts_with('^')
                || inner.starts_with("**")
                || rest.starts_with("(^")
                || rest.starts_with("(?:^")
        })
}

/// What follows inline flags, of which the opening parenthesis is already taken.
fn inline_flags(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('?')?;
    let behind = rest.trim_start_matches(super::class::is_word);
    (behind.len() < rest.len()).then(|| behind.strip_prefix(')')).flatten()
}

fn has_end(body: &str) -> bool {
    let unescaped = |text: Option<&str>| text.is_some_and(|text| !text.ends_with('\\'));
    unescaped(body.strip_suffix('$'))
        || unescaped(body.strip_suffix("$)"))
        || unescaped(body.strip_suffix("\\b"))
        || unescaped(body.strip_suffix("\\s"))
        || unescaped(body.trim_end_matches(')').strip_suffix("**"))
}

fn begins_line(body: &str) -> bool {
    let body = body.strip_prefix('(').and_then(inline_flags).unwrap_or(body);
    let inner = body.strip_prefix("(?:^").or_else(|| body.strip_prefix("(^"));
    body.starts_with('^') || inner.is_some_and(|rest| !rest.starts_with('|'))
}

fn ends_line(body: &str) -> bool {
    let rest = body.strip_suffix("$)").or_else(|| body.strip_suffix('$'));
    rest.is_some_and(|rest| !rest.ends_with(['\\', '|']))
}

/// Whether there is a plain group `(`. Named groups do not count.
fn has_group(body: &str) -> bool {
    body.match_indices('(').any(|(at, _)| {
        let (before, rest) = (body.get(..at).unwrap_or(""), body.get(at + 1..).unwrap_or(""));
        !rest.starts_with('?') && !before.ends_with('\\') && !before.ends_with("(?")
    })
}

/// Puts all but the anchors into a group.
fn grouped(body: &str) -> String {
    let flags = |text: &str| text.strip_prefix('(').and_then(inline_flags).map(str::len);
    let mut rest = body.len();
    rest = flags(body).unwrap_or(rest);
    let tail = |rest: usize| body.get(body.len() - rest..).unwrap_or_default();
    rest = tail(rest).strip_prefix('^').map_or(rest, str::len);
    rest = flags(tail(rest)).unwrap_or(rest);
    let (head, inner) = (body.get(..body.len() - rest).unwrap_or_default(), tail(rest));
    match inner.strip_suffix('$') {
        Some(inner) => format!("{head}({inner})$"),
        None => format!("{head}({inner})"),
    }
}

/// Takes the signs `**` away that switch a boundary off, where the edge is the pattern's own.
fn without_stars(body: &str, begin: bool, end: bool) -> String {
    let mut body = body.to_owned();
    if begin {
        let opened = body.len() - body.trim_start_matches('(').len();
        let rest = body.get(opened..).unwrap_or_default();
        let skipped = if opened == 0 { None } else { inline_flags(rest) };
        let rest = skipped.map_or(rest, |rest| rest.trim_start_matches('('));
        let at = body.len() - rest.len();
        if rest.starts_with("**") {
            body.replace_range(at..at + 2, "");
        }
    }
    if end {
        let closed = body.trim_end_matches(')');
        let at = closed.strip_suffix("**").filter(|rest| !rest.ends_with('\\')).map(str::len);
        if let Some(at) = at {
            body.replace_range(at..at + 2, "");
        }
    }
    body
}
