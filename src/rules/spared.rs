//! Who is never banned, and which attempts do not count: `ignoreip`, `trusted_proxies`, `ignore`.

use super::diagnostic::Sink;
use super::list::{Named, named};
use super::tree::{Kind, Node};
use super::value::{self, Read, Text, all};
use super::wording;
use crate::keeper::{Exempt, IgnoreList, IgnoreRule, ListId, Network};

/// What names a file with a list.
const FILE: &str = "file:";

/// What a rule of `ignore` may name.
const RULE_KEYS: [&str; 2] = ["user", "address"];

/// An entry of `ignoreip` as it is to be written.
///
/// # Errors
///
/// When it is none; what is wrong, as the end of a sentence.
pub fn ignoreip_entry(text: &str) -> Result<String, String> {
    match text.strip_prefix(FILE) {
        Some(path) if path.starts_with('/') => Ok(text.to_owned()),
        Some(_) => Err("is no absolute path".to_owned()),
        None => named(text).map(|named| match named {
            Named::Network(network) => network.to_string(),
            Named::Host(name) => name.to_string(),
        }),
    }
}

enum Entry {
    Network(Network),
    List(ListId),
}

/// Addresses, networks, hosts' names and `file:/path`.
pub(super) fn exempt(sink: &mut Sink<'_>, node: &Node) -> Read<Exempt> {
    let words = value::words(sink, node)?;
    let entries = all(words.iter().map(|word| entry(sink, word)))?;
    let mut exempt = Exempt::default();
    for entry in entries {
        match entry {
            Entry::Network(network) => exempt.networks.insert(network, None),
            Entry::List(list) => {
                exempt.lists.insert(list);
            }
        }
    }
    Ok(exempt)
}

fn entry(sink: &mut Sink<'_>, word: &Text) -> Read<Entry> {
    if let Some(path) = word.text.strip_prefix(FILE) {
        if !path.starts_with('/') {
            return Err(sink.report(&word.at, wording::relative_list(path)));
        }
        return Ok(Entry::List(ListId::File(path.into())));
    }
    match named(&word.text) {
        Ok(Named::Network(network)) => Ok(Entry::Network(network)),
        Ok(Named::Host(name)) => Ok(Entry::List(ListId::Host(name))),
        Err(why) => Err(sink.report(&word.at, wording::bad_entry(&word.text, &why))),
    }
}

/// Rules such as `{ user = "backup", address = "10.0.0.0/8" }`, one or a list of them.
pub(super) fn ignore_rules(sink: &mut Sink<'_>, node: &Node) -> Read<Vec<IgnoreRule>> {
    match &node.kind {
        Kind::Table(_) => Ok(vec![ignore_rule(sink, node)?]),
        Kind::List(list) => all(list.iter().map(|rule| ignore_rule(sink, rule))),
        other => Err(sink.report(&node.at, wording::wrong_rule(other.name()))),
    }
}

fn ignore_rule(sink: &mut Sink<'_>, node: &Node) -> Read<IgnoreRule> {
    let Kind::Table(entries) = &node.kind else {
        return Err(sink.report(&node.at, wording::wrong_rule(node.kind.name())));
    };
    let mut rule = IgnoreRule { user: None, networks: None };
    all(entries.iter().map(|entry| match entry.key.as_str() {
        "user" => user(sink, &entry.value).map(|user| rule.user = Some(user.into())),
        "address" => addresses(sink, &entry.value).map(|list| rule.networks = Some(list)),
        other => Err(sink.report(&entry.key_at, wording::unknown_key(other, &RULE_KEYS))),
    }))?;
    if rule.user.is_none() && rule.networks.is_none() {
        return Err(sink.report(&node.at, wording::empty_rule()));
    }
    Ok(rule)
}

fn user(sink: &mut Sink<'_>, node: &Node) -> Read<String> {
    let word = value::word(sink, node)?;
    if word.text.is_empty() {
        return Err(sink.report(&word.at, wording::missing("the user's name")));
    }
    Ok(word.text)
}

fn addresses(sink: &mut Sink<'_>, node: &Node) -> Read<IgnoreList> {
    let words = value::words(sink, node)?;
    let networks = all(words.iter().map(|word| {
        word.text
            .parse::<Network>()
            .map_err(|wrong| sink.report(&word.at, wording::bad_address(&word.text, wrong.why)))
    }))?;
    if networks.is_empty() {
        return Err(sink.report(&node.at, wording::missing("an address")));
    }
    Ok(networks.into_iter().collect())
}
