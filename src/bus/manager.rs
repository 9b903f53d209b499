//! The object of the whole service: the border at which callers' texts become the keeper's values.

#![expect(clippy::too_many_arguments, reason = "a signal has an argument for each value")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use zbus::interface;
use zbus::object_server::SignalEmitter;
use zbus::wire::OwnedObjectPath;

use crate::keeper::{Network, Sentence};

use super::allowed;
use super::answer::answer;
use super::call::{BusAnswer, Call, Calls, Failure, MAX_ADDRESSES, Request, SettingRow};
use super::error::Error;
use super::inquiry::{Diagnosis, JailView};
use super::path::jail_path;
use super::row::Row;
use super::snapshot::Snapshot;
use super::text;

/// The longest time that ends: a hundred years, which every clock and timer on the way can count.
pub(super) const LONGEST_SECONDS: i64 = 100 * 366 * 24 * 60 * 60;

/// One row of `Settings`: key, value in TOML, file, line.
type SettingOut = (String, String, String, u32);

/// No setting's name is longer.
const OPTION_BYTES_MAX: usize = 256;

/// A value that is set at run time is read several times, by which the loop must not be held up.
const VALUE_BYTES_MAX: usize = 256 * 1024;

/// Takes calls, and shows how the service is.
pub(super) struct Manager {
    calls: Arc<dyn Calls>,
    shown: Mutex<Arc<Snapshot>>,
}

impl Manager {
    pub(super) fn new(calls: Arc<dyn Calls>, shown: Arc<Snapshot>) -> Self {
        Self { calls, shown: Mutex::new(shown) }
    }

