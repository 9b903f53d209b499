//! The keeper's values as D-Bus shows them.

use std::ops::RangeInclusive;

use crate::keeper::{Action, CountBy, Ports, Protocol, Protocols, Scope, Sentence, Timestamp};

use super::snapshot::JailState;

/// A text that D-Bus can carry: its strings hold no NUL (D-Bus specification, "Basic types").
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Unix seconds; 0 for never.
pub(super) fn seconds(time: Option<Timestamp>) -> i64 {
    time.map_or(0, Timestamp::seconds)
}

/// Whole seconds; -1 for ever.
pub(super) fn sentence(sentence: Sentence) -> i64 {
    match sentence {
        Sentence::For(span) => i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        Sentence::Forever => -1,
    }
}

pub(super) fn ports(ports: &Ports) -> Vec<String> {
    let range = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    match ports {
        Ports::All => vec!["all".to_owned()],
        Ports::Only(ranges) => ranges.iter().map(range).collect(),
    }
}

pub(super) fn protocols(protocols: &Protocols) -> Vec<&'static str> {
    let name = |protocol: &Protocol| match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Dccp => "dccp",
        Protocol::Sctp => "sctp",
        Protocol::UdpLite => "udplite",
    };
    match protocols {
        Protocols::All => vec!["all"],
        Protocols::Only(some) => some.iter().map(name).collect(),
    }
}

pub(super) const fn action(action: Action) -> &'static str {
    match action {
        Action::Drop => "drop",
        Action::Reject => "reject",
    }
}

pub(super) const fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Host => "host",
        Scope::Forward => "forward",
        Scope::All => "all",
    }
}

pub(super) const fn count_by(count_by: CountBy) -> &'static str {
    match count_by {
        CountBy::Address => "address",
        CountBy::User => "user",
    }
}

pub(super) fn state(state: &JailState) -> String {
    match state {
        JailState::Running => "running".to_owned(),
        JailState::HeldBack(why) => clean(&format!("running with its old rules: {why}")),
        JailState::Broken(why) => clean(&format!("broken: {why}")),
    }
}
