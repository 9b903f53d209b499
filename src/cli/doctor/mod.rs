//! `jailkeeper doctor`: what hinders jailkeeper, and what to do about it.

mod facts;
mod findings;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::error::CliError;
use super::exit;
use super::page::{Page, Report};
use super::table::{BAD, GOOD};
use super::words;

use findings::{Finding, Level};

const WARNING: Style = AnsiColor::Yellow.on_default();

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Examination {
    findings: Vec<Finding>,
}

pub(super) async fn run() -> Result<Examination, CliError> {
    let facts = facts::gather().await?;
    Ok(Examination { findings: findings::findings(&facts) })
}

impl Examination {
    /// Whether all is well enough.
    pub(super) fn exit_code(&self) -> u8 {
        let bad = self.findings.iter().any(|finding| finding.level == Level::Problem);
        if bad { exit::FAILED } else { exit::DONE }
    }
}

impl Report for Examination {
    fn text(&self, _page: &Page) -> String {
        let mut text = String::new();
        for Finding { level, about, text: what, remedy } in &self.findings {
            let (mark, style) = match level {
                Level::Good => ("ok", GOOD),
                Level::Note => ("note", Style::new()),
                Level::Warning => ("warning", WARNING),
                Level::Problem => ("problem", BAD),
            };
            let what = words::clean(what);
            line(&mut text, &format!("{style}{mark:<8}{style:#} {about}: {what}"));
            if !remedy.is_empty() {
                line(&mut text, &format!("         {}", words::clean(remedy)));
            }
        }
        let count = |level| self.findings.iter().filter(|it| it.level == level).count();
        let problems = words::counted(count(Level::Problem), "problem", "problems");
        let warnings = words::counted(count(Level::Warning), "warning", "warnings");
        line(&mut text, &format!("\n{problems}, {warnings}."));
        text
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}
