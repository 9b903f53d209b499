//! The state file's part of the loop: when what is saved.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::warn;

use super::clock;
use crate::keeper::{JailId, Keeper, Roster, Timestamp, Write};
use crate::store::{Nonsense, Purge, SavedPosition, Store, StoreError, Whole};
use crate::systemd::catalog;

/// A position that has moved without an attempt is saved no more often than this: reading those
/// records once more after a crash changes nothing.
const POSITION_EVERY: Duration = Duration::from_secs(5);

/// While more attempts wait, what so many turns come to is saved together: a window that grows and
/// becomes a ban is written once then, and so is each page of the file. The keeper notes what is
/// unsaved meanwhile, so that their number is bounded.
const TURNS_TOGETHER: u32 = 16;

/// What the state file forgets by age is looked for this often.
const PURGE_EVERY: Duration = Duration::from_hours(1);

/// The windows of a jail that does not run are kept this long for when it comes back.
const WINDOWS: Duration = Duration::from_hours(24);

/// The history of bans reaches back this far.
const HISTORY: Duration = Duration::from_hours(90 * 24);

/// How far a source has been read.
struct Kept {
    /// None when the source is gone.
    position: Option<SavedPosition>,
    is_saved: bool,
}

/// The state file, and what it has not been told yet.
pub(super) struct Records {
    store: Store,
    positions: BTreeMap<String, Kept>,
    saved_at: Instant,
    /// So many turns are not saved yet, since more is to come.
    turns_waiting: u32,
    /// Whether this one can wait, too.
    can_wait: bool,
    purged_at: Option<Instant>,
    /// A commit has failed: the next one is of everything.
    incomplete: bool,
    /// What it is to forget of jails that are gone, and that the keeper knows no more.
    owed: Vec<Write>,
}

impl Records {
    pub(super) fn new(store: Store, positions: Vec<(String, SavedPosition)>) -> Self {
        let kept = |position| Kept { position: Some(position), is_saved: true };
        Self {
            store,
            positions: positions.into_iter().map(|(name, saved)| (name, kept(saved))).collect(),
            saved_at: clock::monotonic(),
            turns_waiting: 0,
            can_wait: false,
            purged_at: None,
            incomplete: false,
            owed: Vec::new(),
        }
    }

    /// A source has been read up to here.
    pub(super) fn reached(&mut self, name: String, position: SavedPosition) {
        self.positions.insert(name, Kept { position: Some(position), is_saved: false });
    }

    /// A source is gone, or is not read any more.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(kept) = self.positions.get_mut(name) {
            *kept = Kept { position: None, is_saved: false };
        }
    }

    /// How far each source has been read.
    pub(super) fn positions(&self) -> impl Iterator<Item = (&str, &SavedPosition)> {
        self.positions.iter().filter_map(|(name, kept)| Some((&**name, kept.position.as_ref()?)))
    }

    /// What the state file knows of a jail that comes back.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// A turn begins. With `more` behind it its changes may be saved with the next one's.
    pub(super) fn begin_turn(&mut self, more: bool) {
        self.can_wait = more && self.turns_waiting + 1 < TURNS_TOGETHER && !self.incomplete;
    }

    /// Whether earlier turns are still to be saved.
    pub(super) fn are_behind(&self) -> bool {
        self.turns_waiting > 0
    }

    /// Saves what there is to save, in one commit. A position that is young can wait, and so can all
    /// of it while more is to come.
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
        if self.can_wait {
            self.turns_waiting += 1;
            return Ok(());
        }
        self.turns_waiting = 0;
        let position_is_old = self.positions.values().any(|kept| !kept.is_saved)
            && clock::monotonic().duration_since(self.saved_at) >= POSITION_EVERY;
        if !keeper.has_unsaved() && !position_is_old && !self.incomplete {
            return Ok(());
        }
        self.commit(keeper, roster).map_err(|error| error.to_string())?;
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
        self.commit(keeper, roster).map_err(|error| error.to_string())
    }

    fn commit(&mut self, keeper: &mut Keeper, roster: &Roster) -> Result<(), StoreError> {
        let all = self.incomplete;
        let positions = self.positions.iter().filter(|(_, kept)| all || !kept.is_saved);
        let positions: Vec<(String, Option<SavedPosition>)> =
            positions.map(|(name, kept)| (name.clone(), kept.position.clone())).collect();
        let positions: Vec<(&str, Option<SavedPosition>)> =
            positions.iter().map(|(name, position)| (&**name, position.clone())).collect();
        let jails: Vec<JailId> = keeper.jails().collect();
        let is_gone = |write: &Write| write.jail().is_some_and(|jail| !jails.contains(&jail));
        let owed = &mut self.owed;
        let mut unsaved = keeper.take_unsaved().inspect(|write| {
            if is_gone(write) {
                owed.push(write.clone());
            }
        });
        let saved = if self.incomplete {
            unsaved.for_each(drop);
            let mut writes = self.owed.clone();
            writes.extend(keeper.everything());
            let whole = Whole { jails: &jails, writes: &writes, positions: &positions };
            self.store.rewrite(roster, whole)
        } else {
            let saved = self.store.commit(roster, &mut unsaved, &positions);
            // What was not asked for any more is owed as well.
            unsaved.for_each(drop);
            saved
        };
        self.incomplete = saved.is_err();
        saved?;
        self.owed.clear();
        self.positions.retain(|_, kept| kept.position.is_some());
        self.positions.values_mut().for_each(|kept| kept.is_saved = true);
        self.saved_at = clock::monotonic();
        Ok(())
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
}

/// Some of what was read from the state file cannot be.
pub(super) fn tell_nonsense(nonsense: &Nonsense) {
    warn!(
        message_id = catalog::STATE_DAMAGED,
        "{} rows of the state file make no sense and are left out; the first: {}",
        nonsense.rows,
        nonsense.first,
    );
}
