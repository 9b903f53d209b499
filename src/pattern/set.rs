//! Sets of characters, as far as it matters here: each of ASCII's, and all others together.

use super::ast::{Class, Item, Kind, Node};

/// A set of characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    ascii: u128,
    others: bool,
}

impl Set {
    pub(super) const NONE: Self = Self { ascii: 0, others: false };
    pub(super) const ALL: Self = Self { ascii: u128::MAX, others: true };

    pub(super) fn of(c: char) -> Self {
        Self::range(c, c)
    }

    fn range(low: char, high: char) -> Self {
        let ascii = (low..=high).take_while(char::is_ascii);
        let ascii = ascii.map(|c| 1 << u32::from(c)).fold(0, |all: u128, bit: u128| all | bit);
        Self { ascii, others: !high.is_ascii() }
    }

    /// Those of ASCII, a bit each.
    pub(super) fn ascii(self) -> u128 {
        self.ascii
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self { ascii: self.ascii | other.ascii, others: self.others || other.others }
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.ascii & other.ascii != 0 || self.others && other.others
    }

    pub(super) fn has(self, c: char) -> bool {
        self.meets(Self::of(c))
    }

    /// The others of ASCII; what is not in it may be in both.
    fn inverted(self) -> Self {
        Self { ascii: !self.ascii, others: true }
    }

    /// All characters that a text may have which `node` matches.
    pub(super) fn anywhere_in(node: &Node) -> Self {
        match node {
            Node::Literal(c) => Self::of(*c),
            Node::Any { .. } | Node::BackReference(_) => Self::ALL,
            Node::Class(class) => Self::of_class(class, false),
            Node::Concat(nodes) | Node::Alternation(nodes) => {
                nodes.iter().map(Self::anywhere_in).fold(Self::NONE, Self::union)
            }
            Node::Repeat { node, .. }
            | Node::Capture(_, node)
            | Node::Case { node, .. }
            | Node::Atomic(node) => Self::anywhere_in(node),
            Node::Conditional { yes, no, .. } => {
                Self::anywhere_in(yes).union(Self::anywhere_in(no))
            }
            _ => Self::NONE,
        }
    }

    /// The characters that a text may begin with which `nodes` match one behind the other.
    pub(super) fn first_of(nodes: &[&Node]) -> Self {
        let mut first = Self::NONE;
        for node in nodes {
            let (begins, may_be_empty) = Self::begin_of(node);
            first = first.union(begins);
            if !may_be_empty {
                break;
            }
        }
        first
    }

    /// What a text may begin with which `node` matches, and whether that may be empty.
    fn begin_of(node: &Node) -> (Self, bool) {
        match node {
            Node::Concat(nodes) => {
                let empty = nodes.iter().all(|node| Self::begin_of(node).1);
                (Self::first_of(&nodes.iter().collect::<Vec<_>>()), empty)
            }
            Node::Alternation(nodes) => {
                let all = nodes.iter().map(Self::begin_of);
                all.fold((Self::NONE, false), |(all, empty), (one, may)| {
                    (all.union(one), empty || may)
                })
            }
            Node::Repeat { node, min, .. } => {
                let (begins, may_be_empty) = Self::begin_of(node);
                (begins, may_be_empty || *min == 0)
            }
            Node::Capture(_, node) | Node::Case { node, .. } | Node::Atomic(node) => {
                Self::begin_of(node)
            }
            Node::Conditional { yes, no, .. } => {
                let ((yes, may), (no, too)) = (Self::begin_of(yes), Self::begin_of(no));
                (yes.union(no), may || too)
            }
            Node::BackReference(_) => (Self::ALL, true),
            // Nothing comes behind the end.
            Node::LineEnd { .. } | Node::TextEnd => (Self::NONE, false),
            Node::Literal(_) | Node::Any { .. } | Node::Class(_) => {
                (Self::anywhere_in(node), false)
            }
            _ => (Self::NONE, true),
        }
    }

    /// The characters of a class; with `fold`, of its letters those in the other case too.
    pub(super) fn of_class(class: &Class, fold: bool) -> Self {
        let all = class.items.iter().map(|item| match item {
            Item::Range(low, high) => Self::range(*low, *high),
            Item::Kind { kind, not, ascii } => {
                let set = Self::of_kind(*kind, *ascii);
                if *not { set.inverted() } else { set }
            }
        });
        let set = all.fold(Self::NONE, Self::union);
        let set = if fold { set.in_both_cases() } else { set };
        if class.not { set.inverted() } else { set }
    }

    fn of_kind(kind: Kind, ascii: bool) -> Self {
        let is_in = |c: char| match kind {
            Kind::Digit => c.is_ascii_digit(),
            Kind::Space => matches!(c, '\t'..='\r' | ' ') || !ascii && matches!(c, '\x1c'..='\x1f'),
            Kind::Word => c.is_ascii_alphanumeric() || c == '_',
        };
        let bits = ('\0'..='\x7f').filter(|c| is_in(*c)).map(|c| 1 << u32::from(c));
        Self { ascii: bits.fold(0, |all: u128, bit: u128| all | bit), others: !ascii }
    }

    /// With each letter, the same in the other case.
    pub(super) fn in_both_cases(self) -> Self {
        let letters = ('a'..='z').filter(|c| self.has(*c) || self.has(c.to_ascii_uppercase()));
        letters.fold(self, |all, c| all.union(Self::of(c)).union(Self::of(c.to_ascii_uppercase())))
    }
}
