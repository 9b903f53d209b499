//! What is taken of one entry.

use std::borrow::Cow;

use systemd::Journal;

use super::handle;
use super::sieve::Sieve;
use crate::record::{Fields, MESSAGE_BYTES_MAX, Matches, Want};

/// Takes from each entry what the wants need of it.
pub(super) struct Intake {
    sieve: Sieve,
    fields: Fields,
    message: Vec<u8>,
}

/// What an entry has turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Nobody wants it.
    Unwanted,
    /// It has no message.
    Silent,
    /// Its message is longer than [`MESSAGE_BYTES_MAX`].
    TooLong,
    /// Its message is there, and the fields that were asked for.
    Whole,
}

impl Intake {
    /// An intake for these wants.
    pub(super) fn new(wants: &[Want]) -> Self {
        let matches: Vec<Matches> = wants.iter().map(|want| want.matches.clone()).collect();
        Self {
            sieve: Sieve::new(&matches),
            fields: Fields::of(wants.iter().flat_map(|want| want.fields.iter().cloned())),
            message: Vec::new(),
        }
    }

    /// What sd-journal is to look for: all that is wanted, and little more.
    pub(super) fn told(&self) -> &Matches {
        self.sieve.told()
    }

    /// Takes the entry at which the handle stands. Each of its parts is fetched once: one by its name,
    /// or all if it is not known yet who wants it. (To fetch one, sd-journal goes through all before.)
    pub(super) fn take(&mut self, journal: &mut Journal) -> systemd::Result<Taken> {
        self.message.clear();
        let is_there = if self.sieve.looks_at_fields() {
            let is_there = self.take_all(journal)?;
            if self.sieve.wanted_by().is_empty() {
                return Ok(Taken::Unwanted);
            }
            is_there
        } else {
            self.take_some(journal)?
        };
        Ok(match self.message.len() {
            _ if !is_there => Taken::Silent,
            length if length > MESSAGE_BYTES_MAX => Taken::TooLong,
            _ => Taken::Whole,
        })
    }

    fn take_some(&mut self, journal: &mut Journal) -> systemd::Result<bool> {
        handle::read_fields(journal, &mut self.fields)?;
        let field = journal.get_data(c"MESSAGE")?;
        let message = field.as_ref().and_then(|field| field.value());
        self.message.extend(message.unwrap_or_default());
        Ok(field.is_some())
    }

    fn take_all(&mut self, journal: &mut Journal) -> systemd::Result<bool> {
        self.sieve.begin();
        self.fields.clear();
        let mut is_there = false;
        journal.restart_data();
        while let Some(field) = journal.enumerate_data()? {
            let data = field.data();
            if let (Some(message), false) = (data.strip_prefix(b"MESSAGE="), is_there) {
                self.message.extend(message);
                is_there = true;
            }
            self.sieve.look_at(data);
            self.fields.look_at(data);
        }
        self.sieve.judge();
        Ok(is_there)
    }

    /// The message; what is no UTF-8 is U+FFFD in it.
    pub(super) fn message(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.message)
    }

    /// The fields that were asked for.
    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The wants that want the entry, by index.
    pub(super) fn wanted_by(&self) -> &[usize] {
        self.sieve.wanted_by()
    }
}
