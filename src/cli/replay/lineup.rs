//! The jails that are replayed, and what each of them reads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

use crate::cli::error::CliError;
use crate::cli::logs::{LogArgs, Source};
use crate::cli::target;
use crate::confdir::{self, Directories};
use crate::filter::Filter;
use crate::keeper::{JailId, Policy, Roster, Timestamp};
use crate::record::{Matches, Origin, Want};
use crate::rules::{self, BrokenJail, Jail};

use super::feed::Feed;
use super::{A_DAY, ReplayArgs};

/// So many logs at most: all are open at once, each with a thread and what its decompression needs.
const LOGS_MAX: usize = 200;

/// A jail, or a filter in the place of one.
pub(super) struct Watch {
    pub(super) id: JailId,
    pub(super) policy: Policy,
    pub(super) filter: Arc<Filter>,
    /// Which entries of which journal it is for; none when nothing says so.
    journal: Option<(Origin, Matches)>,
}

/// All of them.
pub(super) struct Lineup {
    pub(super) roster: Roster,
    pub(super) watches: Vec<Watch>,
    logs: Vec<PathBuf>,
    /// The log files that the jails name themselves, and for which of them each is.
    own_logs: Vec<(PathBuf, Vec<JailId>)>,
}

impl Lineup {
    /// What the arguments name.
    pub(super) fn of(args: &ReplayArgs) -> Result<Self, CliError> {
        let lineup = match &args.filter {
            Some(filter) => Self::of_filter(args, filter)?,
            None => Self::of_jails(args)?,
        };
        if lineup.logs.len() > LOGS_MAX {
            return Err(CliError::Usage(format!(
                "more than {LOGS_MAX} logs are too many at once; put them together on the \
                 standard input"
            )));
        }
        // A name that is wrong is found before hours of reading.
        for path in lineup.logs.iter().filter(|path| path.as_os_str() != "-") {
            File::open(path)
                .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?;
        }
        Ok(lineup)
    }

    fn of_filter(args: &ReplayArgs, filter: &str) -> Result<Self, CliError> {
        let logs = args.words.clone();
        let target = target::find(filter, &directories_of(args), logs.is_empty())?;
        let stock = Policy::default();
        let policy = Policy {
            maxretry: args.maxretry.unwrap_or(stock.maxretry),
            findtime: args.findtime.unwrap_or(stock.findtime),
            bantime: args.bantime.map_or(stock.bantime, |bantime| bantime.0),
            ..stock
        };
        let mut roster = Roster::default();
        let id = roster.enrol(target.filter.name());
        let journal = target.matches.map(|matches| (Origin::System, matches));
        let watch = Watch { id, policy, filter: target.filter, journal };
        Ok(Self { roster, watches: vec![watch], logs, own_logs: Vec::new() })
    }

    fn of_jails(args: &ReplayArgs) -> Result<Self, CliError> {
        let loaded = rules::load(&confdir::read(&directories_of(args)));
        let (mut names, mut logs) = (Vec::new(), Vec::new());
        for word in &args.words {
            let name = word.to_str().unwrap_or_default();
            if let Some(BrokenJail { name, why }) = loaded.broken.iter().find(|b| b.name == name) {
                return Err(CliError::BrokenJail { name: name.clone(), why: why.clone() });
            }
            if loaded.jails.iter().any(|jail| jail.name == name) {
                names.push(name);
            } else if is_log(word) {
                logs.push(word.clone());
            } else {
                let jails = loaded.jails.into_iter().map(|jail| jail.name).collect();
                return Err(CliError::NoSuchJail { name: word.display().to_string(), jails });
            }
        }
        let mut jails = loaded.jails;
        if names.is_empty() {
            for BrokenJail { name, why } in &loaded.broken {
                // Nothing is left to do for a terminal that has gone away.
                drop(writeln!(
                    anstream::stderr().lock(),
                    "jailkeeper: the jail {name} is left out, since it has mistakes: {why}"
                ));
            }
        } else {
            jails.retain(|jail| names.contains(&jail.name.as_str()));
        }
        if jails.is_empty() {
            return Err(CliError::Failed(
                "there is no jail to replay; switch one on in /etc/jailkeeper/jails.d, or give a \
                 --filter"
                    .to_owned(),
            ));
        }
        let mut roster = Roster::default();
        let own_logs = own_logs(&jails, &mut roster);
        let watches = jails.into_iter().map(|jail| Watch::of(jail, &mut roster)).collect();
        Ok(Self { roster, watches, logs, own_logs })
    }

