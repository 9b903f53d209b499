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
    /// The same for the scanner.
    pub(super) takes: Takes,
}

impl Token {
    /// Whether what it takes begins and ends with a digit; a day may begin with a space.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.takes, Takes::Number(_)) && self.key != "d"
    }
}

/// What a token takes, for the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// One of these forms, the first preferred.
    Number(&'static [Form]),
    /// So many digits.
    Digits(usize),
    /// Four digits of a year since 2000 that is not much later than now.
    RecentYear,
    /// One to six ASCII digits, as many as possible first.
    Fraction,
    /// One of these names, without regard to case.
    Names(&'static [&'static str]),
    /// `Z`, `UTC`, `GMT`, or an offset in hours or in hours and minutes.
    Offset,
    /// `Z`, or three to five letters.
    Zone,
    /// What only a regular expression says.
    Other,
}

/// A form of a number with one or two characters: the sets they are in, one bit for each digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// The first of two; empty when there is only one.
    pub(super) tens: u16,
    /// The last.
    pub(super) units: u16,
}

impl Form {
    /// The bit of a space.
    pub(super) const SPACE: u16 = 1 << 10;
    /// The bit of all decimal digits beyond ASCII.
    pub(super) const OTHER_DIGIT: u16 = 1 << 11;
}

/// The digits from zero to the last that are in a set.
const fn to(last: u16) -> u16 {
    (1 << (last + 1)) - 1
}

const ZERO: u16 = 1;
/// `[1-9]`.
const LOW: u16 = to(9) & !ZERO;
/// `\d`.
const ANY: u16 = to(9) | Form::OTHER_DIGIT;

const fn two(tens: u16, units: u16) -> Form {
    Form { tens, units }
}

const fn one(units: u16) -> Form {
    Form { tens: 0, units }
}

const fn digit(digit: u16) -> u16 {
    1 << digit
}

const fn token(
    names: (&'static str, &'static str),
    groups: &'static str,
    takes: Takes,
    regex: &'static str,
) -> Token {
    let (key, name) = names;
    Token { key, name, groups, regex, takes }
}

/// The token at the beginning of `text`, which stands behind a percent sign.
pub(super) fn at(text: &str) -> Option<&'static Token> {
    TOKENS.iter().find(|token| text.starts_with(token.key))
}

