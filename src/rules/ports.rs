//! Ports and their names.

use std::ops::RangeInclusive;

use super::wording::closest;

/// The services that jails guard, from IANA's "Service Name and Transport Protocol Port Number
/// Registry", and the few names that Debian's /etc/services adds. The machine's own file is not
/// asked, so that a configuration means the same everywhere.
const SERVICES: [(&str, u16); 67] = [
    ("acap", 674),
    ("amqp", 5672),
    ("amqps", 5671),
    ("bgp", 179),
    ("domain", 53),
    ("domain-s", 853),
    ("epmd", 4369),
    ("ftp", 21),
    ("ftp-data", 20),
    ("ftps", 990),
    ("ftps-data", 989),
    ("git", 9418),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("imap", 143),
    ("imap2", 143),
    ("imap3", 220),
    ("imaps", 993),
    ("ipp", 631),
    ("irc", 194),
    ("ircs-u", 6697),
    ("isakmp", 500),
    ("kerberos", 88),
    ("ldap", 389),
    ("ldaps", 636),
    ("microsoft-ds", 445),
    ("mqtt", 1883),
    ("ms-sql-s", 1433),
    ("ms-wbt-server", 3389),
    ("munin", 4949),
    ("mysql", 3306),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntp", 119),
    ("nntps", 563),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pop2", 109),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("pptp", 1723),
    ("puppet", 8140),
    ("radius", 1812),
    ("redis", 6379),
    ("rfb", 5900),
    ("rsync", 873),
    ("rtsp", 554),
    ("sieve", 4190),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("sips", 5061),
    ("smtp", 25),
    ("smtps", 465),
    ("snmp", 161),
    ("socks", 1080),
    ("ssh", 22),
    ("ssmtp", 465),
    ("submission", 587),
    ("submissions", 465),
    ("sunrpc", 111),
    ("svn", 3690),
    ("telnet", 23),
    ("telnets", 992),
    ("tftp", 69),
    ("xmpp-client", 5222),
];

/// A word that is no port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAPort {
    pub(super) why: &'static str,
    pub(super) close: Option<&'static str>,
}

/// Reads a number, a service's name, or a range with `:` (or `-` between numbers).
pub(super) fn parse(word: &str) -> Result<RangeInclusive<u16>, NotAPort> {
    let dash = |w: &str| w.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let ends = word.split_once(':').or_else(|| word.split_once('-').filter(|_| dash(word)));
    let Some((low, high)) = ends else {
        let port = single(word)?;
        return Ok(port..=port);
    };
    let (low, high) = (single(low)?, single(high)?);
    if low > high {
        return Err(NotAPort { why: "the range ends before it begins", close: None });
    }
    Ok(low..=high)
}

fn single(word: &str) -> Result<u16, NotAPort> {
    if let Some((_, port)) = SERVICES.iter().find(|(name, _)| *name == word) {
        return Ok(*port);
    }
    if word.is_empty() {
        return Err(NotAPort { why: "there is nothing", close: None });
    }
    if word.bytes().all(|b| b.is_ascii_digit()) {
        let number = word.parse().ok().filter(|port| *port > 0);
        return number.ok_or(NotAPort { why: "ports are 1 to 65535", close: None });
    }
    let close = closest(word, SERVICES.iter().map(|(name, _)| *name));
    Err(NotAPort { why: "no service of this name is known", close })
}

/// Sorted, and ranges that overlap or touch made one.
pub(super) fn merge(mut ranges: Vec<RangeInclusive<u16>>) -> Vec<RangeInclusive<u16>> {
    ranges.sort_by_key(|range| (*range.start(), *range.end()));
    let mut merged: Vec<RangeInclusive<u16>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u32::from(*range.start()) <= u32::from(*last.end()) + 1 => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    merged
}
