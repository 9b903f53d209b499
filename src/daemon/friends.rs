//! Who is never banned, as far as it may change while the service runs: lists in files, hosts'
//! names, and who is logged in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendError, Sender, bounded};
use tracing::{error, info, warn};

use super::clock;
use super::inbox::{Control, Outbox};
use super::list_watch::watch_files;
use crate::keeper::{HostName, Keeper, ListId, Network, Policy, Session};
use crate::lists::{self, ListError};
use crate::names::{Answer, NameError, Resolver};
use crate::rules::List;
use crate::sessions::{Guard, Login, News};
use crate::systemd::catalog;

/// Names are resolved again this often.
const REFRESH: Duration = Duration::from_mins(5);

/// And those that have no address this soon: the network may not be there yet.
const RETRY: Duration = Duration::from_secs(30);

/// Of a list's names that have no answer, so many are told.
const HOSTS_TOLD: usize = 5;

/// At the start it is waited so long for who is logged in; bans go on without.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Everything that is known of friends.
pub(super) struct Friends {
    outbox: Outbox,
    resolver: Resolver<()>,
    hosts: BTreeMap<Arc<str>, Host>,
    files: BTreeMap<Arc<str>, ListFile>,
    watch: Option<crate::control::Control>,
    guard: Guard,
    /// Where the first word of who is logged in comes, until it is waited for no more.
    first_look: Option<Receiver<News>>,
    /// Whether a jail spares who is logged in.
    spares_sessions: bool,
    logins: Vec<Login>,
    sessions_unknown: Option<String>,
    wanted: BTreeSet<ListId>,
    /// The name whose answer is waited for: one after the other is asked for.
    asking: Option<Arc<str>>,
    ask_at: Option<Instant>,
}

/// Something that a watch has to tell.
#[derive(Debug)]
pub(super) enum FriendNews {
    /// The answer to a host's name.
    Resolved(String, Answer),
    /// A list has changed, and was read.
    ListRead(Arc<str>, Result<List, ListError>),
    /// Who is logged in.
    Sessions(News),
}

/// A host that is known by its name.
#[derive(Debug, Default)]
struct Host {
    addresses: BTreeSet<IpAddr>,
    /// When it was answered last.
    asked: Option<Instant>,
    trouble: Option<String>,
}

/// A list, as it was read last.
#[derive(Debug, Default)]
struct ListFile {
    list: List,
    trouble: Option<String>,
}

impl Friends {
    /// Asks at once who is logged in, since the answer takes longer than most of what else a start does.
    pub(super) fn new(outbox: &Outbox) -> Self {
        let (guard, first_look) = watch_sessions(outbox.controls.clone());
        let controls = outbox.controls.clone();
        let resolver = Resolver::start(Duration::ZERO, move |name, (), answer| {
            // When the loop is gone there is nobody left to tell.
            let _ = controls.send(Control::Friend(FriendNews::Resolved(name.to_owned(), answer)));
        });
        Self {
            outbox: outbox.clone(),
            resolver,
            hosts: BTreeMap::new(),
            files: BTreeMap::new(),
            watch: None,
            guard,
            first_look: Some(first_look),
            spares_sessions: false,
            logins: Vec::new(),
            sessions_unknown: None,
            wanted: BTreeSet::new(),
            asking: None,
            ask_at: None,
        }
    }

    /// Takes up what the jails' policies name; what was known of it stays. The keeper has the lists
    /// when this returns, and the names when they are resolved.
    pub(super) fn take_up(&mut self, policies: &[&Policy], keeper: &mut Keeper) {
        let exempts = policies.iter().flat_map(|policy| [&policy.ignore, &policy.proxies]);
        self.wanted = exempts.flat_map(|exempt| exempt.lists.iter().cloned()).collect();
        keeper.keep_lists(&self.wanted);
        self.read_files();
        self.know_hosts();
        self.tell_keeper(keeper);
        let spared_before = self.spares_sessions;
        self.spares_sessions = policies.iter().any(|policy| policy.ignoresessions);
        if self.spares_sessions && !spared_before {
            self.tell_of_unknown_sessions();
        }
        // What comes later is news like any other.
        if let Some(looked) = self.first_look.take()
            && self.spares_sessions
            && let Ok(news) = looked.recv_timeout(FIRST_LOOK)
        {
            self.take_sessions(news, keeper);
        }
    }

