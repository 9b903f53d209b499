//! Who may call which method of the manager.
//!
//! Reading is the bus's own matter: its policy file lets root and the group adm, and nobody else.
//! Changing is polkit's: everybody may send such a call, root's is done without asking, and for
//! others polkit is asked about the action that stands here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zbus::fdo::{self, DBusProxy};
use zbus::message::Flags;
use zbus::names::{OwnedUniqueName, UniqueName};
use zbus::{BoxDBusError, Connection, Message};

use super::error::Error;
use super::places::{Place, Places, Shared};
use super::polkit::{Authority, Refusal};

/// What a method asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Nothing but that the bus has let the call through.
    Read,
    /// This action of polkit's.
    Change(&'static str),
}

/// The methods of the manager. A method that is not here cannot be called. Those that change stand
/// in the bus's policy file too, since the bus must let everybody send them.
pub(super) const METHODS: &[(&str, Right)] = &[
    ("Allow", Right::Change("org.jailkeeper1.allow")),
    ("Attempt", Right::Change("org.jailkeeper1.ban")),
    ("Ban", Right::Change("org.jailkeeper1.ban")),
    ("Diagnose", Right::Read),
    ("Disallow", Right::Change("org.jailkeeper1.allow")),
    ("ListAllowed", Right::Read),
    ("ListBans", Right::Read),
    ("ListJails", Right::Read),
    ("ListWouldBeBans", Right::Read),
    ("Matches", Right::Read),
    ("Reload", Right::Change("org.jailkeeper1.reload")),
    ("Set", Right::Change("org.jailkeeper1.configure")),
    ("Settings", Right::Read),
    ("Unban", Right::Change("org.jailkeeper1.unban")),
    ("Why", Right::Read),
];

/// A call's arguments take at most so many bytes: more than the most addresses that a call may
/// name, each as long as one can be. What is longer is not even read.
pub const MAX_ARGUMENTS: usize = 8 << 20;

/// So many callers are remembered by their users.
const MAX_REMEMBERED: usize = 4096;

/// Decides whether a call is let in.
pub(super) struct Access {
    /// One of its own: what the bus and polkit answer must not stand behind the calls.
    connection: Connection,
    authority: Authority,
    places: Places,
    /// The bus gives a unique name once, so a user that was found stays right.
    users: Mutex<HashMap<OwnedUniqueName, u32>>,
}

/// A call that is let in, and what it takes up until it is answered.
#[derive(Debug)]
pub(super) struct Admission {
    _places: Vec<Place>,
}

/// What the manager's method asks of its caller; none if there is no such method.
pub(super) fn right(method: &str) -> Option<Right> {
    METHODS.iter().find(|(name, _)| *name == method).map(|(_, right)| *right)
}

impl Access {
    pub(super) async fn new(connection: Connection) -> zbus::Result<Self> {
        let authority = Authority::new(&connection).await?;
        let (places, users) = (Places::default(), Mutex::default());
        Ok(Self { connection, authority, places, users })
    }

    /// Lets a call in, or tells why not. Its arguments are not looked at.
    pub(super) async fn check(
        &self,
        call: &Message,
        right: Right,
    ) -> Result<Admission, BoxDBusError> {
        let header = call.header();
        let sender = header.sender().ok_or_else(nobody)?;
        let bytes = call.body().len();
        if bytes > MAX_ARGUMENTS {
            return Err(Box::new(Error::too_long(bytes)));
        }
        let connection = Shared::Connection(sender.to_owned().into());
        let mut places = vec![self.places.take(connection).ok_or_else(busy)?];
        let user = self.user(sender).await?;
        if user == 0 {
            return Ok(Admission { _places: places });
        }
        for shared in [Shared::User(user), Shared::Users] {
            places.push(self.places.take(shared).ok_or_else(busy)?);
        }
        if let Right::Change(action) = right {
            for shared in [Shared::UserBytes(user), Shared::Bytes] {
                places.push(self.places.take_many(shared, bytes).ok_or_else(busy)?);
            }
            self.ask(call, user, action).await?;
        }
        Ok(Admission { _places: places })
    }

    async fn ask(
        &self,
        call: &Message,
        user: u32,
        action: &'static str,
    ) -> Result<(), BoxDBusError> {
        let _one = self.places.take(Shared::Questions(user)).ok_or_else(busy)?;
        let _of_all = self.places.take(Shared::AllQuestions).ok_or_else(busy)?;
        let may_ask = call.primary_header().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
        let answer = self.authority.check(&call.header(), action, may_ask).await;
        answer.map_err(|refusal| refused(action, &refusal))
    }

    /// Ends when the bus has closed the connection.
    pub(super) async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Ends all questions that are open.
    pub(super) async fn close(&self) {
        // What closing it says is no news: it is of no use any more.
        drop(self.connection.clone().close().await);
    }

    async fn user(&self, sender: &UniqueName<'_>) -> Result<u32, BoxDBusError> {
        let sender: OwnedUniqueName = sender.to_owned().into();
        if let Some(user) = self.remembered().get(&sender) {
            return Ok(*user);
        }
        let bus = DBusProxy::new(&self.connection).await.map_err(fdo::Error::ZBus)?;
        let user = bus.get_connection_unix_user(sender.inner().clone().into()).await?;
        let mut remembered = self.remembered();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(sender, user);
        Ok(user)
    }

    /// The map is whole after every line that holds the lock, so a panic does not spoil it.
    fn remembered(&self) -> MutexGuard<'_, HashMap<OwnedUniqueName, u32>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nobody() -> BoxDBusError {
    fdo::Error::AccessDenied("the call does not say who sends it".to_owned()).into()
}

fn busy() -> BoxDBusError {
    Box::new(Error::busy())
}

fn refused(action: &str, refusal: &Refusal) -> BoxDBusError {
    match refusal {
        Refusal::WantsPassword => fdo::Error::InteractiveAuthorizationRequired(format!(
            "polkit wants a password for {action}, and the call does not allow to ask for it"
        )),
        Refusal::NoAgent => fdo::Error::AccessDenied(format!(
            "polkit wants a password for {action}, and has nobody who could ask for it; is \
             pkttyagent installed, and this a terminal?"
        )),
        Refusal::Denied => fdo::Error::AccessDenied(format!("polkit does not permit {action}")),
        Refusal::NoAnswer(why) => fdo::Error::AccessDenied(format!(
            "only root may do that while polkit cannot be asked about {action} ({why}); is \
             polkitd installed, and polkit.service running?"
        )),
    }
    .into()
}
