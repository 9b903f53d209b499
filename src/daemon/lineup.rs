//! The jails that are running, and what is known of their health.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::friends::Friends;
use super::judge::{Tried, Watch};
use super::reading::FILES;
use super::sources;
use crate::bus::{Health, JailSettings, JailSnapshot, JailState, Tally};
use crate::dates::Zone;
use crate::keeper::{
    Action, CountBy, Gate, JailId, Keeper, Network, Policy, Ports, Prefix, Protocols, Roster,
    Scope, Sentence, Settled, Timestamp,
};
use crate::names::Resolver;
use crate::record::{LogFiles, Origin, Sources, Want};
use crate::rules::{BrokenJail, Jail, Loaded};

/// All jails of one reading of the configuration.
#[derive(Default)]
pub(super) struct Lineup {
    posts: BTreeMap<JailId, Post>,
    broken: BTreeMap<Arc<str>, Arc<JailSnapshot>>,
}

/// One running jail.
struct Post {
    jail: Jail,
    settings: Arc<JailSettings>,
    last_record: Option<Timestamp>,
    last_error: String,
    last_refusal: String,
    /// The trusted proxy that the log named last as an offender.
    proxy: Option<Network>,
}

impl Lineup {
    /// The jails that were loaded. Of those that ran before, the health is kept.
    pub(super) fn new(loaded: Loaded, roster: &mut Roster, before: Option<Self>) -> Self {
        let mut old = before.map(|lineup| lineup.posts).unwrap_or_default();
        let posts = loaded.jails.into_iter().map(|jail| {
            let id = roster.enrol(&jail.name);
            let old = old.remove(&id);
            let post = Post {
                settings: Arc::new(settings(&jail)),
                jail,
                last_record: old.as_ref().and_then(|old| old.last_record),
                last_refusal: old.as_ref().map(|old| old.last_refusal.clone()).unwrap_or_default(),
                last_error: old.map(|old| old.last_error).unwrap_or_default(),
                // Whether the log still names it is seen anew.
                proxy: None,
            };
            (id, post)
        });
        Self { posts: posts.collect(), broken: loaded.broken.iter().map(broken_jail).collect() }
    }

    /// Gives every jail to the keeper, and lets those go that are no longer here.
    pub(super) fn enlist(&self, keeper: &mut Keeper) -> Settled {
        let mut settled = Settled::default();
        let gone: Vec<JailId> = keeper.jails().filter(|id| !self.posts.contains_key(id)).collect();
        for id in gone {
            let Settled { notices, replies } = keeper.dismiss(id);
            settled.notices.extend(notices);
            settled.replies.extend(replies);
        }
        for (id, post) in &self.posts {
            keeper.admit(*id, post.jail.policy.clone());
        }
        settled
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = JailId> {
        self.posts.keys().copied()
    }

    /// The jails, and what they decide by.
    pub(super) fn jails(&self) -> impl Iterator<Item = (JailId, &Policy)> {
        self.posts.iter().map(|(id, post)| (*id, &post.jail.policy))
    }

    pub(super) fn has(&self, id: JailId) -> bool {
        self.posts.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.posts.len()
    }

    /// The names of the jails that are switched on and cannot run.
    pub(super) fn broken(&self) -> impl Iterator<Item = &str> {
        self.broken.keys().map(AsRef::as_ref)
    }

    /// What the firewall is to look like.
    pub(super) fn gates(&self) -> Vec<Gate> {
        self.posts.iter().map(|(id, post)| post.jail.gate(*id)).collect()
    }

    /// Which journals are to be read, by their names, and what of them for whom.
    pub(super) fn journals(
        &self,
        names: &Resolver<Tried>,
    ) -> BTreeMap<String, (Origin, Vec<(Watch, Want)>)> {
        let mut journals = BTreeMap::new();
        for (id, post) in &self.posts {
            let Some((origin, want)) = &post.jail.sources.journal else { continue };
            let (_, watches) = journals
                .entry(sources::journal_name(origin))
                .or_insert_with(|| (origin.clone(), Vec::new()));
            watches.push((post.watch(*id, names), want.clone()));
        }
        journals
    }

    /// The names of the journals that are to be read.
    pub(super) fn journal_names(&self) -> BTreeSet<String> {
        let journals = self.posts.values().filter_map(|post| post.jail.sources.journal.as_ref());
        journals.map(|(origin, _)| sources::journal_name(origin)).collect()
    }

    /// Which log files are to be read for whom.
    pub(super) fn file_watches(&self, names: &Resolver<Tried>) -> Vec<(Watch, LogFiles)> {
        let posts = self.posts.iter();
        posts
            .filter_map(|(id, post)| {
                Some((post.watch(*id, names), post.jail.sources.files.clone()?))
            })
            .collect()
    }

    /// How far back a journal without a cursor is read.
    pub(super) fn longest_findtime(&self) -> Duration {
        self.posts.values().map(|post| post.jail.policy.findtime).max().unwrap_or_default()
    }

    pub(super) fn note_record(&mut self, id: JailId, time: Timestamp) {
        if let Some(post) = self.posts.get_mut(&id) {
            post.last_record = post.last_record.max(Some(time));
        }
    }

    pub(super) fn note_error(&mut self, id: JailId, error: String) {
        if let Some(post) = self.posts.get_mut(&id) {
            post.last_error = error;
        }
    }

    pub(super) fn note_refusal(&mut self, id: JailId, refusal: String) {
        if let Some(post) = self.posts.get_mut(&id) {
            post.last_refusal = refusal;
        }
    }

    /// The log has named a trusted proxy as an offender.
    pub(super) fn note_proxy(&mut self, id: JailId, proxy: Network) {
        if let Some(post) = self.posts.get_mut(&id) {
            post.proxy = Some(proxy);
        }
    }

    /// What the jails decide by.
    pub(super) fn policies(&self) -> Vec<&Policy> {
        self.posts.values().map(|post| &post.jail.policy).collect()
    }

    /// Notes what is wrong with a source, for all jails that it serves.
    pub(super) fn note_source_error(&mut self, reader: &str, error: &str) {
        for post in self.posts.values_mut() {
            let Sources { journal, files } = &post.jail.sources;
            let by_journal =
                journal.as_ref().is_some_and(|(it, _)| sources::journal_name(it) == reader);
            if by_journal || (files.is_some() && reader == FILES) {
                error.clone_into(&mut post.last_error);
            }
        }
    }

    /// All jails as the bus shows them.
    pub(super) fn snapshot(
        &self,
        (keeper, friends): (&Keeper, &Friends),
        roster: &Roster,
        now: Timestamp,
    ) -> BTreeMap<Arc<str>, Arc<JailSnapshot>> {
        let running = self.posts.iter().map(|(id, post)| {
            let snapshot = post.snapshot(keeper.tally(*id, now), friends);
            (Arc::clone(roster.name(*id)), Arc::new(snapshot))
        });
        running.chain(self.broken.iter().map(|(name, jail)| (name.clone(), jail.clone()))).collect()
    }
}

impl Post {
    fn watch(&self, id: JailId, names: &Resolver<Tried>) -> Watch {
        let zone = self.jail.sources.files.as_ref().and_then(|files| files.zone.as_ref());
        let local = TimeZone::system();
        // A zone that is none was refused with the configuration.
        let zone = zone.and_then(|zone| Zone::parse(zone).ok());
        Watch {
            jail: id,
            names: self.jail.resolves.then(|| names.clone()),
            filter: Arc::clone(&self.jail.filter),
            findtime: self.jail.policy.findtime,
            keeps_lines: self.jail.policy.matches_kept() > 0,
            zone: zone
                .map_or_else(|| Zone::of(local.clone()), |zone| zone.seen_from(local.clone())),
        }
    }

