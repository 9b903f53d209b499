//! The names of jails, as small numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A jail, by its number in the [`Roster`]. A number is never given to another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JailId(pub u32);

/// Which number belongs to which name, for as long as the process lives.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    ids: BTreeMap<Arc<str>, JailId>,
    names: Vec<Arc<str>>,
}

impl Roster {
    /// The number of `name`, given to it now if it had none.
    ///
    /// # Panics
    ///
    /// At the 2^32nd name.
    pub fn enrol(&mut self, name: &str) -> JailId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = JailId(u32::try_from(self.names.len()).expect("fewer jails than 2^32"));
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.ids.insert(name, id);
        id
    }

    /// The number of `name`, if it has one.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<JailId> {
        self.ids.get(name).copied()
    }

    /// The name behind `id`.
    ///
    /// # Panics
    ///
    /// If `id` is of another roster.
    #[must_use]
    pub fn name(&self, id: JailId) -> &Arc<str> {
        &self.names[id.0 as usize]
    }
}