    /// Reads all lists, and watches them from now on.
    fn read_files(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.stop();
        }
        let mut before = std::mem::take(&mut self.files);
        for id in &self.wanted {
            if let ListId::File(path) = id {
                self.files.insert(path.clone(), before.remove(path).unwrap_or_default());
            }
        }
        if self.files.is_empty() {
            return;
        }
        let paths = self.files.keys().map(|path| PathBuf::from(&**path)).collect();
        match watch_files(paths, self.outbox.controls.clone()) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => error!(
                message_id = catalog::LIST_TROUBLE,
                "changes of lists cannot be seen: {error}; they are read at a reload"
            ),
        }
        for path in self.files.keys().cloned().collect::<Vec<_>>() {
            let read = lists::read(Path::new(&*path));
            self.take_file(&path, read);
        }
    }

    /// Takes in what was read of a list; what could be read before stays when this could not.
    fn take_file(&mut self, path: &Arc<str>, read: Result<List, ListError>) {
        let Some(file) = self.files.get_mut(path) else { return };
        let trouble = match read {
            Ok(list) => {
                file.list = list;
                mistakes(path, &file.list)
            }
            Err(why) => Some(format!("list {path}: {why}; what was read of it before stays")),
        };
        if let Some(trouble) = trouble.as_ref().filter(|new| file.trouble.as_ref() != Some(new)) {
            warn!(message_id = catalog::LIST_TROUBLE, "{trouble}");
        }
        file.trouble = trouble;
    }

    /// Has all names asked for that are named somewhere, and forgets the others.
    fn know_hosts(&mut self) {
        let named = self.wanted.iter().filter_map(|id| match id {
            ListId::Host(name) => Some(name.clone()),
            ListId::File(_) => None,
        });
        let listed = self.files.values().flat_map(|file| file.list.hosts.iter().cloned());
        let logins = self.logins.iter().filter_map(|login| place(&login.host).err());
        let mut before = std::mem::take(&mut self.hosts);
        for name in named.chain(listed).chain(logins) {
            let known = before.remove(&name);
            self.hosts.entry(name).or_insert_with(|| known.unwrap_or_default());
        }
        self.ask_next();
    }

    /// Asks for the name that is due next, and when none is, sees to it that one will be.
    fn ask_next(&mut self) {
        let now = clock::monotonic();
        while self.asking.is_none() {
            let Some((name, due)) = self
                .hosts
                .iter()
                .map(|(name, host)| (name, host.due()))
                .min_by_key(|(_, due)| *due)
            else {
                self.ask_at = None;
                return;
            };
            if let Some(due) = due.filter(|due| *due > now) {
                self.ask_at = Some(due);
                return;
            }
            let name = name.clone();
            match self.resolver.ask(name.to_string(), ()) {
                Ok(()) => self.asking = Some(name),
                Err(why) => self.answered(&name, Err(NameError::Refused(why.to_owned()))),
            }
        }
        self.ask_at = None;
    }

    fn answered(&mut self, name: &str, answer: Answer) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        host.asked = Some(clock::monotonic());
        let answer = answer.and_then(|addresses| match addresses.len() {
            0 => Err(NameError::Refused("it has no address".to_owned())),
            _ => Ok(addresses),
        });
        match answer {
            Ok(addresses) => {
                host.addresses = addresses.into_iter().collect();
                host.trouble = None;
            }
            Err(why) => {
                if host.trouble.is_none() {
                    let text = host.told(name, &why.to_string());
                    warn!(message_id = catalog::LIST_TROUBLE, "{text}");
                }
                host.trouble = Some(why.to_string());
            }
        }
    }

    /// When a name is to be asked for.
    pub(super) fn ask_at(&self) -> Option<Instant> {
        self.ask_at
    }

    /// Asks for a name if it is time.
    pub(super) fn refresh(&mut self) {
        if self.ask_at.is_some_and(|at| at <= clock::monotonic()) {
            self.ask_next();
        }
    }

    /// Takes in what one of the watches has to tell; the keeper knows it then.
    pub(super) fn take(&mut self, news: FriendNews, keeper: &mut Keeper) {
        match news {
            FriendNews::Resolved(name, answer) => {
                if self.asking.as_deref() == Some(&*name) {
                    self.asking = None;
                }
                let before = self.hosts.get(&*name).map(|host| host.addresses.clone());
                self.answered(&name, answer);
                if before != self.hosts.get(&*name).map(|host| host.addresses.clone()) {
                    self.tell_of_host(&name, keeper);
                }
                self.ask_next();
            }
            FriendNews::ListRead(path, read) => {
                self.take_file(&path, read);
                self.know_hosts();
                self.tell_of_file(&path, keeper);
            }
            FriendNews::Sessions(news) => self.take_sessions(news, keeper),
        }
    }

    fn take_sessions(&mut self, news: News, keeper: &mut Keeper) {
        match news {
            Ok(logins) => {
                if self.sessions_unknown.take().is_some() && self.spares_sessions {
                    info!("who is logged in is known again");
                }
                self.logins = logins;
                self.know_hosts();
                self.tell_of_sessions(keeper);
            }
            Err(why) => {
                self.sessions_unknown = Some(why);
                self.tell_of_unknown_sessions();
            }
        }
    }

    fn tell_of_unknown_sessions(&self) {
        if let Some(why) = self.sessions_unknown.as_ref().filter(|_| self.spares_sessions) {
            warn!(
                message_id = catalog::SESSIONS_UNKNOWN,
                "{why}; a ban may hit the address of an open session (ignoresessions)"
            );
        }
    }

    /// A ban was refused for a session's sake: it may be closing meanwhile, which is not signalled.
    pub(super) fn look_again(&self) {
        self.guard.look_again();
    }

    fn tell_keeper(&self, keeper: &mut Keeper) {
        for id in &self.wanted {
            match id {
                ListId::Host(name) => keeper.set_list(id.clone(), self.addresses(name).collect()),
                ListId::File(path) => self.tell_of_file(path, keeper),
            }
        }
        self.tell_of_sessions(keeper);
    }

    fn tell_of_file(&self, path: &Arc<str>, keeper: &mut Keeper) {
        let Some(file) = self.files.get(path) else { return };
        let mut list = file.list.networks.clone();
        for (network, name) in file.list.hosts.iter().flat_map(|name| self.addresses(name)) {
            list.insert(network, name);
        }
        keeper.set_list(ListId::File(path.clone()), list);
    }

    fn tell_of_host(&self, name: &str, keeper: &mut Keeper) {
        let id = ListId::Host(name.into());
        if self.wanted.contains(&id) {
            keeper.set_list(id, self.addresses(name).collect());
        }
        for (path, _) in self.files.iter().filter(|(_, file)| file.list.hosts.contains(name)) {
            self.tell_of_file(path, keeper);
        }
        self.tell_of_sessions(keeper);
    }

    fn tell_of_sessions(&self, keeper: &mut Keeper) {
        keeper.set_sessions(self.logins.iter().flat_map(|login| {
            let addresses: Vec<IpAddr> = match place(&login.host) {
                Ok(address) => vec![address],
                Err(name) => {
                    let host = self.hosts.get(&name);
                    host.into_iter().flat_map(|host| &host.addresses).copied().collect()
                }
            };
            let session = |address| Session {
                id: login.id.as_str().into(),
                user: login.user.as_str().into(),
                address,
            };
            addresses.into_iter().map(session)
        }));
    }

    fn addresses(&self, name: &str) -> impl Iterator<Item = (Network, HostName)> {
        let name: Arc<str> = name.into();
        let host = self.hosts.get(&name).into_iter();
        host.flat_map(|host| &host.addresses)
            .map(move |address| (Network::address(*address), Some(name.clone())))
    }

    /// What a jail's health says: what is not as it should be of all that its policy names.
    pub(super) fn warnings(&self, policy: &Policy) -> Vec<String> {
        let mut warnings = BTreeSet::new();
        for id in policy.ignore.lists.iter().chain(&policy.proxies.lists) {
            match id {
                ListId::Host(name) => warnings.extend(self.host_warning(name)),
                ListId::File(path) => {
                    let Some(file) = self.files.get(path) else { continue };
                    warnings.extend(file.trouble.clone());
                    let hosts = file.list.hosts.iter();
                    warnings
                        .extend(hosts.filter_map(|name| self.host_warning(name)).take(HOSTS_TOLD));
                }
            }
        }
        if policy.ignoresessions
            && let Some(why) = &self.sessions_unknown
        {
            warnings.insert(format!("{why}; a ban may hit the address of an open session"));
        }
        warnings.into_iter().collect()
    }

    fn host_warning(&self, name: &str) -> Option<String> {
        let host = self.hosts.get(name)?;
        match (&host.trouble, host.asked) {
            (Some(why), _) => Some(host.told(name, why)),
            (None, None) => Some(format!("the name {name} has no answer yet; it spares nobody")),
            (None, Some(_)) => None,
        }
    }
}

