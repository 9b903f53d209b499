//! What became of the bans of a list.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::exit;
use crate::cli::page::{Page, Report};
use crate::cli::words::{clean, counted};

/// So many refusals people are shown.
const REFUSED_SHOWN: usize = 20;

/// What became of all of them.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Imported {
    /// How many are in force now.
    #[serde(rename = "imported")]
    pub(super) done: usize,
    /// How many were in force until then or longer.
    pub(super) already: usize,
    /// How many have ended.
    pub(super) ended: usize,
    /// How many are in force now, by jail.
    pub(super) jails: BTreeMap<String, usize>,
    /// How many are for a jail that is not there, by its name.
    pub(super) missing: BTreeMap<String, usize>,
    pub(super) refused: Vec<Refused>,
}

/// A ban that cannot be.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    pub(super) jail: Option<String>,
    pub(super) offender: String,
    pub(super) why: String,
}

impl Imported {
    /// Nothing yet, but what no jail could ban.
    pub(super) fn of(refused: Vec<Refused>) -> Self {
        let (jails, missing) = (BTreeMap::new(), BTreeMap::new());
        Self { done: 0, already: 0, ended: 0, jails, missing, refused }
    }

    pub(super) fn count(&mut self, jail: &str, bans: usize) {
        self.done += bans;
        *self.jails.entry(jail.to_owned()).or_default() += bans;
    }

    pub(super) fn miss(&mut self, jail: String) {
        *self.missing.entry(jail).or_default() += 1;
    }

    /// Whether all is well.
    pub(in crate::cli) fn exit_code(&self) -> u8 {
        let well = self.missing.is_empty() && self.refused.is_empty();
        if well { exit::DONE } else { exit::FAILED }
    }
}

fn bans(count: usize) -> String {
    counted(count, "ban", "bans")
}

impl Report for Imported {
    fn text(&self, _page: &Page) -> String {
        let mut text = format!("Imported {}", bans(self.done));
        let by_jail = self.jails.iter().map(|(jail, count)| format!("{count} into {jail}"));
        let by_jail: Vec<String> = by_jail.collect();
        if !by_jail.is_empty() {
            let _ = write!(text, ": {}", by_jail.join(", "));
        }
        text.push_str(".\n");
        if self.ended > 0 {
            let _ = writeln!(text, "Left out: {} of which the end is past.", bans(self.ended));
        }
        if self.already > 0 {
            let already = bans(self.already);
            let _ = writeln!(text, "Left out: {already} in force already, for as long or longer.");
        }
        for (jail, count) in &self.missing {
            let (jail, count) = (clean(jail), bans(*count));
            let _ = writeln!(
                text,
                "Left out: {count} of the jail {jail:?}, which is not there; switch it on, or put \
                 all into another with --jail."
            );
        }
        for Refused { jail, offender, why } in self.refused.iter().take(REFUSED_SHOWN) {
            let place = jail.as_ref().map(|jail| format!(" in jail {jail}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "Refused{}: {}",
                clean(&place),
                clean(&format!("{offender}: {why}"))
            );
        }
        if let Some(more @ 1..) = self.refused.len().checked_sub(REFUSED_SHOWN) {
            let _ = writeln!(text, "… and {more} more: --json has them all");
        }
        text
    }
}
