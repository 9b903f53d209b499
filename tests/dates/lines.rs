//! Lines with dates in them, made by dice that always fall the same way.

use jailkeeper::keeper::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Forms of date as the standard templates know them. A percent sign stands before what is diced:
/// the tokens of date patterns, `E` for an epoch, `T` for a TAI64N label.
pub(super) const FORMS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S,%f %z",
    "%Y.%m.%d  %H:%M:%S",
    "%b %d %k:%M:%S",
    "%a %b %d %k:%M:%S.%f %Y",
    "%b %d %k:%M:%S %Y",
    "%a %b %d %Y %k:%M:%S",
    "%b %d %Y %k:%M:%S.%f",
    "%d/%m/%Y %k:%M:%S",
    "%d-%m-%y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S %z",
    "%d-%b-%Y %H:%M:%S.%f",
    "%m/%d/%Y:%H:%M:%S",
    "%m-%d-%Y %k:%M:%S.%f",
    "%E",
    "[%E]",
    "audit(%E:12)",
    "%H:%M:%S",
    "<%m/%d/%y@%H:%M:%S>",
    "%y%m%d %H:%M:%S",
    "%y%m%d  %k:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
    "%b-%d-%y %k:%M:%S",
    "%Y%m%dT%H%M%S%z",
    "%Y%m%d %H%M%S.%f",
    "%Z %b %d %H:%M:%S",
    "%Z %a %b %d %H:%M:%S %Y",
    "%z %b %d %H:%M:%S",
    "%T",
];

