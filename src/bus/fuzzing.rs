//! The way in for the fuzz target: the border at which callers' arguments become values, without a bus.

use std::sync::Arc;

use super::call::Calls;
use super::error::Error;
use super::manager::Manager;
use super::path::jail_path;
use super::snapshot::Snapshot;

/// What a caller may say.
#[derive(Clone, Debug, Default)]
pub struct Arguments<'a> {
    /// A jail.
    pub jail: &'a str,
    /// Addresses, or what is to be taken for them.
    pub addresses: Vec<&'a str>,
    /// How long.
    pub seconds: i64,
    /// How often.
    pub times: u32,
    /// A user's name, or a comment.
    pub words: &'a str,
    /// A setting, and its value.
    pub set: (&'a str, &'a str),
}

/// Calls every method that takes arguments. Returns all texts that come back, of answers and of
/// errors: D-Bus must be able to carry them.
pub fn call(calls: Arc<dyn Calls>, said: &Arguments<'_>) -> Vec<String> {
    let nothing = Snapshot { version: String::new(), state: String::new(), jails: [].into() };
    let manager = Manager::new(calls, Arc::new(nothing));
    let jail = || said.jail.to_owned();
    let addresses = || said.addresses.clone();
    let first = said.addresses.first().copied().unwrap_or_default();
    let (option, value) = said.set;
    let mut texts = vec![jail_path(said.jail)];
    zbus::block_on(async {
        let done = [
            manager.ban(jail(), addresses(), said.seconds).await,
            manager.unban(jail(), addresses()).await.map(drop),
            manager.attempt(jail(), addresses(), said.words.to_owned(), said.times).await.map(drop),
            manager.allow(jail(), addresses(), said.seconds, said.words).await,
            manager.disallow(jail(), addresses()).await.map(drop),
            manager.why(first).await.map(drop),
        ];
        texts.extend(done.iter().filter_map(|done| done.as_ref().err()).map(told));
        match manager.matches(jail(), first).await {
            Ok(lines) => texts.extend(lines),
            Err(error) => texts.push(told(&error)),
        }
        match manager.settings(jail()).await {
            Ok(rows) => texts.extend(rows.into_iter().flat_map(|row| [row.0, row.1, row.2])),
            Err(error) => texts.push(told(&error)),
        }
        match manager.set(jail(), option.to_owned(), value.to_owned()).await {
            Ok((before, now)) => texts.extend([before, now]),
            Err(error) => texts.push(told(&error)),
        }
    });
    texts
}

fn told(error: &Error) -> String {
    zbus::DBusError::description(error).unwrap_or_default().to_owned()
}
