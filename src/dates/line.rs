//! A line, counted in characters.

/// The line that is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    pub(super) text: &'t str,
    /// `%ExY` takes no later year.
    pub(super) latest_year: u32,
}

impl Line<'_> {
    /// The byte at which a character begins; the end of the line when it has not so many.
    pub(super) fn byte(self, character: usize) -> usize {
        if self.text.as_bytes().get(..character).is_some_and(<[u8]>::is_ascii) {
            return character;
        }
        self.text.char_indices().nth(character).map_or(self.text.len(), |(at, _)| at)
    }

    /// How many characters there are before a byte.
    pub(super) fn characters(self, byte: usize) -> usize {
        let before = self.text.as_bytes().get(..byte).unwrap_or_default();
        // All bytes but those that continue a character.
        before.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
    }

    /// The characters at the edges of the part between two characters: before it, its first, its
    /// last, behind it.
    pub(super) fn edges(self, start: usize, end: usize) -> [Option<char>; 4] {
        let (start_byte, end_byte) = (self.byte(start), self.byte(end));
        let split = |at| self.text.split_at_checked(at).unwrap_or_default();
        let (before, part) = split(start_byte);
        let (inside, behind) = split(end_byte);
        let missing = |byte: usize, characters: usize| {
            byte == self.text.len() && self.characters(byte) < characters
        };
        [
            before.chars().next_back().filter(|_| !missing(start_byte, start)),
            part.chars().next(),
            inside.chars().next_back().filter(|_| !missing(end_byte, end)),
            behind.chars().next(),
        ]
    }
}
