//! From bytes to text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use encoding_rs::{REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::error::FilesError;
use super::split::Form;

/// How a file's text is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encoding(Option<&'static encoding_rs::Encoding>);

impl Encoding {
    /// UTF-8, or UTF-16 where a byte order mark at the file's beginning says so.
    pub const AUTO: Self = Self(None);

    fn may_be_utf16(self) -> bool {
        self.0.is_none_or(|named| named == UTF_16LE || named == UTF_16BE)
    }
}

impl FromStr for Encoding {
    type Err = FilesError;

    /// "auto", or one of the names that the Encoding Standard of the WHATWG knows; what stands
    /// between letters and digits in it (`latin-1`, `utf_8`) may be left out or be another.
    fn from_str(name: &str) -> Result<Self, FilesError> {
        let plain = name.trim();
        if plain.eq_ignore_ascii_case("auto") {
            return Ok(Self::AUTO);
        }
        let variants =
            [plain.to_owned(), plain.replace(['_', ' '], "-"), plain.replace(['_', '-', ' '], "")];
        variants
            .iter()
            .find_map(|label| encoding_rs::Encoding::for_label(label.as_bytes()))
            .filter(|found| *found != REPLACEMENT)
            .map(|found| Self(Some(found)))
            .ok_or_else(|| FilesError::UnknownEncoding { name: name.to_owned() })
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or("auto", encoding_rs::Encoding::name))
    }
}

/// The form of a file that begins with `head`, and how many bytes its byte order mark has.
pub(super) fn form_of(encodings: &[Encoding], head: &[u8]) -> (Form, usize) {
    let any = |named| encodings.contains(&Encoding(Some(named)));
    let may_be_utf16 = encodings.iter().any(|encoding| encoding.may_be_utf16());
    let may_be_utf8 = any(UTF_8) || encodings.contains(&Encoding::AUTO);
    match head {
        [0xff, 0xfe, ..] if may_be_utf16 => (Form::Utf16Le, 2),
        [0xfe, 0xff, ..] if may_be_utf16 => (Form::Utf16Be, 2),
        _ if any(UTF_16LE) => (Form::Utf16Le, 0),
        _ if any(UTF_16BE) => (Form::Utf16Be, 0),
        [0xef, 0xbb, 0xbf, ..] if may_be_utf8 => (Form::Bytes, 3),
        _ => (Form::Bytes, 0),
    }
}

/// The text of whole lines at once, if it is all of UTF-8 and in good order, as most logs are.
pub(super) fn as_utf8(encoding: Encoding, form: Form, lines: &[u8]) -> Option<&str> {
    let is_utf8 = form == Form::Bytes && encoding.0.is_none_or(|named| named == UTF_8);
    is_utf8.then(|| str::from_utf8(lines).ok()).flatten()
}

/// The text of a line, and whether bytes in it had no meaning and became U+FFFD.
pub(super) fn decode(encoding: Encoding, form: Form, line: &[u8]) -> (Cow<'_, str>, bool) {
    let encoding = match form {
        Form::Bytes => encoding.0.unwrap_or(UTF_8),
        Form::Utf16Le => UTF_16LE,
        Form::Utf16Be => UTF_16BE,
    };
    encoding.decode_without_bom_handling(line)
}
