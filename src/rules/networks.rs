//! How wide a jail bans: `prefix`, `max_prefix` and `escalate`, and whether they agree.

use super::diagnostic::Sink;
use super::tree::{At, Entry, Kind, Node};
use super::value::{Read, all, number};
use super::wording;
use crate::keeper::{Escalate, Family, Policy, Prefix};

/// How wide an escalation's networks are where it does not say so: an IPv4 network as the routers of
/// the Internet pass on at the least, and the IPv6 network that many providers give one customer.
const ESCALATED: Prefix = Prefix { ipv4: 24, ipv6: 56 };

/// The most offenders that an escalation may wait for.
const AFTER_MAX: i64 = 1000;

const FAMILIES: [(Family, &str); 2] = [(Family::V4, "ipv4"), (Family::V6, "ipv6")];

/// Where the settings stand that must agree.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) prefix: Option<At>,
    pub(super) max_prefix: Option<At>,
    pub(super) escalate: Option<At>,
}

/// Lengths of prefixes; those that are not written are of `stock`.
pub(super) fn lengths(sink: &mut Sink<'_>, node: &Node, stock: Prefix) -> Read<Prefix> {
    let example = format!("a table such as {{ ipv4 = {}, ipv6 = {} }}", stock.ipv4, stock.ipv6);
    let entries = table(sink, node, &example)?;
    let mut prefix = stock;
    let read = entries.iter().map(|entry| match entry.key.as_str() {
        "ipv4" | "ipv6" => length(sink, entry, &mut prefix),
        other => Err(sink.report(&entry.key_at, wording::unknown_key(other, &["ipv4", "ipv6"]))),
    });
    all(read)?;
    Ok(prefix)
}

/// When a network is banned instead of its members.
pub(super) fn escalate(sink: &mut Sink<'_>, node: &Node) -> Read<Escalate> {
    const KEYS: [&str; 3] = ["after", "ipv4", "ipv6"];
    let entries = table(sink, node, "a table such as { after = 5, ipv4 = 24, ipv6 = 56 }")?;
    let (mut after, mut prefix) = (None, ESCALATED);
    let read = entries.iter().map(|entry| match entry.key.as_str() {
        "after" => {
            let number = number(sink, &entry.value, 2, AFTER_MAX)?;
            after = u32::try_from(number).ok();
            Ok(())
        }
        "ipv4" | "ipv6" => length(sink, entry, &mut prefix),
        other => Err(sink.report(&entry.key_at, wording::unknown_key(other, &KEYS))),
    });
    all(read)?;
    match after {
        Some(after) => Ok(Escalate { after, prefix }),
        None => Err(sink.report(&node.at, wording::escalates_after_nothing())),
    }
}

/// Reports what contradicts itself.
pub(super) fn agree(sink: &mut Sink<'_>, policy: &Policy, places: &Places) -> Read<()> {
    for (family, name) in FAMILIES {
        let (usual, widest) = (policy.prefix.of(family), policy.max_prefix.of(family));
        if usual < widest
            && let Some(at) = places.prefix.as_ref().or(places.max_prefix.as_ref())
        {
            return Err(sink.report(at, wording::beyond_max_prefix(name, usual, widest)));
        }
        let (Some(rule), Some(at)) = (policy.escalate, &places.escalate) else { continue };
        let length = rule.prefix.of(family);
        if length < widest {
            return Err(sink.report(at, wording::escalates_too_far(name, length, widest)));
        }
        // As many offenders as a network can have at all.
        let members = 1_u128.checked_shl(u32::from(usual.saturating_sub(length)));
        if length >= usual || members.is_some_and(|members| members < u128::from(rule.after)) {
            let problem = wording::never_escalates(name, length, usual, rule.after);
            return Err(sink.report(at, problem));
        }
    }
    Ok(())
}

fn table<'n>(sink: &mut Sink<'_>, node: &'n Node, wanted: &str) -> Read<&'n [Entry]> {
    match &node.kind {
        Kind::Table(entries) => Ok(entries),
        other => Err(sink.report(&node.at, wording::wrong_kind(wanted, other.name()))),
    }
}

fn length(sink: &mut Sink<'_>, entry: &Entry, prefix: &mut Prefix) -> Read<()> {
    let (length, longest) = match entry.key.as_str() {
        "ipv4" => (&mut prefix.ipv4, 32),
        _ => (&mut prefix.ipv6, 128),
    };
    // Length 0 would be everybody.
    *length = u8::try_from(number(sink, &entry.value, 1, longest)?).unwrap_or(u8::MAX);
    Ok(())
}
