//! The client's side of the bus.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zbus::connection::Builder;
use zbus::proxy::MethodFlags;
use zbus::wire::{DynamicDeserialize, DynamicType, OwnedObjectPath, Type, as_variant};
use zbus::{Connection, fdo, proxy};

use super::error::Error;
use super::inquiry::{Diagnosis, JailView};
use super::{JAIL, MANAGER, NAME, PATH};

/// A call that is not answered within this is given up: far longer than the firewall needs for the
/// longest list of addresses.
const PATIENCE: Duration = Duration::from_mins(1);

/// The methods of the service's object that only read; those that change are the [`Client`]'s. The
/// calls do not start the service.
#[proxy(
    interface = "org.jailkeeper1.Manager",
    default_service = "org.jailkeeper1",
    default_path = "/org/jailkeeper1"
)]
pub trait Manager {
    /// The bans in force; an empty name is every jail.
    #[zbus(no_autostart)]
    fn list_bans(&self, jail: &str) -> Result<Vec<Ban>, Error>;

    /// Who is allowed by hand.
    #[zbus(no_autostart)]
    fn list_allowed(&self) -> Result<Vec<Allowed>, Error>;

    /// The bans that would be in force in jails that do not enforce; an empty name is every jail.
    #[zbus(no_autostart)]
    fn list_would_be_bans(&self, jail: &str) -> Result<Vec<Ban>, Error>;

    /// The last lines behind an offender of a jail, the newest last.
    #[zbus(no_autostart)]
    fn matches(&self, jail: &str, address: &str) -> Result<Vec<String>, Error>;

    /// What each jail knows of an address or network.
    #[zbus(no_autostart)]
    fn why(&self, address: &str) -> Result<Vec<JailView>, Error>;

    /// How the kernel's firewall is, ours and what others have in it.
    #[zbus(no_autostart)]
    fn diagnose(&self) -> Result<Diagnosis, Error>;

    /// All settings of a jail, or of all jails under the name `default`.
    #[zbus(no_autostart)]
    fn settings(&self, jail: &str) -> Result<Vec<Setting>, Error>;

    /// The jails' names and objects.
    #[zbus(no_autostart)]
    fn list_jails(&self) -> Result<Vec<(String, OwnedObjectPath)>, Error>;
}

/// One ban in force. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Type)]
pub struct Ban {
    /// In this jail.
    pub jail: String,
    /// This address or network.
    pub offender: String,
    /// Since when.
    pub since: i64,
    /// Until when; -1 for ever.
    pub until: i64,
    /// For this many attempts; 0 for a ban by hand.
    pub attempts: u32,
    /// The how manieth ban of this offender it is, from 1.
    pub nth: u32,
}

/// Somebody who is allowed by hand. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Type)]
pub struct Allowed {
    /// In this jail; empty for every jail.
    pub jail: String,
    /// This address or network.
    pub network: String,
    /// Since when.
    pub since: i64,
    /// Until when; -1 for ever.
    pub until: i64,
    /// Why; may be empty.
    pub comment: String,
}

/// One setting of a jail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Type)]
pub struct Setting {
    /// Its key; `filter.KEY` is what the jail's filter says itself.
    pub key: String,
    /// Its value in TOML; empty when it has none.
    pub value: String,
    /// The file that says so; empty when it is built in.
    pub path: String,
    /// The line in that file, from 1; 0 without a file.
    pub line: u32,
}

/// How the service is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Type)]
#[serde(rename_all(deserialize = "PascalCase"))]
#[zbus(signature = "dict")]
pub struct Overview {
    /// The service's version.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub version: String,
    /// How it is, as one sentence.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub state: String,
}

