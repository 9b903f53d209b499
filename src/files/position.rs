//! How far a file has been read, as plain data and as text.

use std::ffi::OsString;
use std::fmt::{self, Display, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::FilesError;

/// A place in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) offset: u64,
    pub(super) head: u64,
    pub(super) tail: u64,
}

/// How far the file of a name has been read, behind the last whole line.
///
/// Its text ([`Display`], [`FromStr`]) is one line of ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub(super) path: PathBuf,
    pub(super) sequence: u64,
    /// The place in the file that has the name.
    pub(super) current: Option<Mark>,
    /// The place in the one that had it before, while that may still grow.
    pub(super) earlier: Option<Mark>,
}

impl Position {
    /// The file's name, with all symbolic links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many lines have been taken from files of this name, since there was no position at all.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 {} ", self.sequence)?;
        for mark in [&self.current, &self.earlier] {
            match mark {
                None => f.write_str("- ")?,
                Some(Mark { device, inode, offset, head, tail }) => {
                    write!(f, "{device:x}:{inode:x}:{offset:x}:{head:x}:{tail:x} ")?;
                }
            }
        }
        for byte in self.path.as_os_str().as_bytes() {
            match byte {
                b'%' => f.write_str("%25")?,
                byte if byte.is_ascii_graphic() => f.write_char(char::from(*byte))?,
                byte => write!(f, "%{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Position {
    type Err = FilesError;

    fn from_str(text: &str) -> Result<Self, FilesError> {
        parse(text).ok_or_else(|| FilesError::NotAPosition { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Position> {
    let mut words = text.split(' ');
    let ("1", sequence) = (words.next()?, words.next()?.parse().ok()?) else { return None };
    let current = parse_mark(words.next()?)?;
    let earlier = parse_mark(words.next()?)?;
    let path = parse_path(words.next()?)?;
    words.next().is_none().then_some(Position { path, sequence, current, earlier })
}

#[expect(clippy::option_option, reason = "a mark may be absent, and its text wrong")]
fn parse_mark(word: &str) -> Option<Option<Mark>> {
    if word == "-" {
        return Some(None);
    }
    let mut numbers = word.split(':').map(|digits| u64::from_str_radix(digits, 16).ok());
    let mut next = || numbers.next().flatten();
    let (device, inode, offset) = (next()?, next()?, next()?);
    let (head, tail) = (next()?, next()?);
    numbers.next().is_none().then_some(Some(Mark { device, inode, offset, head, tail }))
}

fn parse_path(word: &str) -> Option<PathBuf> {
    let mut parts = word.split('%');
    let mut bytes = parts.next()?.as_bytes().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    let path = PathBuf::from(OsString::from_vec(bytes));
    path.is_absolute().then_some(path)
}
