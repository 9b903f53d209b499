//! Whoever is let write a part of a line cannot have anybody else banned: into every field of every
//! sample of every stock filter goes what looks like the rest of such a line, with a victim's address.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use jailkeeper::dates::Zone;
use jailkeeper::filter::{Examiner, Failure, Filter, Offender, Verdict};
use jailkeeper::keeper::Timestamp;
use jailkeeper::rules::{self, Sample};

use crate::support::soak::{figure, rounds};
use crate::support::stock;

/// Whom the attacker wants to have banned.
const VICTIMS: [&str; 2] = ["203.0.113.199", "2001:db8:bad::9"];

/// One of so many samples, and of so many lines of each of its fields, is tried in `make test`; all of
/// them are in `make soak`.
const SAMPLE_PARTS: u32 = 10;
const LINE_PARTS: u32 = 4;

/// The lines of so many other samples of a filter are put into each field.
const DONORS: usize = 2;

/// What no service writes, and a field that may hold anything takes: with a blank, and without.
const PROBES: [&str; 2] = ["zq7 x", "zq7x"];

/// When the samples are read: in July 2026.
const NOW: i64 = 1_782_864_000;

/// What ends a field.
const SEPARATORS: &[char] =
    &[' ', '\t', '\\', '"', '\'', '(', ')', '[', ']', '<', '>', '{', '}', ',', ';', '=', ':', '|'];

/// What was tried, and what came of it.
#[derive(Default)]
struct Tally {
    filters: BTreeSet<String>,
    fields: usize,
    lines: usize,
    wrong: Vec<String>,
}

#[test]
fn no_field_of_any_filter_has_another_one_banned() {
    let all = rules::load_all(&stock::texts()).sampled;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut tally = Tally::default();
        while let Some(it) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let of_filter = all.iter().filter(|other| other.filter.name() == it.filter.name());
            let samples: Vec<&Sample> = of_filter.flat_map(|other| &other.samples).collect();
            attack(&it.filter, &samples, &mut tally);
        }
        tally
    };
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let Tally { filters, fields, lines, wrong } = worker.join().expect("no panic");
            tally.filters.extend(filters);
            tally.fields += fields;
            tally.lines += lines;
            tally.wrong.extend(wrong);
        }
    });
    let Tally { filters, fields, lines, wrong } = tally;
    assert!(wrong.is_empty(), "{} wrong bans:\n{}", wrong.len(), wrong.join("\n"));
    assert!(filters.len() > 150 && fields > 2000, "{} filters, {fields} fields", filters.len());
    figure("filters attacked by injection", filters.len());
    figure("fields attacked by injection", fields);
    figure("lines with an injection", lines);
    figure("wrong bans by injection", wrong.len());
}

/// Puts everything into every field of a filter's samples.
fn attack(filter: &Arc<Filter>, samples: &[&Sample], tally: &mut Tally) {
    let donors: Vec<(&str, IpAddr)> = samples
        .iter()
        .filter_map(|sample| Some((sample.texts.last()?.as_str(), sample.offender?)))
        .collect();
    for (number, sample) in samples.iter().enumerate() {
        let Some(offender) = sample.offender.filter(|_| is_tried(number, SAMPLE_PARTS)) else {
            continue;
        };
        if !names(filter, sample, |found| found == offender) {
            continue;
        }
        tally.filters.insert(filter.name().to_owned());
        let texts = injected(sample, &donors, number);
        for place in places(filter, sample, offender) {
            tally.fields += 1;
            let word = &sample.texts[place.text][place.range.clone()];
            let limit = Limit::of(filter.name(), word);
            for (turn, text) in texts.iter().enumerate() {
                if is_tried(tally.fields + turn, LINE_PARTS) && limit.lets_through(text) {
                    tally.lines += 1;
                    let line = place.with(sample, text);
                    if !names_nobody_else(filter, &line, offender) {
                        tally.wrong.push(format!(
                            "{}[{}]: {:?} in {:?}",
                            filter.name(),
                            filter.mode(),
                            &sample.texts[place.text][place.range.clone()],
                            line.texts
                        ));
                    }
                }
            }
        }
    }
}