/// What a jail shows. Times are unix seconds, 0 for never; spans are seconds, -1 for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Type)]
#[serde(rename_all(deserialize = "PascalCase"))]
#[zbus(signature = "dict")]
pub struct JailStatus {
    /// `running`; or `running with its old rules: ` or `broken: ` and the mistake.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub state: String,
    /// One line for people.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub description: String,
    /// The filter's name.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub filter: String,
    /// The filter's mode.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub mode: String,
    /// This many attempts are a ban.
    #[serde(rename(deserialize = "MaxRetry"), deserialize_with = "as_variant::deserialize")]
    pub maxretry: u32,
    /// Within this time.
    #[serde(rename(deserialize = "FindTime"), deserialize_with = "as_variant::deserialize")]
    pub findtime: u64,
    /// For so long.
    #[serde(rename(deserialize = "BanTime"), deserialize_with = "as_variant::deserialize")]
    pub bantime: i64,
    /// Ports and ranges of ports, or `all`.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub ports: Vec<String>,
    /// Names of protocols, or `all`.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub protocols: Vec<String>,
    /// `drop` or `reject`.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub action: String,
    /// `host`, `forward` or `all`.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub scope: String,
    /// Who is never banned.
    #[serde(rename(deserialize = "IgnoreIp"), deserialize_with = "as_variant::deserialize")]
    pub ignoreip: Vec<String>,
    /// Whether the host's own addresses are never banned.
    #[serde(rename(deserialize = "IgnoreSelf"), deserialize_with = "as_variant::deserialize")]
    pub ignoreself: bool,
    /// Whether nobody is banned who is logged in.
    #[serde(rename(deserialize = "IgnoreSessions"), deserialize_with = "as_variant::deserialize")]
    pub ignoresessions: bool,
    /// The proxies, which are never banned.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub trusted_proxies: Vec<String>,
    /// The attempts that do not count.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub ignore: Vec<String>,
    /// The length of the IPv4 networks that are banned.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub prefix_ipv4: u32,
    /// The length of the IPv6 networks that are banned.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub prefix_ipv6: u32,
    /// `address`, or `user` where attempts on one account count together too.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub count_by: String,
    /// How many of the last lines behind an offender are kept.
    #[serde(rename(deserialize = "MaxMatches"), deserialize_with = "as_variant::deserialize")]
    pub maxmatches: u32,
    /// Whether anybody is really banned.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub enforce: bool,
    /// Whether bans grow (`bantime.increment`).
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub ban_time_grows: bool,
    /// The attempts that count now.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub current_attempts: u64,
    /// All attempts since the service started.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub total_attempts: u64,
    /// The bans in force.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub current_bans: u64,
    /// The bans that would be in force if the jail enforced.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub would_be_bans: u64,
    /// All bans since the service started.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub total_bans: u64,
    /// What the jail reads.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub sources: Vec<String>,
    /// When the last record was read.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub last_record: i64,
    /// When the last attempt was recognised.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub last_attempt: i64,
    /// What went wrong last; empty if nothing did.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub last_error: String,
    /// The last ban that was due and was not made; empty if there was none.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub last_refusal: String,
    /// What is not as it should be now.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub warnings: Vec<String>,
}

/// Why there is nobody to talk to.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// There is no bus.
    #[error("cannot reach the system bus: {0}")]
    NoBus(#[source] zbus::Error),
    /// Nobody owns the service's name.
    #[error("the service is not running")]
    NotRunning,
}

/// A connection to a running service.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
    manager: ManagerProxy<'static>,
    may_be_asked: bool,
}

impl Client {
    /// Connects to the service on the system bus.
    ///
    /// # Errors
    ///
    /// When there is no bus, or no service on it.
    pub async fn connect() -> Result<Self, Unreachable> {
        let connection = Builder::system().method_timeout(PATIENCE).build().await;
        let connection = connection.map_err(Unreachable::NoBus)?;
        let bus = fdo::DBusProxy::new(&connection).await.map_err(Unreachable::NoBus)?;
        let name = NAME.try_into().map_err(Unreachable::NoBus)?;
        let running = bus.name_has_owner(name).await;
        if !running.map_err(|error| Unreachable::NoBus(error.into()))? {
            return Err(Unreachable::NotRunning);
        }
        let manager = ManagerProxy::builder(&connection)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await
            .map_err(Unreachable::NoBus)?;
        Ok(Self { connection, manager, may_be_asked: false })
    }

