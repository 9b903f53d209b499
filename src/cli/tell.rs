//! What goes to the standard error: sentences for people, or a line of JSON each for programs.

use std::io::{self, Write as _};

use clap::error::ErrorKind;
use serde::Serialize;

use super::error::CliError;
use super::{exit, words};
use crate::rules::{self, Diagnostic};

/// A line, as `--json` shows it.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'l> {
    Error { code: &'l str, message: &'l str },
    Warning { message: &'l str },
}

impl Line<'_> {
    fn write(&self) {
        let mut stderr = io::stderr().lock();
        // Nothing is left to do for a reader that has gone away.
        drop(serde_json::to_writer(&mut stderr, self).map(|()| stderr.write_all(b"\n")));
    }
}

/// Who speaks to the standard error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teller {
    pub(super) json: bool,
}

impl Teller {
    /// Says why a verb did not do its work.
    pub(super) fn error(self, error: &CliError) {
        let Some(text) = error.text() else { return };
        if self.json {
            let message = anstream::adapter::strip_str(&text).to_string();
            Line::Error { code: error.code(), message: message.trim_end() }.write();
        } else {
            drop(writeln!(anstream::stderr().lock(), "jailkeeper: {text}"));
        }
    }

    /// Says what is left out, or not as one might think.
    pub(super) fn remark(self, text: &str) {
        let text = words::clean(text);
        if self.json {
            Line::Warning { message: &text }.write();
        } else {
            drop(writeln!(anstream::stderr().lock(), "jailkeeper: {text}"));
        }
    }

    /// Shows what may not be meant as it is written.
    pub(super) fn warnings(self, found: &[Diagnostic]) {
        if self.json {
            for one in found {
                let message = rules::render(std::slice::from_ref(one), false);
                Line::Warning { message: message.trim_end() }.write();
            }
        } else {
            drop(write!(anstream::stderr().lock(), "{}", rules::render(found, true)));
        }
    }

    /// Says what is wrong with the arguments, or shows what was asked for in place of a verb's work;
    /// the exit code.
    pub(super) fn arguments(self, error: &clap::Error) -> u8 {
        let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        if self.json && !is_help {
            let text = error.render().to_string();
            let message = text.trim().trim_start_matches("error: ");
            Line::Error { code: "usage", message }.write();
        } else {
            drop(error.print());
        }
        if error.use_stderr() { exit::USAGE } else { exit::DONE }
    }
}
