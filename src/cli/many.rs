//! Addresses by the thousand: a list on the standard input, and orders in as many calls as they need.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal as _, Read as _};

use indicatif::{ProgressBar, ProgressStyle};

use crate::bus::MAX_ADDRESSES;
use crate::keeper::{Network, NotANetwork};

use super::error::CliError;
use super::orders::Whom;
use super::words;

/// No list is longer; some five million addresses.
pub(super) const LIST_BYTES_MAX: u64 = 256 << 20;

/// Orders about so many have a progress bar.
const MANY: usize = 1000;

/// So many mistakes of a list are told.
const MISTAKES_SHOWN: usize = 20;

/// All that an order names, in its order, each once.
pub(super) fn named(whom: &[Whom]) -> Result<Vec<Network>, CliError> {
    if whom.iter().filter(|whom| **whom == Whom::Input).count() > 1 {
        let why = "the standard input can be read once; write - once".to_owned();
        return Err(CliError::Usage(why));
    }
    let mut networks = Vec::new();
    for whom in whom {
        match whom {
            Whom::Network(network) => networks.push(*network),
            Whom::Input => networks.append(&mut list(&read_bounded(io::stdin(), "<stdin>")?)?),
        }
    }
    let mut known = std::collections::HashSet::new();
    networks.retain(|network| known.insert(*network));
    if networks.is_empty() {
        return Err(CliError::Usage("the standard input names no address".to_owned()));
    }
    Ok(networks)
}

/// The text that comes from `source`, up to [`LIST_BYTES_MAX`].
pub(super) fn read_bounded(source: impl io::Read, name: &str) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let failed = |why: String| CliError::Failed(format!("{name}: {why}"));
    let read = source.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LIST_BYTES_MAX {
        let most = LIST_BYTES_MAX >> 20;
        return Err(failed(format!("this is longer than {most} MiB; give it in parts")));
    }
    String::from_utf8(bytes).map_err(|error| {
        failed(format!("byte {} is no UTF-8, so this is no list", error.utf8_error().valid_up_to()))
    })
}

/// Each line's address; `#` begins a comment.
fn list(text: &str) -> Result<Vec<Network>, CliError> {
    let mut mistakes = ListMistakes::of("<stdin>");
    let mut networks = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let said = line.split('#').next().unwrap_or_default();
        let column = said.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let said = said.trim();
        if said.is_empty() {
            continue;
        }
        match said.parse() {
            Ok(network) => networks.push(network),
            Err(error) => mistakes.address(index + 1, column, said, &error),
        }
    }
    mistakes.none_or(networks)
}

/// The mistakes of a list, of which the first are told.
pub(super) struct ListMistakes {
    name: String,
    told: Vec<String>,
    more: usize,
}

impl ListMistakes {
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), told: Vec::new(), more: 0 }
    }

    pub(super) fn add(&mut self, line: usize, column: usize, what: impl Display) {
        if self.told.len() < MISTAKES_SHOWN {
            self.told.push(format!("{}:{line}:{column}: {what}", self.name));
        } else {
            self.more += 1;
        }
    }

    /// `said` is no address.
    pub(super) fn address(&mut self, line: usize, column: usize, said: &str, why: &NotANetwork) {
        let said: String = said.chars().take(60).collect();
        self.add(line, column, format!("{said:?}: {why}"));
    }

    /// What was read, if there is no mistake in it.
    pub(super) fn none_or<T>(self, read: T) -> Result<T, CliError> {
        if self.told.is_empty() { Ok(read) } else { Err(self.fail()) }
    }

    /// All of them.
    pub(super) fn fail(self) -> CliError {
        let mut text = self.told.join("\n");
        if self.more > 0 {
            let _ = write!(text, "\nand {} more", words::counted(self.more, "mistake", "mistakes"));
        }
        CliError::Usage(text + "\nnothing was done")
    }
}

/// The calls that an order about `networks` takes. No address is one call: it means everybody.
pub(super) fn calls(networks: &[Network]) -> Vec<Vec<String>> {
    if networks.is_empty() {
        return vec![Vec::new()];
    }
    let texts = |part: &[Network]| part.iter().map(ToString::to_string).collect();
    networks.chunks(MAX_ADDRESSES).map(texts).collect()
}

/// The error of an order of which a part is done.
pub(super) fn partly(error: CliError, done: usize, what: &str) -> CliError {
    match error.text() {
        Some(why) if done > 0 => CliError::Failed(format!(
            "{why}\nthe first {done} were {what} before that, and stay so; the rest was not"
        )),
        _ => error,
    }
}

/// How far an order has come: a bar where it is long and somebody looks on.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(super) fn of(addresses: usize) -> Self {
        if addresses < MANY || !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(addresses as u64);
        let style = "{wide_bar} {pos} of {len}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        bar.tick();
        Self(Some(bar))
    }

    pub(super) fn add(&self, addresses: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(addresses as u64);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
