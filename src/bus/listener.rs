//! Somebody who listens: the service's signals in their order, and whether it is there.

use futures_lite::StreamExt as _;
use serde::Serialize;
use zbus::connection::Builder;
use zbus::fdo::{self, DBusProxy, NameOwnerChanged};
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream};

use super::client::Unreachable;
use super::{MANAGER, NAME};

/// What is subscribed to: the service's own signals, and news of who has its name.
const RULES: [&str; 2] = [
    "type='signal',sender='org.jailkeeper1',interface='org.jailkeeper1.Manager'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.jailkeeper1'",
];

/// Something that was heard. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Heard {
    /// The service is there.
    Running,
    /// The service is not there.
    Stopped,
    /// The firewall keeps an offender out until then, for so many attempts; -1 is for ever, and no
    /// attempts are a ban by hand.
    Banned { jail: String, offender: String, until: i64, attempts: u32 },
    /// A ban is over, for this reason, in one word.
    Unbanned { jail: String, offender: String, why: String },
    /// The firewall has refused a ban.
    Refused { jail: String, offender: String, reason: String },
    /// An attempt counts; an empty user is unknown.
    Found { jail: String, offender: String, user: String, time: i64, banned: bool },
    /// An attempt does not count, for this reason.
    Ignored { jail: String, offender: String, why: String },
    /// So many signals were not sent before this one.
    Missed { signals: u64 },
}

impl Heard {
    /// The jail that it is about; none for what is about the service.
    pub(crate) fn jail(&self) -> Option<&str> {
        match self {
            Self::Running | Self::Stopped | Self::Missed { .. } => None,
            Self::Banned { jail, .. }
            | Self::Unbanned { jail, .. }
            | Self::Refused { jail, .. }
            | Self::Found { jail, .. }
            | Self::Ignored { jail, .. } => Some(jail),
        }
    }
}

/// A subscription.
#[derive(Debug)]
pub(crate) struct Listener {
    messages: MessageStream,
    /// Who has the service's name: anybody can send a signal that looks like one of ours.
    owner: Option<String>,
    is_told: bool,
}

impl Listener {
    /// Subscribes, whether the service is there or not.
    pub(crate) async fn open() -> Result<Self, Unreachable> {
        let connection = Builder::system().build().await.map_err(Unreachable::NoBus)?;
        Self::subscribe(&connection).await.map_err(Unreachable::NoBus)
    }

    async fn subscribe(connection: &Connection) -> zbus::Result<Self> {
        let messages = MessageStream::from(connection);
        let bus = DBusProxy::new(connection).await?;
        for rule in RULES {
            bus.add_match_rule(rule.try_into()?).await?;
        }
        let owner = match bus.get_name_owner(NAME.try_into()?).await {
            Ok(owner) => Some(owner.to_string()),
            Err(fdo::Error::NameHasNoOwner(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { messages, owner, is_told: false })
    }

    /// What is heard next; the first is whether the service is there. None when the bus is gone.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        if !self.is_told {
            self.is_told = true;
            return Some(self.presence());
        }
        loop {
            let message = self.messages.next().await?.ok()?;
            if let Some(heard) = self.understand(&message) {
                return Some(heard);
            }
        }
    }

    fn presence(&self) -> Heard {
        if self.owner.is_some() { Heard::Running } else { Heard::Stopped }
    }

    fn understand(&mut self, message: &Message) -> Option<Heard> {
        let header = message.header();
        if header.message_type() != Type::Signal {
            return None;
        }
        if let Some(change) = NameOwnerChanged::from_message(message.clone()) {
            return self.change_owner(&change);
        }
        let sender = header.sender()?.as_str();
        let is_ours = header.interface().is_some_and(|name| name.as_str() == MANAGER);
        if !is_ours || self.owner.as_deref() != Some(sender) {
            return None;
        }
        heard(header.member()?.as_str(), message).ok().flatten()
    }

    fn change_owner(&mut self, change: &NameOwnerChanged) -> Option<Heard> {
        let sender = change.message().header().sender()?.to_string();
        let change = change.args().ok()?;
        if sender != "org.freedesktop.DBus" || change.name().as_str() != NAME {
            return None;
        }
        let before = self.owner.take();
        self.owner = change.new_owner().as_ref().map(ToString::to_string);
        (self.owner != before).then(|| self.presence())
    }
}

fn heard(member: &str, message: &Message) -> zbus::Result<Option<Heard>> {
    let body = message.body();
    Ok(Some(match member {
        "Banned" => {
            let (jail, offender, until, attempts) = body.deserialize()?;
            Heard::Banned { jail, offender, until, attempts }
        }
        "Unbanned" => {
            let (jail, offender, why) = body.deserialize()?;
            Heard::Unbanned { jail, offender, why }
        }
        "Refused" => {
            let (jail, offender, reason) = body.deserialize()?;
            Heard::Refused { jail, offender, reason }
        }
        "Found" => {
            let (jail, offender, user, time, banned) = body.deserialize()?;
            Heard::Found { jail, offender, user, time, banned }
        }
        "Ignored" => {
            let (jail, offender, why) = body.deserialize()?;
            Heard::Ignored { jail, offender, why }
        }
        "Missed" => Heard::Missed { signals: body.deserialize()? },
        _ => return Ok(None),
    }))
}
