//! Settings at run time: they lie above all files until those are read again.

use tracing::{info, warn};

use super::service::Service;
use crate::bus::{BusAnswer, Failure, SettingRow};
use crate::confdir;
use crate::rules::{self, DEFAULT, Diagnostic, Loaded, RUN_TIME, Setting, Severity};

impl Service {
    /// All settings of a jail, or of all jails.
    pub(super) fn settings(&self, jail: &str) -> BusAnswer {
        let row = |setting: &Setting| SettingRow {
            key: setting.key.clone(),
            value: setting.value.clone(),
            path: setting.path.display().to_string(),
            line: u32::try_from(setting.line).unwrap_or(u32::MAX),
        };
        match (self.lineup.settings(jail), self.lineup.why_broken(jail)) {
            (Some(settings), _) => BusAnswer::Settings(settings.iter().map(row).collect()),
            (None, Some(why)) => BusAnswer::Failed(Failure::JailBroken(why.to_owned())),
            (None, None) => BusAnswer::Failed(Failure::NoSuchJail),
        }
    }

    /// Changes a setting above the files as they were read last. With a mistake nothing is changed.
    pub(super) fn set(&mut self, jail: &str, option: &str, value: &str) -> BusAnswer {
        if jail != DEFAULT && !rules::jail_names(&self.texts).contains(jail) {
            return BusAnswer::Failed(Failure::NoSuchJail);
        }
        match self.try_to_set(jail, option, value) {
            Ok((before, now)) => {
                info!("set {option} of {jail} to {now}, until the next reload or restart");
                BusAnswer::Set { before, now }
            }
            Err(failure) => BusAnswer::Failed(failure),
        }
    }

    fn try_to_set(
        &mut self,
        jail: &str,
        option: &str,
        value: &str,
    ) -> Result<(String, String), Failure> {
        let told = |found: &[Diagnostic]| {
            Failure::InvalidSetting(rules::render(found, false).trim_end().to_owned())
        };
        let now = rules::setting(jail, option, value).map_err(|found| told(&found))?;
        let mut overlay = self.overlay.clone();
        overlay.set(jail, option, &now);
        let mut texts = overlay.above(&self.texts);
        let needs = confdir::read_missing(&mut texts);
        let loaded = rules::load_needed(&texts, needs);
        let mistakes = self.new_mistakes(&loaded, jail);
        if !mistakes.is_empty() {
            return Err(told(&mistakes));
        }
        let before = self.lineup.setting(jail, option);
        let outcome = self.take_up(loaded);
        if !matches!(outcome, Err(Failure::ReloadFailed(_))) {
            self.overlay = overlay;
        }
        outcome.map(|()| (before, now))
    }

    /// The mistakes that a setting of `jail` makes, or that keep it from having an effect.
    fn new_mistakes(&self, loaded: &Loaded, jail: &str) -> Vec<Diagnostic> {
        let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
        let errors: Vec<&Diagnostic> = loaded.diagnostics.iter().filter(is_error).collect();
        let own = errors.iter().filter(|found| found.path.as_os_str() == RUN_TIME);
        let own: Vec<Diagnostic> = own.map(|found| (*found).clone()).collect();
        let breaks = loaded.broken.iter().any(|broken| {
            broken.name == jail || (jail == DEFAULT && self.lineup.is_up_to_date(&broken.name))
        });
        if own.is_empty() && breaks { errors.into_iter().cloned().collect() } else { own }
    }

    /// The files were read again: they alone count.
    pub(super) fn forget_settings(&mut self) {
        let forgotten: Vec<String> = std::mem::take(&mut self.overlay).names().collect();
        if !forgotten.is_empty() {
            warn!("what was set at run time is forgotten: {}", forgotten.join(", "));
        }
    }
}
