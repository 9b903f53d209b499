//! Places for callers: what one of them may take up at once, so that there is room for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::names::OwnedUniqueName;

use super::access::MAX_ARGUMENTS;

/// Who shares a number of places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shared {
    /// The calls of one connection.
    Connection(OwnedUniqueName),
    /// The calls of one user, over all connections of his.
    User(u32),
    /// The calls of all users but root.
    Users,
    /// The bytes of one user's calls that change something, which may have to wait for polkit.
    UserBytes(u32),
    /// The bytes of all users' but root's.
    Bytes,
    /// The questions to polkit about one user.
    Questions(u32),
    /// All questions to polkit.
    AllQuestions,
}

impl Shared {
    /// How much there is to share. The loop's queue has room for 1024 calls, so that there is always
    /// room for root's. A question may wait for minutes, until somebody has typed a password; those
    /// who only read find a place all the same, since there are twice as many as questions.
    const fn limit(&self) -> usize {
        match self {
            Self::Connection(_) => 256,
            Self::User(_) => 16,
            Self::Users => 128,
            Self::UserBytes(_) => MAX_ARGUMENTS,
            Self::Bytes => 8 * MAX_ARGUMENTS,
            Self::Questions(_) => 4,
            Self::AllQuestions => 64,
        }
    }
}

/// All places.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    taken: Arc<Mutex<HashMap<Shared, usize>>>,
}

/// A place that is taken, until this value goes.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    shared: Shared,
    amount: usize,
}

impl Places {
    /// Takes one place; none if all are taken.
    pub(super) fn take(&self, shared: Shared) -> Option<Place> {
        self.take_many(shared, 1)
    }

    /// Takes so many places, or none at all.
    pub(super) fn take_many(&self, shared: Shared, amount: usize) -> Option<Place> {
        let mut taken = self.lock();
        let before = taken.get(&shared).copied().unwrap_or(0);
        if amount > shared.limit().saturating_sub(before) {
            return None;
        }
        taken.insert(shared.clone(), before + amount);
        drop(taken);
        Some(Place { places: self.clone(), shared, amount })
    }

    /// The counts are right after every line that holds the lock, so a panic does not spoil them.
    fn lock(&self) -> MutexGuard<'_, HashMap<Shared, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.shared) {
            *count -= self.amount;
            if *count == 0 {
                taken.remove(&self.shared);
            }
        }
    }
}
