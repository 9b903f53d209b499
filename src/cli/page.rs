//! What a verb has found out, and the page on which it is written.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::termios::tcgetwinsize;
use serde::Serialize;

/// Something to show: to programs by its fields, to people as text.
pub(super) trait Report: Serialize {
    /// The text for people, with an end of line.
    fn text(&self, page: &Page) -> String;
}

/// What the text depends on beside the report.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Columns of the terminal; none is as wide as it takes.
    pub(super) width: Option<usize>,
    /// Unix seconds.
    pub(super) now: i64,
    /// In which dates are written.
    pub(super) zone: TimeZone,
}

impl Page {
    /// The page that standard output is.
    pub(super) fn stdout() -> Self {
        let stdout = io::stdout();
        let size = stdout.is_terminal().then(|| tcgetwinsize(stdout.as_fd()).ok()).flatten();
        Self {
            // A terminal that does not know its size says 0.
            width: size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0),
            now: Timestamp::now().as_second(),
            zone: TimeZone::system(),
        }
    }
}
