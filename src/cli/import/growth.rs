//! How bans grow, from fail2ban's options to ours.

use super::notes::Notes;
use super::settings::{Options, Settings, time};
use super::toml;
use crate::dialect::is_yes;
use crate::keeper::Formula;

/// The family of `bantime.increment`, as far as it is set.
pub(super) fn settings(options: &Options, notes: &mut Notes) -> Settings {
    let mut settings = Settings::new();
    let text = |name: &str| {
        options.get(name).map(|value| value.text.trim()).filter(|text| !text.is_empty())
    };
    for key in ["bantime.increment", "bantime.overalljails"] {
        if let Some(text) = text(key) {
            settings.insert(key, is_yes(text).to_string());
        }
    }
    let multipliers = text("bantime.multipliers");
    // As in fail2ban, they take the formula's place.
    let formula = multipliers.is_none().then_some("bantime.formula");
    for key in ["bantime.factor"].into_iter().chain(formula) {
        match text(key).map(|text| (text, Formula::parse(text))) {
            Some((text, Ok(_))) => {
                settings.insert(key, toml::string(text));
            }
            Some((text, Err(wrong))) => notes.leave(format!(
                "{key}: {} is no arithmetic that jailkeeper knows ({})",
                text.escape_debug(),
                wrong.why
            )),
            None => {}
        }
    }
    if let Some(multipliers) = multipliers {
        settings.insert("bantime.multipliers", toml::basic(multipliers));
    }
    for key in ["bantime.maxtime", "bantime.rndtime"] {
        if let Some(value) = text(key).and_then(|text| time(key, text, notes)) {
            settings.insert(key, value);
        }
    }
    if settings.get("bantime.increment").is_some_and(|value| value == "true") {
        notes.change(
            "bantime.increment: earlier bans are not forgotten by the age of a database but by \
             bantime.decay, and attempts of known offenders count more only with \
             bantime.lower_maxretry = true",
        );
    }
    settings
}