    pub(super) fn show(&self, snapshot: Arc<Snapshot>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    fn shown(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask(&self, jail: &str, call: Call) -> Result<BusAnswer, Error> {
        let (sender, receiver) = answer();
        self.calls.request(Request { call, answer: sender }).map_err(|_| Error::busy())?;
        match receiver.await {
            Some(BusAnswer::Failed(failure)) => Err(Error::failed(jail, failure)),
            Some(answer) => Ok(answer),
            None => Err(Error::stopping()),
        }
    }
}

/// Times are unix seconds; an end of -1 is never.
#[interface(name = "org.jailkeeper1.Manager")]
impl Manager {
    /// Bans addresses or networks in a jail, all of them or none, for so many seconds: 0 is the
    /// jail's own time, -1 for ever. The reply comes when the firewall has them.
    pub(super) async fn ban(
        &self,
        jail: String,
        addresses: Vec<&str>,
        seconds: i64,
    ) -> Result<(), Error> {
        let sentence = sentence(seconds)?;
        let networks = networks(&addresses)?.ok_or_else(Error::no_address)?;
        self.ask(&jail, Call::Ban { jail: jail.clone(), networks, sentence }).await.map(drop)
    }

    /// Lifts the bans that overlap the addresses, or all bans if none is given, in a jail, or in
    /// every jail if its name is empty. Returns how many.
    #[zbus(out_args("lifted"))]
    pub(super) async fn unban(&self, jail: String, addresses: Vec<&str>) -> Result<u32, Error> {
        let networks = networks(&addresses)?;
        match self.ask(&jail, Call::Unban { jail: named(&jail), networks }).await? {
            BusAnswer::Done(lifted) => Ok(lifted),
            _ => Err(Error::another_answer()),
        }
    }

    /// Counts attempts in a jail as if its filter had found them now: of each address `times`, as
    /// `user` if that is not empty. Returns how many counted; a ban that follows is in the firewall
    /// by then.
    #[zbus(out_args("counted"))]
    pub(super) async fn attempt(
        &self,
        jail: String,
        addresses: Vec<&str>,
        user: String,
        times: u32,
    ) -> Result<u32, Error> {
        let networks = networks(&addresses)?.ok_or_else(Error::no_address)?;
        if times == 0 || u64::from(times) * networks.len() as u64 > MAX_ADDRESSES as u64 {
            return Err(Error::wrong_times(times, networks.len()));
        }
        match self.ask(&jail, Call::Attempt { jail: jail.clone(), networks, user, times }).await? {
            BusAnswer::Done(counted) => Ok(counted),
            _ => Err(Error::another_answer()),
        }
    }

    /// The bans in force in a jail, or in every jail if its name is empty: jail, offender, since,
    /// until, attempts, the how manieth ban of this offender it is.
    #[zbus(out_args("bans"))]
    async fn list_bans(&self, jail: String) -> Result<Vec<Row>, Error> {
        match self.ask(&jail, Call::ListBans { jail: named(&jail) }).await? {
            BusAnswer::Bans(bans) => Ok(bans.into_iter().map(Row).collect()),
            _ => Err(Error::another_answer()),
        }
    }

    /// The last lines behind the offender of a jail that has this address, be he banned or not yet,
    /// without the passwords in them; the newest last.
    #[zbus(out_args("lines"))]
    pub(super) async fn matches(&self, jail: String, address: &str) -> Result<Vec<String>, Error> {
        let network = network(address)?;
        match self.ask(&jail, Call::Matches { jail: jail.clone(), network }).await? {
            BusAnswer::Matches(lines) => Ok(lines.iter().map(|line| text::clean(line)).collect()),
            _ => Err(Error::another_answer()),
        }
    }

    /// Has addresses or networks not banned in a jail, or in any if its name is empty, for so many
    /// seconds, -1 for ever, and lifts their bans. The comment says why; it may be empty. The reply
    /// comes when the firewall lets them in.
    pub(super) async fn allow(
        &self,
        jail: String,
        addresses: Vec<&str>,
        seconds: i64,
        comment: &str,
    ) -> Result<(), Error> {
        let (sentence, comment) = (allowed::sentence(seconds)?, allowed::comment(comment)?);
        let networks = networks(&addresses)?.ok_or_else(Error::no_address)?;
        let call = Call::Allow { jail: named(&jail), networks, sentence, comment };
        self.ask(&jail, call).await.map(drop)
    }

    /// Ends what was allowed and lies in the addresses, in a jail, or everywhere if its name is
    /// empty. Returns how many.
    #[zbus(out_args("ended"))]
    pub(super) async fn disallow(&self, jail: String, addresses: Vec<&str>) -> Result<u32, Error> {
        let networks = networks(&addresses)?.ok_or_else(Error::no_address)?;
        match self.ask(&jail, Call::Disallow { jail: named(&jail), networks }).await? {
            BusAnswer::Done(ended) => Ok(ended),
            _ => Err(Error::another_answer()),
        }
    }

    /// The same for the bans that would be in force in jails that do not enforce.
    #[zbus(out_args("bans"))]
    async fn list_would_be_bans(&self, jail: String) -> Result<Vec<Row>, Error> {
        match self.ask(&jail, Call::ListWouldBeBans { jail: named(&jail) }).await? {
            BusAnswer::Bans(bans) => Ok(bans.into_iter().map(Row).collect()),
            _ => Err(Error::another_answer()),
        }
    }

    /// Who is allowed by hand: jail, or nothing for every jail, network, since, until, comment.
    #[zbus(out_args("allowed"))]
    async fn list_allowed(&self) -> Result<Vec<allowed::Row>, Error> {
        match self.ask("", Call::ListAllowed).await? {
            BusAnswer::Allowed(rows) => Ok(rows.into_iter().map(allowed::row).collect()),
            _ => Err(Error::another_answer()),
        }
    }

    /// Reads the configuration again, and forgets what was set at run time. If it has mistakes, all of
    /// them are in the error's text, jails with mistakes keep their old rules, and all others have
    /// their new ones.
    async fn reload(&self) -> Result<(), Error> {
        self.ask("", Call::Reload).await.map(drop)
    }

    /// What each jail knows of an address or network.
    #[zbus(out_args("views"))]
    pub(super) async fn why(&self, address: &str) -> Result<Vec<JailView>, Error> {
        let network = address.parse().map_err(|why| Error::not_an_address(address, &why))?;
        match self.ask("", Call::Why { network }).await? {
            BusAnswer::Views(views) => Ok(views),
            _ => Err(Error::another_answer()),
        }
    }

    /// All settings of a jail, or of all jails if its name is "default": key, value in TOML, file and
    /// line. What is built in has no file. Keys that begin with "filter." are what the jail's filter
    /// says itself.
    #[zbus(out_args("settings"))]
    pub(super) async fn settings(&self, jail: String) -> Result<Vec<SettingOut>, Error> {
        match self.ask(&jail, Call::Settings { jail: jail.clone() }).await? {
            BusAnswer::Settings(settings) => Ok(settings.into_iter().map(setting).collect()),
            _ => Err(Error::another_answer()),
        }
    }

    /// How the kernel's firewall is, ours and what others have in it.
    #[zbus(out_args("diagnosis"))]
    async fn diagnose(&self) -> Result<Diagnosis, Error> {
        match self.ask("", Call::Diagnose).await? {
            BusAnswer::Diagnosis(diagnosis) => Ok(diagnosis),
            _ => Err(Error::another_answer()),
        }
    }

    /// Changes a setting of a jail, or of all jails if its name is "default", until the next reload or
    /// restart. The value is in TOML, or as people write it on a command line. With a mistake nothing
    /// is changed. Returns what it was and what it is, in TOML.
    #[zbus(out_args("before", "now"))]
    pub(super) async fn set(
        &self,
        jail: String,
        option: String,
        value: String,
    ) -> Result<(String, String), Error> {
        if option.len() > OPTION_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            let why = format!("a value has at most {VALUE_BYTES_MAX} bytes; write it in a file");
            return Err(Error::failed(&jail, Failure::InvalidSetting(why)));
        }
        match self.ask(&jail, Call::Set { jail: jail.clone(), option, value }).await? {
            BusAnswer::Set { before, now } => Ok((text::clean(&before), text::clean(&now))),
            _ => Err(Error::another_answer()),
        }
    }

    /// The jails that are switched on, and their objects.
    #[zbus(out_args("jails"))]
    fn list_jails(&self) -> Result<Vec<(String, OwnedObjectPath)>, Error> {
        let object = |name: &Arc<str>| {
            let path = OwnedObjectPath::try_from(jail_path(name))?;
            Ok((name.to_string(), path))
        };
        self.shown().jails.keys().map(object).collect()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> String {
        self.shown().version.clone()
    }

    /// How the service is, as one sentence.
    #[zbus(property)]
    fn state(&self) -> String {
        text::clean(&self.shown().state)
    }

    /// The names of the jails that are switched on.
    #[zbus(property)]
    fn jails(&self) -> Vec<String> {
        self.shown().jails.keys().map(ToString::to_string).collect()
    }

    /// The firewall keeps an offender out.
    #[zbus(signal)]
    pub(super) async fn banned(
        emitter: &SignalEmitter<'_>,
        jail: &str,
        offender: &str,
        until: i64,
        attempts: u32,
    ) -> zbus::Result<()>;

    /// A ban is over: "expired", "by-hand", "ignored", "logged-in", "jail-gone", "prefix-changed",
    /// "escalated", "made-room" or "not-enforced".
    #[zbus(signal)]
    pub(super) async fn unbanned(
        emitter: &SignalEmitter<'_>,
        jail: &str,
        offender: &str,
        why: &str,
    ) -> zbus::Result<()>;

    /// The firewall has refused a ban, with these words; it is tried again later.
    #[zbus(signal)]
    pub(super) async fn refused(
        emitter: &SignalEmitter<'_>,
        jail: &str,
        offender: &str,
        reason: &str,
    ) -> zbus::Result<()>;

    /// An attempt counts: as whom, when by its record, and whether its network is banned already.
    #[zbus(signal)]
    pub(super) async fn found(
        emitter: &SignalEmitter<'_>,
        jail: &str,
        offender: &str,
        user: &str,
        time: i64,
        banned: bool,
    ) -> zbus::Result<()>;

    /// An attempt does not count, or a ban was not made; the reason as a clause.
    #[zbus(signal)]
    pub(super) async fn ignored(
        emitter: &SignalEmitter<'_>,
        jail: &str,
        offender: &str,
        why: &str,
    ) -> zbus::Result<()>;

    /// So many signals were not sent before this one, because too many waited. Attempts give way
    /// first.
    #[zbus(signal)]
    pub(super) async fn missed(emitter: &SignalEmitter<'_>, signals: u64) -> zbus::Result<()>;
}

/// None for the jail's own time.
fn sentence(seconds: i64) -> Result<Option<Sentence>, Error> {
    match seconds {
        -1 => Ok(Some(Sentence::Forever)),
        0 => Ok(None),
        1..=LONGEST_SECONDS => Ok(Some(Sentence::For(Duration::from_secs(seconds.unsigned_abs())))),
        _ => Err(Error::invalid_time(seconds, LONGEST_SECONDS)),
    }
}

/// None if there is no address.
fn networks(addresses: &[&str]) -> Result<Option<Vec<Network>>, Error> {
    if addresses.len() > MAX_ADDRESSES {
        return Err(Error::too_many(addresses.len()));
    }
    if addresses.is_empty() {
        return Ok(None);
    }
    addresses.iter().map(|text| network(text)).collect::<Result<_, _>>().map(Some)
}

fn network(text: &str) -> Result<Network, Error> {
    text.parse().map_err(|why| Error::not_an_address(text, &why))
}

/// None if the name is empty.
fn named(jail: &str) -> Option<String> {
    (!jail.is_empty()).then(|| jail.to_owned())
}

fn setting(row: SettingRow) -> SettingOut {
    let SettingRow { key, value, path, line } = row;
    (key, text::clean(&value), text::clean(&path), line)
}