/// Whether this one of so many is tried.
fn is_tried(number: usize, parts: u32) -> bool {
    number % (parts as usize) < rounds(1, parts) as usize
}

/// Whether a failure of the sample has an offender like this; each of its texts may be the last one.
fn names(filter: &Arc<Filter>, sample: &Sample, is_it: impl Fn(IpAddr) -> bool) -> bool {
    offenders(filter, sample).iter().any(|found| matches!(found, Some(it) if is_it(*it)))
}

fn names_nobody_else(filter: &Arc<Filter>, sample: &Sample, offender: IpAddr) -> bool {
    offenders(filter, sample).iter().all(|found| *found == Some(offender))
}

/// Whom the failures of a sample name; none for somebody who is named in another way.
fn offenders(filter: &Arc<Filter>, sample: &Sample) -> Vec<Option<IpAddr>> {
    let until = |end: usize| {
        let texts = sample.texts[..end].to_vec();
        Sample { texts, ..sample.clone() }.judge(filter)
    };
    let verdicts = (1..=sample.texts.len()).map(until);
    let named = verdicts.filter_map(|verdict| match verdict {
        Verdict::Failure(Failure { offender: Offender::Address(it), .. }) => Some(Some(it)),
        Verdict::Failure(_) => Some(None),
        _ => None,
    });
    named.collect()
}

/// A part of a sample's text that its client may have written.
struct Place {
    text: usize,
    range: Range<usize>,
    /// Whether it is within a string of JSON, which hides its quotes.
    in_json: bool,
}

impl Place {
    /// The sample with another text there.
    fn with(&self, sample: &Sample, put: &str) -> Sample {
        let mut changed = sample.clone();
        let quoted = serde_json::to_string(put).expect("a text is JSON");
        let put = if self.in_json { &quoted[1..quoted.len() - 1] } else { put };
        changed.texts[self.text].replace_range(self.range.clone(), put);
        changed
    }
}

/// The places where the filter takes what no service writes, and names the same offender.
fn places(filter: &Arc<Filter>, sample: &Sample, offender: IpAddr) -> Vec<Place> {
    let mut places = Vec::new();
    for (number, text) in sample.texts.iter().enumerate() {
        let json = text.find('{').filter(|at| is_json(&text[*at..]));
        let ranges = match json {
            Some(at) => strings(text, at),
            None => fields(text, &head(filter, sample, text)),
        };
        let place = |range| Place { text: number, range, in_json: json.is_some() };
        places.extend(ranges.into_iter().map(place).filter(|place| {
            let takes = |probe| names_only(filter, &place.with(sample, probe), offender);
            PROBES.into_iter().any(takes)
        }));
    }
    places
}

fn names_only(filter: &Arc<Filter>, sample: &Sample, offender: IpAddr) -> bool {
    names(filter, sample, |found| found == offender) && names_nobody_else(filter, sample, offender)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What a service lets through of what a client says, where that is less than everything.
struct Limit {
    filter: &'static str,
    /// The words in the samples that stand where this holds; none is everywhere.
    at: &'static [&'static str],
    lets: Lets,
    #[expect(dead_code, reason = "for those who read this")]
    why: &'static str,
}

/// What comes through.
enum Lets {
    Everything,
    /// Nothing: these words are its own.
    Nothing,
    /// All but these characters, which it escapes or refuses.
    Without(&'static [char]),
    /// What a name in the DNS may have.
    Host,
}

impl Limit {
    fn of(filter: &str, word: &str) -> &'static Self {
        let is_it = |limit: &&&Self| {
            filter.starts_with(limit.filter) && (limit.at.is_empty() || limit.at.contains(&word))
        };
        let known = LIMITS.iter().find(|limit| is_it(&limit));
        known.unwrap_or(if is_host(word) { &HOST } else { &EVERYTHING })
    }

