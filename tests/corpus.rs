//! The logs that the benches read hold what the filters are to find, as often as such logs do.

use std::ops::Range;
use std::sync::Arc;

use jailkeeper::dates::Zone;
use jailkeeper::filter::{Examiner, Filter, Verdict};
use jailkeeper::keeper::Timestamp;
use jailkeeper::rules;
use jiff::tz::TimeZone;

use super::support::stock;

#[path = "../benches/goals/corpus/mod.rs"]
#[expect(dead_code, reason = "the benches use all of it")]
mod generator;

use generator::{Log, NOW};

/// Each log, a stock filter, and how many lines in a thousand that finds.
const FOUND: &[(Log, &str, Range<usize>)] = &[
    (Log::Sshd, "sshd", 280..380),
    (Log::SshdIso, "sshd", 280..380),
    (Log::Mixed, "sshd", 80..120),
    (Log::NginxAccess, "nginx-botsearch", 20..40),
    (Log::NginxError, "nginx-http-auth", 250..350),
];

/// How many lines in a thousand of a log a filter finds. Each has a date.
fn found(log: Log, filter: &Arc<Filter>) -> usize {
    let mut text = Vec::new();
    log.write(10_000, &mut text).expect("memory can be written to");
    let text = String::from_utf8(text).expect("it is text");
    assert_eq!(text.lines().count(), 10_000);
    let now: jiff::Timestamp = NOW.parse().expect("a date");
    let now = Timestamp::from_seconds(now.as_second());
    let mut examiner = Examiner::new(Arc::clone(filter), Zone::of(TimeZone::UTC));
    let is_failure = |line: &&str| {
        let seen = examiner.past_line(line, now);
        assert!(seen.has_date, "{line}");
        matches!(seen.verdict, Verdict::Failure(_))
    };
    text.lines().filter(is_failure).count() / 10
}

#[test]
fn the_logs_of_the_benches_hold_what_the_filters_find() {
    let loaded = rules::load_all(&stock::texts());
    for (log, name, expected) in FOUND {
        let of_name = |filter: &&Arc<Filter>| filter.name() == *name && filter.mode() == "normal";
        let filter = loaded.sampled.iter().map(|sampled| &sampled.filter).find(of_name);
        let found = found(*log, filter.expect("there is such a filter"));
        assert!(expected.contains(&found), "{name} finds {found} in a thousand of {log:?}");
    }
}
