//! What fail2ban-client's words are called here. Pure: words in, words or a hint out.

/// What a command of fail2ban-client means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The same as these words.
    Does(Vec<String>),
    /// Nothing; what to do instead.
    Hint(String),
}

/// What `words`, the arguments without the program's name, mean when they are fail2ban's. None when
/// they are ours, or nobody's.
pub(super) fn translate(words: &[&str]) -> Option<Meaning> {
    let does = |before: &[&str], rest: &[&str]| {
        let words = before.iter().chain(rest).map(ToString::to_string);
        Some(Meaning::Does(words.collect()))
    };
    match *words {
        ["set", jail, "banip", ref who @ ..] => does(&["ban", jail], who),
        ["set", jail, "unbanip", "--report-absent", ref who @ ..]
        | ["set", jail, "unbanip", ref who @ ..] => does(&["unban", "--jail", jail], who),
        ["set", jail, "addignoreip", ref who @ ..] => does(&["allow", "--jail", jail], who),
        ["set", jail, "delignoreip", ref who @ ..] => does(&["disallow", "--jail", jail], who),
        ["set", jail, "attempt", who, ref failures @ ..] => {
            let times = failures.len().max(1).to_string();
            does(&["attempt", jail, who, "--times", &times], &[])
        }
        ["start", jail] => does(&["set", jail, "enabled", "true"], &[]),
        ["stop", jail] => does(&["set", jail, "enabled", "false"], &[]),
        ["get", jail, "banned" | "banip"] | ["get", jail, "banip", _] => does(&["list", jail], &[]),
        ["get", _, "banned", ref who @ ..] => does(&["banned"], who),
        ["status", "--all", ..] => does(&["status"], &[]),
        ["status", jail, "basic" | "short" | "stats"] => does(&["status", jail], &[]),
        ["reload", "--all"] => does(&["reload"], &[]),
        ["ping", timeout] if is_number(timeout) => does(&["ping"], &[]),
        ["-t" | "--test"] => does(&["check"], &[]),
        ["-d" | "--dp" | "--dump-pretty"] => does(&["show"], &[]),
        _ => hint(words).map(Meaning::Hint),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn hint(words: &[&str]) -> Option<String> {
    let text = match *words {
        ["start"] => "the service manager starts it: systemctl start jailkeeper",
        ["stop"] => "the service manager stops it, which lifts the bans: systemctl stop jailkeeper",
        ["restart", ref flags @ ..] if flags.iter().all(|flag| flag.starts_with('-')) => {
            "the service manager restarts it, and the bans stay: systemctl restart jailkeeper"
        }
        ["add", jail, ..] | ["set", jail, "idle", "off"] => return Some(switch(jail, true)),
        ["set", jail, "idle", ..] => return Some(switch(jail, false)),
        ["restart", ..] => {
            "a jail is not restarted by itself: jailkeeper reload takes up what has changed, and \
             keeps bans and counts; jailkeeper unban --all --jail JAIL lifts its bans"
        }
        ["reload", "--restart" | "--unban" | "--if-exists", ..] => {
            "there is one reload, of all jails, and bans stay: jailkeeper reload; to lift bans: \
             jailkeeper unban --all"
        }
        ["reload", jail, ..] if !jail.starts_with('-') => {
            "all jails are reloaded together, and those that have not changed notice nothing: \
             jailkeeper reload"
        }
        ["status", _, "cymru"] => {
            "whose networks these are is not asked of others; jailkeeper stats --by network counts \
             them"
        }
        ["flushlogs"] => {
            "the log is the journal, which rotates by itself: journalctl -u jailkeeper"
        }
        ["echo" | "sleep", ..] => {
            "this does nothing here; to hear from the service: jailkeeper ping"
        }
        ["set" | "get", option] | ["set", option, _] | ["get", option, ..]
            if let Some(text) = service_hint(option) =>
        {
            text
        }
        ["set" | "get", jail, option, ..] => return jail_hint(jail, option),
        [flag, ..] => flag_hint(flag)?,
        [] => return None,
    };
    Some(text.to_owned())
}

/// What is fail2ban's own, in fail2ban.conf.
fn service_hint(option: &str) -> Option<&'static str> {
    Some(match option {
        "loglevel" | "logtarget" | "syslogsocket" => {
            "the log is the journal, with a priority and fields for each entry: journalctl -u \
             jailkeeper -p warning"
        }
        "dbfile" => "the state is in /var/lib/jailkeeper/state.db, and nowhere else",
        "dbmaxmatches" => "how many lines are kept behind a ban is a jail's option: maxmatches",
        "dbpurgeage" => "bans that are over are history, which is in the journal: jailkeeper stats",
        "allowipv6" => "IPv6 is always guarded like IPv4; prefix = { ipv6 = 64 } says how widely",
        "thread" => "there is nothing to be set about threads",
        _ => return None,
    })
}

fn switch(jail: &str, on: bool) -> String {
    format!(
        "a jail is on or off: jailkeeper set {jail} enabled {on}; with --save it stays so; what it \
         goes by stands under [jail.{jail}] in /etc/jailkeeper/jails.d/{jail}.toml"
    )
}

/// What fail2ban can change of a jail that runs, and we in its file only.
fn jail_hint(jail: &str, option: &str) -> Option<String> {
    let key = match option {
        "addlogpath" | "dellogpath" => "logpath",
        "addjournalmatch" | "deljournalmatch" => "journalmatch",
        "addfailregex" | "delfailregex" => "failregex",
        "addignoreregex" | "delignoreregex" => "ignoreregex",
        "ignorecommand" | "ignorecache" => {
            return Some(
                "no programs are run; ignore = [{ user = \"backup\", address = \"10.0.0.0/8\" }] \
                 spares by user and address"
                    .to_owned(),
            );
        }
        "addaction" | "delaction" | "action" | "actions" | "actionproperties" | "actionmethods" => {
            return Some(
                "a ban closes ports in nftables, and no programs are run; what is to follow it can \
                 listen: jailkeeper watch --json"
                    .to_owned(),
            );
        }
        _ => return None,
    };
    Some(format!(
        "write {key} under [jail.{jail}] in /etc/jailkeeper/jails.d/{jail}.toml, then: jailkeeper \
         check && jailkeeper reload"
    ))
}

/// The options of fail2ban-client itself.
fn flag_hint(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "-c" | "--conf" => "another configuration can be looked at: jailkeeper check DIRECTORY",
        "-s" | "--socket" | "-p" | "--pidfile" | "--pname" => {
            "there is no socket and no PID file: the service is org.jailkeeper1 on the system bus"
        }
        "-x" | "-b" | "-f" | "--async" => {
            "the service manager starts it: systemctl start jailkeeper"
        }
        "-i" => "every command is one of the shell; jailkeeper --help lists them",
        "-v" | "-vv" | "-vvv" | "-q" => {
            "it always says what is wrong; the service's log: journalctl -u jailkeeper"
        }
        "--loglevel" | "--logtarget" | "--syslogsocket" => {
            "the log is the journal: journalctl -u jailkeeper"
        }
        "--timeout" => "it waits for an answer for a minute",
        "--str2sec" => "lengths of time are written 1d12h, 90m, 600 or forever, everywhere",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Meaning, translate};

    fn check(words: &str, expected: Option<&str>) {
        let words: Vec<&str> = words.split(' ').collect();
        let does = match translate(&words) {
            Some(Meaning::Does(words)) => Some(words.join(" ")),
            Some(Meaning::Hint(hint)) => Some(format!("# {hint}")),
            None => None,
        };
        match expected {
            Some(part) if part.starts_with('#') => {
                let hint = does.unwrap_or_default();
                assert!(hint.starts_with('#') && hint.contains(&part[2..]), "{words:?}: {hint}");
            }
            expected => assert_eq!(does.as_deref(), expected, "{words:?}"),
        }
    }

    #[test]
    fn what_means_the_same_is_done() {
        for (words, ours) in [
            ("set sshd banip 192.0.2.1 192.0.2.2", "ban sshd 192.0.2.1 192.0.2.2"),
            ("set sshd unbanip 192.0.2.1", "unban --jail sshd 192.0.2.1"),
            ("set sshd unbanip --report-absent 192.0.2.1", "unban --jail sshd 192.0.2.1"),
            ("set sshd addignoreip 192.0.2.1", "allow --jail sshd 192.0.2.1"),
            ("set sshd delignoreip 192.0.2.1", "disallow --jail sshd 192.0.2.1"),
            ("set sshd attempt 192.0.2.1", "attempt sshd 192.0.2.1 --times 1"),
            ("set sshd attempt 192.0.2.1 one two", "attempt sshd 192.0.2.1 --times 2"),
            ("get sshd banip --with-time", "list sshd"),
            ("get sshd banned", "list sshd"),
            ("get sshd banned 192.0.2.1", "banned 192.0.2.1"),
            ("status --all short", "status"),
            ("status sshd short", "status sshd"),
            ("ping 5", "ping"),
            ("start sshd", "set sshd enabled true"),
            ("stop sshd", "set sshd enabled false"),
            ("-t", "check"),
            ("-d", "show"),
        ] {
            check(words, Some(ours));
        }
    }

    #[test]
    fn what_has_no_counterpart_is_answered_with_what_to_do() {
        for (words, part) in [
            ("start", "# systemctl start"),
            ("add sshd systemd", "# set sshd enabled true"),
            ("stop", "# systemctl stop"),
            ("restart", "# systemctl restart"),
            ("restart --unban", "# systemctl restart"),
            ("restart sshd", "# jailkeeper reload"),
            ("reload sshd", "# jailkeeper reload"),
            ("reload --unban sshd", "# unban --all"),
            ("status sshd cymru", "# stats --by network"),
            ("flushlogs", "# journal"),
            ("echo hello", "# jailkeeper ping"),
            ("set loglevel DEBUG", "# journalctl"),
            ("get dbfile", "# /var/lib/jailkeeper/state.db"),
            ("set dbpurgeage 1d", "# jailkeeper stats"),
            ("set sshd idle on", "# set sshd enabled false"),
            ("set sshd idle off", "# set sshd enabled true"),
            ("set sshd addfailregex x", "# write failregex under [jail.sshd]"),
            ("set sshd addlogpath /x tail", "# write logpath under"),
            ("set sshd action iptables timeout 5", "# watch --json"),
            ("get sshd actions", "# watch --json"),
            ("get sshd ignorecommand", "# ignore = [{"),
            ("-s /run/x status", "# org.jailkeeper1"),
            ("--str2sec 1d", "# 1d12h"),
        ] {
            check(words, Some(part));
        }
    }

    #[test]
    fn our_own_words_are_left_alone() {
        for words in [
            "status",
            "status sshd",
            "reload",
            "ping",
            "unban --all",
            "banned 192.0.2.1",
            "set sshd maxretry 5",
            "get sshd maxretry",
            "get sshd logpath",
            "stats --by user",
            "--help",
            "nonsense",
        ] {
            check(words, None);
        }
    }
}
