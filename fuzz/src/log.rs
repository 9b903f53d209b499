//! The bytes of a log, compressed or not and in any encoding, to lines.

use std::io::Cursor;
use std::ops::ControlFlow;

use jailkeeper::files::{Encoding, LINE_BYTES_MAX, Lines, LogLine};

/// So much of what is unpacked is looked at: a bomb has no end.
const BYTES_LOOKED_AT: usize = 4 << 20;

/// The first line names an encoding, the rest is the log.
pub fn run(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (Some(name), Some(log)) = (parts.next(), parts.next()) else { return };
    let Ok(encoding) = String::from_utf8_lossy(name).parse::<Encoding>() else { return };
    let Ok(mut lines) = Lines::new(Cursor::new(log.to_vec()), encoding) else { return };
    let mut looked_at = 0;
    let _ = lines.each(|line| {
        looked_at += match line {
            LogLine::Text(text) => {
                assert!(text.len() <= LINE_BYTES_MAX && !text.contains('\n'), "{text:?}");
                text.len() + 1
            }
            LogLine::TooLong => LINE_BYTES_MAX,
        };
        if looked_at < BYTES_LOOKED_AT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
}