    fn lets_through(&self, text: &str) -> bool {
        match self.lets {
            Lets::Everything => true,
            Lets::Nothing => false,
            Lets::Without(some) => !text.contains(some),
            Lets::Host => {
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
            }
        }
    }
}

const EVERYTHING: Limit = Limit { filter: "", at: &[], lets: Lets::Everything, why: "" };

const HOST: Limit = Limit { filter: "", at: &[], lets: Lets::Host, why: "a name from the DNS" };

const LIMITS: &[Limit] = &[
    Limit {
        filter: "apache-",
        at: &[
            "No",
            "auth_basic",
            "auth_digest",
            "authz_core",
            "cgi",
            "cgid",
            "core",
            "debug",
            "directory",
            "error",
            "file",
            "info",
            "or",
            "php7",
            "proxy_fcgi",
            "security2",
            "ssl",
            "such",
        ],
        lets: Lets::Nothing,
        why: "the module, the level and the system's error, which stand before the client",
    },
    Limit {
        filter: "assp",
        at: &["SSL-out", "TLS-out", "Worker_1"],
        lets: Lets::Nothing,
        why: "the worker's and the tag's names",
    },
    Limit {
        filter: "asterisk",
        at: &[],
        lets: Lets::Without(&['"']),
        why: "PJSIP takes a quoted name apart, in which a quote is written with a backslash",
    },
    Limit {
        filter: "dovecot",
        at: &[
            "SSL_accept",
            "TLS",
            "auth",
            "auth-worker",
            "bsdauth",
            "cache",
            "checkpassword",
            "conn",
            "cram-md5",
            "digest-md5",
            "error",
            "failed",
            "handshaking",
            "imap",
            "ldap",
            "lip",
            "login",
            "lua",
            "mail",
            "mpid",
            "oauth2",
            "pam",
            "passwd",
            "passwd-file",
            "plain",
            "secured",
            "session",
            "shadow",
            "sql",
            "static",
            "unix",
            "x",
            "xoauth2",
            "y",
        ],
        lets: Lets::Nothing,
        why: "the kinds of password databases before the client's address; behind it, what the server \
              and its library say",
    },
    Limit {
        filter: "exim",
        at: &["dovecot_plain", "login", "plain"],
        lets: Lets::Nothing,
        why: "the name of the authenticator, from the configuration",
    },
    Limit {
        filter: "exim-spam",
        at: &["", "x@spam.example"],
        lets: Lets::Without(&[' ']),
        why: "an address with a blank is written in quotes",
    },
    Limit {
        filter: "keycloak",
        at: &[],
        lets: Lets::Without(&['"']),
        why: "Keycloak writes a quote with a backslash",
    },
    Limit {
        filter: "freeswitch",
        at: &[],
        lets: Lets::Without(&['\n']),
        why: "a header of SIP ends at the end of its line",
    },
    Limit { filter: "krb5kdc", at: &["etypes"], lets: Lets::Nothing, why: "a word of its own" },
    Limit {
        filter: "nginx-proxy-manager",
        at: &[],
        lets: Lets::Without(&['"']),
        why: "nginx writes a quote as \\x22",
    },
    Limit {
        filter: "opensmtpd",
        at: &["ffffffffffffffff"],
        lets: Lets::Nothing,
        why: "the session's id",
    },
    Limit {
        filter: "openvpn",
        at: &["us"],
        lets: Lets::Nothing,
        why: "what the service calls the microseconds, before anything of the client's",
    },
    Limit {
        filter: "port-scan",
        at: &["BLOCK", "UFW", "by", "eth0", "eth1", "me", "refused", "veth0", "veth1"],
        lets: Lets::Nothing,
        why: "the rule's own text, and interfaces",
    },
    Limit { filter: "postfix", at: &["NOQUEUE"], lets: Lets::Nothing, why: "the message's id" },
    Limit {
        filter: "qmail",
        at: &["mail", "rblcheck"],
        lets: Lets::Nothing,
        why: "the name of the program",
    },
    Limit {
        filter: "rabbitmq",
        at: &["MQTT"],
        lets: Lets::Nothing,
        why: "the name of the protocol",
    },
    Limit { filter: "proftpd", at: &["mail"], lets: Lets::Nothing, why: "the host" },
    Limit {
        filter: "radicale",
        at: &["900/Thread-3", "WARNING", "process_request_thread"],
        lets: Lets::Nothing,
        why: "the thread and the level",
    },
    Limit {
        filter: "rsyncd",
        at: &["UNDETERMINED", "UNKNOWN", "backup"],
        lets: Lets::Nothing,
        why: "the module as the configuration has it, and what stands for a host without a name",
    },
    Limit {
        filter: "screensharingd",
        at: &["DH", "VNC"],
        lets: Lets::Nothing,
        why: "the kind of authentication, of a list of its own",
    },
    Limit {
        filter: "selinux-ssh",
        at: &[],
        lets: Lets::Without(&[' ', '"']),
        why: "the kernel writes a name with a blank or a quote in hexadecimal digits",
    },
    Limit {
        filter: "sendmail-auth",
        at: &["failed", "found"],
        lets: Lets::Nothing,
        why: "words of the SASL library",
    },
    Limit {
        filter: "sendmail-reject",
        at: &["NOQUEUE"],
        lets: Lets::Nothing,
        why: "the message's id",
    },
    Limit {
        filter: "stunnel",
        at: &["imaps"],
        lets: Lets::Nothing,
        why: "the service as the configuration has it",
    },
    Limit {
        filter: "vpopmail",
        at: &[],
        lets: Lets::Without(&[':', ' ']),
        why: "vchkpw refuses a name with a colon or a blank",
    },
    Limit {
        filter: "zimbra",
        at: &["//mail.example", "443/service/soap/AuthRequest", "https"],
        lets: Lets::Without(&[' ']),
        why: "an URL, which has no blank",
    },
];

