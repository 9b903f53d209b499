//! The users whom lines name: most often the same few.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

/// So many are remembered.
const PLACES: usize = 256;

/// And none whose name is longer, in bytes.
const LONGEST: usize = 64;

/// Users whom lines have named, each of whom stands in memory once.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// By the sum over the name.
    places: Vec<Option<Arc<str>>>,
}

impl Users {
    /// The user of this name.
    pub(super) fn named(&mut self, name: &str) -> Arc<str> {
        if name.len() > LONGEST {
            return name.into();
        }
        self.places.resize(PLACES, None);
        let mut sum = DefaultHasher::new();
        sum.write(name.as_bytes());
        let place = &mut self.places[usize::from(sum.finish().to_le_bytes()[0])];
        match place {
            Some(user) if **user == *name => Arc::clone(user),
            _ => Arc::clone(place.insert(name.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_named_again_is_the_same() {
        let mut users = Users::default();
        let root = users.named("root");
        assert!(Arc::ptr_eq(&root, &users.named("root")));
        for number in 0..10 * PLACES {
            assert_eq!(*users.named(&number.to_string()), number.to_string());
        }
        assert_eq!(*users.named("root"), *"root");
        let long = "x".repeat(LONGEST + 1);
        assert!(!Arc::ptr_eq(&users.named(&long), &users.named(&long)));
    }
}
