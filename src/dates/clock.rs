//! The clocks on the walls of a zone: which time they show, and when they show a time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::zone::Zone;

/// How often the search for a local time is repeated before it is given up, as in glibc.
const PROBES: usize = 6;

const DAY: i64 = 86_400;

/// The clock of a zone, which remembers what it has been asked last.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    zone: Zone,
    stretch: Stretch,
    /// The offset that was found last for a local time, in seconds east of Greenwich.
    last_offset: i64,
    /// A day since 1970, and its date.
    day: (i64, Date),
    /// The last time that was now, and what the clock has shown.
    now: Option<(i64, Shown)>,
}

/// What a clock shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Seconds since 1970 as if it showed UTC.
    pub(super) seconds: i64,
    pub(super) date: Date,
}

/// A stretch of time between two changes of the clock, in unix seconds.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i64,
    until: i64,
    /// Seconds east of Greenwich.
    offset: i64,
    summer: bool,
}

impl Clock {
    pub(super) const fn new(zone: Zone) -> Self {
        let stretch = Stretch { from: 0, until: 0, offset: 0, summer: false };
        let day = (0, Date::constant(1970, 1, 1));
        Self { zone, stretch, last_offset: 0, day, now: None }
    }

    /// Minutes east of Greenwich that every date without a zone of its own gets.
    pub(super) const fn fixed(&self) -> Option<i32> {
        self.zone.fixed()
    }

    /// What the clock shows now. Many lines are read at the same time.
    pub(super) fn now(&mut self, now: i64) -> Option<Shown> {
        if let Some((_, shown)) = self.now.filter(|(known, _)| *known == now) {
            return Some(shown);
        }
        let seconds = self.shown(now)?;
        let shown = Shown { seconds, date: self.date(seconds)? };
        self.now = Some((now, shown));
        Some(shown)
    }

    /// What the clock shows at a time: seconds since 1970 as if it showed UTC.
    pub(super) fn shown(&mut self, time: i64) -> Option<i64> {
        time.checked_add(self.stretch(time)?.offset)
    }

    /// The date of what the clock shows.
    pub(super) fn date(&mut self, shown: i64) -> Option<Date> {
        let day = shown.div_euclid(DAY);
        if day != self.day.0 {
            let time = Timestamp::from_second(shown).ok()?;
            self.day = (day, Offset::UTC.to_datetime(time).date());
        }
        Some(self.day.1)
    }

    fn stretch(&mut self, time: i64) -> Option<Stretch> {
        if !(self.stretch.from..self.stretch.until).contains(&time) {
            let zone = self.zone.local();
            let point = Timestamp::from_second(time).ok()?;
            let info = zone.to_offset_info(point);
            let behind = Timestamp::from_second(time.saturating_add(1)).ok()?;
            let second = |point: Timestamp| point.as_second();
            self.stretch = Stretch {
                from: zone
                    .preceding(behind)
                    .next()
                    .map_or(i64::MIN, |change| second(change.timestamp())),
                until: zone
                    .following(point)
                    .next()
                    .map_or(i64::MAX, |change| second(change.timestamp())),
                offset: i64::from(info.offset().seconds()),
                summer: info.dst().is_dst(),
            };
        }
        Some(self.stretch)
    }

    /// The unix seconds at which the clock shows `shown`, the way glibc's mktime finds them when it
    /// is not told about summer time.
    ///
    /// It starts from the offset it has found last, so an hour that comes twice is the first one
    /// when the log has been in summer time until then. An hour that does not exist is the one that
    /// the clock would show without the change.
    pub(super) fn time(&mut self, shown: i64) -> Option<i64> {
        let mut time = shown.checked_sub(self.last_offset)?;
        let (mut before, mut before_that) = (time, time);
        let mut was_summer = false;
        for _ in 0..PROBES {
            let Stretch { offset, summer, .. } = self.stretch(time)?;
            let missing = shown.checked_sub(time.checked_add(offset)?)?;
            let oscillates = time == before_that && time != before && was_summer <= summer;
            if missing == 0 || oscillates {
                self.last_offset = shown - time;
                return Some(time);
            }
            (before_that, before) = (before, time);
            was_summer = summer;
            time = time.checked_add(missing)?;
        }
        None
    }
}
