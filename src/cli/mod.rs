//! The client's verbs: one file each, from arguments to an exit code.

pub mod args;
pub mod exit;

mod agent;
mod allow;
mod attempt;
mod ban;
mod banned;
pub mod check;
mod complete;
mod doctor;
mod error;
pub mod export;
mod fail2ban_words;
mod filters;
mod get;
pub mod import;
#[doc(hidden)]
pub mod import_bans;
mod jails;
mod list;
mod logs;
mod many;
pub mod orders;
mod page;
mod ping;
mod reload;
pub mod replay;
mod rights;
mod set;
mod settings;
mod setup;
mod show;
mod spared;
pub mod stats;
mod status;
mod table;
mod target;
mod tell;
pub mod test;
mod test_report;
mod unban;
mod version;
mod wanted;
mod watch;
mod why;
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

use agent::Agent;
use args::{Args, Place, Verb};
use error::CliError;
use fail2ban_words::Meaning;
use import::ImportArgs;
use page::{Page, Report};
use tell::Teller;

/// Does what the arguments say; the first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let teller = Teller { json: asks_for_json(&arguments) };
    match complete::answered(&arguments) {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(exit::DONE),
        // Somebody is typing: an answer in between would be in the way.
        Err(_) if arguments.len() > 1 => return ExitCode::from(exit::FAILED),
        Err(error) => return ExitCode::from(Teller { json: false }.arguments(&error)),
    }
    let arguments = match in_our_words(arguments, teller) {
        Ok(arguments) => arguments,
        Err(error) => return failed(&error, teller),
    };
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) => return ExitCode::from(teller.arguments(&error)),
    };
    let outcome = match &args.verb {
        Verb::Watch { jail } => watch::run(jail.as_deref(), args.json).map(|()| exit::DONE),
        Verb::Stats(stats) => stats::run(stats)
            .and_then(|report| args.render(&report))
            .and_then(|output| Ok(write_out(&output).map(|()| exit::DONE)?)),
        Verb::Test(test) => test::run(test, Teller { json: args.json }),
        Verb::Replay(replay) => replay::run(replay, args.json),
        Verb::Check(place) => check(place, args.json)
            .and_then(|(output, code)| Ok(write_out(&output).map(|()| code)?)),
        Verb::Import(import) => take_over(import, args.json)
            .and_then(|(output, code)| Ok(write_out(&output).map(|()| code)?)),
        Verb::Doctor => {
            examine(&args).and_then(|(output, code)| Ok(write_out(&output).map(|()| code)?))
        }
        Verb::Show(order) => zbus::block_on(show::run(order))
            .map_err(CliError::of_reading)
            .and_then(|report| args.render(&report))
            .and_then(|output| Ok(write_out(&output).map(|()| exit::DONE)?)),
        Verb::Filters(order) => filters::run(order)
            .and_then(|report| args.render(&report))
            .and_then(|output| Ok(write_out(&output).map(|()| exit::DONE)?)),
        Verb::Setup(order) => zbus::block_on(setup::run(order, teller))
            .and_then(|report| args.render(&report))
            .and_then(|output| Ok(write_out(&output).map(|()| exit::DONE)?)),
        Verb::Version => zbus::block_on(version::run())
            .and_then(|report| args.render(&report))
            .and_then(|output| Ok(write_out(&output).map(|()| exit::DONE)?)),
        verb => talk(&args, verb).and_then(|(output, code)| Ok(write_out(&output).map(|()| code)?)),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error, teller),
    }
}

fn failed(error: &CliError, teller: Teller) -> ExitCode {
    teller.error(error);
    ExitCode::from(error.exit_code())
}

/// The arguments; those that fail2ban-client would understand, as they are spelled here.
fn in_our_words(arguments: Vec<OsString>, teller: Teller) -> Result<Vec<OsString>, CliError> {
    let verb_at = arguments.iter().skip(1).take_while(|word| *word == "--json").count() + 1;
    let (before, words) = arguments.split_at(verb_at.min(arguments.len()));
    let words: Option<Vec<&str>> = words.iter().map(|word| word.to_str()).collect();
    match words.and_then(|words| fail2ban_words::translate(&words)) {
        None => Ok(arguments),
        Some(Meaning::Hint(hint)) => Err(CliError::Usage(hint)),
        Some(Meaning::Does(words)) => {
            let spelled = words.join(" ");
            teller.remark(&format!("here this is: jailkeeper {spelled}"));
            Ok(before.iter().cloned().chain(words.into_iter().map(Into::into)).collect())
        }
    }
}

/// Whether `--json` is among arguments that could not be read.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json")
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

/// What comes of a verb that talks to the service, with somebody at hand who can ask for a password;
/// and the exit code.
fn talk(args: &Args, verb: &Verb) -> Result<(String, u8), CliError> {
    let _agent = if verb.changes() && !args.no_ask_password { Agent::start() } else { None };
    zbus::block_on(perform(args, verb)).map_err(|error| match error {
        error if verb.changes() => error,
        error => error.of_reading(),
    })
}

/// What the doctor has found, and the exit code.
fn examine(args: &Args) -> Result<(String, u8), CliError> {
    let examined = zbus::block_on(doctor::run()).map_err(CliError::of_reading)?;
    Ok((args.render(&examined)?, examined.exit_code()))
}

/// Everything that the service has to say, as one text, and the exit code.
async fn perform(args: &Args, verb: &Verb) -> Result<(String, u8), CliError> {
    let client = &Client::connect().await?.asking(verb.changes() && !args.no_ask_password);
    let text = match verb {
        Verb::Status { jail: None } => args.render(&status::service(client).await?),
        Verb::Status { jail: Some(jail) } => args.render(&status::jail(client, jail).await?),
        Verb::List { jail, would_be } => {
            args.render(&list::run(client, jail.as_deref(), *would_be).await?)
        }
        Verb::Ban(order) => args.render(&ban::run(client, order).await?),
        Verb::Unban(order) => args.render(&unban::run(client, order).await?),
        Verb::Allow(order) if order.addresses.is_empty() => {
            args.render(&allow::list(client).await?)
        }
        Verb::Allow(order) => args.render(&allow::allow(client, order).await?),
        Verb::Disallow(order) => args.render(&allow::disallow(client, order).await?),
        Verb::Attempt(order) => args.render(&attempt::run(client, order).await?),
        Verb::Banned { addresses } if addresses.is_empty() => {
            args.render(&list::run(client, None, false).await?)
        }
        Verb::Banned { addresses } => args.render(&banned::run(client, addresses).await?),
        Verb::Ping => args.render(&ping::run(client).await?),
        Verb::Export(order) => export::run(client, order, args.json).await,
        Verb::ImportBans(order) => {
            let imported = import_bans::run(client, order, &Page::stdout()).await?;
            return Ok((args.render(&imported)?, imported.exit_code()));
        }
        Verb::Get { jail, option } => {
            args.render(&get::run(client, jail, option, Teller { json: args.json }).await?)
        }
        Verb::Set(order) => args.render(&set::run(client, order).await?),
        Verb::Reload => args.render(&reload::run(client).await?),
        Verb::Why { address } => args.render(&why::run(client, *address).await?),
        Verb::Check(_)
        | Verb::Doctor
        | Verb::Filters(_)
        | Verb::Import(_)
        | Verb::Replay(_)
        | Verb::Setup(_)
        | Verb::Show(_)
        | Verb::Stats(_)
        | Verb::Test(_)
        | Verb::Version
        | Verb::Watch { .. } => unreachable!("it was done before"),
    };
    Ok((text?, exit::DONE))
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
