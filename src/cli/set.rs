//! `jailkeeper set`: another value for a running jail, and with `--save` for good.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::bus::client::Client;
use crate::rules::{DEFAULT, Overlay};

use super::args::SetArgs;
use super::error::CliError;
use super::page::{Page, Report};
use super::{jails, settings, words};

/// Where `--save` writes, below the configuration. Most files of people come before it.
const FILE: &str = "jails.d/90-set.toml";

const HEAD: &str = "\
# Written by \"jailkeeper set --save\", which keeps what stands here, but no comments. Files that come
# later by name override it.

";

/// What was set.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    jail: String,
    option: String,
    /// In TOML; empty when it was not set.
    before: String,
    /// In TOML.
    now: String,
    /// Whether the jail runs, or all do.
    runs: bool,
    /// Where it is kept, if it is.
    saved: Option<PathBuf>,
    /// What comes later and says something else: the place.
    overridden: Option<String>,
}

pub(super) async fn run(client: &Client, order: &SetArgs) -> Result<Done, CliError> {
    let SetArgs { jail, option, value, save, config } = order;
    let (before, now) = match client.set(jail, option, &value.join(" ")).await {
        Ok(values) => values,
        Err(error) => return Err(jails::explained(client, jail, error).await),
    };
    let mut done = Done {
        jail: jail.clone(),
        option: option.clone(),
        before,
        runs: runs(client, jail).await?,
        now,
        saved: None,
        overridden: None,
    };
    if *save {
        let path = config.join(FILE);
        keep(&path, &done).map_err(|why| {
            CliError::Failed(format!(
                "{option} of {jail} is set until the next reload, but it cannot be kept in {}: {why}",
                path.display()
            ))
        })?;
        client.reload().await?;
        let current = settings::of_running(client, jail).await?.unwrap_or_default();
        let row = current.iter().find(|setting| setting.key == *option);
        done.overridden = row
            .filter(|setting| !same(Path::new(&setting.path), &path))
            .map(|setting| format!("{} ({})", settings::place(setting), setting.value));
        done.saved = Some(path);
    }
    Ok(done)
}

/// Whether two names are one file.
fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// Who may change a jail need not be one of those who may look at it; he is not told that it does
/// not run.
async fn runs(client: &Client, jail: &str) -> Result<bool, CliError> {
    match settings::of_running(client, jail).await {
        Err(CliError::NotPermitted(_)) => Ok(true),
        settings => Ok(settings?.is_some()),
    }
}

/// Adds the setting to our own file of settings, all of it or nothing.
fn keep(path: &Path, done: &Done) -> Result<(), String> {
    let mut kept = match fs::read_to_string(path) {
        Ok(text) => Overlay::read(&text)
            .map_err(|why| format!("somebody has changed it: {why}; move it away first"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Overlay::default(),
        Err(error) => return Err(error.to_string()),
    };
    kept.set(&done.jail, &done.option, &done.now);
    replace(path, &(HEAD.to_owned() + &kept.to_text())).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{error}; run it as root, for example with sudo")
        }
        _ => error.to_string(),
    })
}

/// Whoever reads the file meanwhile sees the old one or the new one, and nothing between. A name
/// without the ending is no configuration.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    let new = path.with_extension("toml.new");
    let mut file = File::create(&new)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

impl Report for Done {
    fn text(&self, _page: &Page) -> String {
        let whose = if self.jail == DEFAULT { "all jails" } else { &self.jail };
        let value = |toml: &str| words::clean(&settings::plain(toml).replace('\n', " "));
        let before = match self.before.as_str() {
            "" => String::new(),
            before => format!(" (was {})", value(before)),
        };
        let mut text = format!("{} of {whose} is {} now{before}.\n", self.option, value(&self.now));
        if !self.runs && self.option != "enabled" {
            text += "The jail is not switched on, so that this has no effect yet.\n";
        }
        if self.jail == DEFAULT {
            text += "Jails that say something else themselves keep that.\n";
        }
        let kept = match &self.saved {
            Some(path) => {
                format!(
                    "It is kept in {}. The configuration is reloaded, which forgets what was set \
                     and not saved.",
                    path.display()
                )
            }
            None => {
                "It is not saved: a reload or restart of the service forgets it; --save keeps it."
                    .to_owned()
            }
        };
        text.extend([kept.as_str(), "\n"]);
        if let Some(place) = &self.overridden {
            text.push_str("Warning: it has no effect, since this comes later: ");
            text.extend([words::clean(place).as_str(), "\n"]);
        }
        text
    }
}
