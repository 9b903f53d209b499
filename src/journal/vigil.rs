//! How closely the journal is watched.

use std::path::Path;
use std::time::{Duration, Instant};

use super::glance::Glance;

/// Who has failed to log in and tries again does so within this time: sshd and PAM let two seconds pass
/// behind a wrong password (pam_fail_delay(3)).
const LASTS: Duration = Duration::from_secs(3);

/// How long the reader sleeps between two looks, at least: less than journald takes to write an entry
/// down.
const PAUSE: Duration = Duration::from_micros(100);

/// How many times as long as a look takes it sleeps, at least, also where a journal has many files.
const SHARE: u32 = 50;

/// And at most: by then journald tells.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// A time of looking without being told.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    until: Option<Instant>,
    look: Option<Instant>,
    glance: Option<Glance>,
}

impl Vigil {
    /// Begins, or goes on, because of an attempt.
    pub(super) fn keep(&mut self, now: Instant) {
        self.until = Some(now + LASTS);
    }

    /// The reader looks.
    pub(super) fn begin_look(&mut self, now: Instant) {
        self.look = Some(now);
    }

    /// The reader has looked, and sleeps so long before it looks again; none when it waits to be told.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        if self.until.is_none_or(|until| until <= now) {
            (self.until, self.glance) = (None, None);
            return None;
        }
        let took = self.look.map_or(Duration::ZERO, |begin| now.saturating_duration_since(begin));
        Some((took * SHARE).clamp(PAUSE, PAUSE_MAX))
    }

    /// Whether there are more entries in these directories than at the last glance.
    pub(super) fn sees_more<'a>(&mut self, directories: impl Iterator<Item = &'a Path>) -> bool {
        self.begin_look(Instant::now());
        self.glance.get_or_insert_with(|| Glance::at(directories)).shows_more()
    }

    /// Files have come or gone.
    pub(super) fn forget_files(&mut self) {
        self.glance = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_and_costs_no_more_than_its_share() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut vigil = Vigil::default();
        vigil.begin_look(start);
        assert_eq!(vigil.pause(at(1)), None, "nobody has tried anything");
        vigil.keep(at(1));
        assert_eq!(vigil.pause(at(1)), Some(Duration::from_millis(50)));
        assert_eq!(vigil.pause(at(100)), Some(PAUSE_MAX), "journald tells by then");
        vigil.begin_look(at(21));
        assert_eq!(vigil.pause(at(21)), Some(PAUSE));
        vigil.begin_look(at(2_000));
        vigil.keep(at(2_000));
        assert_eq!(vigil.pause(at(2_000)), Some(PAUSE), "somebody has tried again");
        vigil.begin_look(at(4_999));
        assert!(vigil.pause(at(4_999)).is_some());
        assert_eq!(vigil.pause(at(5_000)), None);
    }
}
