//! `<name>`: the options of a definition put into each other, after `%(name)s` and in another way.
//! A tag may stand in a tag (`<lt_<logtype>/datepattern>`), a tag that nobody defines stays as it is
//! (`<HOST>` is for the filter, `<ip>` for the action), and what is put in is looked at again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::dict::Dict;
use super::mistake::{Fault, Trouble};
use super::text::Text;
use super::work::{Work, fits};

/// So often may the same tag be replaced in one option.
const REPLACEMENTS_MAX: usize = 25;

/// The options whose tags are replaced, and those that are left alone.
pub(super) struct Tags {
    pub(super) options: Dict<Text>,
    /// Neither replaced nor looked into.
    pub(super) ignored: BTreeSet<String>,
}

impl Tags {
    /// Puts all options into each other, as often as there is something to put in. What is none of
    /// the options is asked of `elsewhere`.
    pub(super) fn resolve(
        mut self,
        work: &mut Work,
        mut elsewhere: impl FnMut(&mut Work, &str) -> Result<Option<Text>, Trouble>,
    ) -> Result<Dict<Text>, Trouble> {
        let names: Vec<String> = self.options.keys().map(str::to_owned).collect();
        let mut done = BTreeSet::new();
        let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        loop {
            let mut again = false;
            for name in names.iter().filter(|name| !self.ignored.contains(*name)) {
                if done.contains(name) {
                    continue;
                }
                let Some(old) = self.options.get(name) else { continue };
                let mut option = Resolving {
                    name,
                    value: old.clone(),
                    counts: counts.get(name).cloned().unwrap_or_default(),
                    changed: false,
                };
                option.run(&self, work, &mut elsewhere)?;
                if !option.value.as_str().contains('<') {
                    done.insert(name.clone());
                }
                if option.changed {
                    if next_tag(option.value.as_str(), 0).is_some() {
                        counts.insert(name.clone(), option.counts);
                        again = true;
                    }
                    self.options.insert(name, option.value);
                }
            }
            if !again {
                return Ok(self.options);
            }
        }
    }
}

/// One option whose tags are being replaced.
struct Resolving<'n> {
    name: &'n str,
    value: Text,
    counts: BTreeMap<String, usize>,
    changed: bool,
}

impl Resolving<'_> {
    fn run(
        &mut self,
        tags: &Tags,
        work: &mut Work,
        elsewhere: &mut impl FnMut(&mut Work, &str) -> Result<Option<Text>, Trouble>,
    ) -> Result<(), Trouble> {
        let mut from = 0;
        work.spend(self.value.len(), self.value.span(0..0))?;
        while let Some(found) = next_tag(self.value.as_str(), from) {
            work.spend(found.end - from, self.value.span(found.clone()))?;
            let inside = found.start + 1..found.end - 1;
            let name = self.value.as_str().get(inside).unwrap_or_default().to_owned();
            if tags.ignored.contains(&name) {
                from = found.end;
                continue;
            }
            let count = self.counts.get(&name).copied();
            if name == self.name || count.unwrap_or(1) > REPLACEMENTS_MAX {
                return Err(self.circle(&name, &found));
            }
            let value = match tags.options.get(&name) {
                Some(value) => Some(value.clone()),
                None => elsewhere(work, &name)?,
            };
            let Some(value) = value else {
                from = found.end;
                continue;
            };
            self.put(&name, &value, &found, work)?;
            self.counts.insert(name, count.unwrap_or(0) + 1);
            from = found.start;
        }
        Ok(())
    }

    fn put(
        &mut self,
        name: &str,
        value: &Text,
        found: &Range<usize>,
        work: &mut Work,
    ) -> Result<(), Trouble> {
        let tag = format!("<{name}>");
        let times = self.value.as_str().matches(&tag).count();
        let grown = self.value.len() + times.saturating_mul(value.len());
        let span = || self.value.span(found.clone());
        work.spend(grown, span())?;
        fits(grown, span())?;
        let replaced = self.value.replaced(&tag, value);
        self.changed |= replaced.as_str() != self.value.as_str();
        self.value = replaced;
        Ok(())
    }

    fn circle(&self, tag: &str, found: &Range<usize>) -> Trouble {
        let fault = Fault::new(
            format!("`{}` comes back to itself by <{tag}>", self.name),
            "follow the tags from this option on, and break the circle",
        );
        fault.at(self.value.span(found.clone()))
    }
}

/// The first `<name>` from a position on: no blank and no other `<` is in it.
pub(super) fn next_tag(text: &str, from: usize) -> Option<Range<usize>> {
    let mut start = None;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match (byte, start) {
            (b'<', _) => start = Some(at),
            (b'>', Some(open)) if at > open + 1 => return Some(open..at + 1),
            (b' ' | b'>', _) => start = None,
            _ => {}
        }
    }
    None
}
