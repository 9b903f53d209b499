//! Values in a JSON object, by JSON pointers (RFC 6901).
//!
//! Only what a pointer leads to is decoded. The rest is checked to be JSON and passed over, so that
//! nobody can hide a line by a number that is too large, an escape that stands for no character, or
//! deep nesting in a part that no filter asks for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// So long a pointer may be.
const POINTER_BYTES_MAX: usize = 1024;

/// So deep a pointer may lead. Each step looks once more at the text that it leads into.
const POINTER_STEPS_MAX: usize = 32;

/// Why a text is no key: neither a journal field's name nor a JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is neither in capitals nor begins with `/`.
    #[error("this is neither a journal field nor a JSON pointer")]
    Neither,
    /// In a pointer, `~` is written `~0` and `/` in a name `~1` (RFC 6901 section 3).
    #[error("in a JSON pointer, ~ is written ~0")]
    Tilde {
        /// The byte offset of the `~`.
        offset: usize,
    },
    /// It is longer or leads deeper than any sensible one.
    #[error("this JSON pointer is too long")]
    TooLong,
}

/// A text, number or boolean of a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar<'t> {
    /// The value; a number as it is written, a boolean as `true` or `false`.
    pub(super) text: Cow<'t, str>,
    /// Whether it is a text.
    pub(super) quoted: bool,
}

/// Pointers, each with the number of a slot for what it leads to.
#[derive(Clone, Debug, Default)]
pub(super) struct Pointers {
    root: Node,
    count: usize,
}

/// What is behind a step of some pointers.
#[derive(Clone, Debug, Default)]
struct Node {
    slot: Option<usize>,
    children: Vec<Child>,
}

#[derive(Clone, Debug)]
struct Child {
    name: String,
    /// The place in an array, if the name is one.
    index: Option<usize>,
    node: Node,
}

impl Pointers {
    /// The slot of a pointer, which is new or known.
    pub(super) fn enter(&mut self, pointer: &str) -> Result<usize, KeyFault> {
        let steps = pointer.strip_prefix('/').ok_or(KeyFault::Neither)?;
        if pointer.len() > POINTER_BYTES_MAX || steps.split('/').count() > POINTER_STEPS_MAX {
            return Err(KeyFault::TooLong);
        }
        if let Some(offset) = stray_tilde(pointer) {
            return Err(KeyFault::Tilde { offset });
        }
        let mut node = &mut self.root;
        for step in steps.split('/') {
            node = node.child(step.replace("~1", "/").replace("~0", "~"));
        }
        let count = &mut self.count;
        Ok(*node.slot.get_or_insert_with(|| {
            *count += 1;
            *count - 1
        }))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the pointers lead to in the JSON object that begins with the first `{` of `text`, by
    /// their slots. None when there is no such object, or something stands behind it. Of a name that
    /// an object has several times, the last counts.
    pub(super) fn read<'t>(&self, text: &'t str) -> Option<Vec<Option<Scalar<'t>>>> {
        let object = text.get(text.find('{')?..)?;
        let mut found = vec![None; self.count];
        let mut reader = serde_json::Deserializer::from_str(object);
        let level = Level { node: &self.root, found: &mut found };
        reader.deserialize_map(level).and_then(|()| reader.end()).ok()?;
        Some(found)
    }
}

/// The first `~` of a pointer that is not part of `~0` or `~1`.
fn stray_tilde(pointer: &str) -> Option<usize> {
    let mut tildes = pointer.match_indices('~');
    let stray = tildes.find(|(at, _)| !pointer[at + 1..].starts_with(['0', '1']));
    stray.map(|(at, _)| at)
}

impl Node {
    fn child(&mut self, name: String) -> &mut Self {
        let known = self.children.iter().position(|child| child.name == name);
        let at = known.unwrap_or(self.children.len());
        if known.is_none() {
            // RFC 6901 section 4: no zero in front, no sign.
            let number = name.parse().ok().filter(|index: &usize| index.to_string() == name);
            self.children.push(Child { name, index: number, node: Self::default() });
        }
        &mut self.children[at].node
    }

    /// Fills the slots from the value that the pointers lead to here.
    fn fill<'t>(&self, raw: &'t str, found: &mut [Option<Scalar<'t>>]) {
        self.clear(found);
        if raw.starts_with(['{', '[']) {
            if !self.children.is_empty() {
                // It was found to be JSON when it was passed over as a whole.
                let level = Level { node: self, found };
                let _ = serde_json::Deserializer::from_str(raw).deserialize_any(level);
            }
        } else if let Some(slot) = self.slot.and_then(|slot| found.get_mut(slot)) {
            *slot = scalar(raw);
        }
    }

    /// Forgets what an earlier value of the same name had.
    fn clear(&self, found: &mut [Option<Scalar<'_>>]) {
        if let Some(slot) = self.slot.and_then(|slot| found.get_mut(slot)) {
            *slot = None;
        }
        for child in &self.children {
            child.node.clear(found);
        }
    }
}

/// A scalar as JSON writes it; null is none.
fn scalar(raw: &str) -> Option<Scalar<'_>> {
    if raw == "null" {
        return None;
    }
    let Some(inner) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
        return Some(Scalar { text: raw.into(), quoted: false });
    };
    let text = if inner.contains('\\') {
        let decoded = serde_json::Deserializer::from_str(raw).deserialize_bytes(Decoded);
        decoded.ok()?.into()
    } else {
        inner.into()
    };
    Some(Scalar { text, quoted: true })
}

/// One object or array on the way.
struct Level<'n, 'f, 't> {
    node: &'n Node,
    found: &'f mut [Option<Scalar<'t>>],
}

impl<'t> Visitor<'t> for Level<'_, '_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(child) = map.next_key_seed(Name { children: &self.node.children })? {
            match child {
                Some(child) => child.node.fill(map.next_value::<&RawValue>()?.get(), self.found),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut list: A) -> Result<(), A::Error> {
        for index in 0.. {
            let child = self.node.children.iter().find(|child| child.index == Some(index));
            match child {
                Some(child) => match list.next_element::<&RawValue>()? {
                    Some(raw) => child.node.fill(raw.get(), self.found),
                    None => break,
                },
                None => {
                    if list.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A name in an object: the child that it is, if any pointer leads there.
struct Name<'n> {
    children: &'n [Child],
}

impl<'n, 't> DeserializeSeed<'t> for Name<'n> {
    type Value = Option<&'n Child>;

    fn deserialize<D: Deserializer<'t>>(self, reader: D) -> Result<Self::Value, D::Error> {
        // As bytes, since they take an escape that stands for no character.
        reader.deserialize_bytes(self)
    }
}

impl<'n> Visitor<'_> for Name<'n> {
    type Value = Option<&'n Child>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.children.iter().find(|child| child.name.as_bytes() == name))
    }
}

/// A text with escapes; one that stands for no character is U+FFFD.
struct Decoded;

impl Visitor<'_> for Decoded {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}
