//! A jail: its settings, understood.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bantime::GrowthDraft;
use super::chosen::Chosen;
use super::definition::NORMAL;
use super::diagnostic::{Sink, Wrong};
use super::filter::Own;
use super::layers::Layer;
use super::networks::{self, Places};
use super::settings::{Setting, complete};
use super::sources::{self, Backend, SourceDraft};
use super::spared;
use super::tree::{At, Entry, Node};
use super::value::{self, Read, Text};
use super::wording;
use crate::filter::Filter;
use crate::keeper::{
    Action, CountBy, Gate, JailId, MAX_PREFIX, Policy, Ports, Prefix, Protocol, Protocols, Scope,
};
use crate::record::{Matches, Sources};

/// The settings of a jail; all but `description` may stand under `[default]` too.
pub const KEYS: [&str; 42] = [
    "enabled",
    "filter",
    "mode",
    "journalmatch",
    "backend",
    "logpath",
    "logencoding",
    "logtimezone",
    "failregex",
    "ignoreregex",
    "prefregex",
    "datepattern",
    "maxlines",
    "usedns",
    "maxretry",
    "findtime",
    "count_by",
    "maxmatches",
    "bantime",
    "bantime.increment",
    "bantime.factor",
    "bantime.formula",
    "bantime.multipliers",
    "bantime.maxtime",
    "bantime.rndtime",
    "bantime.overalljails",
    "bantime.decay",
    "bantime.lower_maxretry",
    "enforce",
    "ignoreip",
    "ignoreself",
    "ignoresessions",
    "ignore",
    "trusted_proxies",
    "port",
    "protocol",
    "action",
    "scope",
    "prefix",
    "max_prefix",
    "escalate",
    "description",
];

/// Those of them that say something about records, which a jail that hears of bans does not read.
const OF_RECORDS: [&str; 12] = [
    "filter",
    "mode",
    "journalmatch",
    "logpath",
    "logencoding",
    "logtimezone",
    "failregex",
    "ignoreregex",
    "prefregex",
    "datepattern",
    "maxlines",
    "usedns",
];

const PROXIES: &str = "trusted_proxies";
const ACTIONS: [(&str, Action); 2] = [("drop", Action::Drop), ("reject", Action::Reject)];
/// Of these, fail2ban's "warn" says what it resolves, which is in our log anyway; and "raw" bans
/// names, which nobody can.
const USEDNS: [(&str, bool); 4] = [("no", false), ("yes", true), ("warn", true), ("raw", false)];
const COUNTED_BY: [(&str, CountBy); 2] = [("address", CountBy::Address), ("user", CountBy::User)];
const SCOPES: [(&str, Scope); 3] =
    [("host", Scope::Host), ("forward", Scope::Forward), ("all", Scope::All)];

/// A jail that can run.
#[derive(Clone, Debug)]
pub struct Jail {
    /// Its name: a letter or digit, then letters, digits, `-` and `_`; at most 64 bytes.
    pub name: String,
    /// What its author says about it; may be empty.
    pub description: String,
    /// What the keeper decides by.
    pub policy: Policy,
    /// What it reads. The journal is the configured one, unless the jail names another.
    pub sources: Sources,
    /// What tells a failure; jails with the same filter, mode and no patterns of their own share it.
    pub filter: Arc<Filter>,
    /// Whether hosts' names in records are resolved (`usedns`).
    pub resolves: bool,
    /// The ports that are closed to an offender.
    pub ports: Ports,
    /// The protocols that are closed to an offender.
    pub protocols: Protocols,
    /// What becomes of an offender's packets.
    pub action: Action,
    /// Which packets are looked at.
    pub scope: Scope,
    /// All of its settings, and what its filter says.
    pub settings: Vec<Setting>,
}

impl Jail {
    /// The firewall's part of the jail, under the number that it has there.
    #[must_use]
    pub fn gate(&self, jail: JailId) -> Gate {
        Gate {
            jail,
            name: self.name.clone(),
            ports: self.ports.clone(),
            protocols: self.protocols.clone(),
            action: self.action,
            scope: self.scope,
            prefix: self.policy.prefix,
            max_prefix: self.policy.max_prefix,
            spare_loopback: self.policy.ignoreself,
        }
    }
}

