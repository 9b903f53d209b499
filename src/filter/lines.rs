//! The last lines, for patterns that match over several (`maxlines`).

use crate::pattern::Captures;

/// So many lines a filter may look at together.
pub const LINES_MAX: usize = 1000;

/// So much text they may be.
const BYTES_MAX: usize = 1 << 20;

/// The last lines, without their dates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    lines: Vec<String>,
}

impl Lines {
    /// One line alone.
    pub(super) fn one(line: &str) -> Self {
        Self { lines: vec![line.to_owned()] }
    }

    /// Takes the next line, and lets the oldest go when there are more than `most`.
    pub(super) fn push(&mut self, line: String, most: usize) {
        self.lines.push(line);
        let many = self.lines.len().saturating_sub(most);
        self.lines.drain(..many);
        while self.lines.len() > 1 && self.bytes() > BYTES_MAX {
            self.lines.remove(0);
        }
    }

    fn bytes(&self) -> usize {
        self.lines.iter().map(String::len).sum()
    }

    /// All lines, each with its newline.
    pub(super) fn text(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }

    /// Divides these lines into those that a match in `text` has used, and the others. What
    /// `<SKIPLINES>` has caught is not used.
    pub(super) fn divide(&self, text: &str, captures: &Captures, skips: &[usize]) -> (Self, Self) {
        if self.lines.len() <= 1 {
            return (self.clone(), Self::default());
        }
        let whole = captures.whole();
        let bytes = text.as_bytes();
        let until = bytes.len().min(whole.start + 1);
        let first = bytes[..until].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        // An empty match at the very beginning has used all lines, in fail2ban.
        let from = whole.end.checked_sub(1).unwrap_or(bytes.len().saturating_sub(1));
        let last = bytes[from..].iter().position(|b| *b == b'\n');
        let last = last.map_or(bytes.len(), |at| from + at + 1);
        let line_of = |end: usize| {
            let count = text.get(..end).map_or(0, |before| before.matches('\n').count());
            count.min(self.lines.len())
        };
        let (first, last) = (line_of(first), line_of(last));
        let mut used = self.lines[first..last].to_vec();
        let mut others = self.lines[..first].to_vec();
        let mut from = 0;
        for span in skips.iter().filter_map(|group| captures.group(*group)) {
            for skipped in text[span].lines() {
                let rest = used.get(from..).unwrap_or_default();
                if let Some(index) = rest.iter().position(|line| line == skipped) {
                    others.push(used.remove(from + index));
                    from += index;
                }
            }
        }
        others.extend_from_slice(&self.lines[last..]);
        (Self { lines: used }, Self { lines: others })
    }
}
