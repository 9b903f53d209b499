//! What the diagnostics say about sources.

use super::{Problem, error};
use crate::rules::diagnostic::Severity;

pub(in crate::rules) fn bad_reference(why: &str, hint: &str) -> Problem {
    error(format!("this names no filter: {why}"), "here").hint(hint)
}

pub(in crate::rules) fn no_such_file(name: &str, place: &str) -> Problem {
    error(format!("there is no {name}.conf in {place}"), "not there")
        .hint("write the whole path, such as \"/etc/fail2ban/filter.d/my.conf[mode=extra]\"")
}

pub(in crate::rules) fn bad_backend(why: &str) -> Problem {
    error(format!("this is no backend: {why}"), "here").hint(
        "leave it out, or write \"files\", \"systemd\", \"systemd[namespace=NAME]\", \
         \"systemd[journalpath=/DIR]\" or \"bans\"",
    )
}

pub(in crate::rules) fn relative_log(path: &str) -> Problem {
    error(format!("\"{}\" is no absolute path", path.escape_debug()), "relative")
        .hint("for example \"/var/log/app.log\" or \"/var/log/app/*.log\"")
}

pub(in crate::rules) fn bad_glob(path: &str, why: &str) -> Problem {
    error(format!("\"{}\" is no pattern of paths: {why}", path.escape_debug()), "here")
        .hint("*, ? and [abc] stand for other characters; write [[] for a [")
}

pub(in crate::rules) fn unknown_encoding(name: &str) -> Problem {
    error(format!("there is no encoding \"{}\"", name.escape_debug()), "unknown")
        .hint("for example \"utf-8\", \"latin1\", \"windows-1252\" or \"utf-16le\"")
}

pub(in crate::rules) fn bad_zone(why: &str) -> Problem {
    error(why.to_owned(), "here")
}

pub(in crate::rules) fn no_logs(jail: &str) -> Problem {
    error(format!("the jail \"{jail}\" is to read files and has none"), "has no logpath")
        .hint("name them by logpath, or leave backend out to read the journal")
}

pub(in crate::rules) fn logs_unread() -> Problem {
    let mut problem = error("these log files are not read", "backend is systemd")
        .hint("leave backend out to read both, or take logpath away");
    problem.severity = Severity::Warning;
    problem
}

pub(in crate::rules) fn needs_journal(filter: &str) -> Problem {
    error(
        format!("the filter \"{filter}\" needs journal fields, which log files do not have"),
        "log files",
    )
    .hint("leave logpath out, so that the journal is read")
}

pub(in crate::rules) fn bad_namespace() -> Problem {
    error("this cannot be the name of a journal namespace", "here")
        .hint("letters, digits, - _ and . ; see systemd-journald.service(8)")
}

pub(in crate::rules) fn relative_directory() -> Problem {
    error("the journal's directory is to be an absolute path", "relative")
}

pub(in crate::rules) fn two_journals() -> Problem {
    error("namespace and directory exclude each other", "one of them only")
}
