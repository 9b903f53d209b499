//! From the fields of a date to a point in time, with what a date may leave out.

use jiff::civil::Date;
use jiff::tz::Offset;

use crate::keeper::Timestamp;

use super::class::{digit, is_space};
use super::clock::{Clock, Shown};
use super::token::{Field, MONTHS};
use super::zone;

const DAY: i64 = 86_400;

/// The first and the last second of the years 1 to 9999, to which Python's dates are limited.
const EARLIEST: i64 = -62_135_596_800;
const LATEST: i64 = 253_402_300_799;

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const LONG_MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// What a line says about when it was written.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    /// Days since Monday.
    weekday: Option<i64>,
    year_day: Option<i64>,
    /// The week of the year, and whether weeks begin on Monday.
    week: Option<(i64, bool)>,
    /// Minutes east of Greenwich.
    offset: Option<i64>,
}

/// What is known beside the line.
pub(super) struct Known<'c> {
    pub(super) clock: &'c mut Clock,
    pub(super) now: Timestamp,
    /// Whether the pattern asks for AM or PM; then an hour of the half day needs it.
    pub(super) asks_for_half: bool,
}

/// A point in time, and what a later one of the same day can be told by.
pub(super) struct Reckoned {
    pub(super) time: Timestamp,
    pub(super) basis: Option<Basis>,
}

impl Reckoned {
    /// One by which no other can be told.
    pub(super) fn alone(time: Timestamp) -> Self {
        Self { time, basis: None }
    }
}

/// What all dates of a day have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Basis {
    /// What the clock has shown, in unix seconds as if that were UTC, in the year that is now if the date
    /// names none; the time itself where the offset is known.
    said: i64,
    has_offset: bool,
    year: Option<AssumedYear>,
}

/// The year of a date that names none.
#[derive(Clone, Copy, Debug)]
struct AssumedYear {
    /// Seconds to take away: those of a year when the date is of the last.
    back: i64,
    /// The day that is now, since 1970.
    today: i64,
}

impl Basis {
    /// The time of a date that says so many seconds more on the same day, if that can be told.
    pub(super) fn later_by(&self, seconds: i64, known: &mut Known<'_>) -> Option<Timestamp> {
        let mut said = self.said + seconds;
        if let Some(year) = self.year {
            let now = Now::of(known)?;
            let is_last_year = now.is_a_day_before(said)?;
            if now.day() != year.today || is_last_year != (year.back > 0) {
                return None;
            }
            said -= year.back;
        }
        let time = if self.has_offset { said } else { known.clock.time(said)? };
        Some(Timestamp::from_seconds(time))
    }
}

/// The point in time of a date; none when there is no such date. Fractions of a second are dropped.
///
/// What a date leaves out is taken from now, in the zone of this host: the year, which is last year's
/// when the date would be more than a day ahead; the day, which is yesterday when the time would be
/// ahead.
pub(super) fn time_of<'l>(
    fields: impl Iterator<Item = (Field, &'l str)>,
    known: &mut Known<'_>,
) -> Option<Reckoned> {
    let mut said = said(fields, known.asks_for_half)?;
    let assumes_year = said.year.is_none();
    let assumes_something = assumes_year || said.month.is_none() && said.day.is_none();
    let now = if assumes_something { Now::of(known)? } else { Now::default() };
    let mut year = said.year.unwrap_or_else(|| i64::from(now.date.year()));
    let lacks_day = said.month.is_none() || said.day.is_none();
    if let Some(date) = if lacks_day { date_of_day(&said, year)? } else { None } {
        year = i64::from(date.year());
        said.month = Some(i64::from(date.month()));
        said.day = Some(i64::from(date.day()));
    }
    let assumes_day = said.month.is_none() && said.day.is_none();
    let (month, day) = if assumes_day {
        (i64::from(now.date.month()), i64::from(now.date.day()))
    } else {
        (said.month?, said.day?)
    };
    let clock = clock(&said)?;
    let offset = said.offset.or(known.clock.fixed().map(i64::from));
    let shown = in_range(midnight(date(year, month, day)?) + clock - offset.unwrap_or(0) * 60)?;
    let mut time = shown;
    if assumes_day && now.is_before(time) {
        time = in_range(time - DAY)?;
    }
    if assumes_year && now.is_a_day_before(time)? {
        time = midnight(date(year - 1, month, day)?) + time.rem_euclid(DAY);
    }
    let assumed = AssumedYear { back: shown - time, today: now.day() };
    let basis =
        Basis { said: shown, has_offset: offset.is_some(), year: assumes_year.then_some(assumed) };
    // An offset may lead into the next day, which is another one a year ago.
    let is_plain = !(assumes_day || offset.is_some() && assumed.back > 0);
    let time = match offset {
        Some(_) => time,
        None => known.clock.time(time)?,
    };
    Some(Reckoned { time: Timestamp::from_seconds(time), basis: is_plain.then_some(basis) })
}

