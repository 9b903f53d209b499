//! One connection to the bus, from the first object to the end.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;
use zbus::Connection;
use zbus::connection::Builder;
use zbus::fdo::{self, RequestNameFlags, RequestNameReply};
use zbus::object_server::{Interface, InterfaceRef, SignalEmitter};
use zbus::wire::OwnedVariant;

use super::access::Access;
use super::call::Calls;
use super::error::BusError;
use super::guarded::Guarded;
use super::jail::Jail;
use super::manager::Manager;
use super::outbox::{Outbox, Parcel};
use super::path::jail_path;
use super::snapshot::{Announcement, Snapshot};
use super::text::clean;
use super::{NAME, PATH};

/// A connection on which nothing is shown yet, and the one on which callers are asked about.
pub(super) struct Line {
    connection: Connection,
    access: Arc<Access>,
}

impl Line {
    pub(super) async fn open(address: Option<&str>) -> Result<Self, BusError> {
        let access = open_access(address).await.map_err(BusError::Connect)?;
        let builder = address.map_or_else(Builder::system, Builder::address);
        let connection = builder.build().await.map_err(BusError::Connect)?;
        Ok(Self { connection, access })
    }
}

/// A connection on which the service is shown.
pub(super) struct Session {
    connection: Connection,
    access: Arc<Access>,
    shown: Arc<Snapshot>,
}

/// So long may polkit take to answer, with the time in which somebody finds and types a password.
const PATIENCE_WITH_POLKIT: Duration = Duration::from_mins(5);

impl Session {
    /// Shows every object, and only then takes the name.
    pub(super) async fn open(
        Line { connection, access }: Line,
        calls: Arc<dyn Calls>,
        first: Arc<Snapshot>,
    ) -> Result<Self, BusError> {
        let manager = Guarded::new(Manager::new(calls, Arc::clone(&first)), Arc::clone(&access));
        let server = connection.object_server();
        server.at(PATH, manager).await.map_err(BusError::Refused)?;
        for (name, jail) in &first.jails {
            let jail = Jail::new(Arc::clone(jail));
            server.at(jail_path(name), jail).await.map_err(BusError::Refused)?;
        }
        take_name(&connection).await?;
        Ok(Self { connection, access, shown: first })
    }

    /// Sends what is in the outbox until the service stops, and leaves the bus.
    pub(super) async fn serve(mut self, outbox: &Outbox) -> Result<(), BusError> {
        let served = self.deliver(outbox).await;
        if served.is_ok() {
            return self.leave().await;
        }
        // Calls that wait for an answer hold the connection too, and would keep the name from the
        // next one. What closing it says is no news: it is of no use already.
        drop(self.connection.close().await);
        self.access.close().await;
        served
    }

    async fn deliver(&mut self, outbox: &Outbox) -> Result<(), BusError> {
        loop {
            let lost = async {
                future::or(self.connection.closed(), self.access.closed()).await;
                None
            };
            let next = async { Some(outbox.next().await) };
            let Parcel { snapshot, announcements, closing } =
                future::or(lost, next).await.ok_or(BusError::Closed)?;
            if let Some(snapshot) = snapshot
                && let Err(error) = self.show(snapshot).await
            {
                outbox.put_back(announcements);
                return Err(BusError::Refused(error));
            }
            self.announce(announcements, outbox).await.map_err(BusError::Refused)?;
            if closing {
                return Ok(());
            }
        }
    }

    async fn show(&mut self, snapshot: Arc<Snapshot>) -> zbus::Result<()> {
        let server = self.connection.object_server();
        for name in self.shown.jails.keys().filter(|name| !snapshot.jails.contains_key(*name)) {
            server.remove::<Jail, _>(jail_path(name)).await?;
        }
        for (name, jail) in &snapshot.jails {
            let path = jail_path(name);
            match self.shown.jails.get(name) {
                None => {
                    server.at(path, Jail::new(Arc::clone(jail))).await?;
                }
                Some(shown) if shown == jail => {}
                Some(_) => {
                    let object = server.interface::<_, Jail>(path).await?;
                    self.update(&object, |object| object.show(Arc::clone(jail))).await?;
                }
            }
        }
        let manager = server.interface::<_, Guarded>(PATH).await?;
        self.update(&manager, |guarded| guarded.manager().show(Arc::clone(&snapshot))).await?;
        self.shown = snapshot;
        Ok(())
    }

