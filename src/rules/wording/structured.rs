//! What the diagnostics say about conditions on fields.

use super::{Problem, error};

pub(in crate::rules) fn bad_key(key: &str) -> Problem {
    let bare = key.trim_start_matches(['$', '.', '/']);
    let field: String = bare.to_uppercase();
    let mut hint = format!("a value in JSON is \"/{}\"", bare.replace('.', "/").escape_debug());
    if !field.is_empty() && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        hint = format!("{hint}, a journal field \"{field}\"");
    }
    error(
        format!("\"{}\" is neither a journal field nor a JSON pointer", key.escape_debug()),
        "here",
    )
    .hint(hint)
}

pub(in crate::rules) fn bad_pointer(why: &str) -> Problem {
    error(format!("this is no JSON pointer: {why}"), "here")
}

pub(in crate::rules) fn bad_field(name: &str) -> Problem {
    error(format!("\"{}\" is no journal field", name.escape_debug()), "here")
        .hint("a journal field is written in capitals, digits and underscores")
}

pub(in crate::rules) fn priority_name(name: &str, number: usize) -> Problem {
    let name = name.escape_debug();
    error(format!("the journal writes a priority as a number, never as \"{name}\""), "here")
        .hint(format!("\"{name}\" is {number}; this severe or worse is \"<={number}\""))
}

pub(in crate::rules) fn dotted(key: &str) -> Problem {
    error(format!("\"{}\" is a table, and is to be a condition", key.escape_debug()), "here")
        .hint("a pointer stands in quotes, with a / before each name: \"/request/remote_ip\"")
}

pub(in crate::rules) fn no_operand(found: &str) -> Problem {
    error("nothing can be compared with this", format!("this is {found}")).hint(
        "write for example \"info\", \"!=info\", \">=400\", \"~^/login$\", 401, true or a list",
    )
}

pub(in crate::rules) fn unknown_operator(written: &str, meant: &str) -> Problem {
    error(format!("there is no operator {written}"), "here").hint(format!(
        "write {meant} ; the operators are < <= > >= = != ~ !~, and = may be left out"
    ))
}

pub(in crate::rules) fn no_number(operator: &str, operand: &str) -> Problem {
    error(format!("{operator} compares numbers, and this is none"), "here")
        .hint(format!("if the text itself is meant, write \"={}\"", operand.escape_debug()))
}

pub(in crate::rules) fn remembers() -> Problem {
    error("a condition's regex can remember nothing", "a tag or a group with a name is in it")
        .hint("leave it out; [extract] says which fields hold the offender and the user")
}

pub(in crate::rules) fn negated_among_others() -> Problem {
    error("in a list, what excludes one value admits all others", "here")
        .hint("to exclude several, write one regex: \"!~^(?:info|debug)$\"")
}

pub(in crate::rules) fn time_of_field() -> Problem {
    error("the time cannot be taken from a journal field", "here")
        .hint("the journal's entries have their own time; for log files, name a value in JSON")
}

pub(in crate::rules) fn no_offender() -> Problem {
    error("this filter has conditions, and nothing tells the offender", "a condition").hint(
        "say which field holds the address: [extract] offender = \"/remote_ip\"; or write a failregex",
    )
}

pub(in crate::rules) fn no_condition() -> Problem {
    error("nothing tells which lines are failures", "all of their addresses would be banned")
        .hint("say it in [match], or write a failregex")
}