/// Now as a clock on the wall shows it.
#[derive(Default)]
struct Now {
    /// Seconds since 1970 as if the clock showed UTC.
    seconds: i64,
    date: Date,
}

impl Now {
    fn of(known: &mut Known<'_>) -> Option<Self> {
        let Shown { seconds, date } = known.clock.now(known.now.seconds())?;
        Some(Self { seconds: in_range(seconds)?, date })
    }

    /// The day that it is, since 1970.
    fn day(&self) -> i64 {
        self.seconds.div_euclid(DAY)
    }

    fn is_before(&self, time: i64) -> bool {
        self.seconds < time
    }

    fn is_a_day_before(&self, time: i64) -> Option<bool> {
        in_range(self.seconds + DAY).map(|tomorrow| tomorrow < time)
    }
}

fn said<'l>(fields: impl Iterator<Item = (Field, &'l str)>, asks_for_half: bool) -> Option<Said> {
    let mut said = Said::default();
    let mut half_day_hour = false;
    let mut half = None;
    for (field, text) in fields {
        match field {
            Field::Year => said.year = Some(integer(text)?),
            Field::YearOfCentury => {
                let year = integer(text)?;
                said.year = Some(if year <= 2000 { year.checked_add(2000)? } else { year });
            }
            Field::Month => said.month = Some(integer(text)?),
            Field::MonthName => said.month = Some(1 + place(&LONG_MONTHS, text)?),
            Field::MonthShort => said.month = Some(1 + place(&MONTHS, text)?),
            Field::Day => said.day = Some(integer(text)?),
            Field::Hour => (said.hour, half_day_hour) = (integer(text)?, false),
            Field::HalfDayHour => (said.hour, half_day_hour) = (integer(text)?, true),
            Field::Meridiem => half = Some(text),
            Field::Minute => said.minute = integer(text)?,
            Field::Second => said.second = integer(text)?,
            Field::Weekday => {
                let weekday = integer(text)?;
                said.weekday = Some(if weekday < 1 { 6 } else { weekday - 1 });
            }
            Field::WeekdayName => said.weekday = Some(place(&WEEKDAYS, text)?),
            Field::WeekdayShort => {
                let short =
                    |day: &&str| day.get(..3).is_some_and(|day| day.eq_ignore_ascii_case(text));
                said.weekday = Some(i64::try_from(WEEKDAYS.iter().position(short)?).ok()?);
            }
            Field::YearDay => said.year_day = Some(integer(text)?),
            Field::SundayWeek => said.week = Some((integer(text)?, false)),
            Field::MondayWeek => said.week = Some((integer(text)?, true)),
            Field::Offset | Field::ZoneName => said.offset = Some(i64::from(zone::offset(text)?)),
            Field::Ignored => {}
        }
    }
    if half_day_hour {
        if asks_for_half && half.is_none() {
            return None;
        }
        said.hour = hour_of_day(said.hour, half.unwrap_or_default());
    }
    Some(said)
}

/// The hour of the day for an hour on a clock's face. Without AM or PM it is AM.
fn hour_of_day(hour: i64, half: &str) -> i64 {
    let is = |name: &str| half.eq_ignore_ascii_case(name);
    match hour {
        12 if half.is_empty() || is("am") => 0,
        hour if hour != 12 && is("pm") => hour.saturating_add(12),
        hour => hour,
    }
}

fn place(names: &[&str], text: &str) -> Option<i64> {
    let at = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    i64::try_from(at).ok()
}