    /// Whether the person may be asked for a password when polkit wants one. If not, such a call is
    /// an error.
    #[must_use]
    pub fn asking(mut self, may_be_asked: bool) -> Self {
        self.may_be_asked = may_be_asked;
        self
    }

    /// The service's methods that only read.
    pub fn manager(&self) -> &ManagerProxy<'static> {
        &self.manager
    }

    /// Bans addresses in a jail for so many seconds: 0 is the jail's own time, -1 for ever.
    pub async fn ban(&self, jail: &str, addresses: &[String], seconds: i64) -> Result<(), Error> {
        self.change("Ban", &(jail, addresses, seconds)).await
    }

    /// Lifts bans, and tells how many: no address is everybody, an empty name every jail.
    pub async fn unban(&self, jail: &str, addresses: &[String]) -> Result<u32, Error> {
        self.change("Unban", &(jail, addresses)).await
    }

    /// Has addresses not banned: an empty name is every jail, -1 for ever.
    pub async fn allow(
        &self,
        jail: &str,
        addresses: &[String],
        seconds: i64,
        comment: &str,
    ) -> Result<(), Error> {
        self.change("Allow", &(jail, addresses, seconds, comment)).await
    }

    /// Ends what was allowed in the addresses, and tells how many: an empty name is every jail.
    pub async fn disallow(&self, jail: &str, addresses: &[String]) -> Result<u32, Error> {
        self.change("Disallow", &(jail, addresses)).await
    }

    /// Counts attempts, of each address so many times; an empty user is nobody.
    pub async fn attempt(
        &self,
        jail: &str,
        addresses: &[String],
        user: &str,
        times: u32,
    ) -> Result<u32, Error> {
        self.change("Attempt", &(jail, addresses, user, times)).await
    }

    /// Changes a setting; what it was, and what it is.
    pub async fn set(
        &self,
        jail: &str,
        option: &str,
        value: &str,
    ) -> Result<(String, String), Error> {
        self.change("Set", &(jail, option, value)).await
    }

    /// Reads the configuration again.
    pub async fn reload(&self) -> Result<(), Error> {
        self.change("Reload", &()).await
    }

    /// Calls a method that changes something, and that polkit may want a password for.
    async fn change<B, R>(&self, method: &str, arguments: &B) -> Result<R, Error>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let mut flags = MethodFlags::NO_AUTO_START;
        flags.set(MethodFlags::ALLOW_INTERACTIVE_AUTH, self.may_be_asked);
        let answer = self.manager.inner().call_with_flags(method, flags, arguments).await?;
        Ok(answer.expect("a reply was asked for"))
    }

    /// How the service is.
    pub async fn overview(&self) -> Result<Overview, Error> {
        let reply = self.all_properties(PATH, MANAGER).await?;
        Ok(reply.body().deserialize()?)
    }

    /// What the jail at `path` shows.
    pub async fn jail(&self, path: &str) -> Result<JailStatus, Error> {
        let reply = self.all_properties(path, JAIL).await?;
        Ok(reply.body().deserialize()?)
    }

    /// Asks the service for a sign of life, of its loop and not of the bus.
    pub async fn ping(&self) -> Result<(), Error> {
        // A jail cannot have this name, so that the loop has nothing to collect.
        match self.manager.list_bans("/").await {
            Ok(_) | Err(Error::NoSuchJail(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn all_properties(&self, path: &str, interface: &str) -> zbus::Result<zbus::Message> {
        let properties = Some("org.freedesktop.DBus.Properties");
        self.connection.call_method(Some(NAME), path, properties, "GetAll", &interface).await
    }
}
