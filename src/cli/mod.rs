//! The client's verbs: one file each, from arguments to an exit code.

pub mod args;
pub mod exit;

mod ban;
pub mod check;
mod error;
mod get;
pub mod import;
mod jails;
mod list;
mod logs;
mod page;
mod reload;
pub mod replay;
mod set;
mod settings;
mod show;
mod status;
mod table;
mod target;
pub mod test;
mod test_report;
mod unban;
mod words;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use serde::Serialize;

use crate::bus::client::Client;
use crate::confdir::{self, Directories};

use args::{Args, Place, Verb};
use error::CliError;
use import::ImportArgs;
use page::{Page, Report};

/// Does what the arguments say; the first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Nothing is left to do for a terminal that has gone away.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let outcome = match &args.verb {
        Verb::Test(test) => test::run(test, args.json),
        Verb::Replay(replay) => replay::run(replay, args.json),
        Verb::Check(place) => check(place, args.json)
            .and_then(|(output, code)| Ok(write_out(&output).map(|()| code)?)),
        Verb::Import(import) => take_over(import, args.json)
            .and_then(|(output, code)| Ok(write_out(&output).map(|()| code)?)),
        verb => zbus::block_on(perform(&args, verb))
            .and_then(|output| Ok(write_out(&output).map(|()| exit::DONE)?)),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if let Some(text) = error.text() {
                drop(writeln!(anstream::stderr().lock(), "jailkeeper: {text}"));
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// What is wrong with the configuration, and the exit code; the service is not asked.
fn check(place: &Place, json: bool) -> Result<(String, u8), CliError> {
    let directories = Directories::with(place.vendor.clone(), place.dir.clone());
    let report = check::check(&confdir::read(&directories));
    let code = report.exit_code();
    if json { Ok((to_json(&report)?, code)) } else { Ok((report.render(true), code)) }
}

/// What was taken over from fail2ban, and the exit code; the service is not asked.
fn take_over(args: &ImportArgs, json: bool) -> Result<(String, u8), CliError> {
    let report = import::run(args)?;
    let code = report.exit_code();
    if json { Ok((to_json(&report)?, code)) } else { Ok((report.render(true), code)) }
}

/// Everything that the service has to say, as one text.
async fn perform(args: &Args, verb: &Verb) -> Result<String, CliError> {
    match verb {
        Verb::Status { jail: None } => args.render(&status::service(&connect().await?).await?),
        Verb::Status { jail: Some(jail) } => {
            args.render(&status::jail(&connect().await?, jail).await?)
        }
        Verb::List { jail } => args.render(&list::run(&connect().await?, jail.as_deref()).await?),
        Verb::Ban(order) => args.render(&ban::run(&connect().await?, order).await?),
        Verb::Unban(order) => args.render(&unban::run(&connect().await?, order).await?),
        Verb::Reload => args.render(&reload::run(&connect().await?).await?),
        Verb::Get { jail, option } => {
            args.render(&get::run(&connect().await?, jail, option).await?)
        }
        Verb::Set(order) => args.render(&set::run(&connect().await?, order).await?),
        Verb::Show(order) => args.render(&show::run(order).await?),
        Verb::Check(_) | Verb::Test(_) | Verb::Replay(_) | Verb::Import(_) => {
            unreachable!("it needs no service")
        }
    }
}

async fn connect() -> Result<Client, CliError> {
    Ok(Client::connect().await?)
}

impl Args {
    fn render<R: Report>(&self, report: &R) -> Result<String, CliError> {
        if self.json { to_json(report) } else { Ok(report.text(&Page::stdout())) }
    }
}

fn to_json(report: &impl Serialize) -> Result<String, CliError> {
    Ok(serde_json::to_string_pretty(report).map_err(io::Error::from)? + "\n")
}

fn write_out(output: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(output.as_bytes())?;
    stdout.flush()
}
