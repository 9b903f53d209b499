//! Where the result is written: all of it or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::error::CliError;

/// Where the result comes when nobody names a place.
pub(super) const DEFAULT: &str = "jailkeeper-import";

/// The directory that is to be, and the one beside it in which it comes about. What is unfinished is
/// removed again.
#[derive(Debug)]
pub(super) struct Place {
    output: PathBuf,
    unfinished: PathBuf,
    is_begun: bool,
}

impl Place {
    /// Finds the place, in which nothing may be yet.
    ///
    /// # Errors
    ///
    /// When there is something, or it lies in the directory that is read.
    pub(super) fn find(output: &Path, source: &Path) -> Result<Self, CliError> {
        let shown = output.display();
        if output.symlink_metadata().is_ok() {
            return Err(CliError::Usage(format!(
                "{shown} is there already\nname another directory with --output, or remove it"
            )));
        }
        let Some(name) = output.file_name() else {
            return Err(CliError::Usage(format!("{shown} cannot be the name of a directory")));
        };
        let above = output.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        let real = |path: &Path| {
            let failed = |error| CliError::Failed(format!("{}: {error}", path.display()));
            path.canonicalize().map_err(failed)
        };
        let (above, source) = (real(above)?, real(source)?);
        if above.starts_with(&source) {
            return Err(CliError::Usage(format!(
                "{shown} would lie within {}\nname a directory outside of it with --output",
                source.display()
            )));
        }
        let hidden = format!(".{}.{}", name.to_string_lossy(), std::process::id());
        let (output, unfinished) = (above.join(name), above.join(hidden));
        Ok(Self { output, unfinished, is_begun: false })
    }

    /// The directory that is not finished yet.
    pub(super) fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Writes the texts under their names, and nothing else is there then.
    ///
    /// # Errors
    ///
    /// When something cannot be written.
    pub(super) fn write(&mut self, texts: &BTreeMap<String, String>) -> Result<(), CliError> {
        let failed = |path: &Path, error| CliError::Failed(format!("{}: {error}", path.display()));
        if self.is_begun {
            fs::remove_dir_all(&self.unfinished).map_err(|e| failed(&self.unfinished, e))?;
        }
        fs::create_dir(&self.unfinished).map_err(|error| failed(&self.unfinished, error))?;
        self.is_begun = true;
        for (name, text) in texts {
            let path = self.unfinished.join(name);
            let folder = path.parent().unwrap_or(&self.unfinished);
            fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            fs::write(&path, text).map_err(|error| failed(&path, error))?;
        }
        Ok(())
    }

    /// Gives the directory its name.
    ///
    /// # Errors
    ///
    /// When somebody else has it by now, or it cannot be had.
    pub(super) fn finish(mut self) -> Result<PathBuf, CliError> {
        let output = self.output.clone();
        fs::rename(&self.unfinished, &output)
            .map_err(|error| CliError::Failed(format!("{}: {error}", output.display())))?;
        self.is_begun = false;
        Ok(output)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_begun {
            // Why we are here is told already, and nothing else can be done.
            drop(fs::remove_dir_all(&self.unfinished));
        }
    }
}
