//! The service: arguments to exit code.

use std::process::ExitCode;

use jailkeeper::daemon::{self, Usage};

/// Wrong usage (jailkeeperd(8), "EXIT STATUS").
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    match Usage::of_this_process() {
        Ok(Usage::Serve(options)) => ExitCode::from(daemon::run(options)),
        Ok(Usage::Print(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("jailkeeperd: {error}; see jailkeeperd --help");
            ExitCode::from(WRONG_USAGE)
        }
    }
}
