//! How a place in a file is known again: by the bytes before it.

use super::position::Mark;

/// So many bytes at a file's beginning, and so many before a place, tell whether a file is still
/// the one in which the place was.
pub(super) const PRINT_BYTES: usize = 256;

/// A place in a file, and a fingerprint of what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Bytes from the beginning.
    pub(super) offset: u64,
    head: u64,
    tail: u64,
}

impl Cursor {
    /// The beginning, which is the same in all files.
    pub(super) const START: Self = Self { offset: 0, head: hash(&[]), tail: hash(&[]) };

    /// The place behind `tail`, which are the bytes before it, in a file that begins with `head`.
    /// Both have [`PRINT_BYTES`], or as many as there are before `offset`.
    pub(super) fn behind(offset: u64, head: &[u8], tail: &[u8]) -> Self {
        Self { offset, head: hash(head), tail: hash(tail) }
    }

    pub(super) fn of(mark: &Mark) -> Self {
        Self { offset: mark.offset, head: mark.head, tail: mark.tail }
    }

    pub(super) fn mark(self, (device, inode): (u64, u64)) -> Mark {
        Mark { device, inode, offset: self.offset, head: self.head, tail: self.tail }
    }

    /// How many bytes the fingerprint covers, at the beginning and before the place.
    pub(super) fn covered(self) -> usize {
        usize::try_from(self.offset).unwrap_or(usize::MAX).min(PRINT_BYTES)
    }

    pub(super) fn fits_head(self, head: &[u8]) -> bool {
        self.head == hash(head)
    }

    pub(super) fn fits_tail(self, tail: &[u8]) -> bool {
        self.tail == hash(tail)
    }

    /// The place `by` bytes further on. `bytes` begins [`covered`](Self::covered) bytes before this
    /// place and reaches to the new one at least; what it lacks does not move the place.
    pub(super) fn advanced(self, bytes: &[u8], by: usize) -> Self {
        let covered = self.covered();
        let Some(passed) = covered.checked_add(by).and_then(|end| bytes.get(..end)) else {
            return self;
        };
        let offset = self.offset.saturating_add(u64::try_from(by).unwrap_or(u64::MAX));
        let tail = passed.last_chunk::<PRINT_BYTES>().map_or(passed, |tail| tail.as_slice());
        // With fewer bytes than a fingerprint covers, they begin at the file's beginning.
        let head = if covered < PRINT_BYTES {
            hash(passed.get(..PRINT_BYTES).unwrap_or(passed))
        } else {
            self.head
        };
        Self { offset, head, tail: hash(tail) }
    }
}

/// FNV-1a of 64 bits: it stays the same from release to release, as what is saved must.
const fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut rest = bytes;
    while let [byte, others @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = others;
    }
    hash
}
