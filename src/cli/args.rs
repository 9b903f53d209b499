//! The arguments, defined once: help, completions and the manual's synopsis come from here.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::keeper::{Network, Sentence};
use crate::rules;

use super::import::ImportArgs;
use super::replay::ReplayArgs;
use super::test::TestArgs;

/// Shows and controls jailkeeperd, which keeps attackers off this machine.
#[derive(Debug, Parser)]
#[command(name = "jailkeeper", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// Print JSON; times are unix seconds (0: never, -1: for ever)
    #[arg(long, global = true)]
    pub json: bool,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed or refused, 2 wrong arguments, 3 the service is not running,
4 not permitted, 5 no such jail, 78 the configuration has errors.

Example: jailkeeper status sshd";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show how the service is, or one jail
    #[command(after_help = "\
Examples:
  jailkeeper status        the service, and a line for each jail
  jailkeeper status sshd   one jail: its settings, health, counts and who is banned")]
    Status {
        /// The jail to show
        jail: Option<String>,
    },

    /// List who is banned
    #[command(after_help = "\
Examples:
  jailkeeper list                              everybody
  jailkeeper list sshd                         one jail
  jailkeeper list --json | jq -r '.[].offender'")]
    List {
        /// Only this jail
        jail: Option<String>,
    },

    /// Ban addresses or networks by hand
    Ban(BanOrder),

    /// Lift bans
    Unban(UnbanOrder),

    /// Read the configuration again
    #[command(after_help = "\
If the configuration has errors, they are shown, jails with errors keep their old rules, and all others
have their new ones. What was set with jailkeeper set is forgotten.

Example: jailkeeper check && jailkeeper reload")]
    Reload,

    /// Show what a jail goes by, and where each setting comes from
    Show(ShowArgs),

    /// Print one setting of a jail
    #[command(after_help = "\
Strings are printed without quotes, lists with an entry a line.

Examples:
  jailkeeper get sshd maxretry
  jailkeeper get default bantime   what jails have that say nothing else")]
    Get {
        /// The jail, or default
        jail: String,
        /// The setting
        option: String,
    },

    /// Change a setting of a running jail
    Set(SetArgs),

    /// Test a filter on a log, line by line
    Test(TestArgs),

    /// Run jails over the past: whom would they have banned?
    Replay(ReplayArgs),

    /// Check the configuration without touching the service
    #[command(after_help = "\
Examples:
  jailkeeper check             the configuration of this machine
  jailkeeper check ./new-etc   the one in a directory")]
    Check(Place),

    /// Take over fail2ban's configuration
    Import(ImportArgs),
}

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a jail: which jails there are, and which files they come from. The running service is asked;
when it does not run, or the jail does not, the files are read instead.

Examples:
  jailkeeper show sshd
  jailkeeper show default                 what jails have that say nothing else
  jailkeeper show web --config ./new-etc")]
pub struct ShowArgs {
    /// The jail to show, or default
    pub jail: Option<String>,

    /// Read the configuration in this directory, and do not ask the service
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,

    /// Where the stock jails and filters are [default: /usr/lib/jailkeeper]
    #[arg(long, value_name = "DIR")]
    pub vendor: Option<PathBuf>,
}

/// What to set.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The value is what would stand in a file, in TOML or without quotes. It counts at once, and until the
next reload or restart of the service; with --save it is also written to jails.d/90-set.toml.

Examples:
  jailkeeper set sshd maxretry 3
  jailkeeper set sshd ignoreip 192.0.2.1 198.51.100.0/24
  jailkeeper set default bantime 1h --save
  jailkeeper set web failregex -- '-bad <ADDR>'   what begins with - stands behind --")]
pub struct SetArgs {
    /// The jail, or default for all that say nothing else
    pub jail: String,

    /// The setting, as jailkeeper.toml(5) lists them
    pub option: String,

    /// The new value; several words are one value with blanks
    #[arg(required = true, allow_negative_numbers = true)]
    pub value: Vec<String>,

    /// Keep it
    #[arg(long)]
    pub save: bool,

    /// Where the configuration is that --save adds to
    #[arg(long, value_name = "DIR", default_value = "/etc/jailkeeper")]
    pub config: PathBuf,
}

/// Which configuration to check.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The directory to check instead of /run/jailkeeper and /etc/jailkeeper
    pub dir: Option<PathBuf>,

    /// Where the stock jails and filters are [default: /usr/lib/jailkeeper]
    #[arg(long, value_name = "DIR")]
    pub vendor: Option<PathBuf>,
}

/// Whom to ban, where, and for how long.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  jailkeeper ban sshd 192.0.2.1
  jailkeeper ban sshd 192.0.2.1 2001:db8::/64 --for 1h30m
  jailkeeper ban sshd 198.51.100.7 --for forever")]
pub struct BanOrder {
    /// The jail to ban in
    pub jail: String,

    /// Addresses or networks
    #[arg(required = true, value_name = "ADDR", value_parser = network)]
    pub addresses: Vec<Network>,

    /// For how long, such as 90s, 1h30m, 2w or forever [default: the jail's own bantime]
    #[arg(
        long = "for",
        value_name = "TIME",
        value_parser = Sentenced::parse,
        allow_hyphen_values = true
    )]
    pub sentence: Option<Sentenced>,
}

/// Whose bans to lift, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A ban is lifted if it overlaps one of the addresses.

Examples:
  jailkeeper unban 192.0.2.1               in every jail
  jailkeeper unban 192.0.2.1 --jail sshd   in one jail
  jailkeeper unban --all --jail sshd       everybody in one jail")]
pub struct UnbanOrder {
    /// Addresses or networks
    #[arg(required_unless_present = "all", value_name = "ADDR", value_parser = network)]
    pub addresses: Vec<Network>,

    /// Only in this jail
    #[arg(long)]
    pub jail: Option<String>,

    /// Everybody
    #[arg(long, conflicts_with = "addresses")]
    pub all: bool,
}

/// A [`Sentence`] that clap can carry.
#[derive(Clone, Copy, Debug)]
pub struct Sentenced(pub Sentence);

impl Sentenced {
    /// Reads a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        rules::parse_sentence(text).map(Self)
    }
}

fn network(text: &str) -> Result<Network, String> {
    text.parse().map_err(|error: crate::keeper::NotANetwork| error.to_string())
}
