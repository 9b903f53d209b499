//! Who is logged in from where, as systemd-logind tells over D-Bus (org.freedesktop.login1(5)).
//!
//! A [`Guard`] has a thread of its own. It asks when logind signals that a session has come or gone,
//! and when it is told to look again; in between it sleeps.

mod bell;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_lite::{StreamExt, future};
use zbus::connection::Builder;
use zbus::proxy::CacheProperties;
use zbus::wire::OwnedObjectPath;
use zbus::{Connection, MatchRule, MessageStream, fdo, proxy};

use bell::Bell;

/// After a lost connection it is tried again this soon; then after twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// And at the latest after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A question that is not answered within this is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many signals of one kind wait at once; one is as good as many.
const SIGNALS_MAX: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");

/// So many sessions are heeded: what logind itself allows (`SessionsMax=`, logind.conf(5)).
const SESSIONS_MAX: usize = 8192;

const LOGIND: &str = "org.freedesktop.login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";

#[proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    /// Number, user's number, user, seat, object.
    #[zbus(no_autostart)]
    #[allow(clippy::type_complexity)]
    fn list_sessions(&self) -> zbus::Result<Vec<(String, u32, String, String, OwnedObjectPath)>>;
}

#[proxy(interface = "org.freedesktop.login1.Session", default_service = "org.freedesktop.login1")]
trait Session {
    #[zbus(property)]
    fn remote(&self) -> zbus::Result<bool>;
    #[zbus(property)]
    fn remote_host(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn class(&self) -> zbus::Result<String>;
}

/// A session from another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Its number, as `loginctl` has it.
    pub id: String,
    /// Who is logged in.
    pub user: String,
    /// From where: an address, which may have a zone (`fe80::1%eth0`), or a host's name.
    pub host: String,
}

/// All sessions from other hosts, or why they cannot be known.
pub type News = Result<Vec<Login>, String>;

/// Watches who is logged in.
#[derive(Debug)]
pub struct Guard {
    bell: Arc<Bell>,
}

impl Guard {
    /// Starts the thread. It hands to `take` what it knows, at first and whenever that may have
    /// changed, and ends when `take` says that nobody listens any more.
    pub fn start(take: impl FnMut(News) -> bool + Send + 'static) -> Self {
        let bell = Arc::new(Bell::default());
        let guard = Self { bell: Arc::clone(&bell) };
        thread::Builder::new()
            .name("sessions".to_owned())
            .spawn(move || keep_watch(&bell, take))
            .expect("the system can start a thread");
        guard
    }

    /// Has the thread look again: logind does not signal that a session is closing.
    pub fn look_again(&self) {
        self.bell.ring();
    }
}

fn keep_watch(bell: &Bell, mut take: impl FnMut(News) -> bool) {
    let mut pause = FIRST_PAUSE;
    let mut told = None;
    loop {
        let mut listening = true;
        let mut take = |news: News| {
            if news.is_ok() {
                pause = FIRST_PAUSE;
            }
            let repeated = news.is_err() && told == news.as_ref().err().cloned();
            told = news.as_ref().err().cloned();
            listening = listening && (repeated || take(news));
            listening
        };
        match zbus::block_on(watch(bell, &mut take)) {
            Ok(()) => return,
            Err(error) => {
                take(Err(format!("the system bus is lost: {error}")));
            }
        }
        if !listening {
            return;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Watches over one connection to the bus, until it is lost or nobody listens any more.
async fn watch(bell: &Bell, take: &mut impl FnMut(News) -> bool) -> zbus::Result<()> {
    let bus = Builder::system().method_timeout(PATIENCE).build().await?;
    // The signals are asked for before the sessions, so that none in between is missed.
    let mut sessions =
        signals(&bus, MatchRule::builder().sender(LOGIND).interface(MANAGER)).await?;
    let owner = MatchRule::builder().sender("org.freedesktop.DBus").member("NameOwnerChanged");
    let mut owner = signals(&bus, owner.arg(0, LOGIND)).await?;
    let mut known = HashMap::new();
    loop {
        let news = match logins(&bus, &mut known).await {
            Ok(()) => Ok(known.values().flatten().cloned().collect()),
            Err(error) => Err(format!("systemd-logind does not say who is logged in: {error}")),
        };
        if !take(news) {
            return Ok(());
        }
        let rung = async {
            bell.rings().await;
            Some(true)
        };
        let signalled = future::or(sessions.next(), owner.next());
        let signalled = async { signalled.await.transpose().ok().flatten().map(|_| false) };
        match future::or(signalled, rung).await {
            Some(true) => known.clear(),
            Some(false) => {}
            None => return Err(zbus::Error::Failure("the connection was closed".to_owned())),
        }
        // What has come meanwhile is seen by the same look.
        while let Some(Some(_)) = future::poll_once(sessions.next()).await {}
    }
}

async fn signals(
    bus: &Connection,
    rule: zbus::match_rule::Builder<'_>,
) -> zbus::Result<MessageStream> {
    let rule = rule.msg_type(zbus::message::Type::Signal).build()?;
    MessageStream::for_match_rule(rule, bus, Some(SIGNALS_MAX)).await
}

/// The sessions that are known, by their objects; without a login where a session is a local one.
type Known = HashMap<OwnedObjectPath, Option<Login>>;

/// Learns of the sessions that are not known yet, and forgets those that are gone.
async fn logins(bus: &Connection, known: &mut Known) -> zbus::Result<()> {
    let mut listed = ManagerProxy::new(bus).await?.list_sessions().await?;
    listed.truncate(SESSIONS_MAX);
    known.retain(|path, _| listed.iter().any(|(.., there)| there == path));
    for (id, _, user, _, path) in listed {
        if known.contains_key(&path) {
            continue;
        }
        match host(bus, &path).await {
            Ok(Host::Remote(host)) => {
                known.insert(path, Some(Login { id, user, host }));
            }
            Ok(Host::Local) => {
                known.insert(path, None);
            }
            Ok(Host::Leaving) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether an error says that a session has gone since it was listed.
fn is_gone(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::FDO(error) => matches!(**error, fdo::Error::UnknownObject(_)),
        zbus::Error::MethodError(name, ..) => {
            name.as_str() == "org.freedesktop.DBus.Error.UnknownObject"
        }
        _ => false,
    }
}

enum Host {
    Local,
    Remote(String),
    /// The session is closing.
    Leaving,
}

async fn host(bus: &Connection, path: &OwnedObjectPath) -> zbus::Result<Host> {
    let session = SessionProxy::builder(bus).path(path);
    let session = session.cache_properties(CacheProperties::No).build().await?;
    if !session.remote().await? {
        return Ok(Host::Local);
    }
    // Nobody has logged in at a greeter or a locked screen.
    if matches!(session.class().await?.as_str(), "greeter" | "lock-screen") {
        return Ok(Host::Local);
    }
    if session.state().await? == "closing" {
        return Ok(Host::Leaving);
    }
    match session.remote_host().await? {
        host if host.is_empty() => Ok(Host::Local),
        host => Ok(Host::Remote(host)),
    }
}
