//! The service's command line.

use std::path::PathBuf;

use clap::Parser;

/// The service. It is started by systemd: systemctl enable --now jailkeeper
#[derive(Debug, Parser)]
#[command(name = "jailkeeperd", version, about, max_term_width = 100)]
#[command(after_help = "\
Example, with a configuration of one's own on a bus of one's own:
  DBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/bus jailkeeperd --config ./conf --state /tmp/state

Exit status: 0 stopped; 1 something that it needs is missing or was lost;
2 wrong usage; 78 no jail can run because the configuration has errors.")]
pub struct Options {
    /// Where the stock jails and filters are [default: /usr/lib/jailkeeper]
    #[arg(long, value_name = "DIR")]
    pub vendor: Option<PathBuf>,

    /// Where the configuration above the stock one is
    /// [default: /run/jailkeeper and /etc/jailkeeper]
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,

    /// Where the state is kept
    #[arg(
        long,
        value_name = "DIR",
        env = "STATE_DIRECTORY",
        default_value = "/var/lib/jailkeeper"
    )]
    pub state: PathBuf,
}