/// Where the message of a log file's line begins, behind the date, the host and the program; and where
/// the date stands. The client has written none of them.
fn head(filter: &Arc<Filter>, sample: &Sample, text: &str) -> (usize, Range<usize>) {
    if !sample.in_file {
        return (0, 0..0);
    }
    let now = Timestamp::from_seconds(NOW);
    let mut examiner = Examiner::new(Arc::clone(filter), Zone::utc());
    let message = examiner.past_line(text, now).line.map_or(0, |line| line.after.len());
    let dated = filter.dating(Zone::utc()).date_past(text, now);
    let end = text.len() - dated.line.after.len();
    // A date in the midst of a line, as in an access log, has before it what a client has chosen.
    let is_first = end == dated.date.len();
    let host = text[end..].trim_start().find(' ').map_or(0, |length| end + 1 + length);
    let start = if is_first { host.max(text.len() - message) } else { 0 };
    (start, end - dated.date.len()..end)
}

/// Whether a word is of those that every service writes itself: times, numbers, and ids.
fn is_services_own(word: &str) -> bool {
    const TIMES: [&str; 6] = ["Thu", "Jan", "UTC", "CET", "DEBUG", "INFO"];
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_id = digits > 2 && !word.contains(['@', '/', '.']);
    let is_number = !word.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_number || is_id || TIMES.contains(&word)
}

/// Whether a word is a host's name, which a resolver has let through.
fn is_host(word: &str) -> bool {
    word.ends_with(".example") && !word.contains(['@', '/'])
}

