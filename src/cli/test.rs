//! `jailkeeper test`: what a jail or a filter says to each line of a log.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::confdir::Directories;
use crate::dates::Zone;
use crate::filter::{Examined, Examiner, Failure, Filter, Line, Verdict};
use crate::keeper::Timestamp;
use crate::record::{Origin, Sources, Want};

use super::complete;
use super::error::CliError;
use super::exit;
use super::logs::{Entry, LogArgs, Source};
use super::target::{self, Target};
use super::tell::Teller;
use super::test_report::Tally;
use super::wanted::Wanted;

/// What to test, on what, and what to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
FILTER is the name of a filter (sshd, sshd[mode=aggressive]), a file of ours (my.toml), one of
fail2ban's (/etc/fail2ban/filter.d/my.conf, my.conf[mode=extra]), or a regex in quotes. A name that
a jail and a filter have is the jail's.

Examples:
  jailkeeper test sshd                                 the jail, on what it reads
  jailkeeper test sshd auth.log.2.gz                   the jail, on this log
  jailkeeper test --filter sshd --journal              the filter alone
  jailkeeper test nginx.toml /var/log/nginx/access.log
  jailkeeper test '^login failed from <ADDR>$' app.log --missed
  jailkeeper test my.conf app.log.2.gz --explain       why each line is none")]
pub struct TestArgs {
    /// A jail, with all its settings; or a filter
    #[arg(value_name = "JAIL|FILTER", required_unless_present = "filter", add = complete::jail_or_filter())]
    pub target: Option<String>,

    /// Log files, compressed ones too (.gz, .xz, .zst), or a line in quotes; - is the standard input
    /// [default: what the jail reads, or the journal entries that the filter is for]
    #[arg(value_name = "LOG")]
    pub logs: Vec<PathBuf>,

    /// Test this filter, even if there is a jail of that name
    #[arg(long, add = complete::filter())]
    pub filter: Option<String>,

    /// How they are read.
    #[command(flatten)]
    pub reading: LogArgs,

    /// Take each line for the message of a journal entry, in which there is no date
    #[arg(long)]
    pub as_journal: bool,

    /// Show how often each user was tried
    #[arg(long)]
    pub user: bool,

    /// Show every line that matches nothing
    #[arg(long)]
    pub missed: bool,

    /// Show every line that matches
    #[arg(long)]
    pub matched: bool,

    /// Say for each line where it leaves the filter
    ///
    /// Says for each line where it leaves the filter: no date, the prefregex, the failregex that
    /// came furthest and what it wanted, or what ignores it.
    #[arg(long)]
    pub explain: bool,

    /// The configuration to take instead of that in /run/jailkeeper and /etc/jailkeeper
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,

    /// Where the stock jails and filters are [default: /usr/lib/jailkeeper]
    #[arg(long, value_name = "DIR")]
    pub vendor: Option<PathBuf>,
}

/// One line, as `--json` shows it.
#[derive(Serialize)]
struct Row<'r> {
    line: u64,
    verdict: &'static str,
    time: Option<f64>,
    id: Option<String>,
    user: Option<&'r str>,
    regex: Option<usize>,
    fields: BTreeMap<&'r str, Cow<'r, str>>,
}

/// A line with what became of it.
pub(super) struct Judged<'l> {
    pub(super) number: u64,
    pub(super) text: &'l str,
    /// The line as the filter has seen it.
    pub(super) line: Option<Line<'l>>,
    pub(super) time: Option<Timestamp>,
    pub(super) has_date: bool,
    pub(super) verdict: Verdict,
}

impl Judged<'_> {
    /// Whether it is nothing to judge: what fail2ban-regex passes over.
    pub(super) fn is_passed_over(&self) -> bool {
        self.line.is_none() && is_comment(self.text) && self.verdict == Verdict::Nothing
    }
}

/// Whether fail2ban-regex passes over a line.
fn is_comment(text: &str) -> bool {
    text.starts_with('#') || text.trim().is_empty()
}