    /// Changes what an object shows, and tells which of its properties are others now.
    async fn update<I: Interface>(
        &self,
        object: &InterfaceRef<I>,
        change: impl FnOnce(&I),
    ) -> zbus::Result<()> {
        let emitter = object.signal_emitter();
        let server = self.connection.object_server();
        let interface = object.get().await;
        let before = interface.get_all(server, &self.connection, None, emitter).await?;
        change(&interface);
        let after = interface.get_all(server, &self.connection, None, emitter).await?;
        let changed: HashMap<&str, &OwnedVariant> = after
            .iter()
            .filter(|(name, value)| before.get(*name) != Some(value))
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let body = (I::name(), changed, Vec::<&str>::new());
        emitter.emit(fdo::Properties::name(), "PropertiesChanged", &body).await
    }

    async fn announce(
        &self,
        mut announcements: VecDeque<Announcement>,
        outbox: &Outbox,
    ) -> zbus::Result<()> {
        let emitter = SignalEmitter::new(&self.connection, PATH)?;
        while let Some(announcement) = announcements.front() {
            if let Err(error) = emit(&emitter, announcement).await {
                outbox.put_back(announcements);
                return Err(error);
            }
            announcements.pop_front();
        }
        Ok(())
    }

    /// Gives the name back, and leaves when the calls that were answered have their replies.
    async fn leave(self) -> Result<(), BusError> {
        self.connection.release_name(NAME).await.map_err(BusError::Refused)?;
        self.access.close().await;
        self.connection.graceful_shutdown().await;
        Ok(())
    }
}

async fn open_access(address: Option<&str>) -> zbus::Result<Arc<Access>> {
    let builder = address.map_or_else(Builder::system, Builder::address);
    let connection = builder.method_timeout(PATIENCE_WITH_POLKIT).build().await?;
    Ok(Arc::new(Access::new(connection).await?))
}

async fn take_name(connection: &Connection) -> Result<(), BusError> {
    let flags = RequestNameFlags::DO_NOT_QUEUE;
    match connection.request_name_with_flags(NAME, flags).await {
        Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) => Ok(()),
        Ok(RequestNameReply::InQueue | RequestNameReply::Exists) | Err(zbus::Error::NameTaken) => {
            Err(BusError::NameTaken)
        }
        Err(error) if is_denied(&error) => Err(BusError::NameDenied(error)),
        Err(error) => Err(BusError::Refused(error)),
    }
}

fn is_denied(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::FDO(error) if matches!(**error, fdo::Error::AccessDenied(_)))
}

async fn emit(emitter: &SignalEmitter<'_>, announcement: &Announcement) -> zbus::Result<()> {
    match announcement {
        Announcement::Banned { jail, offender, until, attempts } => {
            let (offender, until) = (offender.to_string(), until.unix_seconds());
            Manager::banned(emitter, jail, &offender, until, *attempts).await
        }
        Announcement::Unbanned { jail, offender, why } => {
            Manager::unbanned(emitter, jail, &offender.to_string(), why.word()).await
        }
        Announcement::Refused { jail, offender, reason } => {
            Manager::refused(emitter, jail, &offender.to_string(), &clean(reason)).await
        }
        Announcement::Found { jail, offender, user, time, banned } => {
            let (offender, time) = (offender.to_string(), time.seconds());
            Manager::found(emitter, jail, &offender, &clean(user), time, *banned).await
        }
        Announcement::Ignored { jail, offender, why } => {
            Manager::ignored(emitter, jail, &offender.to_string(), &clean(why)).await
        }
        Announcement::Missed { signals } => Manager::missed(emitter, *signals).await,
    }
}
