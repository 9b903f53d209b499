//! The tree of a regex.

/// One piece of a regex. Flags are already worked into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Empty,
    Literal(char),
    /// `.`; whether it takes a newline too.
    Any {
        newline: bool,
    },
    Class(Class),
    /// `^`; whether it stands behind each newline.
    LineStart {
        inner: bool,
    },
    /// `$`; whether it stands before each newline.
    LineEnd {
        inner: bool,
    },
    TextStart,
    TextEnd,
    /// `\b`, or when `not`, `\B`.
    WordEdge {
        not: bool,
    },
    Concat(Vec<Node>),
    Alternation(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
    /// A group that is remembered under this number.
    Capture(usize, Box<Node>),
    /// `(?i:…)` or `(?-i:…)`.
    Case {
        ignored: bool,
        node: Box<Node>,
    },
    Look {
        ahead: bool,
        not: bool,
        node: Box<Node>,
    },
    Atomic(Box<Node>),
    BackReference(usize),
    /// `(?(group)yes|no)`.
    Conditional {
        group: usize,
        yes: Box<Node>,
        no: Box<Node>,
    },
}

impl Node {
    /// Whether all it does is look around.
    pub(super) fn is_look(&self) -> bool {
        match self {
            Self::Look { .. } => true,
            Self::Case { node, .. } => node.is_look(),
            _ => false,
        }
    }

    /// Shows this node and all that are in it.
    pub(super) fn each(&self, see: &mut impl FnMut(&Self)) {
        see(self);
        match self {
            Self::Concat(nodes) | Self::Alternation(nodes) => {
                for node in nodes {
                    node.each(see);
                }
            }
            Self::Repeat { node, .. }
            | Self::Capture(_, node)
            | Self::Case { node, .. }
            | Self::Look { node, .. }
            | Self::Atomic(node) => node.each(see),
            Self::Conditional { yes, no, .. } => {
                yes.each(see);
                no.each(see);
            }
            _ => {}
        }
    }

    /// Whether it is a place between two characters.
    pub(super) fn is_edge(&self) -> bool {
        matches!(
            self,
            Self::LineStart { .. }
                | Self::LineEnd { .. }
                | Self::TextStart
                | Self::TextEnd
                | Self::WordEdge { .. }
        )
    }
}

impl Class {
    /// Whether it names no character beyond ASCII.
    pub(super) fn is_of_ascii(&self) -> bool {
        self.items.iter().all(|item| match item {
            Item::Range(low, high) => low.is_ascii() && high.is_ascii(),
            Item::Kind { .. } => true,
        })
    }
}

/// How much a repetition takes at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) not: bool,
    pub(super) items: Vec<Item>,
}

/// What a set of characters is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Range(char, char),
    /// `\d`, `\s`, `\w`; or the others of `\D`, `\S`, `\W`.
    Kind {
        kind: Kind,
        not: bool,
        ascii: bool,
    },
}

/// A kind of characters that has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Digit,
    Space,
    Word,
}

/// A regex as it was read.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) node: Node,
    /// The names of groups and their numbers.
    pub(super) names: Vec<(String, usize)>,
    /// The groups that a back-reference or a conditional asks for.
    pub(super) referenced: Vec<usize>,
    /// Whether a `^` or `$` stands for a line's end inside of the text (`(?m)`).
    pub(super) has_inner_ends: bool,
    /// What the linear engine cannot do, if there is something.
    pub(super) needs_backtracking: Option<&'static str>,
}
