//! How long to wait before the firewall is asked again that has not taken what it was given.

use std::time::Duration;

/// A kernel that was out of memory or busy is not, as a rule, a moment later.
const SHORTEST: Duration = Duration::from_millis(20);

/// Whoever has the table for hours is not asked more often than this.
const LONGEST: Duration = Duration::from_secs(1);

/// The pause is such a part of the time that it has failed already.
const PART: u32 = 50;

/// How long to wait before what has failed for `failing` is tried again: 20 ms at first, and a
/// fiftieth of that time later, up to a second. Trouble that is over for the kernel is so for us at most
/// a fiftieth of its length later.
#[must_use]
pub fn pause(failing: Duration) -> Duration {
    (failing / PART).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_over_for_us_within_a_fiftieth_of_its_length() {
        let pauses = [0, 900, 2_500, 20_000, 3_600_000]
            .map(|millis| pause(Duration::from_millis(millis)).as_millis());
        assert_eq!(pauses, [20, 20, 50, 400, 1000]);
    }
}
