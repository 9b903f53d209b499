//! Who may call which method of the manager.
//!
//! Reading is the bus's own matter: its policy file lets root and the group adm, and nobody else.
//! Changing is polkit's: everybody may send such a call, root's is done without asking, and for
//! others polkit is asked about the action that stands here.

use std::time::Instant;

use zbus::message::Flags;
use zbus::{BoxDBusError, Connection, Message, fdo};

use super::callers::Callers;
use super::error::Error;
use super::places::{Place, Places, Shared};
use super::polkit::{Authority, Refusal};
use super::refusals::{Refusals, Refused};

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

/// Decides whether a call is let in.
pub(super) struct Access {
    /// One of its own: what the bus and polkit answer must not stand behind the calls.
    connection: Connection,
    authority: Authority,
    callers: Callers,
    places: Places,
    refusals: Refusals,
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
        let callers = Callers::new(connection.clone());
        let (places, refusals) = (Places::default(), Refusals::default());
        Ok(Self { connection, authority, callers, places, refusals })
    }

    /// Lets a call in, or tells why not; it is not told to those who were told so too often. Its
    /// arguments are not looked at.
    pub(super) async fn check(
        &self,
        call: &Message,
        right: Right,
    ) -> Result<Admission, Option<BoxDBusError>> {
        let examined = self.examine(call, right).await;
        examined.map_err(|refusal| self.may_tell(call).then_some(refusal))
    }

    async fn examine(&self, call: &Message, right: Right) -> Result<Admission, BoxDBusError> {
        let header = call.header();
        let sender = header.sender().ok_or_else(nobody)?;
        let bytes = call.body().len();
        if bytes > MAX_ARGUMENTS {
            return Err(Box::new(Error::too_long(bytes)));
        }
        let connection = Shared::Connection(sender.to_owned().into());
        let mut places = vec![self.places.take(connection).ok_or_else(busy)?];
        let user = self.callers.user(sender).await?;
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

    /// Whether the sender of a call is still told that he is refused. Root always is.
    fn may_tell(&self, call: &Message) -> bool {
        let header = call.header();
        let Some(sender) = header.sender() else { return false };
        let whom = match self.callers.known(sender) {
            Some(0) => return true,
            Some(user) => Refused::User(user),
            None => Refused::Connection(sender.to_owned().into()),
        };
        self.refusals.may_tell(whom, Instant::now())
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
