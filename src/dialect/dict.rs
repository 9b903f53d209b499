//! A map that keeps the order in which its keys came, as Python's does: the order of options is the
//! order in which their tags are replaced.

use std::collections::HashMap;

#[derive(Clone, Debug)]
pub(super) struct Dict<V> {
    entries: Vec<(String, V)>,
    index: HashMap<String, usize>,
}

impl<V> Default for Dict<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashMap::new() }
    }
}

impl<V> Dict<V> {
    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(*self.index.get(key)?).map(|(_, value)| value)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.index.contains_key(key)
    }

    /// Sets a value; a key that is there already keeps its rank.
    pub(super) fn insert(&mut self, key: &str, value: V) {
        if let Some((_, old)) = self.index.get(key).and_then(|at| self.entries.get_mut(*at)) {
            *old = value;
        } else {
            self.index.insert(key.to_owned(), self.entries.len());
            self.entries.push((key.to_owned(), value));
        }
    }

    /// The value, made first when there is none.
    pub(super) fn entry(&mut self, key: &str, make: impl FnOnce() -> V) -> Option<&mut V> {
        if !self.contains(key) {
            self.insert(key, make());
        }
        self.entries.get_mut(*self.index.get(key)?).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }
}

impl<V: Clone> Dict<V> {
    /// Takes over everything of another one, which wins.
    pub(super) fn update(&mut self, other: &Self) {
        for (key, value) in other.iter() {
            self.insert(key, value.clone());
        }
    }
}