    /// What is read, and for which jails: the logs that are named, or else the journal.
    pub(super) fn feeds<'l>(
        &'l self,
        reading: &LogArgs,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Feed<'l>>, CliError> {
        let everybody: Vec<&Watch> = self.watches.iter().collect();
        if self.logs.is_empty() {
            let mut feeds = self.journals(reading, since, now)?;
            if !reading.asks_for_journal() {
                feeds.extend(self.own_logs.iter().map(|(log, jails)| Feed {
                    source: Source::Logs(slice::from_ref(log)),
                    watches: self.watches.iter().filter(|it| jails.contains(&it.id)).collect(),
                }));
            }
            if feeds.is_empty() {
                return Err(CliError::Usage(
                    "name a log, - for the standard input, or --journal".to_owned(),
                ));
            }
            return Ok(feeds);
        }
        if reading.asks_for_journal() {
            return Err(CliError::Usage("a log and the journal exclude each other".to_owned()));
        }
        let feed =
            |log| Feed { source: Source::Logs(slice::from_ref(log)), watches: everybody.clone() };
        Ok(self.logs.iter().map(feed).collect())
    }

    /// The journals, each once for all jails that are for the same entries.
    fn journals<'l>(
        &'l self,
        reading: &LogArgs,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Feed<'l>>, CliError> {
        let asked = reading.asks_for_journal();
        let since = since.unwrap_or(if asked { Timestamp::default() } else { now.minus(A_DAY) });
        let mut groups: Vec<((Origin, Matches), Vec<&Watch>)> = Vec::new();
        for watch in &self.watches {
            let (origin, matches) = match &watch.journal {
                Some((origin, _)) if reading.gives_matches() => (origin, None),
                Some((origin, matches)) => (origin, Some(matches)),
                None if asked => (&Origin::System, None),
                None => continue,
            };
            let wanted = (origin.clone(), matches.cloned().unwrap_or_default());
            match groups.iter_mut().find(|(known, _)| *known == wanted) {
                Some((_, watches)) => watches.push(watch),
                None => groups.push((wanted, vec![watch])),
            }
        }
        let feed = |((origin, matches), watches): ((Origin, Matches), Vec<&'l Watch>)| {
            let fields = watches.iter().flat_map(|watch| watch.filter.fields());
            let fields = fields.map(str::to_owned).collect();
            let want = Want { matches, fields };
            Ok(Feed { source: reading.journal(&origin, want, since)?, watches })
        };
        groups.into_iter().map(feed).collect()
    }
}

impl Watch {
    fn of(jail: Jail, roster: &mut Roster) -> Self {
        let Jail { name, policy, filter, sources, .. } = jail;
        let journal = sources.journal.map(|(origin, want)| (origin, want.matches));
        Self { id: roster.enrol(&name), policy, filter, journal }
    }
}

/// The log files that there are of those that the jails name.
fn own_logs(jails: &[Jail], roster: &mut Roster) -> Vec<(PathBuf, Vec<JailId>)> {
    let mut logs: BTreeMap<PathBuf, Vec<JailId>> = BTreeMap::new();
    for jail in jails {
        let id = roster.enrol(&jail.name);
        let patterns = jail.sources.files.iter().flat_map(|files| &files.paths);
        // Patterns that are none were refused with the configuration.
        let found = patterns.filter_map(|path| glob::glob(&path.path).ok()).flatten().flatten();
        for path in found {
            logs.entry(path).or_default().push(id);
        }
    }
    logs.into_iter().collect()
}

fn directories_of(args: &ReplayArgs) -> Directories {
    Directories::with(args.vendor.clone(), args.config.clone())
}

fn is_log(word: &Path) -> bool {
    word.as_os_str() == "-" || word.to_string_lossy().contains('/') || word.exists()
}
