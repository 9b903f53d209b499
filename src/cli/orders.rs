//! Whom the verbs that ban and allow are about, where, for how long: the arguments of these verbs.

use std::path::PathBuf;

use crate::keeper::{Network, NotANetwork, Sentence};
use crate::rules;

use super::complete;
use super::export::Format;

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

    /// For how long, such as 90s, 10m, 1h30m, 2w or forever [default: the jail's own bantime]
    #[arg(
        long = "for",
        value_name = "TIME",
        value_parser = Sentenced::parse,
        allow_hyphen_values = true
    )]
    pub sentence: Option<Sentenced>,
}

/// Whose attempts to count, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  jailkeeper attempt sshd 192.0.2.1
  jailkeeper attempt sshd 192.0.2.1 --user root --times 3")]
pub struct AttemptOrder {
    /// The jail to count in
    #[arg(add = complete::jail())]
    pub jail: String,

    /// Addresses
    #[arg(required = true, value_name = "ADDR")]
    pub addresses: Vec<Network>,

    /// As whom
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// How often, each
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub times: u32,
}

/// Whose bans to lift, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  jailkeeper unban 192.0.2.1               in every jail
  jailkeeper unban 192.0.2.1 --jail sshd   in one jail
  jailkeeper unban --all --jail sshd       everybody in one jail
  jailkeeper unban - < list.txt            everybody in a list")]
pub struct UnbanOrder {
    /// Addresses or networks; - reads them from the standard input, one a line
    #[arg(
        required_unless_present = "all",
        value_name = "ADDR",
        value_parser = whom_to_unban,
        add = complete::banned()
    )]
    pub addresses: Vec<Whom>,

    /// Only in this jail
    #[arg(long, add = complete::jail())]
    pub jail: Option<String>,

    /// Everybody
    #[arg(long, conflicts_with = "addresses")]
    pub all: bool,
}

/// The jail comes first in ban, and it is easily thought so here.
fn whom_to_unban(text: &str) -> Result<Whom, String> {
    Whom::parse(text).map_err(|why| format!("{why}; a jail is named with --jail"))
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

/// Whom not to ban, where, for how long, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  jailkeeper allow 192.0.2.1 --for 8h --comment 'on call'
  jailkeeper allow 2001:db8::/48 --jail sshd
  jailkeeper allow")]
pub struct AllowOrder {
    /// Addresses or networks
    #[arg(value_name = "ADDR")]
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
    #[arg(long, requires = "addresses", add = complete::jail())]
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
Examples:
  jailkeeper disallow 192.0.2.1
  jailkeeper disallow 2001:db8::/32 --jail sshd")]
pub struct DisallowOrder {
    /// Addresses or networks
    #[arg(required = true, value_name = "ADDR")]
    pub addresses: Vec<Network>,

    /// Only what was allowed in this jail
    #[arg(long, add = complete::jail())]
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

    /// In seconds, as the bus has it; -1 is for ever.
    pub(super) fn seconds(self) -> i64 {
        match self.0 {
            Sentence::Forever => -1,
            Sentence::For(span) => i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        }
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
        text.parse().map(Self::Network).map_err(|error: NotANetwork| error.to_string())
    }
}
