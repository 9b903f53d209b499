//! What there is to know: from the service, from systemd, from this machine's files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath, proxy};

use crate::bus::Diagnosis;
use crate::bus::client::{Client, Unreachable};
use crate::cli::check;
use crate::cli::error::CliError;
use crate::cli::settings;
use crate::cli::status::{self, NamedJail};
use crate::confdir::{self, Directories};

/// Everything that the findings come from.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Unix seconds.
    pub(super) now: i64,
    /// None when the service is not running.
    pub(super) service: Option<Running>,
    /// Whether the unit starts at boot, in the words of systemctl(1) is-enabled.
    pub(super) unit_file: Option<String>,
    /// Whether fail2ban runs as well.
    pub(super) fail2ban_runs: bool,
    /// Whether the clock is set by a time server, if systemd knows.
    pub(super) clock_is_synchronized: Option<bool>,
    /// Whether the journal outlives a reboot.
    pub(super) journal_is_persistent: bool,
    /// The bridges of this machine whose packets netfilter does not see.
    pub(super) unseen_bridges: Vec<String>,
    /// How many errors the configuration on the disk has.
    pub(super) mistakes: usize,
    /// The configuration's files that are younger than what the service has read.
    pub(super) changed: Vec<PathBuf>,
}

/// What a running service tells.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) state: String,
    pub(super) jails: Vec<NamedJail>,
    pub(super) diagnosis: Diagnosis,
}

/// Asks everybody. What systemd does not tell is left out; a service that refuses is an error.
pub(super) async fn gather() -> Result<Facts, CliError> {
    let service = running().await?;
    let told = service.as_ref().map(|service| &service.diagnosis);
    let texts = confdir::read(&told.map_or_else(Directories::system, settings::directories));
    let loaded = told.map(|told| told.loaded);
    let files = texts.jails.iter().chain(&texts.filters).map(|text| &text.path);
    let mut facts = Facts {
        now: Timestamp::now().as_second(),
        journal_is_persistent: Path::new("/var/log/journal").is_dir(),
        unseen_bridges: unseen_bridges(),
        mistakes: check::check(&texts).errors(),
        changed: loaded.map_or_else(Vec::new, |loaded| {
            files.filter(|path| modified(path).is_some_and(|at| at > loaded)).cloned().collect()
        }),
        service,
        ..Facts::default()
    };
    if let Ok(bus) = Connection::system().await {
        facts.unit_file = unit_file_state(&bus).await.ok();
        facts.fail2ban_runs = is_active(&bus, "fail2ban.service").await.unwrap_or(false);
        facts.clock_is_synchronized = synchronized(&bus).await.ok();
    }
    Ok(facts)
}

async fn running() -> Result<Option<Running>, CliError> {
    let client = match Client::connect().await {
        Ok(client) => client,
        Err(Unreachable::NotRunning) => return Ok(None),
        Err(error @ Unreachable::NoBus(_)) => return Err(error.into()),
    };
    let report = status::service(&client).await?;
    let diagnosis = client.manager().diagnose().await?;
    Ok(Some(Running { state: report.overview.state, jails: report.jails, diagnosis }))
}

/// When a file was changed last, in unix seconds.
fn modified(path: &Path) -> Option<i64> {
    let at = fs::metadata(path).ok()?.modified().ok()?;
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// Bridged packets come past IP's hooks only if br_netfilter says so
/// (/proc/sys/net/bridge/bridge-nf-call-iptables).
fn unseen_bridges() -> Vec<String> {
    let seen = |name: &str| {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{name}");
        fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
    };
    if seen("iptables") && seen("ip6tables") {
        return Vec::new();
    }
    let interfaces = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let bridges = interfaces.filter(|interface| interface.path().join("bridge").is_dir());
    bridges.map(|interface| interface.file_name().to_string_lossy().into_owned()).collect()
}

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;

    fn get_unit_file_state(&self, name: &str) -> zbus::Result<String>;
}

#[proxy(interface = "org.freedesktop.systemd1.Unit", default_service = "org.freedesktop.systemd1")]
trait Unit {
    #[zbus(property)]
    fn active_state(&self) -> zbus::Result<String>;
}

#[proxy(
    interface = "org.freedesktop.timedate1",
    default_service = "org.freedesktop.timedate1",
    default_path = "/org/freedesktop/timedate1"
)]
trait Timedate {
    #[zbus(property, name = "NTPSynchronized")]
    fn ntp_synchronized(&self) -> zbus::Result<bool>;
}

async fn unit_file_state(bus: &Connection) -> zbus::Result<String> {
    ManagerProxy::new(bus).await?.get_unit_file_state("jailkeeper.service").await
}

async fn is_active(bus: &Connection, unit: &str) -> zbus::Result<bool> {
    let path = ManagerProxy::new(bus).await?.load_unit(unit).await?;
    let unit = UnitProxy::builder(bus).path(path).cache_properties(CacheProperties::No);
    Ok(unit.build().await?.active_state().await? == "active")
}

async fn synchronized(bus: &Connection) -> zbus::Result<bool> {
    let timedate = TimedateProxy::builder(bus).cache_properties(CacheProperties::No);
    timedate.build().await?.ntp_synchronized().await
}