/// Patterns, and forms that they were made for, more or less.
pub(super) const PATTERNS: &[(&[&str], &[&str])] = &[
    (&["{^LN-BEG}"], FORMS),
    (&["{NONE}"], FORMS),
    (&["{^LN-BEG}Epoch"], &["%E", "[%E]", "x%E"]),
    (&["EPOCH"], &["%E", "[%E]", "audit(%E:1)", "%L"]),
    (&["LEPOCH"], &["%E", "%L", "[%L]"]),
    (&["^LEPOCH"], &["%E", "%L", "[%L]"]),
    (&["^Epoch"], &["%E", "[%E]"]),
    (&["{^LN-BEG}TAI64N"], &["%T", "x%T"]),
    (&["^TAI64N", "TAI64N"], &["%T", "x%T", "x %T"]),
    (&[r"^\[{EPOCH}\]"], &["[%E]", "%E"]),
    (&[r"time=\{?{LEPOCH}"], &["time=%L", "time={%E}", "time=%E"]),
    (&[r"^[^\[]*\[({DATE})"], &["host [%d/%b/%Y:%H:%M:%S %z]", "[%Y-%m-%d %H:%M:%S]", "[%E"]),
    (&[r"^[^\[]*(\[{DATE}\s*\])"], &["host [%d/%b/%Y:%H:%M:%S %z]", "[%Y-%m-%d %H:%M:%S  ] x"]),
    (&[r"^<\d+>\d+\s+{DATE}"], &["<13>1 %Y-%m-%dT%H:%M:%S.%f%z", "<7>1  %b %d %H:%M:%S"]),
    (&[r"^{DATE}"], FORMS),
    (&["{DATE}"], FORMS),
    (&["{^LN-BEG}{DATE}"], FORMS),
    (&["%Y:%m:%d", "{DATE}"], FORMS),
    (&["{^LN-BEG}", "%Y-%m-%d %H:%M:%S", "{^LN-BEG}Epoch5"], FORMS),
    (
        &[r#"^<co ts="{DATE}"\s+"#],
        &[r#"<co ts="%Y-%m-%dT%H:%M:%S" x"#, r#"<co ts="%b %d %H:%M:%S"  y"#],
    ),
    (&["^%m/%d/%Y %H:%M:%S"], &["%m/%d/%Y %H:%M:%S"]),
    (&["^L %d/%m/%Y - %H:%M:%S"], &["L %d/%m/%Y - %H:%M:%S"]),
    (&[r"^\[%d/%b/%Y %H:%M:%S\]"], &["[%d/%b/%Y %H:%M:%S]"]),
    (
        &[r"{^LN-BEG}%ExY(?P<_sep>[-/.])%m(?P=_sep)%d[T ]%H:%M:%S(?:[.,]%f)?(?:\s*%z)?"],
        &["%Y-%m-%dT%H:%M:%S.%f%z", "[%Y/%m/%d %H:%M:%S,%f %z", "%Y.%m/%d %H:%M:%S"],
    ),
    (
        &[r"^(?:=[^=]+={3,} )?(%ExY(?P<_sep>[-/.])%m(?P=_sep)%d[T ]%H:%M:%S(?:[.,]%f)?(?:\s*%z)?)"],
        &["=ERROR REPORT==== %Y-%m-%d %H:%M:%S.%f", "%Y/%m/%dT%H:%M:%S %z x"],
    ),
    (&["{^LN-BEG}%b-%d-%Exy %H:%M:%S"], &["%b-%d-%y %H:%M:%S"]),
    (&[r"%d/%b[^/]*/%Y:%H:%M:%S %z"], &["%d/%b/%Y:%H:%M:%S %z", "x [%d/%B/%Y:%H:%M:%S %z]"]),
    (&[r"^(?:%Y-)?%m-%d[ T]%H:%M:%S(?:\.%f)?"], &["%Y-%m-%d %H:%M:%S.%f", "%m-%dT%H:%M:%S"]),
    (&["^%Y:%m:%d-%H:%M:%S"], &["%Y:%m:%d-%H:%M:%S"]),
    (&["^%b %d, %ExY %I:%M:%S %p"], &["%b %d, %Y %I:%M:%S %p"]),
    (&["^%H:%M:%S.%f"], &["%H:%M:%S.%f"]),
    (&["^t=%Y-%m-%dT%H:%M:%S%z"], &["t=%Y-%m-%dT%H:%M:%S%z"]),
    (&["%A %d %B %Y %l:%M:%S ?%p"], &["%A %d %B %Y %I:%M:%S %p", "x %A %d %B %Y %k:%M:%S%p"]),
    (
        &["%Y-%j %X", "%Y %U %w %X", "%Y %W %a %H:%M"],
        &["%Y-%j %H:%M:%S", "%Y %U %w %H:%M:%S", "%Y %W %a %H:%M"],
    ),
    (&["%c", "%x %X", "%x"], &["%a %b %d %H:%M:%S %Y", "%m/%d/%y %H:%M:%S", "%m/%d/%y"]),
    (
        &["%d %b %H:%M:%S %ExZ", "%ExH:%ExM:%ExS %Exz"],
        &["%d %b %H:%M:%S %Z", "%H:%M:%S %Z", "%H:%M:%S %z", "%H:%M:%S %Z%z"],
    ),
    (
        &["%Exd.%Exm.%Exy %Exk.%ExM", "%Exd.%Exm.%Exy %Exl.%ExM%p"],
        &["%d.%m.%y %k.%M", "%d.%m.%y %I.%M%p"],
    ),
    (&["**%Y%m%d%H%M%S**"], &["%Y%m%d%H%M%S", "x%Y%m%d%H%M%Sx", "1%Y%m%d%H%M%S"]),
    (&[r"(?i)^at %H:%M\b"], &["at %H:%M", "AT %H:%M x", "At %H:%M1"]),
    (&[r"%Y-%m-%d$"], &["%Y-%m-%d", "x %Y-%m-%d", "%Y-%m-%d x"]),
    (&[r"%H:%M (?P<d>\d+)\.(?P<m>\w+)"], &["%H:%M %d.%m", "%H:%M %d.%m", "%H:%M %d.x"]),
    (&[r"(%Y|%y)-%m-%d"], &["%Y-%m-%d", "%y-%m-%d"]),
    (&[r"(?:%Y|%y)w%m"], &["%Yw%m", "%yw%m"]),
    (&["100%% %H:%M"], &["100%% %H:%M"]),
    (&["%p %H:%M", "%I o'clock ?(?:%p)?"], &["%p %H:%M", "%I o'clock%p", "%I o'clock"]),
    (&["{UNB}%Y-%m-%d", "%G %V %u %H:%M"], &["%Y-%m-%d", "x%Y-%m-%dy", "%Y 12 3 %H:%M"]),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ZONES: &[&str] =
    &["CET", "PDT", "Z", "UTC", "GMT", "EST", "MSK", "YEKST", "XYZ", "error", "utc", "Q"];
const OFFSETS: &[&str] = &["+0100", "-02:30", "+13", "-0000", "Z", "UTC", "GMT", "+2500", "z", ""];
const WORDS: &[&str] = &[
    "sshd[123]: Failed password for root from 192.0.2.7 port 22",
    "GET /index.html 200 12:30:45",
    "x",
    "",
    "é ü",
    "日本 2005-01-23 21:59:59 x",
    "host kernel: 1138049999 [12345.678901]",
    "  ",
    "Jan 23 21:59:59 inner",
    "[31/Oct/2006:09:22:55 -0000]",
];
const SIGNS: &[char] = &[
    '0', '1', '2', '3', '5', '9', ' ', ':', '-', '/', '.', ',', '_', 'a', 'Z', 'T', '[', ']', '<',
    '@', 'é', '٣', 'ſ', '\t', '(', '%', '"', '\u{1c}', 'ı',
];
/// Signs that are words to one engine and none to the other.
const ODD_SIGNS: &[char] = &['²', '\u{301}', '½', 'Ⓐ'];

/// A generator of numbers (xorshift64*).
pub(super) struct Dice {
    state: u64,
    odd_signs: bool,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, odd_signs: true }
    }

    pub(super) fn without_odd_signs(self) -> Self {
        Self { odd_signs: false, ..self }
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    /// So many lines with dates of these forms, the first read at `start`.
    pub(super) fn log(
        &mut self,
        forms: &[&str],
        count: u64,
        start: i64,
    ) -> Vec<(Timestamp, String)> {
        let mut now = start;
        let mut lines = Vec::new();
        for _ in 0..count {
            let step = if self.one_in(40) { 700 } else { self.below(20) };
            now += i64::try_from(step).expect("small") * 1_000_000;
            let form = *self.one_of(forms);
            lines.push((Timestamp::from_micros(now), self.line(form, now / 1_000_000)));
        }
        lines
    }

    fn line(&mut self, form: &str, now: i64) -> String {
        let mut date = self.date(form, now);
        while self.one_in(4) {
            date = self.mutated(&date);
        }
        let word = *self.one_of(WORDS);
        match self.below(12) {
            0 => format!("{word} {date} {word}"),
            1 => format!("[{date}] {word}"),
            2 => format!(" {date}: {word}"),
            3 => format!("{word}{date}{word}"),
            4 => date,
            _ => format!("{date} {word}"),
        }
    }

    fn mutated(&mut self, date: &str) -> String {
        let mut chars: Vec<char> = date.chars().collect();
        let at = usize::try_from(self.below(chars.len() as u64 + 1)).expect("small");
        let odd = self.odd_signs && self.one_in(10);
        let sign = *self.one_of(if odd { ODD_SIGNS } else { SIGNS });
        match self.below(4) {
            0 if at < chars.len() => {
                chars.remove(at);
            }
            1 => chars.insert(at, sign),
            _ if at < chars.len() => chars[at] = sign,
            _ => chars.push(sign),
        }
        chars.into_iter().collect()
    }

    /// Some time near now, mostly in the past.
    fn time(&mut self, now: i64) -> DateTime {
        let range = *self.one_of(&[60, 7200, 200_000, 32_000_000]);
        let ago = i64::try_from(self.below(range)).expect("small")
            - if self.one_in(5) { 90_000 } else { 0 };
        let time = jiff::Timestamp::from_second(now - ago).expect("a time of today");
        TimeZone::UTC.to_datetime(time)
    }

    fn date(&mut self, form: &str, now: i64) -> String {
        let time = self.time(now);
        let mut date = String::new();
        let mut chars = form.chars();
        while let Some(c) = chars.next() {
            if c == '%' {
                date += &self.part(chars.next().expect("a token"), time, now);
            } else {
                date.push(c);
            }
        }
        date
    }

    fn number(&mut self, value: i8) -> String {
        match self.below(12) {
            0 => value.to_string(),
            1 => format!("{value:2}"),
            _ => format!("{value:02}"),
        }
    }

    fn name(&mut self, name: &str) -> String {
        match self.below(8) {
            0 => name.to_lowercase(),
            1 => name.to_uppercase(),
            _ => name.to_owned(),
        }
    }

    fn part(&mut self, token: char, time: DateTime, now: i64) -> String {
        let month = MONTHS[usize::try_from(time.month() - 1).expect("a month")];
        let day = DAYS[usize::try_from(time.weekday().to_monday_zero_offset()).expect("a day")];
        let ago = i64::try_from(self.below(5000)).expect("small");
        match token {
            'Y' => time.year().to_string(),
            'y' => format!("{:02}", time.year() % 100),
            'm' => self.number(time.month()),
            'd' => self.number(time.day()),
            'H' => self.number(time.hour()),
            'k' => format!("{:2}", time.hour()),
            'I' => self.number((time.hour() + 11) % 12 + 1),
            'M' => self.number(time.minute()),
            'S' => self.number(time.second()),
            'p' => self.name(if time.hour() < 12 { "AM" } else { "PM" }),
            'b' => self.name(&month[..3]),
            'B' => self.name(month),
            'a' => self.name(&day[..3]),
            'A' => self.name(day),
            'j' => self.below(400).to_string(),
            'U' | 'W' => self.below(55).to_string(),
            'w' => self.below(8).to_string(),
            'z' => (*self.one_of(OFFSETS)).to_owned(),
            'Z' => (*self.one_of(ZONES)).to_owned(),
            'f' => format!("{:09}", self.below(1_000_000_000))
                [..=usize::try_from(self.below(8)).expect("small")]
                .to_owned(),
            'E' => match self.below(3) {
                0 => (now - ago).to_string(),
                1 => format!("{}.{:03}", now - ago, ago % 1000),
                _ => format!("{}.{:06}", now - ago, ago * 100),
            },
            'L' => match self.below(3) {
                0 => format!("{}{:03}", now - ago, ago % 1000),
                1 => format!("{}{:06}", now - ago, ago),
                _ => format!("{}{:03}.{:04}", now - ago, ago % 1000, ago),
            },
            'T' => format!("@4{:015x}{:08x}", now - ago, ago),
            other => other.to_string(),
        }
    }
}
