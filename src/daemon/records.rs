//! What is to be saved, and when; and what is told of it, which is when the disk has it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::clock::Moment;
use super::service::RETRY;
use crate::keeper::{JailId, Keeper, Roster, Settled, Timestamp, Write};
use crate::store::SavedPosition;

/// A position that has moved without an attempt is saved no more often than this: reading those
/// records once more after a crash changes nothing.
const POSITION_EVERY: Duration = Duration::from_secs(5);

/// While more attempts wait, the lines behind offenders are saved no more often than this: they are most
/// of what there is to save then.
const LINES_EVERY: Duration = Duration::from_secs(5);

/// The lines of so many offenders in a jail go into one commit, unless it is the last.
const LINES_AT_ONCE: usize = 256;

/// While more attempts wait, what so many turns come to is saved together: a window that grows and
/// becomes a ban is written once then. The keeper notes what is unsaved meanwhile, so that their number is
/// bounded.
const TURNS_TOGETHER: u32 = 16;

/// What the state file forgets by age is looked for this often.
const PURGE_EVERY: Duration = Duration::from_hours(1);

/// A disk that takes longer than this is trouble, and whoever waits for it is answered.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many notices wait for the disk; with more of them all are told at once.
const UNTOLD_AT_MOST: usize = 1024;

/// Who cannot go on without what is saved waits for it no longer than this.
const WAIT_AT_MOST: Duration = Duration::from_secs(5);

/// A transaction of the state file.
#[derive(Debug, Default)]
pub(super) struct Commit {
    /// The jails' names.
    pub(super) roster: Roster,
    /// The jails that run.
    pub(super) jails: Vec<JailId>,
    /// What to write.
    pub(super) writes: Vec<Write>,
    /// How far each source has been read; none if it is gone.
    pub(super) positions: Vec<(String, Option<SavedPosition>)>,
    /// Whether this is everything: what the file has of these jails and of sources is replaced.
    pub(super) is_whole: bool,
    /// The time.
    pub(super) now: Timestamp,
    /// Whether what is too old by now is to be forgotten afterwards.
    pub(super) purges: bool,
}

/// Who writes the state file, at his own pace.
pub(super) trait Disk {
    /// Begins a commit. The one before it is over.
    fn begin(&mut self, commit: Commit);

    /// What came of the commit that was begun, once, when it is over.
    fn outcome(&mut self) -> Option<Result<(), String>>;

    /// Waits for the commit that is under way to be over; whether it is.
    fn wait(&mut self, at_most: Duration) -> bool;
}

/// How far a source has been read.
struct Kept {
    /// None when the source is gone.
    position: Option<SavedPosition>,
    /// Whether a commit has it.
    is_handed_over: bool,
}

/// The disk, and what it has not been told yet.
pub(super) struct Records<D> {
    pub(super) disk: D,
    positions: BTreeMap<String, Kept>,
    /// A source is new: where it begins is not to be forgotten.
    has_new_source: bool,
    /// The number of the commit that was begun last, from 1.
    begun: u64,
    /// Since when the disk is busy with it.
    busy_since: Option<Instant>,
    begun_at: Instant,
    purged_at: Option<Instant>,
    lines_saved_at: Instant,
    /// So many turns are not saved yet, since more is to come.
    turns_waiting: u32,
    /// Whether more is to come.
    is_more: bool,
    /// A commit has failed, or the file had not what it should: the next one is of everything, not
    /// before then.
    incomplete_until: Option<Instant>,
    trouble: Option<String>,
    /// The jails that have run since the last commit that has not failed, so that what the file has of
    /// them may be wrong.
    doubtful: BTreeSet<JailId>,
    /// What the file is to forget of jails that are gone, and that the keeper knows no more.
    owed: Vec<Write>,
    /// What is told when this commit is over.
    untold: VecDeque<(u64, Settled)>,
    untold_notices: usize,
}

impl<D: Disk> Records<D> {
    /// With `incomplete` the file has not what was read from it, or nothing was.
    pub(super) fn new(
        disk: D,
        positions: Vec<(String, SavedPosition)>,
        incomplete: bool,
        monotonic: Instant,
    ) -> Self {
        let kept = |position| Kept { position: Some(position), is_handed_over: true };
        Self {
            disk,
            positions: positions.into_iter().map(|(name, saved)| (name, kept(saved))).collect(),
            has_new_source: false,
            begun: 0,
            busy_since: None,
            begun_at: monotonic,
            purged_at: None,
            lines_saved_at: monotonic,
            turns_waiting: 0,
            is_more: false,
            incomplete_until: incomplete.then_some(monotonic),
            trouble: None,
            doubtful: BTreeSet::new(),
            owed: Vec::new(),
            untold: VecDeque::new(),
            untold_notices: 0,
        }
    }