impl Host {
    /// When it is to be asked for; a new one at once.
    fn due(&self) -> Option<Instant> {
        let pause = if self.trouble.is_some() { RETRY } else { REFRESH };
        self.asked.map(|at| at + pause)
    }

    fn told(&self, name: &str, why: &str) -> String {
        let rest =
            if self.addresses.is_empty() { "it spares nobody" } else { "its last addresses stay" };
        format!("the name {name} has no answer: {why}; {rest}")
    }
}

/// What people are to know of a list that was read.
fn mistakes(path: &str, list: &List) -> Option<String> {
    let first: Vec<String> = list.mistakes.iter().map(ToString::to_string).collect();
    let more = match list.mistakes_in_all - first.len() {
        0 => String::new(),
        more => format!("; and {more} more lines"),
    };
    let told = format!("list {path}: {}{more}; the other lines count", first.join("; "));
    (!first.is_empty()).then_some(told)
}

/// Watches who is logged in. The first word of it waits for somebody to take it; when nobody does any
/// more, it goes where all others go.
fn watch_sessions(controls: Sender<Control>) -> (Guard, Receiver<News>) {
    let (first, looked) = bounded(0);
    let mut first = Some(first);
    let guard = Guard::start(move |news| {
        let left = match first.take() {
            Some(first) => first.send(news).err().map(|SendError(news)| news),
            None => Some(news),
        };
        let tell = |news| controls.send(Control::Friend(FriendNews::Sessions(news)));
        left.is_none_or(|news| tell(news).is_ok())
    });
    (guard, looked)
}

/// The address of a session's host, or its name. The zone of a link-local address says nothing of
/// who it is.
fn place(host: &str) -> Result<IpAddr, Arc<str>> {
    let address = host.split('%').next().unwrap_or_default();
    address.parse().map_err(|_| host.to_ascii_lowercase().into())
}