/// What Python's `int` makes of a text: digits of any script, single underscores between them,
/// spaces around them. None too when it is beyond every date.
pub(super) fn integer(text: &str) -> Option<i64> {
    if let [tens @ b'0'..=b'9', units @ b'0'..=b'9'] = text.as_bytes() {
        return Some(i64::from(tens - b'0') * 10 + i64::from(units - b'0'));
    }
    let text = text.trim_matches(is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut value: i64 = 0;
    let mut after_digit = false;
    for c in digits.chars() {
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        value = value.checked_mul(10)?.checked_add(i64::from(digit(c)?))?;
        after_digit = true;
    }
    let value = if negative { -value } else { value };
    (after_digit && value.abs() < 1_000_000_000).then_some(value)
}

/// The date of a day of the year, or of a day of a week of the year; the outer option is none when
/// there is no such day, the inner one when neither was said.
#[expect(clippy::option_option, reason = "no such day is not the same as no day said")]
fn date_of_day(said: &Said, year: i64) -> Option<Option<Date>> {
    let year_day = match (said.year_day, said.week, said.weekday) {
        (Some(day), _, _) => day,
        (None, Some(week), Some(weekday)) => day_of_week(year, week, weekday)?,
        _ => return Some(None),
    };
    let first = midnight(date(year, 1, 1)?);
    let seconds = in_range(first.checked_add((year_day - 1).checked_mul(DAY)?)?)?;
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(Some(Offset::UTC.to_datetime(time).date()))
}

/// The day of the year, from one, that a day of a week is; it may be before the year's first.
fn day_of_week(year: i64, (week, from_monday): (i64, bool), weekday: i64) -> Option<i64> {
    let shift = i64::from(!from_monday);
    let first = i64::from(date(year, 1, 1)?.weekday().to_monday_zero_offset());
    let (first, weekday) = ((first + shift) % 7, (weekday + shift) % 7);
    let before = if week == 0 { -first } else { (7 - first) % 7 + 7 * (week - 1) };
    Some(1 + before + weekday)
}

fn clock(said: &Said) -> Option<i64> {
    let fits = (0..24).contains(&said.hour)
        && (0..60).contains(&said.minute)
        && (0..60).contains(&said.second);
    fits.then_some((said.hour * 60 + said.minute) * 60 + said.second)
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| *year >= 1)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Unix seconds of the beginning of a day in UTC.
fn midnight(date: Date) -> i64 {
    const EPOCH: Date = Date::constant(1970, 1, 1);
    date.duration_since(EPOCH).as_secs()
}

fn in_range(time: i64) -> Option<i64> {
    (EARLIEST..=LATEST).contains(&time).then_some(time)
}

/// The point in time of an epoch: ten or eleven digits of seconds, at most six of a fraction; in the
/// long form also milliseconds or microseconds.
pub(super) fn epoch(text: &str, long: bool) -> Option<Timestamp> {
    let count = text.chars().count();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = integer_of_digits(whole)?;
    let unit = match count {
        16.. if long && !text.contains('.') => 1,
        13.. if long => 1_000,
        _ => 1_000_000,
    };
    let digits = u32::try_from(fraction.chars().count()).ok()?;
    let fraction = if digits == 0 { 0 } else { integer_of_digits(fraction)? };
    let scale = 10_i64.checked_pow(digits)?;
    // Beyond the microseconds it is rounded down.
    let micros = whole.checked_mul(unit)?.checked_add(fraction.checked_mul(unit)? / scale)?;
    Some(Timestamp::from_micros(micros))
}

fn integer_of_digits(text: &str) -> Option<i64> {
    let add = |value: i64, c| value.checked_mul(10)?.checked_add(i64::from(digit(c)?));
    text.chars().try_fold(0, add)
}

/// The point in time of a TAI64N label. The ten seconds between TAI and UTC at the epoch stay in it,
/// and the nanoseconds are dropped, as fail2ban has it.
pub(super) fn tai64n(text: &str) -> Option<Timestamp> {
    let seconds = i64::from_str_radix(text.get(2..17)?, 16).ok()?;
    Some(Timestamp::from_seconds(seconds))
}
