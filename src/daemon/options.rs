//! The service's command line.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short};
use lexopt::{Error, Parser};

/// What `--help` says.
const HELP: &str = "\
The service. It is started by systemd: systemctl enable --now jailkeeper

Usage: jailkeeperd [OPTIONS]

Options:
      --vendor <DIR>  Where the stock jails and filters are [default: /usr/lib/jailkeeper]
      --config <DIR>  Where the configuration above the stock one is
                      [default: /run/jailkeeper and /etc/jailkeeper]
      --state <DIR>   Where the state is kept
                      [default: $STATE_DIRECTORY, or else /var/lib/jailkeeper]
  -h, --help          Print this help
  -V, --version       Print the version

Example, with a configuration of one's own on a bus of one's own:
  DBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/bus jailkeeperd --config ./conf --state /tmp/state

Exit status: 0 stopped; 1 something that it needs is missing or was lost;
2 wrong usage; 78 no jail can run because the configuration has errors.
";

/// Where what the service needs is.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The stock jails and filters, if not at their usual place.
    pub vendor: Option<PathBuf>,
    /// The configuration above the stock one, if not at its usual places.
    pub config: Option<PathBuf>,
    /// The state.
    pub state: PathBuf,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Usage {
    /// To serve.
    Serve(Options),
    /// To print this text.
    Print(String),
}

impl Usage {
    /// Reads the arguments of this process, and `STATE_DIRECTORY` (systemd.exec(5)).
    ///
    /// # Errors
    ///
    /// When an option is not known or lacks its directory.
    pub fn of_this_process() -> Result<Self, Error> {
        Self::read(Parser::from_env(), env::var_os("STATE_DIRECTORY"))
    }

    fn read(mut arguments: Parser, state: Option<OsString>) -> Result<Self, Error> {
        let state = state.unwrap_or_else(|| "/var/lib/jailkeeper".into()).into();
        let mut options = Options { vendor: None, config: None, state };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("vendor") => options.vendor = Some(arguments.value()?.into()),
                Long("config") => options.config = Some(arguments.value()?.into()),
                Long("state") => options.state = arguments.value()?.into(),
                Short('h') | Long("help") => return Ok(Self::Print(HELP.to_owned())),
                Short('V') | Long("version") => {
                    let version = env!("CARGO_PKG_VERSION");
                    return Ok(Self::Print(format!("jailkeeperd {version}\n")));
                }
                unknown => return Err(unknown.unexpected()),
            }
        }
        Ok(Self::Serve(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str], state: Option<&str>) -> Result<Usage, String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let arguments = Parser::from_args(words);
        Usage::read(arguments, state.map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn directories_may_be_named_in_both_ways() {
        let with = |state: &str| {
            let (vendor, config) = (Some("/v".into()), Some("/c".into()));
            Ok(Usage::Serve(Options { vendor, config, state: state.into() }))
        };
        let named = ["--config", "/c", "--vendor=/v"];
        assert_eq!(read(&named, None), with("/var/lib/jailkeeper"));
        assert_eq!(read(&named, Some("/s")), with("/s"));
        let all = ["--config=/c", "--vendor", "/v", "--state", "/x"];
        assert_eq!(read(&all, Some("/s")), with("/x"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(read(&["--stat", "/x"], None), Err("invalid option '--stat'".into()));
        assert_eq!(read(&["file"], None), Err("unexpected argument \"file\"".into()));
        assert_eq!(read(&["--state"], None), Err("missing argument for option '--state'".into()));
    }
}
