//! What follows upon a decision: the kernel has it, then the disk, and then everybody is told.
//!
//! The kernel's table and the disk are known here by what is asked of them alone, so that
//! `simulation` can have both fail, and be late, in every order.

use std::time::Instant;

use tracing::{error, info};

use super::clock::Moment;
use super::records::{Disk, Records};
use crate::keeper::{
    Change, Decisions, Element, Event, Gate, JailId, Keeper, Network, Outcome, Roster, Settled,
    Timestamp, Until, pause,
};
use crate::nft::{Firewall, Found, NftError};
use crate::store::JailSaved;
use crate::systemd::catalog;

/// So many saved bans are put back at once, which is a transaction: what becomes of each is in memory
/// meanwhile, and there may be a million. In the kernel there is a message of 4 KiB for each, and to
/// find new memory for those of 100,000 takes it longer than the bans themselves.
const CHANGES_AT_ONCE: usize = 4096;

/// The kernel's table, as [`Firewall`] drives it.
pub(super) trait Table {
    /// As [`Firewall::raise`].
    fn raise(&mut self, gates: &[Gate]) -> Result<Found, NftError>;

    /// As [`Firewall::elements`].
    fn elements(&mut self, now: Timestamp) -> Result<Vec<Element>, NftError>;

    /// As [`Firewall::apply`].
    fn apply(
        &mut self,
        changes: &[Change],
        elsewhere: impl Fn(Network) -> Option<Until>,
        now: Timestamp,
    ) -> Outcome;
}

impl Table for Firewall {
    fn raise(&mut self, gates: &[Gate]) -> Result<Found, NftError> {
        Firewall::raise(self, gates)
    }

    fn elements(&mut self, now: Timestamp) -> Result<Vec<Element>, NftError> {
        Firewall::elements(self, now)
    }

    fn apply(
        &mut self,
        changes: &[Change],
        elsewhere: impl Fn(Network) -> Option<Until>,
        now: Timestamp,
    ) -> Outcome {
        Firewall::apply(self, changes, elsewhere, now)
    }
}

/// Who decides, and what the decisions come to.
pub(super) struct Warden<T, D> {
    pub(super) keeper: Keeper,
    pub(super) roster: Roster,
    pub(super) table: T,
    pub(super) records: Records<D>,
    /// Why the kernel does not take bans.
    refusal: Option<String>,
    /// The table cannot be made what it should be.
    disorder: Option<Disorder>,
    /// Why what is decided is not saved.
    pub(super) state_trouble: Option<String>,
}

struct Disorder {
    reason: String,
    since: Instant,
    /// When the table is to be looked at again.
    mend_at: Instant,
}

impl<T: Table, D: Disk> Warden<T, D> {
    pub(super) fn new(keeper: Keeper, roster: Roster, table: T, records: Records<D>) -> Self {
        Self { keeper, roster, table, records, refusal: None, disorder: None, state_trouble: None }
    }

    /// At a start: makes the table what it should be, with the bans that were saved and those that the
    /// kernel has; what there is to tell of it.
    ///
    /// # Errors
    ///
    /// When the kernel does not take it.
    pub(super) fn take_over(
        &mut self,
        at: Moment,
        gates: &[Gate],
    ) -> Result<Settled, NotTakenOver> {
        let now = at.now;
        let installed = self.raise(gates, now)?;
        let decisions = self.keeper.audit(now, &installed, true);
        let mut told = decisions.notices;
        for changes in decisions.changes.chunks(CHANGES_AT_ONCE) {
            let elsewhere = |network| self.keeper.last_end(network);
            let outcome = self.table.apply(changes, elsewhere, now);
            if let Outcome::Failed { reason } = outcome {
                return Err(NotTakenOver::Bans(reason));
            }
            told.extend(self.keeper.settle(now, changes, &outcome).notices);
        }
        Ok(self.save_and_tell(at, Settled { notices: told, replies: Vec::new() }))
    }

    /// Raises the table; whom it keeps out.
    fn raise(&mut self, gates: &[Gate], now: Timestamp) -> Result<Vec<Element>, NftError> {
        match self.table.raise(gates)? {
            // To ask for the elements of each set takes longer than to make all of them.
            Found::Nothing => Ok(Vec::new()),
            Found::Table => self.table.elements(now),
        }
    }

    /// Decides about these events and what is due, and carries it out; what there is to tell.
    pub(super) fn decide(&mut self, at: Moment, events: Vec<Event>) -> Settled {
        let decisions = self.keeper.decide(at.now, events);
        self.carry_out(at, decisions)
    }

