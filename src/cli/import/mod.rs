//! `jailkeeper import`: fail2ban's configuration to ours.
//!
//! In reading order: `jail` turns one jail into ours, with `settings` for its options, `ban` (and
//! `known`) for its actions and `filter` for its patterns; [`report`] says what was done; `place`
//! writes all of it or nothing. What is written has passed the same examination as
//! `jailkeeper check` makes.

mod ban;
mod filter;
#[doc(hidden)]
pub mod fuzzing;
mod growth;
mod jail;
mod known;
mod notes;
mod place;
pub mod report;
mod settings;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::filter::Filters;
use self::jail::Converted;
use self::notes::Notes;
use self::place::Place;
use self::report::{JailReport, Outcome, Report};
use self::settings::Settings;
use super::check;
use super::error::CliError;
use crate::confdir::{self, Directories};
use crate::dialect::{JailSettings, Tree};
use crate::rules::{self, Diagnostic, Severity, written as toml};

/// What to take over, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
fail2ban's configuration is only read. Filters of which jailkeeper has its own are replaced by it, the
others are taken over as they are, with everything put in. jailkeeper import-bans takes over its bans.

Examples:
  jailkeeper import                          /etc/fail2ban to ./jailkeeper-import
  jailkeeper import --output /root/new-etc
  jailkeeper import ./their-etc --all        jails that are switched off, too")]
pub struct ImportArgs {
    /// fail2ban's configuration
    #[arg(default_value = "/etc/fail2ban")]
    pub source: PathBuf,

    /// The directory to write, which must not be there yet, nor lie within the source
    #[arg(long, short, value_name = "DIR", default_value = place::DEFAULT)]
    pub output: PathBuf,

    /// Take over jails that are switched off, too, switched off
    #[arg(long)]
    pub all: bool,

    /// Where the stock jails and filters are [default: /usr/lib/jailkeeper]
    #[arg(long, value_name = "DIR")]
    pub vendor: Option<PathBuf>,
}

/// Takes the configuration over.
pub(super) fn run(args: &ImportArgs) -> Result<Report, CliError> {
    let tree = confdir::read_tree(&args.source)
        .map_err(|error| CliError::Failed(format!("{}: {}", error.path.display(), error.why)))?;
    let read = tree.jails();
    let mut report = Report {
        source: args.source.clone(),
        output: None,
        all: Notes::default(),
        jails: Vec::new(),
        filters: Vec::new(),
        disabled: 0,
        sshd_besides: false,
        diagnostics: rules::in_files(&tree, &args.source, &read.mistakes),
    };
    if report.diagnostics.iter().any(|found| found.severity == Severity::Error) {
        return Ok(report);
    }
    let mut place = Place::find(&args.output, &args.source)?;
    let jails = read.value.jails;
    let wanted: Vec<&JailSettings> = jails.iter().filter(|jail| jail.enabled || args.all).collect();
    report.disabled = jails.len() - wanted.len();
    let mut plan = Plan::new(&tree, wanted, Ours::read(args.vendor.clone()));
    let directories = Directories::with(args.vendor.clone(), Some(place.unfinished().to_owned()));
    plan.write(&mut place, &directories)?;
    report.sshd_besides = !plan.has("sshd");
    report.filters = plan.filters.into_keys().collect();
    report.all = plan.all;
    report.jails = plan.reports;
    let unreadable = read.value.unreadable.into_iter().filter(|_| args.all);
    report.jails.extend(unreadable.map(|jail| JailReport {
        name: filter::plain(&jail.name),
        jail: jail.name,
        outcome: Outcome::LeftOut { why: "it cannot be read, as is told above".to_owned() },
        notes: Notes::default(),
    }));
    report.output = Some(place.finish()?);
    Ok(report)
}

/// What jailkeeper brings.
struct Ours {
    /// The names of its filters.
    filters: BTreeSet<String>,
    /// The keys that its jails set, by their names.
    jails: BTreeMap<String, BTreeSet<String>>,
}

impl Ours {
    fn read(vendor: Option<PathBuf>) -> Self {
        let Directories { vendor, .. } = Directories::with(vendor, None);
        let texts = confdir::read(&Directories { vendor, overrides: Vec::new() });
        let names = texts.filters.iter().filter_map(|file| file.path.file_stem());
        let filters = names.map(|name| name.to_string_lossy().into_owned()).collect();
        Self { filters, jails: rules::keys_of_jails(&texts) }
    }
}

/// What is going to be written.
struct Plan<'a> {
    tree: &'a Tree,
    jails: Vec<&'a JailSettings>,
    ours: Ours,
    /// Why a jail is left out, by its name in fail2ban.
    left_out: BTreeMap<String, String>,
    base: Settings,
    all: Notes,
    defaults: Settings,
    reports: Vec<JailReport>,
    filters: BTreeMap<String, String>,
    texts: BTreeMap<String, String>,
}

impl<'a> Plan<'a> {
    fn new(tree: &'a Tree, jails: Vec<&'a JailSettings>, ours: Ours) -> Self {
        let common = tree.jail_defaults();
        let mut all = Notes::default();
        let options = &common.options;
        let mut defaults = settings::common(options, options.get("usedns"), &mut all);
        if let ban::Verdict::Bans(ban) = ban::read(&common.actions, common.port.as_ref(), &mut all)
        {
            defaults.append(&mut settings::closed(&ban));
        }
        // Which ports are closed is each jail's own to say.
        defaults.remove("port");
        all.change("IPv6: offenders are banned by /64; prefix = { ipv6 = 128 } is as in fail2ban");
        all.change(
            "maxretry: so many attempts within findtime are a ban; fail2ban may also ban for a \
             steady rate of them",
        );
        let mut base = settings::built_in();
        base.extend(defaults.clone());
        let (left_out, reports) = (BTreeMap::new(), Vec::new());
        let (filters, texts) = (BTreeMap::new(), BTreeMap::new());
        Self { tree, jails, ours, left_out, base, all, defaults, reports, filters, texts }
    }

