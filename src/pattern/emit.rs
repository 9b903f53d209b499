//! A tree to the syntax of our engines, which is that of the `regex` crate.

use std::fmt::Write as _;

use super::ast::{Class, Greed, Item, Kind, Node, Tree};
use super::regex::Text;

/// Python's `\w`: letters and numbers of any script, and the underscore.
const WORD: &str = r"\p{L}\p{N}_";

/// Python's `\s` has the separators of ASCII beside the spaces of Unicode.
const SPACE: &str = r"\s\x1c-\x1f";

/// A regex written out.
pub(super) struct Written {
    pub(super) text: String,
    /// The groups' names, with the numbers that they have in `text`.
    pub(super) names: Vec<(String, usize)>,
}

/// Writes `tree` exactly. Only groups that have a name or are referred to are remembered.
pub(super) fn exact(tree: &Tree, text: Text) -> Written {
    let kept = kept(tree);
    let mut writer = Writer { out: String::new(), text, kept: Some(&kept) };
    writer.node(&tree.node);
    let out = writer.out;
    let numbered = |(name, group): &(String, usize)| (name.clone(), number_of(&kept, *group));
    Written { text: out, names: tree.names.iter().map(numbered).collect() }
}

/// The groups that are remembered, sorted.
pub(super) fn kept(tree: &Tree) -> Vec<usize> {
    let with_name = tree.names.iter().map(|(_, group)| *group);
    let mut kept: Vec<usize> = with_name.chain(tree.referenced.iter().copied()).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Writes a regex that matches wherever `tree` does, and can do without backtracking: what looks
/// around is left out, what looks back is anything.
pub(super) fn loose(tree: &Tree, text: Text) -> String {
    let mut writer = Writer { out: String::new(), text, kept: None };
    writer.node(&tree.node);
    writer.out
}

/// The number by which a group is remembered.
pub(super) fn number_of(kept: &[usize], group: usize) -> usize {
    kept.binary_search(&group).map_or(0, |index| index + 1)
}

struct Writer<'t> {
    out: String,
    text: Text,
    /// The groups to remember; none is the loose writing.
    kept: Option<&'t [usize]>,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Empty => self.out.push_str("(?:)"),
            Node::Literal(c) => self.literal(*c),
            Node::Any { newline: true } => self.out.push_str("(?s:.)"),
            Node::Any { newline: false } => self.out.push('.'),
            Node::Class(class) => self.class(class),
            Node::LineStart { inner: true } => self.out.push_str("(?m:^)"),
            Node::LineStart { inner: false } | Node::TextStart => self.out.push_str(r"\A"),
            Node::LineEnd { inner } => self.line_end(*inner),
            Node::TextEnd => self.out.push_str(r"\z"),
            Node::WordEdge { not } => self.out.push_str(if *not { r"\B" } else { r"\b" }),
            Node::Concat(nodes) => nodes.iter().for_each(|node| self.node(node)),
            Node::Alternation(branches) => self.within("(?:", |it| it.branches(branches)),
            Node::Repeat { node, min, max, greed } => self.repeat(node, *min, *max, *greed),
            Node::Capture(group, node) => self.capture(*group, node),
            Node::Case { ignored, node } => {
                self.within(if *ignored { "(?i:" } else { "(?-i:" }, |it| it.node(node));
            }
            Node::Look { .. } | Node::Atomic(_) | Node::BackReference(_) => self.fancy(node),
            Node::Conditional { group, yes, no } => self.conditional(*group, yes, no),
        }
    }

    fn within(&mut self, open: &str, inside: impl FnOnce(&mut Self)) {
        self.out.push_str(open);
        inside(self);
        self.out.push(')');
    }

    fn branches(&mut self, branches: &[Node]) {
        for (index, branch) in branches.iter().enumerate() {
            if index > 0 {
                self.out.push('|');
            }
            self.node(branch);
        }
    }

    fn literal(&mut self, c: char) {
        if regex_syntax::is_meta_character(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// Python's `$` stands before a newline at the end too. Where the only newline is at the end,
    /// that is the end of a line.
    fn line_end(&mut self, inner: bool) {
        let end = match self.text {
            Text::Message => r"\z",
            Text::Lines if !inner => r"(?:\n?\z)",
            Text::Line | Text::Lines => "(?m:$)",
        };
        self.out.push_str(end);
    }

    fn class(&mut self, class: &Class) {
        self.out.push_str(if class.not { "[^" } else { "[" });
        for item in &class.items {
            match item {
                Item::Range(low, high) => {
                    self.class_char(*low);
                    if low != high {
                        self.out.push('-');
                        self.class_char(*high);
                    }
                }
                Item::Kind { kind, not, ascii } => self.kind(*kind, *not, *ascii),
            }
        }
        self.out.push(']');
    }

    fn class_char(&mut self, c: char) {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            let _ = write!(self.out, r"\x{:02x}", u32::from(c));
        } else {
            self.out.push(c);
        }
    }

    fn kind(&mut self, kind: Kind, not: bool, ascii: bool) {
        let set = match (kind, ascii) {
            (Kind::Digit, false) => r"\d",
            (Kind::Digit, true) => "0-9",
            (Kind::Space, false) => SPACE,
            (Kind::Space, true) => r"\t-\r\x20",
            (Kind::Word, false) => WORD,
            (Kind::Word, true) => "0-9A-Za-z_",
        };
        let _ = if not { write!(self.out, "[^{set}]") } else { write!(self.out, "{set}") };
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>, greed: Greed) {
        // To look around twice is to look around once, and our engines want to hear it so.
        if node.is_look() {
            return self.within("(?:", |it| {
                it.node(node);
                it.out.push_str(if min == 0 { "|" } else { "" });
            });
        }
        let atomic = greed == Greed::Possessive && self.kept.is_some();
        if atomic {
            self.out.push_str("(?>");
        }
        self.within("(?:", |it| it.node(node));
        let _ = match (min, max) {
            (0, None) => write!(self.out, "*"),
            (1, None) => write!(self.out, "+"),
            (0, Some(1)) => write!(self.out, "?"),
            (min, None) => write!(self.out, "{{{min},}}"),
            (min, Some(max)) if min == max => write!(self.out, "{{{min}}}"),
            (min, Some(max)) => write!(self.out, "{{{min},{max}}}"),
        };
        if greed == Greed::Lazy {
            self.out.push('?');
        }
        if atomic {
            self.out.push(')');
        }
    }

    fn capture(&mut self, group: usize, node: &Node) {
        let kept = self.kept.is_some_and(|kept| kept.binary_search(&group).is_ok());
        self.within(if kept { "(" } else { "(?:" }, |it| it.node(node));
    }

    fn fancy(&mut self, node: &Node) {
        match (node, self.kept) {
            (Node::BackReference(group), Some(kept)) => {
                let _ = write!(self.out, r"(?:\{})", number_of(kept, *group));
            }
            (Node::BackReference(_), None) => self.out.push_str("(?s:.)*"),
            (Node::Atomic(node), kept) => {
                self.within(if kept.is_some() { "(?>" } else { "(?:" }, |it| it.node(node));
            }
            (Node::Look { ahead, not, node }, Some(_)) => {
                let open = match (ahead, not) {
                    (true, false) => "(?=",
                    (true, true) => "(?!",
                    (false, false) => "(?<=",
                    (false, true) => "(?<!",
                };
                self.within(open, |it| it.node(node));
            }
            _ => self.out.push_str("(?:)"),
        }
    }

    fn conditional(&mut self, group: usize, yes: &Node, no: &Node) {
        let open =
            self.kept.map_or("(?:".to_owned(), |kept| format!("(?({})", number_of(kept, group)));
        self.within(&open, |it| {
            it.node(yes);
            it.out.push('|');
            it.node(no);
        });
    }
}
