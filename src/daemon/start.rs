//! From the command line to a running loop: every part is there before anybody is told so.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use jiff::tz::TimeZone;
use thiserror::Error;
use tracing::{error, info, warn};

use super::clock::Steps;
use super::friends::Friends;
use super::inbox::{Control, Outbox, queues};
use super::judge::{Tried, resolver};
use super::lineup::Lineup;
use super::options::Options;
use super::pulse::Pulse;
use super::readers::Readers;
use super::records::Records;
use super::scribe::Scribe;
use super::service::{Service, Troubles};
use super::sources::Register;
use super::telling::Telling;
use super::warden::{NotTakenOver, Warden};
use super::{clock, status};
use crate::bus::{Bus, BusError, Snapshot};
use crate::confdir::{self, Directories};
use crate::host::{self, HostError};
use crate::keeper::{Keeper, Roster, Timestamp};
use crate::names::Resolver;
use crate::nft::{Firewall, Monitor, NftError};
use crate::rules::{self, Loaded, Overlay, Texts};
use crate::store::{Nonsense, Opened, Saved, SavedPosition, Store, StoreError};
use crate::systemd::{Notifier, Signal, Signals, catalog};

/// Why the service does not start.
#[derive(Debug, Error)]
pub(super) enum StartError {
    #[error("no jail can run:\n{0}")]
    Configuration(String),
    #[error("state: {0}")]
    State(#[from] StoreError),
    #[error("firewall: {0}")]
    Firewall(#[from] NftError),
    #[error("firewall: {0}")]
    Bans(#[from] NotTakenOver),
    #[error("own addresses: {0}")]
    Host(#[from] HostError),
    #[error("{0}")]
    Source(String),
    #[error("D-Bus: {0}")]
    Bus(#[from] BusError),
    #[error("the kernel gives no random number: {0}")]
    Chance(std::io::Error),
    #[error("the time of day cannot be watched: {0}")]
    Clock(std::io::Error),
    #[error("signals: {0}")]
    Signals(std::io::Error),
}

impl Service {
    /// Brings everything up, in the order in which a person is safest: the bans first.
    pub(super) fn start(options: Options) -> Result<Self, StartError> {
        let (outbox, inbox) = queues();
        let signals = watch_signals(&outbox)?;
        let bus = Bus::connect(Arc::new(outbox.clone()))?;
        let mut friends = Friends::new(&outbox);
        let directories = Directories::with(options.vendor, options.config);
        let mut roster = Roster::default();
        let now = clock::now();
        let ((texts, loaded), state) = read_both(&directories, &options.state, now);
        let lineup = read_configuration(loaded, &mut roster)?;
        let Opened { store, saved, trouble, .. } = state?;
        // Opened before the addresses are read, so that no change in between is missed.
        let addresses = host::Watch::open()?;
        let mut keeper = Keeper::with_seed(clock::chance().map_err(StartError::Chance)?);
        keeper.set_own_addresses(host::addresses()?.into_iter().collect());
        lineup.enlist(&mut keeper);
        friends.take_up(&lineup.policies(), &mut keeper);
        let mut register = Register::default();
        let incomplete = trouble.is_some() || saved.nonsense.is_some();
        let positions = restore(now, (&mut keeper, &mut register), &mut roster, saved);
        // The bus and the kernel do not wait for each other; calls wait for the loop.
        let first = Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: "starting".to_owned(),
            jails: lineup.snapshot((&keeper, &friends), &roster, now),
        };
        let bus = bus.serve(Arc::new(first));
        let scribe = write_state(store, &outbox);
        let records = Records::new(scribe, positions, incomplete, clock::monotonic());
        // Before the kernel is told how long it keeps whom out.
        let steps = Steps::watch().map_err(StartError::Clock)?;
        let mut warden = Warden::new(keeper, roster, open_firewall(&outbox)?, records);
        let told = warden.take_over(clock::moment(), &lineup.gates())?;

        let names = resolver(&outbox, &register.numbers);
        let sources = (&warden.records, &mut register, &names);
        let readers = start_readers(&lineup, sources, now, &outbox)?;
        let bus = bus.wait()?;
        watch_addresses(&outbox, addresses);
        watch_clock(&outbox, steps);

        let notifier = Notifier::from_environment();
        let mut service = Self {
            pulse: Pulse::new(notifier.watchdog_interval()),
            directories,
            texts,
            overlay: Overlay::default(),
            lineup,
            warden,
            bus,
            inbox,
            outbox,
            readers,
            register,
            names,
            friends,
            notifier,
            telling: Telling::default(),
            calls: std::collections::BTreeMap::new(),
            last_ticket: 0,
            loaded: now,
            read_at: None,
            troubles: Troubles::default(),
            shown: String::new(),
            show_not_before: None,
            show_at: None,
            signals,
        };
        service.forget_journals();
        service.deliver(told);
        service.show();
        info!(message_id = catalog::READY, "ready: {}", service.sentence());
        status::told(service.notifier.ready(&service.sentence()));
        Ok(service)
    }
}

/// Reads the configuration and the state file, of which neither has to wait for the other. What was
/// saved is much, and the allocator gives back more of what the first thread has had.
fn read_both(
    directories: &Directories,
    state: &Path,
    now: Timestamp,
) -> ((Texts, Loaded), Result<Opened, StartError>) {
    thread::scope(|scope| {
        let configuration = scope.spawn(|| {
            let (texts, needs) = confdir::read_needed(directories);
            let loaded = rules::load_needed(&texts, needs);
            (texts, loaded)
        });
        let opened = open_state(state, now);
        // Those who date lines know it then: all files of zones are looked through for its name, once.
        let _known = TimeZone::system();
        (configuration.join().expect("it does not panic"), opened)
    })
}

/// Opens the state file, and tells what was wrong with it.
fn open_state(path: &Path, now: Timestamp) -> Result<Opened, StartError> {
    let opened = Store::open(path, now)?;
    if let Some(set_aside) = &opened.set_aside {
        error!(
            message_id = catalog::STATE_DAMAGED,
            "the state file was damaged ({}) and is now {}; the bans that the kernel has are \
             taken over, the others are lost",
            set_aside.reason,
            set_aside.path.display(),
        );
    }
    opened.saved.nonsense.iter().for_each(tell_nonsense);
    Ok(opened)
}

/// Some of what was read from the state file cannot be.
pub(super) fn tell_nonsense(nonsense: &Nonsense) {
    warn!(
        message_id = catalog::STATE_DAMAGED,
        "{} rows of the state file make no sense and are left out; the first: {}",
        nonsense.rows,
        nonsense.first,
    );
}

fn start_readers(
    lineup: &Lineup,
    sources: (&Records<Scribe>, &mut Register, &Resolver<Tried>),
    now: Timestamp,
    outbox: &Outbox,
) -> Result<Readers, StartError> {
    let mut readers = Readers::default();
    readers.start_missing(lineup, sources, now, outbox).map_err(|failed| {
        let told: Vec<String> = failed.iter().map(|(it, why)| format!("{it}: {why}")).collect();
        StartError::Source(told.join("; "))
    })?;
    Ok(readers)
}

fn read_configuration(loaded: Loaded, roster: &mut Roster) -> Result<Lineup, StartError> {
    if !loaded.diagnostics.is_empty() {
        let told = rules::render(&loaded.diagnostics, false);
        if loaded.has_errors() && loaded.jails.is_empty() {
            return Err(StartError::Configuration(told.trim_end().to_owned()));
        }
        for jail in &loaded.broken {
            error!(
                message_id = catalog::JAIL_BROKEN,
                jailkeeper_jail = jail.name,
                "[{}] is switched on and does not run: {}",
                jail.name,
                jail.why,
            );
        }
        warn!("the configuration has mistakes:\n{}", told.trim_end());
    }
    Ok(Lineup::new(loaded, roster, None))
}

/// Opens the kernel's firewall. It is watched before anything is put into it: the news of a million
/// elements that nobody reads would be more than a socket holds.
fn open_firewall(outbox: &Outbox) -> Result<Firewall, StartError> {
    let firewall = Firewall::open()?;
    watch_firewall(outbox, Monitor::open(firewall.port_id())?);
    Ok(firewall)
}

/// Starts the thread that writes the state file.
fn write_state(store: Store, outbox: &Outbox) -> Scribe {
    let controls = outbox.controls.clone();
    // Without room for it the loop is about to turn anyway, and looks then.
    Scribe::start(store, move || drop(controls.try_send(Control::StateWritten)))
}

/// Gives the saved bans and windows to the jails that run; the positions in the sources. What is
/// saved of other jails stays in the state file until they come back or it is outlived.
pub(super) fn restore(
    now: Timestamp,
    (keeper, register): (&mut Keeper, &mut Register),
    roster: &mut Roster,
    saved: Saved,
) -> Vec<(String, SavedPosition)> {
    // First of all, since a ban that is taken over from the kernel is the next one of its offender.
    for (jail, prior) in saved.priors {
        if let Some(id) = roster.id(&jail) {
            keeper.restore_priors(id, [prior]);
        }
    }
    // Before the bans: whom it covers is not banned again.
    let allowed = saved.allowed.into_iter();
    let allowed = allowed.map(|(jail, network, allowance)| {
        (jail.map(|name| roster.enrol(&name)), network, allowance)
    });
    keeper.restore_allowed(now, allowed);
    for (jail, network, times) in saved.windows {
        if let Some(id) = roster.id(&jail) {
            keeper.restore(now, id, [], [(network, times)]);
        }
    }
    for (jail, network, record) in saved.bans {
        if let Some(id) = roster.id(&jail) {
            keeper.restore(now, id, [(network, record)], []);
        }
    }
    for (jail, account, times) in saved.accounts {
        if let Some(id) = roster.id(&jail) {
            keeper.restore_accounts(now, id, [(account, times)]);
        }
    }
    for (jail, network, last_attempt, text) in saved.evidence {
        if let Some(id) = roster.id(&jail) {
            keeper.restore_evidence(id, [(network, last_attempt, text)]);
        }
    }
    for (name, position) in &saved.positions {
        keeper.restore_place(register.enter(name), position.sequence);
    }
    saved.positions
}

/// Has signals delivered to the loop, from now on.
fn watch_signals(outbox: &Outbox) -> Result<Signals, StartError> {
    let controls = outbox.controls.clone();
    Signals::watch(move |signal| {
        let control = match signal {
            Signal::Stop => Control::Stop,
            Signal::Reload => Control::Reload,
        };
        // When the loop is gone the process is about to end, as the signal wants.
        let _ = controls.send(control);
    })
    .map_err(StartError::Signals)
}

/// Starts the thread that waits for changes of the firewall by others.
fn watch_firewall(outbox: &Outbox, mut monitor: Monitor) {
    let controls = outbox.controls.clone();
    spawn("firewall-watch", move || {
        loop {
            let control = match monitor.wait() {
                Ok(disturbance) => Control::FirewallDisturbed(disturbance.to_string()),
                Err(error) => {
                    error!("the kernel's changes cannot be watched: {error}");
                    Control::Lost("the watch of the firewall has ended")
                }
            };
            if controls.send(control).is_err() {
                return;
            }
        }
    });
}

/// Starts the thread that waits for changes of this host's addresses.
fn watch_addresses(outbox: &Outbox, mut addresses: host::Watch) {
    let controls = outbox.controls.clone();
    spawn("address-watch", move || {
        loop {
            let control = match addresses.wait() {
                Ok(()) => Control::AddressesChanged,
                Err(error) => {
                    error!("changes of this host's addresses cannot be watched: {error}");
                    Control::Lost("the watch of the addresses has ended")
                }
            };
            if controls.send(control).is_err() {
                return;
            }
        }
    });
}

/// Starts the thread that waits for the time of day to be set.
fn watch_clock(outbox: &Outbox, mut steps: Steps) {
    let controls = outbox.controls.clone();
    spawn("clock-watch", move || {
        loop {
            let control = match steps.wait() {
                Ok(step) => Control::ClockSet(step),
                Err(error) => {
                    error!("it cannot be seen any more when the time of day is set: {error}");
                    Control::Lost("the watch of the clock has ended")
                }
            };
            if controls.send(control).is_err() {
                return;
            }
        }
    });
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .expect("the system can start a thread");
}
