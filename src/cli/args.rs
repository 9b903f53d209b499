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

    /// Keep addresses from being banned, or list who is kept from it
    Allow(AllowOrder),

    /// End what was allowed
    Disallow(DisallowOrder),

    /// Read the configuration again
    #[command(after_help = "\
If the configuration has errors, they are shown and the old rules stay in force.

Example: jailkeeper check && jailkeeper reload")]
    Reload,

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

/// Whom not to ban, where, for how long, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Bans of these addresses are lifted. Without an address, who is allowed is listed.
What is allowed outlives restarts; what is always to be spared belongs into ignoreip.

Examples:
  jailkeeper allow 192.0.2.1 --for 8h --comment 'on call'
  jailkeeper allow 2001:db8::/48 --jail sshd
  jailkeeper allow")]
pub struct AllowOrder {
    /// Addresses or networks
    #[arg(value_name = "ADDR", value_parser = network)]
    pub addresses: Vec<Network>,

    /// For how long, such as 90s, 8h, 2w or forever [default: forever]
    #[arg(
        long = "for",
        value_name = "TIME",
        value_parser = Sentenced::parse,
        allow_hyphen_values = true,
        requires = "addresses"
    )]
    pub sentence: Option<Sentenced>,

    /// Only in this jail
    #[arg(long, requires = "addresses")]
    pub jail: Option<String>,

    /// Why, for those who read the list later
    #[arg(long, value_name = "TEXT", requires = "addresses")]
    pub comment: Option<String>,

    /// List who is allowed
    #[arg(long, conflicts_with = "addresses")]
    pub list: bool,
}

/// Whose allowance to end, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What was allowed ends if it lies in one of the addresses. Nobody is banned by that.

Examples:
  jailkeeper disallow 192.0.2.1
  jailkeeper disallow 2001:db8::/32 --jail sshd")]
pub struct DisallowOrder {
    /// Addresses or networks
    #[arg(required = true, value_name = "ADDR", value_parser = network)]
    pub addresses: Vec<Network>,

    /// Only what was allowed in this jail
    #[arg(long)]
    pub jail: Option<String>,
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
