//! All jails, in the order of their ids: of few, which are gone through several times at each decision.

use super::jail::Jail;
use super::roster::JailId;

/// The jails that run.
#[derive(Clone, Debug, Default)]
pub(super) struct Jails {
    /// Sorted by id.
    list: Vec<Jail>,
}

impl Jails {
    /// The jail with this id.
    pub(super) fn get(&self, id: JailId) -> Option<&Jail> {
        self.list.get(self.place(id).ok()?)
    }

    pub(super) fn get_mut(&mut self, id: JailId) -> Option<&mut Jail> {
        let at = self.place(id).ok()?;
        self.list.get_mut(at)
    }

    /// Whether there is a jail with this id.
    pub(super) fn has(&self, id: JailId) -> bool {
        self.place(id).is_ok()
    }

    /// Takes in a jail in place of any other with its id.
    pub(super) fn insert(&mut self, jail: Jail) {
        self.remove(jail.id);
        let at = self.list.partition_point(|known| known.id < jail.id);
        self.list.insert(at, jail);
    }

    pub(super) fn remove(&mut self, id: JailId) -> Option<Jail> {
        self.place(id).ok().map(|at| self.list.remove(at))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Jail> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Jail> {
        self.list.iter_mut()
    }

    /// Where the jail with this id is, or would be.
    fn place(&self, id: JailId) -> Result<usize, usize> {
        self.list.binary_search_by_key(&id, |jail| jail.id)
    }
}