    /// A source has been read up to here.
    pub(super) fn reached(&mut self, name: String, position: SavedPosition) {
        self.has_new_source |= !self.positions.contains_key(&name);
        self.positions.insert(name, Kept { position: Some(position), is_handed_over: false });
    }

    /// A source is gone, or is not read any more.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(kept) = self.positions.get_mut(name) {
            *kept = Kept { position: None, is_handed_over: false };
        }
    }

    /// How far each source has been read.
    pub(super) fn positions(&self) -> impl Iterator<Item = (&str, &SavedPosition)> {
        self.positions.iter().filter_map(|(name, kept)| Some((&**name, kept.position.as_ref()?)))
    }

    /// A turn begins. With `more` behind it its changes may be saved with the next one's.
    pub(super) fn begin_turn(&mut self, more: bool) {
        self.is_more = more;
    }

    /// This is told when what the keeper has not saved yet is saved, or cannot be.
    pub(super) fn hold(&mut self, told: Settled, keeper: &Keeper) {
        if told.notices.is_empty() && told.replies.is_empty() {
            return;
        }
        let commit = self.begun + u64::from(keeper.has_unsaved());
        self.untold_notices += told.notices.len();
        self.untold.push_back((commit, told));
    }

    /// What need not wait any longer. In a flood notices do not wait: it is answers that are relied
    /// upon.
    pub(super) fn release(&mut self) -> Settled {
        let over = self.begun - u64::from(self.busy_since.is_some());
        let is_over = |commit: u64| commit <= over || self.trouble.is_some();
        let released = self.untold.iter().take_while(|(commit, _)| is_over(*commit)).count();
        let mut told = Settled::default();
        for (_, Settled { notices, replies }) in self.untold.drain(..released) {
            self.untold_notices -= notices.len();
            told.notices.extend(notices);
            told.replies.extend(replies);
        }
        if self.untold_notices > UNTOLD_AT_MOST {
            self.untold_notices = 0;
            self.untold.iter_mut().for_each(|(_, late)| told.notices.append(&mut late.notices));
        }
        told
    }

    /// Has the disk save what there is to save, in one commit, unless it is still busy with the one
    /// before. A position that is young can wait, and so can all of it while more is to come and
    /// nobody waits for it. The trouble that there is with the disk, if any.
    pub(super) fn save(
        &mut self,
        at: Moment,
        keeper: &mut Keeper,
        roster: &Roster,
    ) -> Option<String> {
        self.hear(at.monotonic);
        if self.busy_since.is_none() && self.has_work(at.monotonic, keeper) {
            if self.can_wait() {
                self.turns_waiting += 1;
            } else {
                self.begin(at, keeper, roster, LINES_AT_ONCE);
                // One that takes no time is over by now.
                self.hear(at.monotonic);
            }
        }
        self.trouble.clone()
    }

    /// Saves everything that is new, the positions too, and waits for it: the process is about to end,
    /// or is about to read what is saved.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or not in time.
    pub(super) fn save_all(
        &mut self,
        at: Moment,
        keeper: &mut Keeper,
        roster: &Roster,
    ) -> Result<(), String> {
        self.wait(at.monotonic)?;
        self.is_more = false;
        self.begin(at, keeper, roster, usize::MAX);
        self.wait(at.monotonic)?;
        self.trouble.clone().map_or(Ok(()), Err)
    }

    /// Waits for the disk to be done with the commit that is under way, whatever comes of it.
    fn wait(&mut self, monotonic: Instant) -> Result<(), String> {
        if self.busy_since.is_some() && !self.disk.wait(WAIT_AT_MOST) {
            let seconds = WAIT_AT_MOST.as_secs();
            return Err(format!("the disk takes more than {seconds} s to write the state"));
        }
        self.hear(monotonic);
        Ok(())
    }

    /// When there is something to do next, if nothing happens before.
    pub(super) fn next(&self) -> Option<Instant> {
        match (self.busy_since, &self.trouble) {
            (Some(since), None) => Some(since + PATIENCE),
            (Some(_), Some(_)) => None,
            (None, _) => self.incomplete_until,
        }
    }

    /// Whether a commit is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.busy_since.is_some()
    }

    /// Whether the disk does not answer.
    pub(super) fn is_stuck(&self, monotonic: Instant) -> bool {
        self.busy_since.is_some_and(|since| since + PATIENCE <= monotonic)
    }

    /// Hears what came of the commit that is under way.
    fn hear(&mut self, monotonic: Instant) {
        if self.busy_since.is_none() {
            return;
        }
        match self.disk.outcome() {
            Some(Ok(())) => {
                self.busy_since = None;
                self.incomplete_until = None;
                self.trouble = None;
                self.doubtful.clear();
                self.owed.clear();
            }
            Some(Err(reason)) => {
                self.busy_since = None;
                self.incomplete_until = Some(monotonic + RETRY);
                self.trouble = Some(reason);
            }
            None if self.is_stuck(monotonic) => {
                let seconds = PATIENCE.as_secs();
                let slow = || format!("the disk takes more than {seconds} s to write it");
                self.trouble.get_or_insert_with(slow);
            }
            None => {}
        }
    }

    fn has_work(&self, monotonic: Instant, keeper: &Keeper) -> bool {
        if let Some(until) = self.incomplete_until {
            return until <= monotonic;
        }
        let position_is_old = self.positions.values().any(|kept| !kept.is_handed_over)
            && monotonic.duration_since(self.begun_at) >= POSITION_EVERY;
        let has_lines = keeper.has_unsaved_lines() && self.lines_are_due(monotonic);
        keeper.has_unsaved() || has_lines || position_is_old || self.has_new_source
    }

    fn lines_are_due(&self, monotonic: Instant) -> bool {
        !self.is_more || monotonic - self.lines_saved_at >= LINES_EVERY
    }

    fn can_wait(&self) -> bool {
        self.is_more
            && self.turns_waiting + 1 < TURNS_TOGETHER
            && self.untold.iter().all(|(_, told)| told.replies.is_empty())
            && self.incomplete_until.is_none()
    }

    fn begin(&mut self, at: Moment, keeper: &mut Keeper, roster: &Roster, lines_at_once: usize) {
        let due = self.purged_at.is_none_or(|last| at.monotonic - last >= PURGE_EVERY);
        if due {
            self.purged_at = Some(at.monotonic);
        }
        let mut commit = self.commit(keeper, roster);
        (commit.now, commit.purges) = (at.now, due);
        if commit.is_whole {
            // All of it has them already.
            keeper.take_unsaved_lines(usize::MAX).for_each(drop);
        } else if self.lines_are_due(at.monotonic) {
            commit.writes.extend(keeper.take_unsaved_lines(lines_at_once));
        }
        if !keeper.has_unsaved_lines() {
            self.lines_saved_at = at.monotonic;
        }
        self.disk.begin(commit);
        self.begun += 1;
        self.busy_since = Some(at.monotonic);
        self.begun_at = at.monotonic;
        self.turns_waiting = 0;
        self.has_new_source = false;
    }

    /// Everything that is new, the positions too; or everything.
    fn commit(&mut self, keeper: &mut Keeper, roster: &Roster) -> Commit {
        let is_whole = self.incomplete_until.is_some();
        let positions = self.positions.iter().filter(|(_, kept)| is_whole || !kept.is_handed_over);
        let positions = positions.map(|(name, kept)| (name.clone(), kept.position.clone()));
        let positions = positions.collect();
        self.positions.retain(|_, kept| kept.position.is_some());
        self.positions.values_mut().for_each(|kept| kept.is_handed_over = true);
        let mut jails: Vec<JailId> = keeper.jails().collect();
        let mut writes: Vec<Write> = keeper.take_unsaved().collect();
        let is_gone = |write: &&Write| write.jail().is_some_and(|jail| !jails.contains(&jail));
        self.owed.extend(writes.iter().filter(is_gone).cloned());
        // Of a jail that has come back meanwhile the keeper knows again.
        self.owed.retain(|write| is_gone(&write));
        self.doubtful.extend(&jails);
        if is_whole {
            writes.clone_from(&self.owed);
            writes.extend(keeper.everything());
            jails = self.doubtful.iter().copied().collect();
        }
        let roster = roster.clone();
        Commit { roster, jails, writes, positions, is_whole, ..Commit::default() }
    }
}
