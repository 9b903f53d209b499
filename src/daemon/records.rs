//! The state file's part of the loop: when what is saved.

use std::time::{Duration, Instant};

use super::clock;
use super::reading::JOURNAL_NAME;
use crate::journal::Position;
use crate::keeper::{JailId, Keeper, Roster, Timestamp, Write};
use crate::store::{Purge, SavedPosition, Store, StoreError, Whole};

/// A position that has moved without an attempt is saved no more often than this: reading those
/// records once more after a crash changes nothing.
const POSITION_EVERY: Duration = Duration::from_secs(5);

/// What the state file forgets by age is looked for this often.
const PURGE_EVERY: Duration = Duration::from_hours(1);

/// The windows of a jail that does not run are kept this long for when it comes back.
const WINDOWS: Duration = Duration::from_hours(24);

/// The history of bans reaches back this far.
const HISTORY: Duration = Duration::from_hours(90 * 24);

/// The state file, and what it has not been told yet.
pub(super) struct Records {
    store: Store,
    position: Option<Position>,
    position_saved: bool,
    saved_at: Instant,
    purged_at: Option<Instant>,
    /// A commit has failed: the next one is of everything.
    incomplete: bool,
    /// What it was to forget of jails that are gone, and that the keeper knows no more.
    owed: Vec<Write>,
}

impl Records {
    pub(super) fn new(store: Store, position: Option<Position>) -> Self {
        Self {
            store,
            position,
            position_saved: true,
            saved_at: clock::monotonic(),
            purged_at: None,
            incomplete: false,
            owed: Vec::new(),
        }
    }

    /// The journal has been read up to here.
    pub(super) fn reached(&mut self, position: Position) {
        self.position = Some(position);
        self.position_saved = false;
    }

    /// Another journal is read from now on.
    pub(super) fn forget_position(&mut self) {
        self.position = None;
    }

    /// How far the journal has been read.
    pub(super) fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// What the state file knows of a jail that comes back.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Saves what there is to save, in one commit. A position that is young can wait.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written; the next call saves everything anew.
    pub(super) fn save(
        &mut self,
        now: Timestamp,
        keeper: &mut Keeper,
        roster: &Roster,
    ) -> Result<(), String> {
        let unsaved = keeper.take_unsaved();
        let position_is_old = !self.position_saved
            && clock::monotonic().duration_since(self.saved_at) >= POSITION_EVERY;
        if unsaved.is_empty() && !position_is_old && !self.incomplete {
            return Ok(());
        }
        self.commit(unsaved, keeper, roster).map_err(|error| error.to_string())?;
        let monotonic = clock::monotonic();
        if self.purged_at.is_none_or(|at| monotonic.duration_since(at) >= PURGE_EVERY) {
            self.purged_at = Some(monotonic);
            self.purge(now, keeper, roster).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Saves everything that is new, the position too: the process is about to end.
    ///
    /// # Errors
    ///
    /// As [`Records::save`].
    pub(super) fn save_all(&mut self, keeper: &mut Keeper, roster: &Roster) -> Result<(), String> {
        let unsaved = keeper.take_unsaved();
        self.commit(unsaved, keeper, roster).map_err(|error| error.to_string())
    }

    fn commit(
        &mut self,
        unsaved: Vec<Write>,
        keeper: &Keeper,
        roster: &Roster,
    ) -> Result<(), StoreError> {
        let positions = self.positions();
        let saved = if self.incomplete {
            let jails: Vec<JailId> = keeper.jails().collect();
            self.owe(keeper, unsaved);
            let mut writes = self.owed.clone();
            writes.extend(keeper.everything());
            let whole = Whole { jails: &jails, writes: &writes, positions: &positions };
            self.store.rewrite(roster, whole)
        } else {
            let saved = self.store.commit(roster, &unsaved, &positions);
            if saved.is_err() {
                self.owe(keeper, unsaved);
            }
            saved
        };
        self.incomplete = saved.is_err();
        saved?;
        self.owed.clear();
        self.position_saved = true;
        self.saved_at = clock::monotonic();
        Ok(())
    }

    fn owe(&mut self, keeper: &Keeper, unsaved: Vec<Write>) {
        let jails: Vec<JailId> = keeper.jails().collect();
        self.owed.extend(unsaved.into_iter().filter(|write| !jails.contains(&write.jail())));
    }

    fn purge(
        &mut self,
        now: Timestamp,
        keeper: &Keeper,
        roster: &Roster,
    ) -> Result<(), StoreError> {
        let jails: Vec<&str> = keeper.jails().map(|id| &**roster.name(id)).collect();
        let purge = Purge { now, keep_history: HISTORY, keep_windows: WINDOWS, jails: &jails };
        self.store.purge(purge)?;
        Ok(())
    }

    fn positions(&self) -> Vec<(&'static str, SavedPosition)> {
        let saved = self.position.as_ref().map(|position| SavedPosition {
            cursor: position.cursor.clone(),
            sequence: position.sequence,
        });
        saved.map(|saved| (JOURNAL_NAME, saved)).into_iter().collect()
    }
}
