//! What is to be said of a jail that was taken over.

use serde::Serialize;

/// What was changed, and what is left to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notes {
    /// What is as in fail2ban.
    pub taken: Vec<String>,
    /// What is otherwise than in fail2ban.
    pub changed: Vec<String>,
    /// What somebody has to do.
    pub by_hand: Vec<String>,
}

impl Notes {
    pub(super) fn take(&mut self, text: impl Into<String>) {
        add(&mut self.taken, text.into());
    }

    pub(super) fn change(&mut self, text: impl Into<String>) {
        add(&mut self.changed, text.into());
    }

    pub(super) fn leave(&mut self, text: impl Into<String>) {
        add(&mut self.by_hand, text.into());
    }

    /// Takes out what is said for all jails already.
    pub(super) fn without(mut self, common: &Self) -> Self {
        self.changed.retain(|text| !common.changed.contains(text));
        self.by_hand.retain(|text| !common.by_hand.contains(text));
        self
    }
}

fn add(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}
