//! The service: arguments to exit code.

use std::process::ExitCode;

use clap::Parser;
use jailkeeper::daemon::{self, Options};

fn main() -> ExitCode {
    ExitCode::from(daemon::run(Options::parse()))
}