    /// What the jail reads, for people.
    fn sources(&self) -> Vec<String> {
        let Sources { journal, files } = &self.jail.sources;
        let journal = journal.iter().map(|(origin, _)| sources::journal_name(origin));
        let files = files.iter().flat_map(|files| files.paths.iter().map(|path| path.path.clone()));
        let bans = self.jail.policy.hears_bans.then(|| "bans".to_owned());
        journal.chain(files).chain(bans).collect()
    }

    /// What is not as it should be of who is spared.
    fn warnings(&self, friends: &Friends) -> Vec<String> {
        let mut warnings = friends.warnings(&self.jail.policy);
        warnings.extend(self.proxy.map(|proxy| {
            format!(
                "the log names the trusted proxy {proxy} as the offender; let the service log the \
                 client's address (X-Forwarded-For)"
            )
        }));
        warnings
    }

    fn snapshot(&self, tally: crate::keeper::Tally, friends: &Friends) -> JailSnapshot {
        JailSnapshot {
            settings: Arc::clone(&self.settings),
            tally: Tally {
                attempts: tally.attempts_now,
                attempts_in_all: tally.attempts_in_all,
                bans: tally.bans_now,
                bans_in_all: tally.bans_in_all,
                would_be: tally.would_be_now,
            },
            health: Health {
                state: JailState::Running,
                sources: self.sources(),
                last_record: self.last_record,
                last_attempt: tally.last_attempt,
                last_error: self.last_error.clone(),
                last_refusal: self.last_refusal.clone(),
                warnings: self.warnings(friends),
            },
        }
    }
}

/// A jail's settings as the bus shows them.
fn settings(jail: &Jail) -> JailSettings {
    JailSettings {
        description: jail.description.clone(),
        filter: jail.filter.name().to_owned(),
        mode: jail.filter.mode().to_owned(),
        maxretry: jail.policy.maxretry.get(),
        findtime: jail.policy.findtime,
        bantime: jail.policy.bantime,
        ports: jail.ports.clone(),
        protocols: jail.protocols.clone(),
        action: jail.action,
        scope: jail.scope,
        ignoreip: jail.policy.ignore.entries().collect(),
        ignoreself: jail.policy.ignoreself,
        ignoresessions: jail.policy.ignoresessions,
        proxies: jail.policy.proxies.entries().collect(),
        ignore: jail.policy.rules.iter().map(ToString::to_string).collect(),
        prefix: jail.policy.prefix,
        count_by: jail.policy.count_by,
        maxmatches: jail.policy.matches_kept(),
        enforce: jail.policy.enforce,
        grows: jail.policy.growth.is_some(),
    }
}

/// A jail that is switched on and cannot run: nothing of it but why is certain.
fn broken_jail(jail: &BrokenJail) -> (Arc<str>, Arc<JailSnapshot>) {
    let settings = JailSettings {
        description: String::new(),
        filter: String::new(),
        mode: String::new(),
        maxretry: 0,
        findtime: Duration::ZERO,
        bantime: Sentence::For(Duration::ZERO),
        ports: Ports::All,
        protocols: Protocols::All,
        action: Action::Drop,
        scope: Scope::Host,
        ignoreip: Vec::new(),
        ignoreself: true,
        ignoresessions: true,
        proxies: Vec::new(),
        ignore: Vec::new(),
        prefix: Prefix::default(),
        count_by: CountBy::default(),
        maxmatches: 0,
        enforce: true,
        grows: false,
    };
    let health = Health { state: JailState::Broken(jail.why.clone()), ..Health::default() };
    let snapshot = JailSnapshot { settings: Arc::new(settings), tally: Tally::default(), health };
    (jail.name.as_str().into(), Arc::new(snapshot))
}