/// A jail's settings, before its filter is known.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) at: Option<At>,
    pub(super) enabled: bool,
    pub(super) filter: Option<Text>,
    pub(super) mode: Option<Text>,
    pub(super) matches: Option<Matches>,
    pub(super) own: Own,
    pub(super) sources: SourceDraft,
    pub(super) broken: Option<Wrong>,
    /// What broke it may have taken settings along, so that those that are missing tell nothing.
    pub(super) unreadable: bool,
    policy: Policy,
    networks: Places,
    growth: GrowthDraft,
    ports: Ports,
    protocols: Protocols,
    action: Action,
    scope: Scope,
    description: String,
    settings: Vec<Setting>,
}

impl Draft {
    /// Reads the settings of the jail `name`: its own, and where it has none, those of all jails.
    pub(super) fn read(sink: &mut Sink<'_>, name: &str, own: &Layer, default: &Layer) -> Self {
        let mut entries: BTreeMap<&String, &Entry> = default.entries.iter().collect();
        entries.extend(&own.entries);
        let mut draft = Self::stock(name, own);
        draft.broken = own.broken.clone().or(default.broken.clone());
        draft.unreadable = draft.broken.is_some();
        // A jail whose file is broken may have been enabled in it.
        draft.enabled = own.broken.is_some();
        // A proxy that all jails trust is trusted by a jail that names others, too.
        let everywhere = default.entries.get(PROXIES).filter(|_| own.entries.contains_key(PROXIES));
        for entry in entries.into_values().chain(everywhere) {
            if let Err(wrong) = draft.setting(sink, &entry.key, &entry.key_at, &entry.value) {
                draft.broken.get_or_insert(wrong);
                if entry.key == "enabled" {
                    draft.enabled = true; // as far as anybody knows
                }
            }
            draft.settings.push(Setting::of_entry(sink, entry));
        }
        if let Err(wrong) = networks::agree(sink, &draft.policy, &draft.networks) {
            draft.broken.get_or_insert(wrong);
        }
        draft.policy.growth = std::mem::take(&mut draft.growth).finish(sink);
        draft.policy.hears_bans = draft.sources.backend == Backend::Bans;
        if draft.policy.hears_bans {
            draft.refuse_records(sink, own);
        }
        draft
    }

    /// What the jail itself says about records is a mistake when it hears of bans; what is said for
    /// all jails is for the others.
    fn refuse_records(&mut self, sink: &mut Sink<'_>, own: &Layer) {
        for entry in own.entries.values().filter(|entry| OF_RECORDS.contains(&entry.key.as_str())) {
            let wrong = sink.report(&entry.key_at, wording::reads_no_records(&entry.key));
            self.broken.get_or_insert(wrong);
        }
    }

    fn stock(name: &str, own: &Layer) -> Self {
        Self {
            name: name.to_owned(),
            at: own.at.clone(),
            enabled: false,
            filter: None,
            mode: None,
            matches: None,
            own: Own::default(),
            sources: SourceDraft::default(),
            broken: None,
            unreadable: false,
            policy: Policy::default(),
            networks: Places::default(),
            growth: GrowthDraft::default(),
            ports: Ports::All,
            protocols: Protocols::Only(vec![Protocol::Tcp]),
            action: Action::Drop,
            scope: Scope::Host,
            description: String::new(),
            settings: Vec::new(),
        }
    }

