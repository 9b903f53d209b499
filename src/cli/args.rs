//! The arguments, defined once: help, completions and the manual's synopsis come from here.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::keeper::{Network, Sentence};
use crate::rules;

use super::complete;
use super::export::Format;
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

    /// Never ask for a password: what would need one is refused
    #[arg(long, global = true)]
    pub no_ask_password: bool,
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
        #[arg(add = complete::jail())]
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
        #[arg(add = complete::jail())]
        jail: Option<String>,
    },

    /// Ban addresses or networks by hand
    Ban(BanOrder),

    /// Lift bans
    Unban(UnbanOrder),

    /// Tell what each jail knows of an address: is it banned, and why (not)?
    #[command(after_help = "\
Shows for each jail the ban, the attempts that count now, why the address is never banned, and its
past bans.

Example: jailkeeper why 192.0.2.1")]
    Why {
        /// An address or network
        #[arg(value_name = "ADDR", add = complete::banned())]
        address: Network,
    },

    /// Find what hinders jailkeeper, and tell what to do about it
    #[command(after_help = "\
Looks at the service, its sources and its table, at what other programs have in the firewall, and
at this machine's journal and clock. Nothing is changed.

Exit code 1 says that there is a problem.")]
    Doctor,

    /// Write out the bans in force, for import-bans and other programs
    Export(ExportOrder),

    /// Ban whom a list names: an export, a plain list, or fail2ban's bans
    ImportBans(ImportBansOrder),

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

impl Verb {
    /// Whether it changes something in the service, so that polkit may want a password.
    pub(super) fn changes(&self) -> bool {
        matches!(self, Self::Ban(_) | Self::Unban(_) | Self::ImportBans(_) | Self::Reload)
    }
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
  jailkeeper ban sshd 198.51.100.7 --for forever
  jailkeeper ban sshd - < list.txt")]
pub struct BanOrder {
    /// The jail to ban in
    #[arg(add = complete::jail())]
    pub jail: String,

    /// Addresses or networks; - reads them from the standard input, one a line
    #[arg(required = true, value_name = "ADDR", value_parser = Whom::parse)]
    pub addresses: Vec<Whom>,

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
  jailkeeper unban --all --jail sshd       everybody in one jail
  jailkeeper unban - < list.txt            everybody in a list")]
pub struct UnbanOrder {
    /// Addresses or networks; - reads them from the standard input, one a line
    #[arg(required_unless_present = "all", value_name = "ADDR", value_parser = Whom::parse, add = complete::banned())]
    pub addresses: Vec<Whom>,

    /// Only in this jail
    #[arg(long, add = complete::jail())]
    pub jail: Option<String>,

    /// Everybody
    #[arg(long, conflicts_with = "addresses")]
    pub all: bool,
}

/// Which bans to write, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  jailkeeper export > bans.json                     all, to be kept
  jailkeeper export | ssh other jailkeeper import-bans -
  jailkeeper export sshd --format csv")]
pub struct ExportOrder {
    /// Only this jail
    #[arg(add = complete::jail())]
    pub jail: Option<String>,

    /// How to write them [default: json]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
}

/// Which bans to take over.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
jailkeeper import takes over fail2ban's configuration.

Examples:
  jailkeeper import-bans /var/lib/fail2ban/fail2ban.sqlite3    all of fail2ban's
  fail2ban-client banned | jailkeeper import-bans -
  jailkeeper import-bans bans.json                             what export has written
  jailkeeper import-bans list.txt --jail sshd --for 1w")]
pub struct ImportBansOrder {
    /// The list; - or nothing is the standard input
    pub file: Option<PathBuf>,

    /// Ban all in this jail, whatever the list says
    #[arg(long, add = complete::jail())]
    pub jail: Option<String>,

    /// Ban all for so long, such as 90s, 1h30m, 2w or forever [default: what is left of each ban, or
    /// the jail's own bantime where the list does not say]
    #[arg(
        long = "for",
        value_name = "TIME",
        value_parser = Sentenced::parse,
        allow_hyphen_values = true
    )]
    pub sentence: Option<Sentenced>,
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

/// Whom an order is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// An address or network.
    Network(Network),
    /// Those that the standard input lists.
    Input,
}

impl Whom {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self::Input);
        }
        text.parse()
            .map(Self::Network)
            .map_err(|error: crate::keeper::NotANetwork| error.to_string())
    }
}
