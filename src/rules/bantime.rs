//! `bantime` and what stands behind its dot: how long offenders are banned, and how that grows.

use std::collections::BTreeSet;

use super::diagnostic::{Sink, Wrong};
use super::tree::{At, Entry, Kind, Node, within};
use super::value::{self, Read};
use super::wording;
use crate::keeper::{Formula, Givens, Growth, Law};

/// What the settings of the family begin with.
const FAMILY: &str = "bantime.";

/// A sentence is multiplied by no more than this.
const FACTOR_MAX: f64 = 1e6;

/// Lays the family flat: `bantime = { time = "1h", increment = true }` and the dotted keys that mean
/// the same become `bantime` and `bantime.increment`, so that each is laid over the one of another
/// file by itself.
pub(super) fn flatten(sink: &mut Sink<'_>, entries: Vec<Entry>) -> (Vec<Entry>, Option<Wrong>) {
    let (mut flat, mut wrong, mut seen) = (Vec::new(), None, BTreeSet::new());
    for entry in entries {
        let family = match entry.value.kind {
            Kind::Table(family) if entry.key == "bantime" => family,
            _ => {
                flat.push(entry);
                continue;
            }
        };
        let key = |entry: Entry| Entry { key: format!("{FAMILY}{}", entry.key), ..entry };
        flat.extend(family.into_iter().map(key));
    }
    for entry in &mut flat {
        if entry.key == "bantime.time" {
            "bantime".clone_into(&mut entry.key);
        }
        if !seen.insert(entry.key.clone()) {
            wrong = Some(sink.report(&entry.key_at, wording::set_twice(&entry.key)));
        }
    }
    (flat, wrong)
}

/// What a jail says about how its bans grow.
#[derive(Debug, Default)]
pub(super) struct GrowthDraft {
    increment: bool,
    formula: Option<(Formula, At)>,
    multipliers: Option<Vec<f64>>,
    growth: Growth,
}

impl GrowthDraft {
    /// Reads a setting of the family.
    pub(super) fn set(
        &mut self,
        sink: &mut Sink<'_>,
        (key, key_at): (&str, &At),
        node: &Node,
        known: &[&str],
    ) -> Read<()> {
        match key.strip_prefix(FAMILY).unwrap_or_default() {
            "increment" => self.increment = value::truth(sink, node)?,
            "factor" => self.growth.factor = factor(sink, node)?,
            "formula" => self.formula = Some((formula(sink, node)?, key_at.clone())),
            "multipliers" => self.multipliers = Some(multipliers(sink, node)?),
            "maxtime" => self.growth.maxtime = Some(value::duration(sink, node)?),
            "rndtime" => self.growth.rndtime = value::duration(sink, node)?,
            "overalljails" => self.growth.overalljails = value::truth(sink, node)?,
            "decay" => self.growth.decay = Some(value::duration(sink, node)?),
            "lower_maxretry" => self.growth.lowers_maxretry = value::truth(sink, node)?,
            _ => return Err(sink.report(key_at, wording::unknown_key(key, known))),
        }
        Ok(())
    }

    /// By what the bans grow, if they do.
    pub(super) fn finish(self, sink: &mut Sink<'_>) -> Option<Growth> {
        let Self { increment, formula, multipliers, growth } = self;
        let law = match (multipliers, formula) {
            (Some(multipliers), formula) => {
                if let Some((_, at)) = formula {
                    sink.report(&at, wording::formula_unused());
                }
                Law::Multipliers(multipliers)
            }
            (None, Some((formula, _))) => Law::Formula(formula),
            (None, None) => Law::Doubling,
        };
        increment.then_some(Growth { law, ..growth })
    }
}

/// A number, or as fail2ban takes it, arithmetic in a string.
fn factor(sink: &mut Sink<'_>, node: &Node) -> Read<f64> {
    let factor = match &node.kind {
        Kind::Number(number) => i32::try_from(*number).map_or(f64::INFINITY, f64::from),
        Kind::Fraction(fraction) => *fraction,
        Kind::Text(_) => {
            formula(sink, node)?.value(Givens { time: f64::NAN, count: f64::NAN, factor: f64::NAN })
        }
        other => return Err(sink.report(&node.at, wording::wrong_kind("a number", other.name()))),
    };
    fitting(factor).ok_or_else(|| sink.report(&node.at, wording::bad_factor(FACTOR_MAX)))
}

fn fitting(factor: f64) -> Option<f64> {
    (factor > 0.0 && factor <= FACTOR_MAX).then_some(factor)
}

fn multipliers(sink: &mut Sink<'_>, node: &Node) -> Read<Vec<f64>> {
    let words = value::words(sink, node)?;
    if words.is_empty() {
        return Err(sink.report(&node.at, wording::missing("a number")));
    }
    value::all(words.iter().map(|word| {
        let number = word.text.parse().ok().and_then(fitting);
        number.ok_or_else(|| sink.report(&word.at, wording::bad_factor(FACTOR_MAX)))
    }))
}

fn formula(sink: &mut Sink<'_>, node: &Node) -> Read<Formula> {
    let text = value::word(sink, node)?;
    Formula::parse(&text.text).map_err(|wrong| {
        let at = within(sink, &text.at, wrong.range);
        sink.report(&at, wording::bad_formula(wrong.why))
    })
}
