//! `jailkeeper test`: what a filter says to each line of a log.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::Serialize;

use crate::filter::{Dating, Failure, Filter, Line, Memory, Verdict};
use crate::keeper::Timestamp;

use super::error::CliError;
use super::exit;
use super::logs::{Entry, LogArgs, Source};
use super::target::{self, Target};
use super::test_report::Tally;

/// What to test, on what, and what to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
FILTER is the name of a filter (sshd, sshd[mode=aggressive]), a file of ours (my.toml), one of
fail2ban's (/etc/fail2ban/filter.d/my.conf, my.conf[mode=extra]), or a regex in quotes.

Examples:
  jailkeeper test sshd                                 the journal entries that the filter is for
  jailkeeper test nginx.toml /var/log/nginx/access.log
  jailkeeper test '^login failed from <ADDR>$' app.log --missed
  jailkeeper test my.conf app.log.2.gz --explain       why each line is none")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct TestArgs {
    /// The filter
    pub filter: String,

    /// Log files, compressed ones too (.gz, .xz, .zst); - is the standard input
    #[arg(value_name = "LOG")]
    pub logs: Vec<PathBuf>,

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
    #[arg(long)]
    pub explain: bool,

    /// Where the stock filters are [default: /usr/lib/jailkeeper]
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
    fields: BTreeMap<&'r str, &'r str>,
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

/// Tests the filter and writes the report.
pub(super) fn run(args: &TestArgs, json: bool) -> Result<u8, CliError> {
    let asks_for_journal = args.reading.asks_for_journal();
    let as_journal = args.as_journal || asks_for_journal;
    let Target { title, filter, matches } =
        target::find(&args.filter, args.vendor.as_ref(), as_journal)?;
    let source = if args.logs.is_empty() && (asks_for_journal || matches.is_some()) {
        let fields = filter.line_fields().map(str::to_owned).collect();
        args.reading.journal(matches, fields, Timestamp::default())?
    } else if args.logs.is_empty() {
        return Err(CliError::Usage("name a log, - for the standard input, or --journal".into()));
    } else if asks_for_journal {
        return Err(CliError::Usage("a log and the journal exclude each other".into()));
    } else {
        Source::Logs(&args.logs)
    };
    let mut tester = Tester::new(&filter, args);
    let mut tally = Tally::new(title, &filter, args);
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    let mut written = Ok(());
    args.reading.read(&source, |entry| {
        written = tester.judge(entry, |judged| {
            if json { write_row(&mut out, judged) } else { tally.add(judged, &mut out) }
        });
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    if !json {
        tally.finish(tester.dating.templates(), &mut out)?;
    }
    out.flush()?;
    Ok(exit::DONE)
}

/// Judges lines one after the other.
struct Tester<'f> {
    filter: &'f Filter,
    memory: Memory,
    dating: Dating,
    number: u64,
    now: Timestamp,
    as_journal: bool,
}

impl<'f> Tester<'f> {
    fn new(filter: &'f Filter, args: &TestArgs) -> Self {
        Self {
            filter,
            memory: Memory::default(),
            dating: filter.dating(args.reading.zone()),
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
            // What fail2ban-regex passes over.
            Entry::Line(text) if text.starts_with('#') || text.trim().is_empty() => {
                judged.text = text;
            }
            Entry::Line(text) if self.as_journal => {
                judged.text = text;
                judged.time = Some(self.now);
                self.judge_line(&mut judged, Some(Line::plain(text)));
            }
            Entry::Line(text) => {
                let dated = self.dating.date(text, self.now);
                judged.text = text;
                judged.time = dated.time;
                judged.has_date = !dated.date.is_empty();
                let line = self.filter.in_file(dated.line);
                self.judge_line(&mut judged, line);
            }
            Entry::Record(record) => {
                let text = self.filter.in_journal(record.message, record.fields);
                let mut judged = Judged { text: &text, time: Some(record.time), ..judged };
                self.judge_line(&mut judged, Some(Line::plain(&text)));
                return take(&judged);
            }
        }
        take(&judged)
    }

    fn judge_line<'l>(&mut self, judged: &mut Judged<'l>, line: Option<Line<'l>>) {
        judged.line = line;
        if let Some(line) = line {
            judged.verdict = self.filter.judge(&mut self.memory, line, self.now);
        }
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
        Verdict::Failure(Failure { offender, user, pattern, fields }) => {
            row.verdict = "failure";
            row.id = Some(offender.to_string());
            row.user = user.as_deref();
            row.regex = Some(*pattern);
            row.fields = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        }
        Verdict::Helper { pattern } => {
            row.verdict = "helper";
            row.regex = Some(*pattern);
        }
        Verdict::Ignored { .. } => row.verdict = "ignored",
        Verdict::NoAddress { .. } | Verdict::TooLong | Verdict::GaveUp | Verdict::Nothing => {}
    }
    serde_json::to_writer(&mut *out, &row).map_err(io::Error::from)?;
    out.write_all(b"\n")
}
