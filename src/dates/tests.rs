use jiff::tz::TimeZone;

use super::*;
use crate::keeper::Timestamp;

/// 2026-07-01 12:00:00 UTC.
const NOW: Timestamp = Timestamp::from_seconds(1_782_907_200);

fn utc() -> Zone {
    Zone::of(TimeZone::UTC)
}

#[test]
fn syslog() {
    let mut d = Detector::standard(utc());
    for _ in 0..3 {
        let found = d.find("Jun 30 21:59:59 host sshd[1]: x", NOW);
        assert_eq!(
            found,
            Some(Found { span: 0..15, time: Some(Timestamp::from_seconds(1_782_856_799)) })
        );
    }
}
