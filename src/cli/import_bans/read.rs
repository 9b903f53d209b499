//! Recognises what a list of bans is written in.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Seek as _};
use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::many;
use crate::cli::page::Page;

use super::{List, database, json, lines, table};

/// How a database of SQLite begins ("The Database Header" in SQLite's "Database File Format").
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The bans that a file lists, or without one the standard input.
pub(super) fn read(file: Option<&Path>, page: &Page) -> Result<List, CliError> {
    let Some(path) = file.filter(|path| path.as_os_str() != "-") else {
        if file.is_none() && io::stdin().is_terminal() {
            let why = "name a file, or - for the standard input; fail2ban's own bans are in \
                       /var/lib/fail2ban/fail2ban.sqlite3";
            return Err(CliError::Usage(why.to_owned()));
        }
        return text("<stdin>", &many::read_bounded(io::stdin(), "<stdin>")?, page);
    };
    let name = path.display().to_string();
    let failed = |error: io::Error| CliError::Failed(format!("{name}: {error}"));
    let mut opened = File::open(path).map_err(failed)?;
    let mut head = Vec::new();
    opened.by_ref().take(SQLITE.len() as u64).read_to_end(&mut head).map_err(failed)?;
    if head == SQLITE {
        return database::read(path);
    }
    // What cannot seek, such as a pipe, is read on.
    let text_of = match opened.rewind() {
        Ok(()) => many::read_bounded(opened, &name)?,
        Err(_) => many::read_bounded(head.chain(opened), &name)?,
    };
    text(&name, &text_of, page)
}

/// The bans that a text lists.
pub(super) fn text(name: &str, text: &str, page: &Page) -> Result<List, CliError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let bans = match text.trim_start().chars().next() {
        Some('[' | '{') => json::read(name, text)?,
        _ if table::is_table(text) => table::read(name, text, page)?,
        _ => lines::read(name, text, page)?,
    };
    Ok(List { bans, refused: Vec::new() })
}