    fn setting(&mut self, sink: &mut Sink<'_>, key: &str, key_at: &At, node: &Node) -> Read<()> {
        match key {
            "enabled" => self.enabled = value::truth(sink, node)?,
            "filter" => self.filter = Some(value::word(sink, node)?),
            "mode" => self.mode = Some(value::word(sink, node)?),
            "journalmatch" => self.matches = Some(value::matches(sink, node)?),
            "backend" => {
                self.sources.backend = sources::backend(sink, node)?;
                self.sources.backend_at = Some(node.at.clone());
            }
            "logpath" => {
                self.sources.paths = sources::log_paths(sink, node)?;
                self.sources.paths_at = Some(key_at.clone());
            }
            "logencoding" => self.sources.encoding = sources::encoding(sink, node)?,
            "logtimezone" => self.sources.zone = Some(sources::zone(sink, node)?),
            "failregex" => self.own.failures = value::patterns(sink, node)?,
            "ignoreregex" => self.own.ignores = value::patterns(sink, node)?,
            "prefregex" => self.own.prefix = Some(value::word(sink, node)?),
            "datepattern" => self.own.dates = value::texts(sink, node)?,
            "maxlines" => self.own.max_lines = Some(value::line_count(sink, node)?),
            "usedns" => self.own.names = value::choice(sink, node, &USEDNS)?,
            "maxretry" => self.policy.maxretry = value::maxretry(sink, node)?,
            "findtime" => self.policy.findtime = value::duration(sink, node)?,
            "bantime" => self.policy.bantime = value::sentence(sink, node)?,
            "enforce" => self.policy.enforce = value::truth(sink, node)?,
            key if key.starts_with("bantime.") => {
                self.growth.set(sink, (key, key_at), node, &KEYS)?;
            }
            "ignoreip" => self.policy.ignore = spared::exempt(sink, node)?,
            "ignoreself" => self.policy.ignoreself = value::truth(sink, node)?,
            "ignoresessions" => self.policy.ignoresessions = value::truth(sink, node)?,
            "ignore" => self.policy.rules = spared::ignore_rules(sink, node)?,
            "trusted_proxies" => self.policy.proxies.extend(spared::exempt(sink, node)?),
            "port" => self.ports = value::closed_ports(sink, node)?,
            "protocol" => self.protocols = value::protocols(sink, node)?,
            "action" => self.action = value::choice(sink, node, &ACTIONS)?,
            "scope" => self.scope = value::choice(sink, node, &SCOPES)?,
            "prefix" => {
                self.policy.prefix = networks::lengths(sink, node, Prefix::default())?;
                self.networks.prefix = Some(node.at.clone());
            }
            "max_prefix" => {
                self.policy.max_prefix = networks::lengths(sink, node, MAX_PREFIX)?;
                self.networks.max_prefix = Some(node.at.clone());
            }
            "escalate" => {
                self.policy.escalate = Some(networks::escalate(sink, node)?);
                self.networks.escalate = Some(node.at.clone());
            }
            "count_by" => self.policy.count_by = value::choice(sink, node, &COUNTED_BY)?,
            "maxmatches" => self.policy.maxmatches = Some(value::maxmatches(sink, node)?),
            "description" => self.description = value::prose(sink, node)?,
            other => return Err(sink.report(key_at, wording::unknown_key(other, &KEYS))),
        }
        Ok(())
    }

    /// Whether the bans of other jails are its attempts.
    pub(super) fn hears_bans(&self) -> bool {
        self.policy.hears_bans
    }

    /// The name of the filter: the jail's own name if none is given.
    pub(super) fn filter_name(&self) -> &str {
        self.filter.as_ref().map_or(&self.name, |filter| &filter.text)
    }

    /// The mode of the filter.
    pub(super) fn mode_name(&self) -> &str {
        self.mode.as_ref().map_or(NORMAL, |mode| &mode.text)
    }

    /// All settings, also those that nobody has written.
    pub(super) fn settings(&self) -> Vec<Setting> {
        complete(Some(&self.name), self.settings.clone())
    }

    /// The settings of all jails.
    pub(super) fn default_settings(self) -> Vec<Setting> {
        complete(None, self.settings)
    }

    /// The jail, with the filter and the sources that were found for it.
    pub(super) fn into_jail(self, filter: Chosen, sources: Sources) -> Jail {
        let Chosen { filter, says, .. } = filter;
        let mut settings = self.settings();
        settings.extend(says);
        Jail {
            name: self.name,
            description: self.description,
            policy: self.policy,
            sources,
            resolves: self.own.names,
            filter,
            ports: self.ports,
            protocols: self.protocols,
            action: self.action,
            scope: self.scope,
            settings,
        }
    }
}
