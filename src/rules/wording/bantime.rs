//! What the diagnostics say about growing bans, and about jails that hear of bans.

use super::{Problem, error};
use crate::rules::diagnostic::Severity;

/// What to write when TOML has seen `bantime` both as a value and as a table.
pub(super) const TWO_KINDS: &str = "\
    beside bantime.increment and the like, write bantime.time = \"1h\" instead of bantime = \"1h\"";

pub(in crate::rules) fn set_twice(key: &str) -> Problem {
    error(format!("{key} is set twice in this table"), "here again").hint("keep one of them")
}

pub(in crate::rules) fn bad_factor(most: f64) -> Problem {
    error(format!("this is to be a number above 0, and at most {most}"), "here")
        .hint("for example 2 or 1.5")
}

pub(in crate::rules) fn bad_formula(why: &str) -> Problem {
    error(format!("this is no formula: {why}"), "here").hint(
        "arithmetic over time, count and factor (fail2ban's ban.Time, ban.Count and banFactor), such \
         as \"time * 2 ** count * factor\"; see jailkeeper.toml(5)",
    )
}

pub(in crate::rules) fn formula_unused() -> Problem {
    let mut problem = error("this formula is not used", "bantime.multipliers is set, too")
        .hint("of the two, the multipliers count, as in fail2ban; take one of them away");
    problem.severity = Severity::Warning;
    problem
}

pub(in crate::rules) fn reads_no_records(key: &str) -> Problem {
    error(
        format!("{key} means nothing in a jail with backend = \"bans\""),
        "the jail reads no records",
    )
    .hint("its attempts are the bans of the other jails; take this away")
}