    /// Performs what was decided, first in the kernel, then on the disk; what there is to tell by now,
    /// of this or of what was decided earlier.
    fn carry_out(&mut self, at: Moment, decisions: Decisions) -> Settled {
        let Decisions { changes, mut notices, mut replies } = decisions;
        if !changes.is_empty() {
            let settled = self.perform(at.now, &changes);
            notices.extend(settled.notices);
            replies.extend(settled.replies);
        }
        if !self.keeper.is_put_off() && self.refusal.take().is_some() {
            info!("nothing is left that the kernel does not take");
        }
        self.save_and_tell(at, Settled { notices, replies })
    }

    /// Has what there is to save saved, of which this is to be told; what there is to tell by now.
    pub(super) fn save_and_tell(&mut self, at: Moment, news: Settled) -> Settled {
        self.records.hold(news, &self.keeper);
        self.save(at)
    }

    fn perform(&mut self, now: Timestamp, changes: &[Change]) -> Settled {
        let elsewhere = |network| self.keeper.last_end(network);
        let outcome = self.table.apply(changes, elsewhere, now);
        if let Outcome::Failed { reason } = &outcome
            && self.refusal.as_ref() != Some(reason)
        {
            error!(
                "the kernel did not take {} changes: {reason}; they are tried again until it does",
                changes.len()
            );
            self.refusal = Some(reason.clone());
        }
        self.keeper.settle(now, changes, &outcome)
    }

    fn save(&mut self, at: Moment) -> Settled {
        let trouble = self.records.save(at, &mut self.keeper, &self.roster);
        match (&trouble, &self.state_trouble) {
            (Some(reason), None) => error!(
                message_id = catalog::STATE_UNWRITABLE,
                "the state cannot be saved: {reason}; bans go on, and it is tried again"
            ),
            (None, Some(_)) => info!("the state is saved again"),
            _ => {}
        }
        self.state_trouble = trouble;
        self.records.release()
    }

    /// Saves everything that is new, and waits for it.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or not in time.
    pub(super) fn save_all(&mut self, at: Moment) -> Result<(), String> {
        self.records.save_all(at, &mut self.keeper, &self.roster)
    }

    /// Raises the table, and holds its elements against what is wanted; how many were not as they
    /// should be, and what there is to tell. If that fails it is tried again later.
    pub(super) fn put_table_right(
        &mut self,
        at: Moment,
        gates: &[Gate],
    ) -> (Option<usize>, Settled) {
        match self.raise(gates, at.now) {
            Ok(installed) => {
                let decisions = self.keeper.audit(at.now, &installed, false);
                let put_right = decisions.changes.len();
                self.disorder = None;
                let told = self.carry_out(at, decisions);
                (self.refusal.is_none().then_some(put_right), told)
            }
            Err(error) => {
                self.note_disorder(at.monotonic, error.to_string());
                (None, Settled::default())
            }
        }
    }

    fn note_disorder(&mut self, monotonic: Instant, reason: String) {
        if self.disorder.as_ref().is_none_or(|before| before.reason != reason) {
            error!("the firewall cannot be set right: {reason}; it is tried again until it can");
        }
        let since = self.disorder.as_ref().map_or(monotonic, |before| before.since);
        let mend_at = monotonic + pause(monotonic.saturating_duration_since(since));
        self.disorder = Some(Disorder { reason, since, mend_at });
    }

    /// Why the kernel does not take what it is given.
    pub(super) fn table_trouble(&self) -> Option<&String> {
        self.disorder.as_ref().map(|disorder| &disorder.reason).or(self.refusal.as_ref())
    }

    /// Whether it is time to look at the table again.
    pub(super) fn must_mend(&self, monotonic: Instant) -> bool {
        self.disorder.as_ref().is_some_and(|disorder| disorder.mend_at <= monotonic)
    }

    /// When there is something to do next, if nothing happens before.
    pub(super) fn next(&self) -> Option<Instant> {
        let mend_at = self.disorder.as_ref().map(|disorder| disorder.mend_at);
        mend_at.into_iter().chain(self.records.next()).min()
    }

    /// Gives a jail that was not there before what the state file has of it.
    pub(super) fn readmit(&mut self, now: Timestamp, id: JailId, saved: JailSaved) {
        self.keeper.restore_priors(id, saved.priors);
        self.keeper.restore(now, id, saved.bans, saved.windows);
        self.keeper.restore_accounts(now, id, saved.accounts);
        self.keeper.restore_evidence(id, saved.evidence);
    }
}

/// Why a start could not make the table what it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTakenOver {
    #[error(transparent)]
    Firewall(#[from] NftError),
    #[error("the saved bans cannot be put back: {0}")]
    Bans(String),
}
