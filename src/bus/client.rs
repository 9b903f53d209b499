//! The client's side of the bus.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zbus::connection::Builder;
use zbus::wire::{OwnedObjectPath, Type, as_variant};
use zbus::{Connection, fdo, proxy};

use super::error::Error;
use super::{JAIL, MANAGER, NAME, PATH};

/// A call that is not answered within this is given up: far longer than the firewall needs for the
/// longest list of addresses.
const PATIENCE: Duration = Duration::from_mins(1);

/// The methods of the service's object. The calls do not start the service.
#[proxy(
    interface = "org.jailkeeper1.Manager",
    default_service = "org.jailkeeper1",
    default_path = "/org/jailkeeper1"
)]
pub trait Manager {
    /// Bans addresses in a jail for so many seconds: 0 is the jail's own time, -1 for ever.
    #[zbus(no_autostart)]
    fn ban(&self, jail: &str, addresses: &[String], seconds: i64) -> Result<(), Error>;

    /// Lifts bans: no address is everybody, an empty name every jail.
    #[zbus(no_autostart)]
    fn unban(&self, jail: &str, addresses: &[String]) -> Result<u32, Error>;

    /// The bans in force; an empty name is every jail.
    #[zbus(no_autostart)]
    fn list_bans(&self, jail: &str) -> Result<Vec<Ban>, Error>;

    /// Reads the configuration again.
    #[zbus(no_autostart)]
    fn reload(&self) -> Result<(), Error>;

    /// All settings of a jail, or of all jails under the name `default`.
    #[zbus(no_autostart)]
    fn settings(&self, jail: &str) -> Result<Vec<Setting>, Error>;

    /// Changes a setting; what it was, and what it is.
    #[zbus(no_autostart)]
    fn set(&self, jail: &str, option: &str, value: &str) -> Result<(String, String), Error>;

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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Type)]
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
    /// The length of the IPv4 networks that are banned.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub prefix_ipv4: u32,
    /// The length of the IPv6 networks that are banned.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub prefix_ipv6: u32,
    /// The attempts that count now.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub current_attempts: u64,
    /// All attempts since the service started.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub total_attempts: u64,
    /// The bans in force.
    #[serde(deserialize_with = "as_variant::deserialize")]
    pub current_bans: u64,
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
        Ok(Self { connection, manager })
    }

    /// The service's methods.
    pub fn manager(&self) -> &ManagerProxy<'static> {
        &self.manager
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

    async fn all_properties(&self, path: &str, interface: &str) -> zbus::Result<zbus::Message> {
        let properties = Some("org.freedesktop.DBus.Properties");
        self.connection.call_method(Some(NAME), path, properties, "GetAll", &interface).await
    }
}
