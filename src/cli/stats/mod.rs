//! `jailkeeper stats`: attempts and bans of the past, counted from our own entries in the journal.

mod report;
mod tally;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::journal::{Past, read_past};
use crate::keeper::Timestamp;
use crate::record::{Matches, Origin, Want};
use crate::systemd::catalog;

use super::complete;
use super::error::CliError;
use super::logs::files_of;
use super::replay::Since;
use report::Stats;
use tally::{Happened, What};

/// How much of the past is counted if nobody says.
const A_DAY: &str = "1d";

/// What to count, and by what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The journal is the history: what is counted are the service's own entries in it. Of a flood they say how
often each offender has tried, but not on which accounts.

Examples:
  jailkeeper stats                          the last day
  jailkeeper stats sshd --since 2w --by network
  jailkeeper stats --by user --json | jq -r '.user[].name'")]
pub struct StatsArgs {
    /// Only this jail
    #[arg(add = complete::jail())]
    pub jail: Option<String>,

    /// From when on: 1d, 2h30m, a date in RFC 3339, or @ and unix seconds
    #[arg(long, value_name = "TIME", value_parser = Since::parse, default_value = A_DAY)]
    pub since: Since,

    /// One table, with more rows [default: the top of each]
    #[arg(long, value_enum)]
    pub by: Option<By>,

    /// The journal of this namespace, where the service's LogNamespace= is set
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// The journal files in this directory, of another machine, say
    #[arg(long, value_name = "DIR", conflicts_with = "namespace")]
    pub directory: Option<PathBuf>,

    /// Journal files
    #[arg(long, value_name = "GLOB", conflicts_with_all = ["namespace", "directory"])]
    pub journal_file: Vec<String>,
}

/// By what it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The jails
    Jail,
    /// The addresses, and networks that were banned
    Address,
    /// The /24 of IPv4 and the /56 of IPv6
    Network,
    /// The accounts that were tried
    User,
    /// The hours
    Hour,
}

/// Counts.
pub(super) fn run(args: &StatsArgs) -> Result<Stats, CliError> {
    let now = Timestamp::from_micros(jiff::Timestamp::now().as_microsecond());
    let since = args.since.time(now);
    let mut stats = Stats::new(args.by, since, now);
    read_past(&args.past()?, &want(args.jail.as_deref()), since, |record| {
        let fields = record.fields;
        let what = match fields.get("MESSAGE_ID") {
            Some(catalog::FOUND) => {
                // In a flood an entry is of many attempts, and says of how many.
                let number = fields.get("JAILKEEPER_NUMBER").map(str::parse);
                What::Attempts(number.and_then(Result::ok).unwrap_or(1))
            }
            _ => What::Ban,
        };
        if let Some(jail) = fields.get("JAILKEEPER_JAIL") {
            let offender = fields.get("JAILKEEPER_OFFENDER");
            let user = fields.get("JAILKEEPER_USER");
            stats.count(Happened { time: record.time, what, jail, offender, user });
        }
        ControlFlow::Continue(())
    })?;
    stats.close();
    Ok(stats)
}

impl StatsArgs {
    fn past(&self) -> Result<Past, CliError> {
        Ok(match (&self.namespace, &self.directory) {
            _ if !self.journal_file.is_empty() => Past::Files(files_of(&self.journal_file)?),
            (Some(name), _) => Past::Journal(Origin::Namespace(name.clone())),
            (None, Some(directory)) => Past::Journal(Origin::Directory(directory.clone())),
            (None, None) => Past::Journal(Origin::System),
        })
    }
}

/// The service's entries of attempts and bans. journald itself vouches for the unit.
fn want(jail: Option<&str>) -> Want {
    let mut words = vec![
        "_SYSTEMD_UNIT=jailkeeper.service".to_owned(),
        format!("MESSAGE_ID={}", catalog::FOUND),
        format!("MESSAGE_ID={}", catalog::BANNED),
    ];
    words.extend(jail.map(|jail| format!("JAILKEEPER_JAIL={jail}")));
    let matches = Matches::parse_words(words.iter().map(String::as_str));
    let fields = ["JAIL", "OFFENDER", "USER", "NUMBER"].map(|name| format!("JAILKEEPER_{name}"));
    Want {
        matches: matches.expect("each word is FIELD=value"),
        fields: ["MESSAGE_ID".to_owned()].into_iter().chain(fields).collect(),
    }
}
