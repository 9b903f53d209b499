//! Values as TOML writes them (toml.io, version 1.0).

use std::fmt::Write as _;

/// A string: as it is, where TOML can have it so, since patterns are full of backslashes.
#[must_use]
pub fn string(text: &str) -> String {
    let odd = |c: char| c.is_control() && c != '\t';
    if !text.contains(odd) && !text.contains('\'') {
        return format!("'{text}'");
    }
    let in_lines = |c: char| odd(c) && c != '\n';
    let ends_badly = text.ends_with('\'') || text.starts_with('\n');
    if !text.contains(in_lines) && !text.contains("'''") && !ends_badly {
        return format!("'''{text}'''");
    }
    basic(text)
}

/// A string in quotes, with escapes.
#[must_use]
pub fn basic(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A list of strings, one a line when there are several.
#[must_use]
pub fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(string).collect();
    match texts.as_slice() {
        [] => "[]".to_owned(),
        [one] => format!("[{one}]"),
        many => format!("[\n    {},\n]", many.join(",\n    ")),
    }
}

/// A comment of one line, whatever is in the text.
#[must_use]
pub fn comment(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {plain}\n")
}