    /// Writes all jails that are right.
    fn write(&mut self, place: &mut Place, directories: &Directories) -> Result<(), CliError> {
        let root = place.unfinished().to_owned();
        self.settle(&root, |texts| {
            place.write(texts)?;
            Ok(check::check(&confdir::read(directories)).diagnostics)
        })
    }

    /// Converts all jails that are right. A jail in which the examination finds an error is left out
    /// with it, and the others are converted anew.
    fn settle(
        &mut self,
        root: &Path,
        mut examine: impl FnMut(&BTreeMap<String, String>) -> Result<Vec<Diagnostic>, CliError>,
    ) -> Result<(), CliError> {
        loop {
            self.convert();
            let found = examine(&self.texts)?;
            let errors = found.iter().filter(|found| found.severity == Severity::Error);
            let errors: Vec<&Diagnostic> = errors.collect();
            if errors.is_empty() {
                return Ok(());
            }
            let before = self.left_out.len();
            for error in &errors {
                self.blame(error, root);
            }
            if self.left_out.len() == before {
                let told = rules::render(&found, false);
                return Err(CliError::Failed(format!(
                    "what comes of it is no configuration, and nothing was written\n{told}"
                )));
            }
        }
    }

    /// Leaves the jails out that a mistake in the result concerns.
    fn blame(&mut self, error: &Diagnostic, root: &Path) {
        let Ok(path) = error.path.strip_prefix(root) else { return };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        let line = error.spot.as_ref().map(|spot| spot.source_line.trim());
        let line = line.map(|line| format!(" (`{line}`)")).unwrap_or_default();
        let why = format!("{}{line}{hint}", error.title);
        for jail in &self.reports {
            let its_filter = match &jail.outcome {
                Outcome::Imported { filter } => {
                    path.starts_with("filters.d") && filter.as_deref() == Some(&*stem)
                }
                Outcome::LeftOut { .. } => false,
            };
            if its_filter || (path.starts_with("jails.d") && jail.name == stem) {
                self.left_out.entry(jail.jail.clone()).or_insert_with(|| why.clone());
            }
        }
    }

    fn convert(&mut self) {
        let mut filters = Filters::beside(self.ours.filters.clone());
        let mut names = BTreeSet::new();
        self.reports.clear();
        self.texts.clear();
        for jail in &self.jails {
            let name = unused(&mut names, &filter::plain(&jail.name));
            let mut notes = Notes::default();
            let converted = match self.left_out.get(&jail.name) {
                Some(why) => Err(why.clone()),
                None => jail::convert(self.tree, jail, &mut filters, &mut notes),
            };
            let jail = jail.name.clone();
            let (outcome, notes) = match converted {
                Ok(Converted { mut settings, filter }) => {
                    // As many as maxretry must be said where all jails together say otherwise.
                    if self.base.contains_key("maxmatches")
                        && let Some(maxretry) = settings.get("maxretry").cloned()
                    {
                        settings.entry("maxmatches").or_insert(maxretry);
                    }
                    // The jail of that kind which jailkeeper brings says much by itself.
                    let mut base = Settings::new();
                    if filter.is_some() {
                        base.clone_from(&self.base);
                        let stock = self.ours.jails.get(&name);
                        settings::say_all(&mut settings, &mut base, stock.into_iter().flatten());
                    }
                    let lines = settings::lines(&settings, &base);
                    let head = toml::comment(&format!("Taken over from fail2ban's jail {jail}."));
                    let text = format!("{head}\n[jail.{name}]\n{lines}");
                    self.texts.insert(format!("jails.d/{name}.toml"), text);
                    (Outcome::Imported { filter }, notes.without(&self.all))
                }
                Err(why) => {
                    let by_hand = Notes { by_hand: notes.by_hand, ..Notes::default() };
                    (Outcome::LeftOut { why }, by_hand)
                }
            };
            self.reports.push(JailReport { jail, name, outcome, notes });
        }
        self.filters = filters.into_texts();
        for (name, text) in &self.filters {
            self.texts.insert(format!("filters.d/{name}.toml"), text.clone());
        }
        let lines = settings::lines(&self.defaults, &Settings::new());
        let head = toml::comment("Taken over from [DEFAULT] of fail2ban's jails.");
        self.texts.insert("jailkeeper.toml".to_owned(), format!("{head}\n[default]\n{lines}"));
    }

    /// Whether there is a jail of this name.
    fn has(&self, name: &str) -> bool {
        let is_it = |jail: &JailReport| {
            jail.name == name && matches!(jail.outcome, Outcome::Imported { .. })
        };
        self.reports.iter().any(is_it)
    }
}

/// A name that no other jail has yet.
fn unused(names: &mut BTreeSet<String>, name: &str) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while !names.insert(candidate.clone()) {
        number += 1;
        candidate = format!("{}-{number}", name.get(..name.len().min(58)).unwrap_or(name));
    }
    candidate
}
