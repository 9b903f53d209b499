//! What the groups of patterns have caught.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::pattern::{Captures, Regex};

/// Groups whose name begins so are one part of a value of several (`<F-TUPLE_ID>`).
const TUPLE: &str = "tuple_";
/// Groups whose name begins so stand in for one that has caught nothing (`<F-ALT_USER>`).
const ALTERNATE: &str = "alt_";

/// The names of all groups of a filter, in the order of their first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    names: Vec<String>,
}

impl Names {
    /// The index of `name`, which is new or known.
    pub(super) fn enter(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// The index of `name`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// No groups at all.
    pub(super) fn nothing(&self) -> Groups {
        Groups { slots: self.names.iter().map(|_| Slot::Absent).collect() }
    }
}

/// How the groups of one regex become values.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// The name's index, and the group's number.
    direct: Vec<(usize, usize)>,
    alternates: Vec<(usize, usize)>,
    tuples: Vec<(usize, usize)>,
}

impl Plan {
    /// Enters the names of `regex`. Alternates and tuples come in the order of their full names.
    pub(super) fn of(regex: &Regex, names: &mut Names) -> Self {
        let mut plan = Self::default();
        let mut complex: Vec<&str> = Vec::new();
        for (name, group) in regex.names() {
            plan.direct.push((names.enter(name), group));
            if name.starts_with(TUPLE) || name.starts_with(ALTERNATE) {
                complex.push(name);
            }
        }
        complex.sort_unstable();
        for full in complex {
            let from = names.enter(full);
            if let Some(part) = full.strip_prefix(TUPLE) {
                plan.tuples.push((from, names.enter(base(part))));
            } else if let Some(part) = full.strip_prefix(ALTERNATE) {
                plan.alternates.push((from, names.enter(base(part))));
            }
        }
        plan
    }

    /// Where the group with this name has matched.
    pub(super) fn span(&self, name: usize, captures: &Captures) -> Option<Range<usize>> {
        let groups = self.direct.iter().filter(|(known, _)| *known == name);
        groups.rev().find_map(|(_, group)| captures.group(*group))
    }

    /// What the groups have caught in `text`.
    pub(super) fn read(&self, names: &Names, captures: &Captures, text: &str) -> Groups {
        let mut groups = names.nothing();
        for (name, group) in &self.direct {
            let caught = captures.group(*group).and_then(|span| text.get(span));
            match (caught, &groups.slots[*name]) {
                (Some(caught), _) => groups.slots[*name] = Slot::Text(caught.to_owned()),
                (None, Slot::Absent) => groups.slots[*name] = Slot::Null,
                (None, _) => {}
            }
        }
        for (from, to) in &self.alternates {
            if groups.is_set(*from) && !groups.is_set(*to) {
                groups.slots[*to] = groups.slots[*from].clone();
            }
        }
        for (from, to) in &self.tuples {
            let part = groups.text(*from).map(str::to_owned);
            let mut parts = match &groups.slots[*to] {
                Slot::Tuple(parts) => parts.clone(),
                Slot::Text(text) => vec![Some(text.clone())],
                Slot::Absent | Slot::Null => vec![None],
            };
            parts.push(part);
            groups.slots[*to] = Slot::Tuple(parts);
        }
        groups
    }
}

/// `user` of `user_1`, and `id` as the group that it is kept in.
fn base(part: &str) -> &str {
    let bare = part.rsplit_once('_').filter(|(_, number)| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    });
    match bare.map_or(part, |(bare, _)| bare) {
        "id" => "fid",
        "port" => "fport",
        other => other,
    }
}

/// What the groups with a name have caught, of all lines of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    pub(super) names: Arc<Names>,
    pub(super) groups: Groups,
}

impl Caught {
    /// The names and values, in the order of the names' first appearance in the filter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let caught = self.names.names.iter().zip(&self.groups.slots);
        caught.filter_map(|(name, slot)| Some((name.as_str(), slot.value()?.text())))
    }
}

/// What groups have caught, by the index of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Groups {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    /// No regex that has matched has this group.
    Absent,
    /// A regex that has matched has this group, and it took no part.
    Null,
    Text(String),
    Tuple(Vec<Option<String>>),
}

impl Slot {
    fn value(&self) -> Option<&Self> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Text(_) | Self::Tuple(_) => Some(self),
        }
    }

    /// The value as text; of several parts as Python writes them, which is what fail2ban counts by.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Absent | Self::Null => "".into(),
            Self::Text(text) => text.into(),
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| quoted(part.as_deref())).collect();
                format!("({})", parts.join(", ")).into()
            }
        }
    }
}

fn quoted(part: Option<&str>) -> String {
    let Some(part) = part else { return "None".to_owned() };
    let quote = if part.contains('\'') && !part.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in part.chars() {
        match c {
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

impl Groups {
    /// The text that a group has caught; of several parts none.
    pub(super) fn text(&self, name: usize) -> Option<&str> {
        match self.slots.get(name)? {
            Slot::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a group as text.
    pub(super) fn value(&self, name: usize) -> Option<Cow<'_, str>> {
        Some(self.slots.get(name)?.value()?.text())
    }

    /// Whether a group has caught something, be it the empty text.
    pub(super) fn has(&self, name: usize) -> bool {
        self.slots.get(name).is_some_and(|slot| slot.value().is_some())
    }

    /// Whether a group has caught more than nothing.
    pub(super) fn is_set(&self, name: usize) -> bool {
        match self.slots.get(name) {
            Some(Slot::Text(text)) => !text.is_empty(),
            Some(Slot::Tuple(_)) => true,
            _ => false,
        }
    }

    /// Takes a group's value away; tells whether there was one that [`is_set`](Self::is_set).
    pub(super) fn take(&mut self, name: usize) -> bool {
        let set = self.is_set(name);
        if let Some(slot) = self.slots.get_mut(name) {
            *slot = Slot::Absent;
        }
        set
    }

    /// Gives a group a value.
    pub(super) fn set(&mut self, name: usize, text: String) {
        if let Some(slot) = self.slots.get_mut(name) {
            *slot = Slot::Text(text);
        }
    }

    /// Copies the value of one group to another.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        let value = self.slots.get(from).cloned();
        if let (Some(value), Some(slot)) = (value, self.slots.get_mut(to)) {
            *slot = value;
        }
    }

    /// Lays `other` over this: every group of its regex, those too that took no part.
    pub(super) fn overlay(&mut self, other: Self) {
        for (slot, new) in self.slots.iter_mut().zip(other.slots) {
            if new != Slot::Absent {
                *slot = new;
            }
        }
    }

    /// Adds to this what `other` has caught.
    pub(super) fn merge(&mut self, other: Self) {
        for (slot, new) in self.slots.iter_mut().zip(other.slots) {
            if new.value().is_some() {
                *slot = new;
            }
        }
    }

    /// How many bytes the values take.
    pub(super) fn bytes(&self) -> usize {
        let text = |text: &String| text.len();
        let slot = |slot: &Slot| match slot {
            Slot::Absent | Slot::Null => 0,
            Slot::Text(value) => text(value),
            Slot::Tuple(parts) => parts.iter().flatten().map(text).sum(),
        };
        self.slots.iter().map(slot).sum()
    }
}
