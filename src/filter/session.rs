//! Failures that several lines tell of, tied together by an id (`<F-MLFID>`).

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::groups::{Groups, Names};
use crate::keeper::Timestamp;

/// So many sessions are remembered; the oldest gives way.
const SESSIONS_MAX: usize = 10_000;

/// So much what they remember may take; the oldest gives way.
const BYTES_MAX: usize = 8 << 20;

/// So long a session is remembered, as fail2ban does.
const REMEMBERED: Duration = Duration::from_mins(5);

/// The groups that steer a session, by the index of their names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steering {
    pub(super) id: usize,
    pub(super) user: usize,
    no_fail: usize,
    forget: usize,
    gained: usize,
}

impl Steering {
    pub(super) fn new(names: &mut Names) -> Self {
        Self {
            id: names.enter("mlfid"),
            user: names.enter("user"),
            no_fail: names.enter("nofail"),
            forget: names.enter("mlfforget"),
            gained: names.enter("mlfgained"),
        }
    }
}

/// What is remembered of the sessions that are open.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The source whose lines come now: the ids of two sources have nothing to do with each other.
    pub(super) source: usize,
    open: HashMap<String, Session>,
    /// The ids in the order in which they came, each with the number of its session: an id may
    /// have come again since.
    order: VecDeque<(String, u64)>,
    opened: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Session {
    number: u64,
    groups: Groups,
    user: Option<String>,
    several_users: bool,
    /// A failure was told of, and not yet whose.
    pending: bool,
    until: Timestamp,
    bytes: usize,
}

/// What a line makes of its session.
pub(super) struct Merged {
    /// What all lines of the session have caught.
    pub(super) groups: Groups,
    /// Whether it is no failure.
    pub(super) no_fail: bool,
}

impl Sessions {
    /// Ties what a line has caught to what is known of its session. A line that has caught one of
    /// `whom` tells who it is anew, and nothing that was known of that stays: an id may come again.
    pub(super) fn merge(
        &mut self,
        by: &Steering,
        whom: &[usize],
        mut caught: Groups,
        now: Timestamp,
    ) -> Merged {
        let id = self.key(caught.text(by.id).unwrap_or_default());
        let gained = caught.is_set(by.gained);
        if gained && !caught.is_set(by.no_fail) {
            caught.copy(by.gained, by.no_fail);
        }
        let forget = caught.take(by.forget);
        let user = caught.value(by.user).filter(|user| !user.is_empty()).map(Cow::into_owned);
        let known = self.remove(&id).filter(|session| session.until > now);
        let mut session = match known {
            Some(mut session) => {
                session.groups.take(by.no_fail);
                session.groups.take(by.gained);
                if gained {
                    session.pending = false;
                }
                if whom.iter().any(|name| caught.has(*name)) {
                    for name in whom {
                        session.groups.take(*name);
                    }
                }
                session.groups.merge(caught);
                session
            }
            None => Session {
                number: 0,
                groups: caught,
                user: None,
                several_users: false,
                pending: false,
                until: now.plus(REMEMBERED),
                bytes: 0,
            },
        };
        // A session that ends with its first line has no users to compare.
        if !(forget && session.number == 0) {
            session.add(user);
        }
        if std::mem::take(&mut session.pending) || session.several_users {
            session.groups.take(by.no_fail);
            session.groups.take(by.gained);
        }
        let no_fail = session.groups.is_set(by.no_fail);
        let groups = session.groups.clone();
        if !forget {
            self.keep(id, session);
        }
        Merged { groups, no_fail }
    }

    fn key(&self, id: &str) -> String {
        format!("{} {id}", self.source)
    }

    /// The line has told of a failure and not of whom: whoever the session turns out to be failed.
    pub(super) fn set_pending(&mut self, groups: &Groups, by: &Steering) {
        let id = groups.text(by.id).map(|id| self.key(id));
        if let Some(session) = id.and_then(|id| self.open.get_mut(&id)) {
            session.pending = true;
        }
    }

    /// How many sessions are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    fn remove(&mut self, id: &str) -> Option<Session> {
        let session = self.open.remove(id)?;
        self.bytes -= session.bytes;
        Some(session)
    }

    fn keep(&mut self, id: String, mut session: Session) {
        session.bytes = 2 * id.len() + session.groups.bytes();
        if session.number == 0 {
            self.opened += 1;
            session.number = self.opened;
            self.order.push_back((id.clone(), session.number));
        }
        self.bytes += session.bytes;
        self.open.insert(id, session);
        while self.open.len() > SESSIONS_MAX
            || self.bytes > BYTES_MAX
            || self.order.len() > 2 * SESSIONS_MAX
        {
            let Some((id, number)) = self.order.pop_front() else { break };
            if self.open.get(&id).is_some_and(|session| session.number == number) {
                self.remove(&id);
            }
        }
    }
}

impl Session {
    /// Notes a user. Only whether there were several counts, so the first is enough to remember.
    fn add(&mut self, user: Option<String>) {
        match (&self.user, user) {
            (None, user) => self.user = user,
            (Some(first), Some(user)) if *first != user => self.several_users = true,
            _ => {}
        }
    }
}
