//! What the import tells.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::notes::Notes;
use crate::cli::exit;
use crate::rules::{self, Diagnostic};

/// What became of a jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// It is there.
    Imported {
        /// Its filter; none when it counts the bans of other jails.
        filter: Option<String>,
    },
    /// It is not there.
    LeftOut {
        /// Why, as a clause without a full stop.
        why: String,
    },
}

/// One jail of fail2ban's.
#[derive(Clone, Debug, Serialize)]
pub struct JailReport {
    /// Its name in fail2ban.
    pub jail: String,
    /// Its name here.
    pub name: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What is to be said about it.
    #[serde(flatten)]
    pub notes: Notes,
}

/// What the import did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The directory that was read.
    pub source: PathBuf,
    /// The directory that was written; none when nothing was.
    pub output: Option<PathBuf>,
    /// What concerns all jails.
    pub all: Notes,
    /// The jails, in fail2ban's order.
    pub jails: Vec<JailReport>,
    /// The filters that were written.
    pub filters: Vec<String>,
    /// The jails that are switched off, and were passed over.
    pub disabled: usize,
    /// Whether the jail sshd, which jailkeeper brings, is none of these and runs nevertheless.
    pub sshd_besides: bool,
    /// What is wrong with the configuration.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// 0 when all jails are there, 1 when some are left out, 78 when nothing was written.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.output {
            None => exit::CONFIG,
            Some(_) if self.left_out() > 0 => exit::FAILED,
            Some(_) => exit::DONE,
        }
    }

    fn left_out(&self) -> usize {
        let is_out = |jail: &&JailReport| matches!(jail.outcome, Outcome::LeftOut { .. });
        self.jails.iter().filter(is_out).count()
    }

    /// The report as a person reads it.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let mut out = rules::render(&self.diagnostics, color);
        let Some(output) = &self.output else {
            let _ = writeln!(
                out,
                "The configuration in {} has errors, and nothing was written. Put them right, or \
                 switch the jails off that have them.",
                self.source.display()
            );
            return out;
        };
        if self.all != Notes::default() {
            out.push_str("For all jails:\n");
            notes(&mut out, &self.all);
        }
        for jail in &self.jails {
            jail.render(&mut out);
        }
        let (all, left_out) = (self.jails.len(), self.left_out());
        let _ = writeln!(out, "{} of {all} jails are taken over.", all - left_out);
        if self.disabled > 0 {
            let _ = writeln!(out, "{} are switched off; --all takes them too.", self.disabled);
        }
        if self.sshd_besides {
            out.push_str(
                "The jail sshd, which jailkeeper brings, runs besides; write enabled = false for it \
                 if it is not to.\n",
            );
        }
        let output = output.display();
        let _ = writeln!(
            out,
            "\nLook it through, and then:\n  jailkeeper check {output}\n  systemctl disable --now \
             fail2ban\n  cp -r {output}/. /etc/jailkeeper/\n  systemctl enable jailkeeper\n  \
             systemctl restart jailkeeper"
        );
        out
    }
}

impl JailReport {
    fn render(&self, out: &mut String) {
        let jail = self.jail.escape_debug();
        let _ = match &self.outcome {
            Outcome::LeftOut { why } => writeln!(out, "{jail}: left out: {why}."),
            Outcome::Imported { .. } if *self.name != *self.jail => {
                writeln!(out, "{jail}: taken over as {}", self.name)
            }
            Outcome::Imported { .. } => writeln!(out, "{jail}: taken over"),
        };
        notes(out, &self.notes);
    }
}

fn notes(out: &mut String, notes: &Notes) {
    let kinds = [("", &notes.taken), ("changed: ", &notes.changed), ("by hand: ", &notes.by_hand)];
    for (kind, list) in kinds {
        for text in list {
            let _ = writeln!(out, "  {kind}{text}");
        }
    }
    out.push('\n');
}