/// The short names of the months.
pub(super) const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// All tokens. No key is the beginning of another, for which "E" by itself is none.
pub(super) const TOKENS: &[Token] = &[
    token(("%", "%"), "", Takes::Other, "%"),
    token(("ExY", "ExYear"), "Y", Takes::RecentYear, r"(?P<Y>20\d\d)"),
    token(("Exy", "ExYear2"), "y", Takes::Digits(2), r"(?P<y>\d\d)"),
    token(
        ("Exm", "ExMonth"),
        "m",
        Takes::Number(&[two(ZERO, LOW), two(digit(1), to(2))]),
        r"(?P<m>0[1-9]|1[0-2])",
    ),
    token(
        ("Exd", "ExDay"),
        "d",
        Takes::Number(&[two(digit(1) | digit(2), ANY), two(ZERO, LOW), two(digit(3), to(1))]),
        r"(?P<d>[12]\d|0[1-9]|3[01])",
    ),
    token(
        ("ExH", "Ex24hour"),
        "H",
        Takes::Number(&[two(to(1), ANY), two(digit(2), to(3))]),
        r"(?P<H>[01]\d|2[0-3])",
    ),
    token(
        ("Exk", "Ex%k"),
        "H",
        Takes::Number(&[two(to(1), ANY), one(ANY), two(digit(2), to(3))]),
        r" ?(?P<H>[01]?\d|2[0-3])",
    ),
    token(
        ("Exl", "Ex%l"),
        "I",
        Takes::Number(&[two(digit(1), to(2)), one(ANY)]),
        r" ?(?P<I>1[0-2]|\d)",
    ),
    token(("ExM", "ExMinute"), "M", Takes::Number(&[two(to(5), ANY)]), r"(?P<M>[0-5]\d)"),
    token(
        ("ExS", "ExSecond"),
        "S",
        Takes::Number(&[two(to(5), ANY), two(digit(6), to(1))]),
        r"(?P<S>[0-5]\d|6[01])",
    ),
    token(("ExZ", "ExZone name"), "Z", Takes::Other, r"(?P<Z>[A-Z](?:[A-Z]{2,4})?)"),
    token(
        ("Exz", "ExZone offset"),
        "z",
        Takes::Other,
        r"(?P<z>(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\d(?::?\d{2})?|[A-Z](?:[A-Z]{2,4})?)",
    ),
    token(("Y", "Year"), "Y", Takes::Digits(4), r"(?P<Y>\d{4})"),
    token(("y", "Year2"), "y", Takes::Digits(2), r"(?P<y>\d\d)"),
    token(
        ("m", "Month"),
        "m",
        Takes::Number(&[two(ZERO, LOW), one(LOW), two(digit(1), to(2))]),
        r"(?P<m>0?[1-9]|1[0-2])",
    ),
    token(
        ("d", "Day"),
        "d",
        Takes::Number(&[
            two(digit(1) | digit(2), ANY),
            two(ZERO | Form::SPACE, LOW),
            one(LOW),
            two(digit(3), to(1)),
        ]),
        r"(?P<d>[12]\d|[0 ]?[1-9]|3[01])",
    ),
    token(
        ("H", "24hour"),
        "H",
        Takes::Number(&[two(to(1), ANY), one(ANY), two(digit(2), to(3))]),
        r"(?P<H>[01]?\d|2[0-3])",
    ),
    token(("k", "%k"), "H", Takes::Number(&[two(to(2), ANY), one(ANY)]), r" ?(?P<H>[0-2]?\d)"),
    token(
        ("I", "12hour"),
        "I",
        Takes::Number(&[two(digit(1), to(2)), two(ZERO, LOW), one(LOW)]),
        r"(?P<I>1[0-2]|0[1-9]|[1-9])",
    ),
    token(("l", "%l"), "I", Takes::Number(&[two(digit(1), ANY), one(ANY)]), r" ?(?P<I>1?\d)"),
    token(("M", "Minute"), "M", Takes::Number(&[two(to(5), ANY), one(ANY)]), r"(?P<M>[0-5]?\d)"),
    token(
        ("S", "Second"),
        "S",
        Takes::Number(&[two(to(5), ANY), one(ANY), two(digit(6), to(1))]),
        r"(?P<S>[0-5]?\d|6[01])",
    ),
    token(("f", "Microseconds"), "f", Takes::Fraction, r"(?P<f>[0-9]{1,6})"),
    token(("p", "AMPM"), "p", Takes::Names(&["am", "pm"]), r"(?P<p>am|pm)"),
    token(("z", "Zone offset"), "z", Takes::Offset, r"(?P<z>Z|UTC|GMT|[+-][01]\d(?::?\d{2})?)"),
    token(("Z", "Zone name"), "Z", Takes::Zone, r"(?P<Z>Z|[A-Z]{3,5})"),
    token(
        ("b", "MON"),
        "b",
        Takes::Names(&MONTHS),
        r"(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    ),
    token(
        ("B", "MONTH"),
        "B",
        Takes::Other,
        "(?P<B>january|february|march|april|may|june|july|august|september|october|november|\
         december)",
    ),
    token(
        ("a", "DAY"),
        "a",
        Takes::Names(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
        r"(?P<a>mon|tue|wed|thu|fri|sat|sun)",
    ),
    token(
        ("A", "DAYNAME"),
        "A",
        Takes::Other,
        "(?P<A>monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
    ),
    token(
        ("j", "Yearday"),
        "j",
        Takes::Other,
        r"(?P<j>36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])",
    ),
    token(("w", "Weekday"), "w", Takes::Other, r"(?P<w>[0-6])"),
    token(("U", "Yearweek"), "U", Takes::Other, r"(?P<U>5[0-3]|[0-4]\d|\d)"),
    token(("W", "Yearweek"), "W", Takes::Other, r"(?P<W>5[0-3]|[0-4]\d|\d)"),
    token(("G", "%G"), "G", Takes::Other, r"(?P<G>\d{4})"),
    token(("V", "%V"), "V", Takes::Other, r"(?P<V>5[0-3]|0[1-9]|[1-4]\d|\d)"),
    token(("u", "%u"), "u", Takes::Other, r"(?P<u>[1-7])"),
    token(
        ("c", "%c"),
        "abdHMSY",
        Takes::Other,
        r"(?P<a>mon|tue|wed|thu|fri|sat|sun)\s+(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\s+(?P<d>3[01]|[12]\d|0[1-9]|[1-9]| [1-9])\s+(?P<H>2[0-3]|[01]\d|\d):(?P<M>[0-5]\d|\d):(?P<S>6[01]|[0-5]\d|\d)\s+(?P<Y>\d{4})",
    ),
    token(
        ("x", "%x"),
        "mdy",
        Takes::Other,
        r"(?P<m>1[0-2]|0[1-9]|[1-9])/(?P<d>3[01]|[12]\d|0[1-9]|[1-9]| [1-9])/(?P<y>\d\d)",
    ),
    token(
        ("X", "%X"),
        "HMS",
        Takes::Other,
        r"(?P<H>2[0-3]|[01]\d|\d):(?P<M>[0-5]\d|\d):(?P<S>6[01]|[0-5]\d|\d)",
    ),
];
