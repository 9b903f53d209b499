//! Hosts' names to addresses, by asking systemd-resolved over D-Bus
//! (org.freedesktop.resolve1(5)): so the service opens no socket to the network.
//!
//! A [`Resolver`] has a thread of its own. Whoever asks does not wait; the answer comes when it
//! comes. What is asked too fast is refused.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use zbus::connection::Builder;
use zbus::{Connection, proxy};

/// So many questions wait at once.
const QUESTIONS_MAX: usize = 256;

/// So many answers are remembered.
const ANSWERS_MAX: usize = 1000;

/// So long an answer is remembered for whoever asks often, as fail2ban does, and that there is none.
pub const REMEMBERED: Duration = Duration::from_mins(5);

/// A question that is not answered within this is given up. systemd-resolved itself gives up sooner.
const PATIENCE: Duration = Duration::from_secs(30);

/// A longer name is none (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// `AF_INET` and `AF_INET6` of Linux, as the answers have them.
const IPV4: i32 = 2;
const IPV6: i32 = 10;

#[proxy(
    interface = "org.freedesktop.resolve1.Manager",
    default_service = "org.freedesktop.resolve1",
    default_path = "/org/freedesktop/resolve1"
)]
trait Manager {
    /// Interface (0 is any), name, family (0 is any), flags; the addresses with their interface and
    /// family, the name that they are of, flags.
    #[allow(clippy::type_complexity)]
    fn resolve_hostname(
        &self,
        interface: i32,
        name: &str,
        family: i32,
        flags: u64,
    ) -> zbus::Result<(Vec<(i32, i32, Vec<u8>)>, String, u64)>;
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// systemd-resolved says no.
    #[error("{0}")]
    Refused(String),
    /// systemd-resolved cannot be asked.
    #[error("systemd-resolved cannot be asked: {0}")]
    Unreachable(String),
}

/// What is known of a name.
pub type Answer = Result<Vec<IpAddr>, NameError>;

/// Resolves names, one after the other. Clones ask the same thread.
#[derive(Debug)]
pub struct Resolver<T> {
    questions: Sender<(String, T)>,
}

impl<T> Clone for Resolver<T> {
    fn clone(&self) -> Self {
        Self { questions: self.questions.clone() }
    }
}

impl<T: Send + 'static> Resolver<T> {
    /// Starts the thread, which remembers answers for so long. It hands each answer to `take`, with what the question came with, and ends
    /// when nobody is left to ask.
    pub fn start(remembered: Duration, take: impl FnMut(&str, T, Answer) + Send + 'static) -> Self {
        let (questions, asked) = bounded(QUESTIONS_MAX);
        thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || zbus::block_on(answer_all(&asked, remembered, take)))
            .expect("the system can start a thread");
        Self { questions }
    }

    /// Asks for the addresses of a name. Never waits.
    ///
    /// # Errors
    ///
    /// When too many questions wait already, or it cannot be a name.
    pub fn ask(&self, name: String, with: T) -> Result<(), &'static str> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err("this cannot be a host's name");
        }
        self.questions.try_send((name, with)).map_err(|refused| match refused {
            TrySendError::Full(_) => "names come faster than they can be resolved",
            TrySendError::Disconnected(_) => "the resolver has ended",
        })
    }
}

async fn answer_all<T>(
    asked: &Receiver<(String, T)>,
    remembered: Duration,
    mut take: impl FnMut(&str, T, Answer),
) {
    let mut bus = None;
    let mut known: HashMap<String, (Instant, Answer)> = HashMap::new();
    while let Ok((name, with)) = asked.recv() {
        let fresh = |(at, _): &&(Instant, Answer)| at.elapsed() < remembered;
        if let Some((_, answer)) = known.get(&name).filter(fresh) {
            take(&name, with, answer.clone());
            continue;
        }
        let answer = resolve(&mut bus, &name).await;
        if known.len() >= ANSWERS_MAX {
            known.retain(|_, (at, _)| at.elapsed() < remembered);
        }
        if known.len() < ANSWERS_MAX && !matches!(answer, Err(NameError::Unreachable(_))) {
            known.insert(name.clone(), (Instant::now(), answer.clone()));
        }
        take(&name, with, answer);
    }
}

async fn resolve(bus: &mut Option<Connection>, name: &str) -> Answer {
    let unreachable = |error: zbus::Error| NameError::Unreachable(error.to_string());
    if bus.is_none() {
        let built = Builder::system().method_timeout(PATIENCE).build().await;
        *bus = Some(built.map_err(unreachable)?);
    }
    let Some(connection) = bus.clone() else { return Ok(Vec::new()) };
    let manager = ManagerProxy::new(&connection).await.map_err(unreachable)?;
    match manager.resolve_hostname(0, name, 0, 0).await {
        Ok((found, ..)) => Ok(found.iter().filter_map(address).collect()),
        Err(zbus::Error::MethodError(error, told, _))
            if error.as_str().starts_with("org.freedesktop.resolve1.") =>
        {
            Err(NameError::Refused(told.unwrap_or_else(|| error.to_string())))
        }
        Err(error) => {
            // The bus may have been restarted.
            *bus = None;
            Err(unreachable(error))
        }
    }
}

fn address((_, family, bytes): &(i32, i32, Vec<u8>)) -> Option<IpAddr> {
    match *family {
        IPV4 => <[u8; 4]>::try_from(&bytes[..]).ok().map(|v4| Ipv4Addr::from(v4).into()),
        IPV6 => <[u8; 16]>::try_from(&bytes[..]).ok().map(|v6| Ipv6Addr::from(v6).to_canonical()),
        _ => None,
    }
}
