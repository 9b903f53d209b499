//! What has been touched and is to be looked at once, such as what is to be saved.

/// Until there are so many, keys that come again take room again.
const FEW: usize = 1024;

/// Keys that were noted since they were last taken. Many are noted for each that is taken, so that to
/// note one is to append it: those that have come twice are thrown out when there are many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted<K> {
    keys: Vec<K>,
    /// So many of them were each there once when they were last looked through.
    distinct: usize,
}

impl<K> Default for Noted<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), distinct: 0 }
    }
}

impl<K: Ord> Noted<K> {
    /// Notes a key.
    pub(super) fn note(&mut self, key: K) {
        if self.keys.len() >= 2 * self.distinct.max(FEW) {
            self.tidy();
        }
        self.keys.push(key);
    }

    /// Has this key not been noted, if it was the last one.
    pub(super) fn take_back(&mut self, key: &K) {
        if self.keys.last() == Some(key) {
            self.keys.pop();
        }
    }

    /// Takes the first so many, each once, sorted.
    pub(super) fn take_some(&mut self, at_most: usize) -> impl Iterator<Item = K> + use<K> {
        self.tidy();
        let rest = self.keys.split_off(at_most.min(self.keys.len()));
        self.distinct = rest.len();
        std::mem::replace(&mut self.keys, rest).into_iter()
    }

    /// Takes them all, each once, sorted.
    pub(super) fn take(&mut self) -> impl Iterator<Item = K> + use<K> {
        self.tidy();
        self.distinct = 0;
        std::mem::take(&mut self.keys).into_iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn tidy(&mut self) {
        self.keys.sort_unstable();
        self.keys.dedup();
        self.distinct = self.keys.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_once_and_what_comes_again_takes_no_room() {
        let mut noted = Noted::default();
        for n in 0..100_000 {
            noted.note(n % 3);
        }
        assert!(noted.keys.capacity() < 4 * FEW);
        noted.note(7);
        noted.take_back(&8);
        noted.take_back(&7);
        assert_eq!(noted.take_some(2).collect::<Vec<_>>(), [0, 1]);
        noted.note(0);
        assert_eq!(noted.take().collect::<Vec<_>>(), [0, 2]);
        assert!(noted.is_empty());
    }
}