/// Tests the jail or filter and writes the report.
pub(super) fn run(args: &TestArgs, teller: Teller) -> Result<u8, CliError> {
    let Trial { target, sources } = Trial::of(args, teller)?;
    // The logs come last, and all of a jail's are in one zone.
    let zone = sources.last().map_or(&args.reading, |(reading, _)| reading).zone();
    let mut tester = Tester::new(Arc::clone(&target.filter), zone, args);
    let mut tally = Tally::new(target.title, &target.filter, args);
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    let mut written = Ok(());
    for (reading, source) in &sources {
        reading.read(source, |entry| {
            written = tester.judge(entry, |judged| {
                if teller.json { write_row(&mut out, judged) } else { tally.add(judged, &mut out) }
            });
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        std::mem::replace(&mut written, Ok(()))?;
    }
    if !teller.json {
        tally.finish(tester.examiner.templates(), &mut out)?;
    }
    out.flush()?;
    Ok(exit::DONE)
}

/// What is tested, and on what.
struct Trial {
    target: Target,
    sources: Vec<(LogArgs, Source)>,
}

impl Trial {
    fn of(args: &TestArgs, teller: Teller) -> Result<Self, CliError> {
        let as_journal = args.as_journal || args.reading.asks_for_journal();
        let directories = Directories::with(args.vendor.clone(), args.config.clone());
        // Behind --filter all words are logs.
        let words = args.target.iter().map(PathBuf::from).filter(|_| args.filter.is_some());
        let logs: Vec<PathBuf> = words.chain(args.logs.iter().cloned()).collect();
        if !logs.is_empty() && args.reading.asks_for_journal() {
            return Err(CliError::Usage("a log and the journal exclude each other".into()));
        }
        let target = match (&args.filter, &args.target) {
            (Some(filter), _) => target::find(filter, &directories, as_journal)?,
            (None, Some(name)) => target::jail_or_filter(name, &directories, as_journal)?,
            (None, None) => return Err(CliError::Usage("name a jail or a filter".into())),
        };
        teller.warnings(&target.warnings);
        let sources = match &target.sources {
            Some(sources) => of_jail(&target, sources, logs, args, teller)?,
            None => vec![(args.reading.clone(), of_filter(&target, logs, args)?)],
        };
        Ok(Self { target, sources })
    }
}

/// The logs that are named, or what the jail reads, in its encoding and its time zone.
fn of_jail(
    target: &Target,
    sources: &Sources,
    logs: Vec<PathBuf>,
    args: &TestArgs,
    teller: Teller,
) -> Result<Vec<(LogArgs, Source)>, CliError> {
    if !logs.is_empty() {
        let its_own = sources.files.as_ref().map(|files| (&files.encoding, &files.zone));
        let (encoding, zone) = its_own.unwrap_or((&None, &None));
        let reading = args.reading.or(encoding.as_deref(), zone.as_deref());
        return Ok(vec![(reading.map_err(CliError::Usage)?, Source::Logs(logs))]);
    }
    let wanted = Wanted::by_jail(target.filter.name(), sources, &args.reading, teller);
    if wanted.is_empty() {
        let why = "the jail reads nothing that is there; name a log, - for the standard input, or \
                   --journal";
        return Err(CliError::Usage(why.to_owned()));
    }
    let fields = || target.filter.fields().map(str::to_owned).collect();
    let open = |wanted: Wanted| wanted.open(fields(), &args.reading, Timestamp::default());
    wanted.into_iter().map(open).collect()
}

/// The logs that are named, or the journal.
fn of_filter(target: &Target, logs: Vec<PathBuf>, args: &TestArgs) -> Result<Source, CliError> {
    if !logs.is_empty() {
        return Ok(Source::Logs(logs));
    }
    if !args.reading.asks_for_journal() && target.matches.is_none() {
        let why = "name a log, - for the standard input, or --journal";
        return Err(CliError::Usage(why.to_owned()));
    }
    let fields = target.filter.fields().map(str::to_owned).collect();
    let want = Want { matches: target.matches.clone().unwrap_or_default(), fields };
    args.reading.journal(&Origin::System, want, Timestamp::default())
}

/// Judges lines one after the other.
struct Tester {
    examiner: Examiner,
    number: u64,
    now: Timestamp,
    as_journal: bool,
}

impl Tester {
    fn new(filter: Arc<Filter>, zone: Zone, args: &TestArgs) -> Self {
        Self {
            examiner: Examiner::new(filter, zone),
            number: 0,
            now: args.reading.now(),
            as_journal: args.as_journal,
        }
    }

    fn judge<E>(
        &mut self,
        entry: Entry<'_>,
        mut take: impl FnMut(&Judged<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.number += 1;
        let mut judged = Judged {
            number: self.number,
            text: "",
            line: None,
            time: None,
            has_date: false,
            verdict: Verdict::Nothing,
        };
        match entry {
            Entry::TooLong => judged.verdict = Verdict::TooLong,
            Entry::Line(text) if is_comment(text) => judged.text = text,
            Entry::Line(text) if self.as_journal => {
                let verdict = self.examiner.message(text, self.now);
                let (line, time) = (Some(Line::plain(text)), Some(self.now));
                judged = Judged { text, line, time, has_date: true, verdict, ..judged };
            }
            Entry::Line(text) => {
                let Examined { line, verdict, time, has_date } = self.examiner.line(text, self.now);
                judged = Judged { text, line, time, has_date, verdict, ..judged };
            }
            Entry::Record(record) => {
                let verdict = self.examiner.entry(&record);
                let text = self.examiner.filter().in_journal(record.message, record.fields);
                let line = Some(Line::entry(&text, record.fields));
                let time = Some(record.time);
                let judged = Judged { text: &text, line, time, has_date: true, verdict, ..judged };
                return take(&judged);
            }
        }
        take(&judged)
    }
}

fn write_row(out: &mut impl io::Write, judged: &Judged<'_>) -> io::Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "microseconds fit for 285 years")]
    let seconds = |time: Timestamp| time.micros() as f64 / 1e6;
    let mut row = Row {
        line: judged.number,
        verdict: "none",
        time: judged.time.map(seconds),
        id: None,
        user: None,
        regex: None,
        fields: BTreeMap::new(),
    };
    match &judged.verdict {
        Verdict::Failure(Failure { offender, user, pattern, caught, .. }) => {
            row.verdict = "failure";
            row.id = Some(offender.to_string());
            row.user = user.as_deref();
            row.regex = *pattern;
            row.fields = caught.iter().collect();
        }
        Verdict::Helper { pattern } => {
            row.verdict = "helper";
            row.regex = *pattern;
        }
        Verdict::Ignored { .. } => row.verdict = "ignored",
        Verdict::NoAddress { .. } | Verdict::TooLong | Verdict::GaveUp | Verdict::Nothing => {}
    }
    serde_json::to_writer(&mut *out, &row).map_err(io::Error::from)?;
    out.write_all(b"\n")
}
