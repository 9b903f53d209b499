//! Whose the connections to the bus are: asked once for each, however many calls come on it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use zbus::fdo::{self, DBusProxy};
use zbus::names::{OwnedUniqueName, UniqueName};
use zbus::{BoxDBusError, Connection};

/// So many connections are remembered by their users.
const MAX_REMEMBERED: usize = 4096;

/// The users of those who call.
pub(super) struct Callers {
    connection: Connection,
    /// The bus gives a unique name once, so a user that was found stays right.
    users: Mutex<HashMap<OwnedUniqueName, User>>,
}

enum User {
    Known(u32),
    /// One call has asked, and others wait for the answer. Each of them asking for itself would be more
    /// than the bus takes from us: in a flood it reads some twenty messages in a tenth of a second.
    Asked(Vec<Waker>),
}

impl Callers {
    /// By the connection on which the bus is asked.
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, users: Mutex::default() }
    }

    /// The user, if he is known already.
    pub(super) fn known(&self, sender: &UniqueName<'_>) -> Option<u32> {
        match self.lock().get(sender.as_str()) {
            Some(User::Known(user)) => Some(*user),
            _ => None,
        }
    }

    /// The user of a connection.
    pub(super) async fn user(&self, sender: &UniqueName<'_>) -> Result<u32, BoxDBusError> {
        let sender: OwnedUniqueName = sender.to_owned().into();
        if let Some(user) = poll_fn(|context| self.look_up(&sender, context)).await {
            return Ok(user);
        }
        let mut question = Question { callers: self, sender: &sender, answer: None };
        let bus = DBusProxy::new(&self.connection).await.map_err(fdo::Error::ZBus)?;
        let user = bus.get_connection_unix_user(sender.inner().clone().into()).await?;
        question.answer = Some(user);
        Ok(user)
    }

    /// Waits while another call asks; without an answer this call is the one that asks.
    fn look_up(&self, sender: &OwnedUniqueName, context: &Context<'_>) -> Poll<Option<u32>> {
        let mut users = self.lock();
        match users.get_mut(sender) {
            Some(User::Known(user)) => Poll::Ready(Some(*user)),
            Some(User::Asked(waiting)) => {
                waiting.push(context.waker().clone());
                Poll::Pending
            }
            None => {
                users.insert(sender.clone(), User::Asked(Vec::new()));
                Poll::Ready(None)
            }
        }
    }

    /// The map is whole after every line that holds the lock, so a panic does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<OwnedUniqueName, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is under way. At its end those who wait are woken, also when there is no answer:
/// then one of them asks anew.
struct Question<'a> {
    callers: &'a Callers,
    sender: &'a OwnedUniqueName,
    answer: Option<u32>,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut users = self.callers.lock();
        let asked = users.remove(self.sender);
        if let Some(user) = self.answer {
            if users.len() >= MAX_REMEMBERED {
                users.retain(|_, user| matches!(user, User::Asked(_)));
            }
            users.insert(self.sender.clone(), User::Known(user));
        }
        drop(users);
        if let Some(User::Asked(waiting)) = asked {
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}
