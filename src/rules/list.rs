//! Lists of those who are never banned: files with one entry a line, and what an entry is.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::keeper::{IgnoreList, Network};

/// So many entries a list may have.
pub const LIST_ENTRIES_MAX: usize = 100_000;

/// So many hosts' names among them: each is resolved every few minutes.
pub const LIST_NAMES_MAX: usize = 1000;

/// So many mistakes of one list are told.
const MISTAKES_TOLD: usize = 10;

/// What one entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Network(Network),
    Host(Arc<str>),
}

/// What a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Its addresses and networks.
    pub networks: IgnoreList,
    /// Its hosts' names.
    pub hosts: BTreeSet<Arc<str>>,
    /// Its lines that make no sense, the first ten.
    pub mistakes: Vec<ListMistake>,
    /// How many there are.
    pub mistakes_in_all: usize,
}

/// A line of a list that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub why: String,
}

impl fmt::Display for ListMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// There are more entries than a list may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has more than {LIST_ENTRIES_MAX} entries; name wider networks")
    }
}

/// Reads a list: an address, network or host's name a line; what stands behind `#` is a comment.
///
/// # Errors
///
/// When it has too many entries.
pub fn parse_list(text: &str) -> Result<List, TooLong> {
    let mut list = List::default();
    let mut entries = 0;
    for (line, text) in text.lines().enumerate() {
        let entry = text.split('#').next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        entries += 1;
        if entries > LIST_ENTRIES_MAX {
            return Err(TooLong);
        }
        let why = match named(entry) {
            Ok(Named::Network(network)) => {
                list.networks.insert(network, None);
                continue;
            }
            Ok(Named::Host(name)) if list.hosts.len() < LIST_NAMES_MAX => {
                list.hosts.insert(name);
                continue;
            }
            Ok(Named::Host(_)) => {
                format!("there are more than {LIST_NAMES_MAX} hosts' names; write addresses")
            }
            Err(why) => {
                let entry: String = entry.chars().take(80).collect();
                format!("\"{}\" {why}; write one on a line", entry.escape_debug())
            }
        };
        list.mistakes_in_all += 1;
        if list.mistakes.len() < MISTAKES_TOLD {
            list.mistakes.push(ListMistake { line: line + 1, why });
        }
    }
    Ok(list)
}

/// What an entry names.
pub(super) fn named(entry: &str) -> Result<Named, String> {
    let looks_numeric = entry.contains([':', '/'])
        || entry.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match entry.parse::<Network>() {
        Ok(network) => Ok(Named::Network(network)),
        Err(wrong) if looks_numeric => Err(format!("is no address or network: {wrong}")),
        Err(_) if is_host_name(entry) => Ok(Named::Host(entry.to_ascii_lowercase().into())),
        Err(_) => Err("is no address, network or host's name".to_owned()),
    }
}

/// Whether this can be a host's name (RFC 1123, section 2.1); `_` is common.
fn is_host_name(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // A top-level domain has letters, so what ends in a number was meant as an address.
    let ends_in_letters = labels
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()));
    text.len() <= 253 && ends_in_letters && labels.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_line_by_line_and_its_mistakes_have_places() {
        let text = "# friends\n192.0.2.1\n\n198.51.100.0/24 # office\n2001:db8::/32\n\
                    Home.Example.NET\n192.0.2.300\n10.0.0.0/255.0.0.0\ntwo words\n1.2.3.4/33\n";
        let list = parse_list(text).expect("a list");
        let networks: Vec<String> = list.networks.networks().map(|n| n.to_string()).collect();
        assert_eq!(networks, ["10.0.0.0/8", "198.51.100.0/24", "192.0.2.1", "2001:db8::/32"]);
        assert_eq!(list.hosts.iter().map(|name| &**name).collect::<Vec<_>>(), ["home.example.net"]);
        let mistakes: Vec<String> = list.mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            mistakes,
            [
                "line 7: \"192.0.2.300\" is no address or network: this is not an IP address; \
                 write one on a line",
                "line 9: \"two words\" is no address, network or host's name; write one on a line",
                "line 10: \"1.2.3.4/33\" is no address or network: the prefix length of an IPv4 \
                 network is 0 to 32; write one on a line",
            ]
        );
        assert_eq!(list.mistakes_in_all, 3);
    }

    #[test]
    fn a_list_is_bounded() {
        let line = "192.0.2.1\n";
        assert!(parse_list(&line.repeat(LIST_ENTRIES_MAX)).is_ok());
        assert_eq!(parse_list(&line.repeat(LIST_ENTRIES_MAX + 1)), Err(TooLong));
        let names: Vec<String> = (0..=LIST_NAMES_MAX).map(|n| format!("host{n}.example")).collect();
        let names = names.join("\n");
        let list = parse_list(&names).expect("a list");
        assert_eq!((list.hosts.len(), list.mistakes_in_all), (LIST_NAMES_MAX, 1));
        let wrong = parse_list(&"?\n".repeat(50)).expect("a list");
        assert_eq!((wrong.mistakes.len(), wrong.mistakes_in_all), (MISTAKES_TOLD, 50));
    }
}
