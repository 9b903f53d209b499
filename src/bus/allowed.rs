//! Who is allowed by hand, at the border: callers' arguments to values, and rows for them.

use std::time::Duration;

use crate::keeper::Sentence;

use super::call::AllowedRow;
use super::error::Error;
use super::manager::LONGEST_SECONDS;
use super::text;

/// A comment has at most so many characters.
const COMMENT_CHARS_MAX: usize = 200;

/// One row of `ListAllowed`: jail or "", network, since, until, comment.
pub(super) type Row = (String, String, i64, i64, String);

/// For how long somebody is allowed; there is no time of a jail's own here.
pub(super) fn sentence(seconds: i64) -> Result<Sentence, Error> {
    match seconds {
        -1 => Ok(Sentence::Forever),
        1..=LONGEST_SECONDS => Ok(Sentence::For(Duration::from_secs(seconds.unsigned_abs()))),
        _ => Err(Error::invalid_allowance(seconds, LONGEST_SECONDS)),
    }
}

/// A comment that fits on one line.
pub(super) fn comment(comment: &str) -> Result<String, Error> {
    let fits = comment.chars().count() <= COMMENT_CHARS_MAX && !comment.contains(char::is_control);
    if fits { Ok(comment.to_owned()) } else { Err(Error::invalid_comment(COMMENT_CHARS_MAX)) }
}

pub(super) fn row(AllowedRow { jail, network, allowance }: AllowedRow) -> Row {
    (
        jail.map(|jail| jail.to_string()).unwrap_or_default(),
        network.to_string(),
        allowance.since.seconds(),
        allowance.until.unix_seconds(),
        text::clean(&allowance.comment),
    )
}
