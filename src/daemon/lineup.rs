//! The jails that are running, and what is known of their health.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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
use crate::rules::{BrokenJail, DEFAULT, Jail, Loaded, Setting};

/// All jails of one reading of the configuration.
#[derive(Default)]
pub(super) struct Lineup {
    posts: BTreeMap<JailId, Post>,
    broken: BTreeMap<Arc<str>, Arc<JailSnapshot>>,
    /// The settings of all jails.
    default: Vec<Setting>,
}

/// One running jail.
#[derive(Clone)]
struct Post {
    jail: Jail,
    settings: Arc<JailSettings>,
    /// Why it goes by its old rules, if it does.
    held_back: Option<String>,
    last_record: Option<Timestamp>,
    last_error: String,
    last_refusal: String,
    /// The trusted proxy that the log named last as an offender.
    proxy: Option<Network>,
}

impl Lineup {
    /// The jails that were loaded, and those of `before` that cannot be known well enough any more:
    /// they go by their old rules.
    pub(super) fn new(loaded: Loaded, roster: &mut Roster, before: Option<&Self>) -> Self {
        let mut lineup = Self { default: loaded.default.clone(), ..Self::default() };
        for broken in &loaded.broken {
            let id = roster.enrol(&broken.name);
            match before.and_then(|before| before.posts.get(&id)) {
                Some(old) => drop(lineup.posts.insert(id, old.held_back(&broken.why))),
                None => lineup.broken.extend([broken_jail(broken)]),
            }
        }
        for (id, old) in before.iter().flat_map(|before| &before.posts) {
            if let Some(why) = loaded.in_doubt(&old.jail.name)
                && !lineup.posts.contains_key(id)
            {
                lineup.posts.insert(*id, old.held_back(why));
            }
        }
        for jail in loaded.jails {
            lineup.posts.insert(roster.enrol(&jail.name), Post::new(jail));
        }
        lineup
    }

    /// Takes over what is known of the health of jails that ran before.
    pub(super) fn inherit(&mut self, before: &Self) {
        for (id, post) in &mut self.posts {
            if let Some(old) = before.posts.get(id) {
                post.last_record = old.last_record;
                post.last_refusal.clone_from(&old.last_refusal);
                post.last_error.clone_from(&old.last_error);
                if post.jail.policy.proxies == old.jail.policy.proxies {
                    post.proxy = old.proxy;
                }
            }
        }
    }

    /// What mistakes have kept from being taken up, as a sentence without a full stop.
    pub(super) fn held_back(&self) -> String {
        let kept: Vec<&str> = self.running_by_old_rules().collect();
        let broken: Vec<&str> = self.broken().collect();
        let mut parts = vec!["the configuration has mistakes".to_owned()];
        if !kept.is_empty() {
            parts.push(format!("running with old rules: {}", kept.join(", ")));
        }
        if !broken.is_empty() {
            parts.push(format!("not running: {}", broken.join(", ")));
        }
        parts.push("everything else is reloaded".to_owned());
        parts.join("; ")
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

    /// All settings of a running jail, or of all jails.
    pub(super) fn settings(&self, name: &str) -> Option<&[Setting]> {
        if name == DEFAULT {
            return Some(&self.default);
        }
        let post = self.posts.values().find(|post| post.jail.name == name)?;
        Some(&post.jail.settings)
    }

    /// The value of a setting in TOML; empty when there is none.
    pub(super) fn setting(&self, name: &str, key: &str) -> String {
        let mut settings = self.settings(name).unwrap_or_default().iter();
        settings.find(|setting| setting.key == key).map(|it| it.value.clone()).unwrap_or_default()
    }

    /// Whether a jail runs, and by its latest rules.
    pub(super) fn is_up_to_date(&self, name: &str) -> bool {
        self.posts.values().any(|post| post.jail.name == name && post.held_back.is_none())
    }

    /// Why a jail that is switched on does not run.
    pub(super) fn why_broken(&self, name: &str) -> Option<&str> {
        match &self.broken.get(name)?.health.state {
            JailState::Broken(why) => Some(why),
            JailState::Running | JailState::HeldBack(_) => None,
        }
    }

    /// The names of the jails that are switched on and cannot run.
    pub(super) fn broken(&self) -> impl Iterator<Item = &str> {
        self.broken.keys().map(AsRef::as_ref)
    }

    /// The names of the jails that go by their old rules.
    pub(super) fn running_by_old_rules(&self) -> impl Iterator<Item = &str> {
        let posts = self.posts.values().filter(|post| post.held_back.is_some());
        posts.map(|post| post.jail.name.as_str())
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
        let local = TimeZone::system();
        let mut journals = BTreeMap::new();
        for (id, post) in &self.posts {
            let Some((origin, want)) = &post.jail.sources.journal else { continue };
            let (_, watches) = journals
                .entry(sources::journal_name(origin))
                .or_insert_with(|| (origin.clone(), Vec::new()));
            watches.push((post.watch(*id, names, &local), want.clone()));
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
        let local = TimeZone::system();
        let posts = self.posts.iter();
        posts
            .filter_map(|(id, post)| {
                let files = post.jail.sources.files.clone()?;
                Some((post.watch(*id, names, &local), files))
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

    /// Notes what is wrong with a source, for all jails that it serves; when it is about one file or
    /// directory, for those that read there. Where links lead somewhere else, nobody names that.
    pub(super) fn note_source_error(&mut self, reader: &str, path: Option<&Path>, error: &str) {
        let reads_there = |post: &Post| path.is_none_or(|path| post.reads_through(path));
        let is_named = self.posts.values().any(reads_there);
        for post in self.posts.values_mut().filter(|post| !is_named || reads_there(post)) {
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
    fn new(jail: Jail) -> Self {
        Self {
            settings: Arc::new(settings(&jail)),
            jail,
            held_back: None,
            last_record: None,
            last_refusal: String::new(),
            proxy: None,
            last_error: String::new(),
        }
    }

    /// The same, for as long as the new rules have a mistake.
    fn held_back(&self, why: &str) -> Self {
        Self { held_back: Some(why.to_owned()), ..self.clone() }
    }

    fn watch(&self, id: JailId, names: &Resolver<Tried>, local: &TimeZone) -> Watch {
        let zone = self.jail.sources.files.as_ref().and_then(|files| files.zone.as_ref());
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

    /// Whether a log of it is this file, or in this directory.
    fn reads_through(&self, path: &Path) -> bool {
        let files = self.jail.sources.files.iter();
        files.flat_map(|files| &files.paths).any(|log| log.leads_through(path))
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
                state: self.held_back.clone().map_or(JailState::Running, JailState::HeldBack),
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
