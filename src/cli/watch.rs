//! `jailkeeper watch`: what happens, as it happens.

use std::io::{self, Write as _};
use std::thread;

use anstyle::{AnsiColor, Style};
use crossbeam_channel::{Sender, bounded};
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;
use signal_hook::consts::signal::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::bus::client::{Client, Unreachable};
use crate::bus::listener::{Heard, Listener};

use super::error::CliError;
use super::page::Page;
use super::{jails, words};

/// So many events wait for a slow terminal; then the bus waits.
const EVENTS_MAX: usize = 64;

/// A record that is older than this when it is read has its own time shown; in seconds.
const LATE: i64 = 60;

const BANNED: Style = AnsiColor::Red.on_default().bold();
const FREE: Style = AnsiColor::Green.on_default();
const FOUND: Style = AnsiColor::Yellow.on_default();
const ASIDE: Style = Style::new().dimmed();

/// What ends the waiting for a moment, or for good.
enum News {
    Heard(Heard),
    /// A signal, or nobody reads any more.
    Enough,
    /// The bus is gone, or cannot be had.
    Lost(CliError),
}

/// An event as JSON has it.
#[derive(Serialize)]
struct Line<'h> {
    /// When it was heard.
    at: i64,
    #[serde(flatten)]
    heard: &'h Heard,
}

/// Prints events until somebody ends it.
pub(super) fn run(jail: Option<&str>, json: bool) -> Result<(), CliError> {
    if let Some(jail) = jail {
        zbus::block_on(check_jail(jail))?;
    }
    let (sender, news) = bounded(EVENTS_MAX);
    watch_signals(sender.clone())?;
    watch_reader(sender.clone());
    thread::spawn(move || zbus::block_on(listen(&sender)));
    for news in news {
        match news {
            News::Heard(heard)
                if jail.is_some() && heard.jail().is_some_and(|j| Some(j) != jail) => {}
            News::Heard(heard) => print(&heard, json)?,
            News::Enough => break,
            News::Lost(error) => return Err(error),
        }
    }
    Ok(())
}

/// A name that no jail has is most likely a slip; without the service nobody can tell.
async fn check_jail(jail: &str) -> Result<(), CliError> {
    match Client::connect().await {
        Ok(client) => jails::path(&client, jail).await.map(drop),
        Err(Unreachable::NotRunning) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn may_ask() -> Result<(), CliError> {
    Client::connect().await?.manager().list_jails().await?;
    Ok(())
}

async fn listen(sender: &Sender<News>) {
    let mut listener = match Listener::open().await {
        Ok(listener) => listener,
        Err(error) => return drop(sender.send(News::Lost(error.into()))),
    };
    while let Some(heard) = listener.next().await {
        // Who may not ask does not hear either, and would wait for ever.
        if heard == Heard::Running
            && let Err(error @ CliError::NotPermitted(_)) = may_ask().await
        {
            return drop(sender.send(News::Lost(error.of_reading())));
        }
        if sender.send(News::Heard(heard)).is_err() {
            return;
        }
    }
    let lost = CliError::Failed("the connection to the system bus was closed".to_owned());
    drop(sender.send(News::Lost(lost)));
}

fn watch_signals(sender: Sender<News>) -> Result<(), CliError> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| CliError::Failed(format!("signals cannot be watched: {error}")))?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            drop(sender.send(News::Enough));
        }
    });
    Ok(())
}

/// A reader that has gone away is noticed before there is something to write.
fn watch_reader(sender: Sender<News>) {
    thread::spawn(move || {
        let stdout = io::stdout();
        let mut descriptors = [PollFd::new(&stdout, PollFlags::empty())];
        // Asked for nothing, it returns when the other end is gone.
        if poll(&mut descriptors, None).is_ok() {
            drop(sender.send(News::Enough));
        }
    });
}

fn print(heard: &Heard, json: bool) -> io::Result<()> {
    let page = Page::stdout();
    let line = if json {
        serde_json::to_string(&Line { at: page.now, heard })?
    } else {
        text(heard, &page)
    };
    let mut stdout = anstream::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// One line: when, where, who, what.
fn text(heard: &Heard, page: &Page) -> String {
    let clock = words::date(page.now, &page.zone);
    let (style, what) = told(heard, page);
    match (heard.jail(), offender(heard)) {
        (Some(jail), Some(offender)) => {
            let (jail, offender) = (words::clean(jail), words::clean(offender));
            format!("{clock}  {jail}  {style}{offender}  {what}{style:#}")
        }
        _ => format!("{clock}  {style}{what}{style:#}"),
    }
}

fn offender(heard: &Heard) -> Option<&str> {
    match heard {
        Heard::Running | Heard::Stopped | Heard::Missed { .. } => None,
        Heard::Banned { offender, .. }
        | Heard::Unbanned { offender, .. }
        | Heard::Refused { offender, .. }
        | Heard::Found { offender, .. }
        | Heard::Ignored { offender, .. } => Some(offender),
    }
}

fn told(heard: &Heard, page: &Page) -> (Style, String) {
    match heard {
        Heard::Running => (ASIDE, "the service is running".to_owned()),
        Heard::Stopped => (ASIDE, "the service is not running; waiting until it is".to_owned()),
        Heard::Missed { signals } => (ASIDE, format!("{signals} events more, too many to be told")),
        Heard::Banned { until, attempts, .. } => (BANNED, banned(*until, *attempts, page)),
        Heard::Unbanned { why, .. } => (FREE, format!("unbanned ({})", words::clean(why))),
        Heard::Refused { reason, .. } => {
            (BANNED, format!("NOT banned, the kernel refused: {}", words::clean(reason)))
        }
        Heard::Found { user, time, banned, .. } => (FOUND, found(user, *time, *banned, page)),
        Heard::Ignored { why, .. } => (ASIDE, format!("ignored: {}", words::clean(why))),
    }
}

fn banned(until: i64, attempts: u32, page: &Page) -> String {
    let time = match until {
        -1 => "for ever".to_owned(),
        until => format!("for {}", words::left(until, page.now)),
    };
    match attempts {
        0 => format!("banned {time} by hand"),
        attempts => {
            format!("banned {time} after {}", words::counted(attempts, "attempt", "attempts"))
        }
    }
}

fn found(user: &str, time: i64, banned: bool, page: &Page) -> String {
    let user = match user {
        "" => String::new(),
        user => format!(" as {}", words::clean(user)),
    };
    let late = match page.now - time {
        ..=LATE => String::new(),
        _ => format!(", of {}", words::date(time, &page.zone)),
    };
    let banned = if banned { " (already banned)" } else { "" };
    format!("found{user}{late}{banned}")
}
