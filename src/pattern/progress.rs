//! How far a regex gets in a text that it does not match.

use super::ast::{Node, Tree};
use super::emit;
use super::parse::parse;
use super::regex::{Options, Regex};

/// How far a regex gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Up to this byte of the text the regex could go along.
    pub reached: usize,
    /// The piece of the regex that does not match behind that, as our engine reads it.
    pub stopped_at: String,
}

impl Regex {
    /// How far this regex gets in `text`; nothing when it matches.
    #[must_use]
    pub fn progress(&self, text: &str) -> Option<Progress> {
        let options = self.options();
        let tree = parse(self.source(), options.flags()).ok()?;
        let pieces = pieces(&tree.node);
        let reach = |count: usize| reach(&tree, &pieces[..count], options, text);
        // If the first n pieces match, so do the first n - 1.
        let (mut matching, mut failing) = (0, pieces.len());
        if reach(failing).is_some() {
            return None;
        }
        while matching + 1 < failing {
            let middle = usize::midpoint(matching, failing);
            if reach(middle).is_some() { matching = middle } else { failing = middle }
        }
        let is_plain = |node: &&Node| matches!(node, Node::Literal(_));
        let plain = pieces[matching..].iter().take_while(is_plain).count().max(1);
        let wanted = Node::Concat(pieces[matching..].iter().take(plain).cloned().collect());
        let piece = Tree { node: wanted, ..tree.clone() };
        let stopped_at = emit::loose(&piece, options.text);
        Some(Progress { reached: reach(matching).unwrap_or(0), stopped_at })
    }
}

/// The pieces that have to match one behind the other.
fn pieces(node: &Node) -> Vec<Node> {
    match node {
        Node::Concat(nodes) => nodes.clone(),
        Node::Case { ignored, node } => {
            let wrap = |node| Node::Case { ignored: *ignored, node: Box::new(node) };
            pieces(node).into_iter().map(wrap).collect()
        }
        other => vec![other.clone()],
    }
}

/// Where these pieces end in `text`, if they match.
fn reach(tree: &Tree, pieces: &[Node], options: Options, text: &str) -> Option<usize> {
    let part = Tree { node: Node::Concat(pieces.to_vec()), ..tree.clone() };
    let regex = regex::Regex::new(&emit::loose(&part, options.text)).ok()?;
    Some(regex.find(text)?.end())
}
