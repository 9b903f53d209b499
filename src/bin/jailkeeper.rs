//! The client.

use std::process::ExitCode;

fn main() -> ExitCode {
    jailkeeper::cli::run(std::env::args_os())
}
