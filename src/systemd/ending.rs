//! Whether the service is stopped for good.
//!
//! A stop lifts the bans, so that who has locked himself out gets in again; a restart leaves them
//! in the kernel for the next process. The signal is the same, but the manager knows the job that
//! it works on: the property `Job` of the unit, org.freedesktop.systemd1(5).

use std::sync::mpsc;
use std::time::Duration;
use std::{env, io, process, thread};

use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath, proxy};

/// The manager answers in milliseconds; a bus that takes longer must not hold up the end of the
/// service.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the service ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// For good: the bans are to be lifted.
    Stop,
    /// To be started again at once: the bans are to stay.
    Restart,
}

/// The manager could not be asked; the ending is best taken for a [`Ending::Stop`].
#[derive(Debug, thiserror::Error)]
pub enum EndingUnknown {
    /// The bus or the manager has refused.
    #[error("cannot ask systemd whether this is a restart: {0}")]
    Bus(#[from] zbus::Error),
    /// Nobody has answered in time.
    #[error("cannot ask systemd whether this is a restart: no answer in {} s", PATIENCE.as_secs())]
    NoAnswer,
    /// There is no thread to ask with.
    #[error("cannot ask systemd whether this is a restart: {0}")]
    Thread(#[from] io::Error),
}

/// Asks the service manager why this process is to end; within two seconds. Outside systemd
/// (`INVOCATION_ID` is not set, systemd.exec(5)) every end is a stop.
///
/// # Errors
///
/// When the manager does not say.
pub fn ending() -> Result<Ending, EndingUnknown> {
    if env::var_os("INVOCATION_ID").is_none() {
        return Ok(Ending::Stop);
    }
    // No part of zbus bounds the whole of connecting and three calls, so another thread does it.
    // When it never ends, the process does.
    let (answer, answered) = mpsc::channel();
    thread::Builder::new().name("ending".into()).spawn(move || {
        // Nobody listens when the time was up.
        let _ = answer.send(zbus::block_on(ask()));
    })?;
    match answered.recv_timeout(PATIENCE) {
        Ok(ending) => Ok(ending?),
        Err(_) => Err(EndingUnknown::NoAnswer),
    }
}

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    #[zbus(name = "GetUnitByPID")]
    fn get_unit_by_pid(&self, pid: u32) -> zbus::Result<OwnedObjectPath>;
}

#[proxy(interface = "org.freedesktop.systemd1.Unit", default_service = "org.freedesktop.systemd1")]
trait Unit {
    #[zbus(property)]
    fn job(&self) -> zbus::Result<(u32, OwnedObjectPath)>;
}

#[proxy(interface = "org.freedesktop.systemd1.Job", default_service = "org.freedesktop.systemd1")]
trait Job {
    #[zbus(property)]
    fn job_type(&self) -> zbus::Result<String>;
}

async fn ask() -> zbus::Result<Ending> {
    let bus = Connection::system().await?;
    let manager = ManagerProxy::new(&bus).await?;
    let unit = manager.get_unit_by_pid(process::id()).await?;
    let unit =
        UnitProxy::builder(&bus).path(unit).cache_properties(CacheProperties::No).build().await?;
    let (number, job) = unit.job().await?;
    if number == 0 {
        return Ok(Ending::Stop);
    }
    let job =
        JobProxy::builder(&bus).path(job).cache_properties(CacheProperties::No).build().await?;
    Ok(match job.job_type().await?.as_str() {
        // A restart that has stopped the unit already goes on as a start.
        "restart" | "try-restart" | "reload-or-start" | "start" => Ending::Restart,
        _ => Ending::Stop,
    })
}
