//! Mistakes in how wide a jail bans.

use super::{Problem, error};

pub(in crate::rules) fn beyond_max_prefix(family: &str, usual: u8, widest: u8) -> Problem {
    error(
        format!(
            "the jail would ban by a /{usual} ({family}), and max_prefix allows nothing wider than \
             a /{widest}"
        ),
        "these contradict each other",
    )
    .hint(format!(
        "a longer prefix, such as prefix = {{ {family} = {widest} }}, or if so many are to be banned \
         at once, max_prefix = {{ {family} = {usual} }}"
    ))
}

pub(in crate::rules) fn escalates_after_nothing() -> Problem {
    error("after how many banned offenders is a network to be banned?", "`after` is missing")
        .hint("such as escalate = { after = 5 }")
}

pub(in crate::rules) fn escalates_too_far(family: &str, length: u8, widest: u8) -> Problem {
    error(
        format!(
            "this escalates to a /{length} ({family}), and max_prefix allows nothing wider than a \
             /{widest}"
        ),
        "wider than max_prefix",
    )
    .hint(format!("{family} = {widest} at the least, or max_prefix = {{ {family} = {length} }}"))
}

pub(in crate::rules) fn never_escalates(
    family: &str,
    length: u8,
    usual: u8,
    after: u32,
) -> Problem {
    error(
        format!(
            "there are no {after} offenders in a /{length} ({family}) where each is a /{usual} \
             (prefix)"
        ),
        "this never escalates",
    )
    .hint(format!("a shorter length for {family} here, or fewer offenders"))
}
