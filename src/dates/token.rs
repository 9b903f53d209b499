//! The tokens of date patterns: what each is called, what it takes, and which field it fills.

/// A field of a date, as the group of a pattern that is called after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    YearOfCentury,
    Month,
    MonthName,
    MonthShort,
    Day,
    Hour,
    HalfDayHour,
    Meridiem,
    Minute,
    Second,
    Weekday,
    WeekdayName,
    WeekdayShort,
    YearDay,
    /// The week of the year, where weeks begin on Sunday.
    SundayWeek,
    /// The week of the year, where weeks begin on Monday.
    MondayWeek,
    Offset,
    ZoneName,
    /// A field that says nothing about the second in which something happened.
    Ignored,
}

impl Field {
    /// The field of a group with this name; none for groups that are the pattern's own business.
    pub(super) fn of_group(name: &str) -> Option<Self> {
        Some(match name {
            "Y" => Self::Year,
            "y" => Self::YearOfCentury,
            "m" => Self::Month,
            "B" => Self::MonthName,
            "b" => Self::MonthShort,
            "d" => Self::Day,
            "H" => Self::Hour,
            "I" => Self::HalfDayHour,
            "p" => Self::Meridiem,
            "M" => Self::Minute,
            "S" => Self::Second,
            "w" => Self::Weekday,
            "A" => Self::WeekdayName,
            "a" => Self::WeekdayShort,
            "j" => Self::YearDay,
            "U" => Self::SundayWeek,
            "W" => Self::MondayWeek,
            "z" => Self::Offset,
            "Z" => Self::ZoneName,
            _ => return None,
        })
    }
}

/// A token: what stands behind the percent sign.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// How it is written.
    pub(super) key: &'static str,
    /// How a template's name shows it.
    pub(super) name: &'static str,
    /// The groups that it brings, one letter each.
    pub(super) groups: &'static str,
    /// What it takes, as a regular expression of Python's.
    pub(super) regex: &'static str,
}

const fn token(
    key: &'static str,
    name: &'static str,
    groups: &'static str,
    regex: &'static str,
) -> Token {
    Token { key, name, groups, regex }
}

/// The token at the beginning of `text`, which stands behind a percent sign.
pub(super) fn at(text: &str) -> Option<&'static Token> {
    TOKENS.iter().find(|token| text.starts_with(token.key))
}

/// All tokens. No key is the beginning of another, for which "E" by itself is none.
const TOKENS: &[Token] = &[
    token("%", "%", "", "%"),
    token("ExY", "ExYear", "Y", r"(?P<Y>20\d\d)"),
    token("Exy", "ExYear2", "y", r"(?P<y>\d\d)"),
    token("Exm", "ExMonth", "m", r"(?P<m>0[1-9]|1[0-2])"),
    token("Exd", "ExDay", "d", r"(?P<d>[12]\d|0[1-9]|3[01])"),
    token("ExH", "Ex24hour", "H", r"(?P<H>[01]\d|2[0-3])"),
    token("Exk", "Ex%k", "H", r" ?(?P<H>[01]?\d|2[0-3])"),
    token("Exl", "Ex%l", "I", r" ?(?P<I>1[0-2]|\d)"),
    token("ExM", "ExMinute", "M", r"(?P<M>[0-5]\d)"),
    token("ExS", "ExSecond", "S", r"(?P<S>[0-5]\d|6[01])"),
    token("ExZ", "ExZone name", "Z", r"(?P<Z>[A-Z](?:[A-Z]{2,4})?)"),
    token(
        "Exz",
        "ExZone offset",
        "z",
        r"(?P<z>(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\d(?::?\d{2})?|[A-Z](?:[A-Z]{2,4})?)",
    ),
    token("Y", "Year", "Y", r"(?P<Y>\d{4})"),
    token("y", "Year2", "y", r"(?P<y>\d\d)"),
    token("m", "Month", "m", r"(?P<m>0?[1-9]|1[0-2])"),
    token("d", "Day", "d", r"(?P<d>[12]\d|[0 ]?[1-9]|3[01])"),
    token("H", "24hour", "H", r"(?P<H>[01]?\d|2[0-3])"),
    token("k", "%k", "H", r" ?(?P<H>[0-2]?\d)"),
    token("I", "12hour", "I", r"(?P<I>1[0-2]|0[1-9]|[1-9])"),
    token("l", "%l", "I", r" ?(?P<I>1?\d)"),
    token("M", "Minute", "M", r"(?P<M>[0-5]?\d)"),
    token("S", "Second", "S", r"(?P<S>[0-5]?\d|6[01])"),
    token("f", "Microseconds", "f", r"(?P<f>[0-9]{1,6})"),
    token("p", "AMPM", "p", r"(?P<p>am|pm)"),
    token("z", "Zone offset", "z", r"(?P<z>Z|UTC|GMT|[+-][01]\d(?::?\d{2})?)"),
    token("Z", "Zone name", "Z", r"(?P<Z>Z|[A-Z]{3,5})"),
    token("b", "MON", "b", r"(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"),
    token(
        "B",
        "MONTH",
        "B",
        "(?P<B>january|february|march|april|may|june|july|august|september|october|november|\
         december)",
    ),
    token("a", "DAY", "a", r"(?P<a>mon|tue|wed|thu|fri|sat|sun)"),
    token("A", "DAYNAME", "A", "(?P<A>monday|tuesday|wednesday|thursday|friday|saturday|sunday)"),
    token(
        "j",
        "Yearday",
        "j",
        r"(?P<j>36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])",
    ),
    token("w", "Weekday", "w", r"(?P<w>[0-6])"),
    token("U", "Yearweek", "U", r"(?P<U>5[0-3]|[0-4]\d|\d)"),
    token("W", "Yearweek", "W", r"(?P<W>5[0-3]|[0-4]\d|\d)"),
    token("G", "%G", "G", r"(?P<G>\d{4})"),
    token("V", "%V", "V", r"(?P<V>5[0-3]|0[1-9]|[1-4]\d|\d)"),
    token("u", "%u", "u", r"(?P<u>[1-7])"),
    token(
        "c",
        "%c",
        "abdHMSY",
        r"(?P<a>mon|tue|wed|thu|fri|sat|sun)\s+(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\s+(?P<d>3[01]|[12]\d|0[1-9]|[1-9]| [1-9])\s+(?P<H>2[0-3]|[01]\d|\d):(?P<M>[0-5]\d|\d):(?P<S>6[01]|[0-5]\d|\d)\s+(?P<Y>\d{4})",
    ),
    token(
        "x",
        "%x",
        "mdy",
        r"(?P<m>1[0-2]|0[1-9]|[1-9])/(?P<d>3[01]|[12]\d|0[1-9]|[1-9]| [1-9])/(?P<y>\d\d)",
    ),
    token("X", "%X", "HMS", r"(?P<H>2[0-3]|[01]\d|\d):(?P<M>[0-5]\d|\d):(?P<S>6[01]|[0-5]\d|\d)"),
];
