//! The last lines behind an offender (`maxmatches`): what people ask for when they wonder why
//! somebody is out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::event::Write;
use super::network::Network;
use super::roster::JailId;
use super::time::Timestamp;

/// So many bytes one jail's lines may take. When there are more, the offender whose last attempt is
/// the oldest loses his.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// What a line costs beside its text: two counters, and the pointer and length that lead there.
const LINE_OVERHEAD: usize = 32;

/// The lines of one jail's offenders, banned or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    lines: BTreeMap<Network, Lines>,
    by_last_attempt: BTreeSet<(Timestamp, Network)>,
    bytes: usize,
    unsaved: BTreeSet<Network>,
}

/// One offender's lines, the newest last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lines {
    last_attempt: Timestamp,
    texts: VecDeque<Arc<str>>,
}

impl Lines {
    fn bytes(&self) -> usize {
        self.texts.iter().map(|text| text.len() + LINE_OVERHEAD).sum()
    }
}

impl Evidence {
    /// Adds the line of an attempt, and keeps the newest `at_most` of its offender.
    pub(super) fn add(
        &mut self,
        offender: Network,
        time: Timestamp,
        text: Arc<str>,
        at_most: usize,
    ) {
        if at_most == 0 {
            return;
        }
        let mut lines = self
            .take(offender)
            .unwrap_or_else(|| Lines { last_attempt: time, texts: VecDeque::new() });
        lines.last_attempt = lines.last_attempt.max(time);
        lines.texts.push_back(text);
        lines.texts.drain(..lines.texts.len().saturating_sub(at_most));
        self.put(offender, lines);
    }

    /// Puts an offender's lines back as they were saved, the newest `at_most` of them.
    pub(super) fn restore(
        &mut self,
        offender: Network,
        last_attempt: Timestamp,
        mut texts: Vec<Arc<str>>,
        at_most: usize,
    ) {
        let spare = texts.len().saturating_sub(at_most);
        texts.drain(..spare);
        self.take(offender);
        self.put(offender, Lines { last_attempt, texts: texts.into() });
        if spare == 0 && self.lines.contains_key(&offender) {
            self.unsaved.remove(&offender);
        }
    }

    /// Keeps the newest `at_most` lines of each offender.
    pub(super) fn cut(&mut self, at_most: usize) {
        let longer = self.lines.iter().filter(|(_, lines)| lines.texts.len() > at_most);
        for offender in longer.map(|(offender, _)| *offender).collect::<Vec<_>>() {
            let Some(mut lines) = self.take(offender) else { continue };
            lines.texts.drain(..lines.texts.len() - at_most);
            self.put(offender, lines);
        }
    }

    /// Forgets an offender's lines, here and in the state file.
    pub(super) fn forget(&mut self, offender: Network) {
        if self.take(offender).is_some() {
            self.unsaved.insert(offender);
        }
    }

    /// An offender's lines, the newest last.
    pub(super) fn of(&self, offender: Network) -> impl Iterator<Item = &Arc<str>> {
        self.lines.get(&offender).into_iter().flat_map(|lines| &lines.texts)
    }

    /// What has changed since the last time this was asked, for the state file.
    pub(super) fn take_unsaved(&mut self, jail: JailId) -> impl Iterator<Item = Write> {
        let unsaved = std::mem::take(&mut self.unsaved);
        unsaved.into_iter().map(move |offender| match self.lines.get(&offender) {
            Some(lines) => written(jail, offender, lines),
            None => Write::NoEvidence(jail, offender),
        })
    }

    /// Everything that the state file is to remember.
    pub(super) fn everything(&self, jail: JailId) -> impl Iterator<Item = Write> {
        self.lines.iter().map(move |(offender, lines)| written(jail, *offender, lines))
    }

    /// What the state file is to forget when the jail goes.
    pub(super) fn farewell(&self, jail: JailId) -> impl Iterator<Item = Write> {
        self.lines.keys().map(move |offender| Write::NoEvidence(jail, *offender))
    }

    fn take(&mut self, offender: Network) -> Option<Lines> {
        let lines = self.lines.remove(&offender)?;
        self.by_last_attempt.remove(&(lines.last_attempt, offender));
        self.bytes -= lines.bytes();
        Some(lines)
    }

    fn put(&mut self, offender: Network, lines: Lines) {
        self.unsaved.insert(offender);
        if lines.texts.is_empty() {
            return;
        }
        self.bytes += lines.bytes();
        self.by_last_attempt.insert((lines.last_attempt, offender));
        self.lines.insert(offender, lines);
        while self.bytes > MAX_BYTES
            && let Some((_, oldest)) = self.by_last_attempt.first().copied()
        {
            self.forget(oldest);
        }
    }
}

fn written(jail: JailId, offender: Network, lines: &Lines) -> Write {
    Write::Evidence(jail, offender, lines.last_attempt, lines.texts.iter().cloned().collect())
}