/// What stands between separators, and nothing where quotes enclose nothing; but no address, nothing
/// that is always the service's own, and no part of the head.
fn fields(text: &str, (start_of_message, date): &(usize, Range<usize>)) -> Vec<Range<usize>> {
    let mut fields = Vec::new();
    let mut start = 0;
    for (end, _) in text.match_indices(SEPARATORS).chain([(text.len(), "")]) {
        let field = start..end;
        start = end + 1;
        let is_quoted = ["\"\"", "''", "<>"].iter().any(|quotes| {
            field.is_empty() && field.start > 0 && text[field.start - 1..].starts_with(quotes)
        });
        let is_address =
            addresses(text).iter().any(|it| it.start <= field.start && field.end <= it.end);
        let is_head =
            field.start < *start_of_message || (field.start < date.end && date.start <= field.end);
        let is_own = !is_quoted && is_services_own(&text[field.clone()]);
        if !is_own && !is_address && !is_head {
            fields.push(field);
        }
    }
    fields
}

/// Where addresses stand.
fn addresses(text: &str) -> Vec<Range<usize>> {
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    let mut found = Vec::new();
    let mut start = 0;
    for part in text.split(|c| !is_part(c)) {
        let bare = part.trim_end_matches([':', '.']);
        if bare.parse::<IpAddr>().is_ok() {
            found.push(start..start + bare.len());
        }
        start += part.len() + 1;
    }
    found
}

/// The strings of a text in JSON that are no keys and hold no address.
fn strings(text: &str, from: usize) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), from);
    while let Some(open) = text[at..].find('"').map(|open| at + open + 1) {
        let mut end = open;
        while text.as_bytes()[end] != b'"' {
            end += if text.as_bytes()[end] == b'\\' { 2 } else { 1 };
        }
        let is_key = text[end + 1..].trim_start().starts_with(':');
        if !is_key && addresses(&text[open..end]).is_empty() {
            found.push(open..end);
        }
        at = end + 1;
    }
    found
}

/// What is put into a field: what looks like the end of such a line, or like the whole of another
/// one, with the victim's address in it.
fn injected(sample: &Sample, donors: &[(&str, IpAddr)], number: usize) -> Vec<String> {
    let mut texts = Vec::new();
    let own = sample.texts.last().zip(sample.offender).map(|(text, it)| (text.as_str(), it));
    // Others for each sample, so that all of them come in turn.
    let others = donors.iter().cycle().skip(number).take(DONORS.min(donors.len())).copied();
    for victim in VICTIMS {
        texts.extend(
            [
                "{}",
                "x {} x",
                " from {}",
                "x from {} port 22 ssh2",
                "[{}]",
                "({})",
                "<{}>",
                "rhost={} ",
            ]
            .into_iter()
            .chain([
                "x\" from {}",
                "' {} '",
                "{}, {}",
                "ip={}",
                "\\\" {}",
                "\\n{}",
                "client: {}, x",
                "::ffff:{}",
            ])
            .map(|text| text.replace("{}", victim)),
        );
        for (line, true_one) in own.into_iter().chain(others.clone()) {
            let line = line.replace(&true_one.to_string(), victim);
            let Some(at) = line.find(victim) else { continue };
            for begin in beginnings(&line[..at]) {
                let end = &line[begin..];
                texts.extend(
                    ["", "x", "\"", "'", "x] ", "x) ", "x\0", "x\t"]
                        .map(|before| format!("{before}{end}")),
                );
                texts.extend(
                    ["\"", " ", "]", ")", "\\", "\0", " x", ", x"]
                        .map(|behind| format!("x {end}{behind}")),
                );
            }
            // In a log file it would be a line of its own, which no service lets a client write.
            if !sample.in_file {
                texts.extend(["x\n", "x\r\n", "x\u{2028}"].map(|before| format!("{before}{line}")));
                texts.push(format!("{line}\n"));
            }
        }
    }
    texts
}

/// Where the whole text begins, the last three words before its end, and that end.
fn beginnings(text: &str) -> impl Iterator<Item = usize> {
    let words: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).collect();
    let last = words.into_iter().rev().take(3);
    let mut all: Vec<usize> = last.chain([0, text.len()]).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
}
