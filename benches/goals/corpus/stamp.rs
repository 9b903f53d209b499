//! Dates as logs have them.

use jiff::Timestamp;

/// How a log writes a date.
pub(crate) enum Style {
    Syslog,
    Rfc3339,
    Apache,
    Nginx,
}

/// Writes dates. Lines come in the order of time, so that the last one is often asked for again.
pub(crate) struct Stamp {
    style: Style,
    last: Option<u64>,
    text: String,
}

impl Stamp {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, last: None, text: String::new() }
    }

    /// So many seconds after the epoch, in UTC.
    pub(crate) fn at(&mut self, second: u64) -> &str {
        if self.last != Some(second) {
            let format = match self.style {
                Style::Syslog => "%b %e %H:%M:%S",
                Style::Rfc3339 => "%Y-%m-%dT%H:%M:%S.123456+00:00",
                Style::Apache => "%d/%b/%Y:%H:%M:%S +0000",
                Style::Nginx => "%Y/%m/%d %H:%M:%S",
            };
            let time = Timestamp::from_second(second.cast_signed()).expect("it is in our time");
            self.text = time.strftime(format).to_string();
            self.last = Some(second);
        }
        &self.text
    }
}
