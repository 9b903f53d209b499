//! A plain regex as steps, for texts of ASCII alone.
//!
//! Most patterns of failed logins are plain: tied to the text's beginning, and made of words, sets of
//! characters, repetitions of one set, alternatives and groups. For such a pattern and a text of ASCII,
//! to try its ways one after the other finds what a regex engine finds, in a fraction of the time; so
//! does `walk`, with a bound on its steps, behind which the engine serves. Everything else is the
//! engine's from the first.

use super::ast::{Greed, Node, Tree};
use super::demands::Demands;
use super::emit::{kept, number_of};
use super::regex::Text;
use super::set::Set;

/// So many steps a program may have.
const STEPS_MAX: usize = 400;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// These bytes.
    Text(Box<[u8]>),
    /// These bytes, small letters and capitals alike.
    Fold(Box<[u8]>),
    /// One byte of the set.
    One(u128),
    /// Between `min` and `max` bytes of the set, as many as possible first.
    Many { set: u128, min: usize, max: usize, next: Next },
    /// Between `min` and `max` bytes of the set, as few as possible first.
    Few { set: u128, min: usize, max: usize, next: Next },
    /// Go on at the first; when that fails, at the second.
    Split(Way, Way),
    /// Go on there.
    Jump(usize),
    /// The place is an edge of a group: twice the group's number, and one more for its end.
    Edge(usize),
    /// The group takes no part.
    Without(usize),
    /// `^`, or behind a newline too.
    Start { inner: bool },
    /// `$` at the very end, or before a newline too.
    End { inner: bool },
    /// `\b` or `\B`.
    WordEdge { not: bool },
}

/// A way on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) step: usize,
    /// Which bytes the text may go on with. Where it has ended, every way may be taken.
    pub(super) begins: u128,
}

/// What must stand behind a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// That is not known.
    Any,
    /// The text of the step, which has the byte at the offset: of all its bytes the one that is in the
    /// fewest lines.
    Text { byte: u8, offset: usize, step: usize },
    /// No byte of the set that is repeated, so that only as many as there are will do.
    Other,
}

/// A plain regex.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Which bytes a match can begin with.
    pub(super) first: u128,
    /// What stands in every text that matches.
    pub(super) demands: Demands,
    /// How many groups are remembered, with the whole.
    pub(super) groups: usize,
}

impl Program {
    /// The program of a regex, if it is plain enough.
    pub(super) fn of(tree: &Tree, text: Text) -> Option<Self> {
        if text == Text::Lines || !begins_at_start(&tree.node) {
            return None;
        }
        let kept = kept(tree);
        let groups = kept.len() + 1;
        let mut compiler = Compiler { steps: Vec::new(), joined: 0, kept, text, fold: false };
        compiler.node(&tree.node)?;
        let mut steps = compiler.steps;
        if steps.len() > STEPS_MAX {
            return None;
        }
        look_ahead(&mut steps);
        let first = begins(&steps, 0);
        let demands = Demands::of(&steps);
        Some(Self { steps, first, demands, groups })
    }
}

/// Whether nothing matches but from the text's beginning on.
fn begins_at_start(node: &Node) -> bool {
    match node {
        Node::LineStart { inner: false } | Node::TextStart => true,
        Node::Concat(nodes) => nodes.first().is_some_and(begins_at_start),
        Node::Case { node, .. } | Node::Capture(_, node) => begins_at_start(node),
        _ => false,
    }
}

/// Notes what each repetition and each way may go on with.
fn look_ahead(steps: &mut [Step]) {
    for index in 0..steps.len() {
        let noted = match steps.get(index).cloned() {
            Some(Step::Split(first, second)) => Step::Split(
                Way { begins: begins(steps, first.step), ..first },
                Way { begins: begins(steps, second.step), ..second },
            ),
            Some(Step::Many { set, min, max, .. }) => {
                Step::Many { set, min, max, next: behind(steps, index, set, min) }
            }
            Some(Step::Few { set, min, max, .. }) => {
                let next = match behind(steps, index, set, min) {
                    Next::Other => Next::Any,
                    next => next,
                };
                Step::Few { set, min, max, next }
            }
            _ => continue,
        };
        if let Some(step) = steps.get_mut(index) {
            *step = noted;
        }
    }
}

/// What must stand behind the repetition at `index`, of `min` bytes of `set` at least.
fn behind(steps: &[Step], index: usize, set: u128, min: usize) -> Next {
    let is_place = |step: &Step| matches!(step, Step::Edge(_) | Step::Without(_));
    let behind = steps.iter().enumerate().skip(index + 1).find(|(_, step)| !is_place(step));
    let next = behind.map(|(_, step)| step);
    // Between two characters of words there is no edge of a word.
    let in_word = min > 0 && set & !word_bytes() == 0;
    if in_word && next == Some(&Step::WordEdge { not: false }) {
        return Next::Other;
    }
    if begins(steps, index + 1) & set == 0 {
        return Next::Other;
    }
    match behind {
        Some((step, Step::Text(text))) => {
            // Of several that are as rare, the first.
            let rarest = text.iter().enumerate().rev().max_by_key(|(_, byte)| rarity(**byte));
            rarest.map_or(Next::Any, |(offset, byte)| Next::Text { byte: *byte, offset, step })
        }
        _ => Next::Any,
    }
}

/// The more, the fewer there are of a byte in logs.
fn rarity(byte: u8) -> u8 {
    match byte {
        b' ' => 0,
        b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' | b'-'..=b':' => 1,
        b'A'..=b'Z' | b'a'..=b'z' => 2,
        _ => 3,
    }
}

/// Which bytes the text may go on with at `step`: any behind the last.
fn begins(steps: &[Step], step: usize) -> u128 {
    begin_at(steps, step, &mut vec![false; steps.len()])
}

fn begin_at(steps: &[Step], step: usize, seen: &mut [bool]) -> u128 {
    let Some(now) = steps.get(step) else { return u128::MAX };
    match seen.get_mut(step) {
        Some(true) | None => return 0,
        Some(seen) => *seen = true,
    }
    match now {
        Step::Text(text) => text.first().map_or(u128::MAX, |byte| 1 << (byte & 0x7f)),
        Step::Fold(text) => text.first().map_or(u128::MAX, |byte| {
            1 << (byte.to_ascii_lowercase() & 0x7f) | 1 << (byte.to_ascii_uppercase() & 0x7f)
        }),
        Step::One(set) => *set,
        Step::Many { set, min, .. } | Step::Few { set, min, .. } => {
            let behind = if *min == 0 { begin_at(steps, step + 1, seen) } else { 0 };
            set | behind
        }
        Step::Split(first, second) => {
            begin_at(steps, first.step, seen) | begin_at(steps, second.step, seen)
        }
        Step::Jump(target) => begin_at(steps, *target, seen),
        Step::End { inner } => u128::from(*inner) << u32::from(b'\n'),
        Step::Edge(_) | Step::Without(_) | Step::Start { .. } | Step::WordEdge { .. } => {
            begin_at(steps, step + 1, seen)
        }
    }
}

fn word_bytes() -> u128 {
    let words = (0..128_u8).filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    words.fold(0, |all, byte| all | 1 << byte)
}

struct Compiler {
    steps: Vec<Step>,
    /// Steps before this one are not to be lengthened: something else goes on behind them.
    joined: usize,
    kept: Vec<usize>,
    text: Text,
    fold: bool,
}

impl Compiler {
    fn node(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Empty => {}
            Node::Literal(c) => self.literal(*c)?,
            Node::Any { .. } | Node::Class(_) => self.push(Step::One(self.set(node)?)),
            Node::LineStart { inner } => self.push(Step::Start { inner: *inner }),
            Node::TextStart => self.push(Step::Start { inner: false }),
            Node::LineEnd { .. } => self.push(Step::End { inner: self.text != Text::Message }),
            Node::TextEnd => self.push(Step::End { inner: false }),
            Node::WordEdge { not } => self.push(Step::WordEdge { not: *not }),
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node))?,
            Node::Alternation(branches) => self.branches(branches)?,
            Node::Repeat { node, min, max, greed } => self.repeat(node, *min, *max, *greed)?,
            Node::Capture(group, node) => self.capture(*group, node)?,
            Node::Case { ignored, node } => {
                let outside = std::mem::replace(&mut self.fold, *ignored);
                self.node(node)?;
                self.fold = outside;
            }
            Node::Look { .. }
            | Node::Atomic(_)
            | Node::BackReference(_)
            | Node::Conditional { .. } => return None,
        }
        (self.steps.len() <= STEPS_MAX).then_some(())
    }

    fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The next step is one that others lead to.
    fn label(&mut self) -> usize {
        self.joined = self.steps.len();
        self.joined
    }

    fn literal(&mut self, c: char) -> Option<()> {
        let byte = u8::try_from(c).ok().filter(u8::is_ascii)?;
        let fold = self.fold && byte.is_ascii_alphabetic();
        let is_joined = self.steps.len() <= self.joined;
        match self.steps.last_mut().filter(|_| !is_joined) {
            Some(Step::Text(text)) if !fold => lengthen(text, byte),
            Some(Step::Fold(text)) if self.fold => lengthen(text, byte),
            _ => {
                let bytes = Box::from([byte]);
                self.push(if fold { Step::Fold(bytes) } else { Step::Text(bytes) });
            }
        }
        Some(())
    }

    /// The bytes that a node of one character takes.
    fn set(&self, node: &Node) -> Option<u128> {
        let set = match node {
            Node::Any { newline: true } => Set::ALL,
            Node::Any { newline: false } => return Some(!(1 << u32::from(b'\n'))),
            Node::Literal(c) if c.is_ascii() => Set::of(*c),
            // Beyond ASCII, letters may be those of ASCII in another case.
            Node::Class(class) if self.fold && !class.is_of_ascii() => return None,
            Node::Class(class) => return Some(Set::of_class(class, self.fold).ascii()),
            _ => return None,
        };
        Some(if self.fold { set.in_both_cases() } else { set }.ascii())
    }

    fn branches(&mut self, branches: &[Node]) -> Option<()> {
        let groups: Vec<Vec<usize>> = branches.iter().map(|it| self.groups_in(it)).collect();
        let mut ends = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            let split = (index + 1 < branches.len()).then(|| self.placeholder());
            self.label();
            let others = groups.iter().enumerate().filter(|(other, _)| *other != index);
            for group in others.flat_map(|(_, groups)| groups) {
                self.steps.push(Step::Without(*group));
            }
            self.node(branch)?;
            if let Some(split) = split {
                ends.push(self.placeholder());
                let next = self.label();
                self.set_step(split, Step::Split(way(split + 1), way(next)));
            }
        }
        let end = self.label();
        for jump in ends {
            self.set_step(jump, Step::Jump(end));
        }
        Some(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>, greed: Greed) -> Option<()> {
        let (min, most) = (min as usize, max.map_or(usize::MAX, |max| max as usize));
        let (next, max) = (Next::Any, most);
        let step = match (self.set(node), greed) {
            (_, Greed::Possessive) => return None,
            (Some(set), Greed::Greedy) => Step::Many { set, min, max, next },
            (Some(set), Greed::Lazy) => Step::Few { set, min, max, next },
            (None, _) => return self.repeat_whole(node, min, max, greed),
        };
        self.push(step);
        Some(())
    }

    /// Repeats more than one character: written out as often as it may come, or in a circle.
    fn repeat_whole(&mut self, node: &Node, min: usize, max: usize, greed: Greed) -> Option<()> {
        let groups = self.groups_in(node);
        // What a group has caught in the round before would have to be kept.
        let keeps = max > 1 && !groups.is_empty();
        if keeps || max == usize::MAX && may_be_empty(node) || min > STEPS_MAX {
            return None;
        }
        for _ in 0..min {
            self.node(node)?;
        }
        let mut splits = Vec::new();
        let start = self.label();
        for _ in min..max.min(STEPS_MAX) {
            splits.push(self.placeholder());
            self.label();
            self.node(node)?;
            if max == usize::MAX {
                self.push(Step::Jump(start));
                break;
            }
        }
        // Whoever has passed through the group goes on behind the word that it took no part.
        let passed = (!groups.is_empty()).then(|| self.placeholder());
        let out = self.label();
        self.steps.extend(groups.into_iter().map(Step::Without));
        let end = self.label();
        if let Some(passed) = passed {
            self.set_step(passed, Step::Jump(end));
        }
        for split in splits {
            let ways = if greed == Greed::Lazy { (out, split + 1) } else { (split + 1, out) };
            self.set_step(split, Step::Split(way(ways.0), way(ways.1)));
        }
        Some(())
    }

    fn capture(&mut self, group: usize, node: &Node) -> Option<()> {
        if self.kept.binary_search(&group).is_err() {
            return self.node(node);
        }
        let number = number_of(&self.kept, group);
        self.push(Step::Edge(2 * number));
        self.node(node)?;
        self.push(Step::Edge(2 * number + 1));
        Some(())
    }

    fn placeholder(&mut self) -> usize {
        self.steps.push(Step::Jump(0));
        self.steps.len() - 1
    }

    fn set_step(&mut self, index: usize, step: Step) {
        if let Some(slot) = self.steps.get_mut(index) {
            *slot = step;
        }
    }

    /// The groups in `node` that are remembered.
    fn groups_in(&self, node: &Node) -> Vec<usize> {
        let mut groups = Vec::new();
        node.each(&mut |node| {
            if let Node::Capture(group, _) = node
                && self.kept.binary_search(group).is_ok()
            {
                groups.push(number_of(&self.kept, *group));
            }
        });
        groups
    }
}

fn way(step: usize) -> Way {
    Way { step, begins: u128::MAX }
}

fn lengthen(text: &mut Box<[u8]>, byte: u8) {
    let mut longer = std::mem::take(text).into_vec();
    longer.push(byte);
    *text = longer.into_boxed_slice();
}

fn may_be_empty(node: &Node) -> bool {
    match node {
        Node::Literal(_) | Node::Any { .. } | Node::Class(_) => false,
        Node::Concat(nodes) => nodes.iter().all(may_be_empty),
        Node::Alternation(nodes) => nodes.iter().any(may_be_empty),
        Node::Repeat { node, min, .. } => *min == 0 || may_be_empty(node),
        Node::Capture(_, node) | Node::Case { node, .. } => may_be_empty(node),
        _ => true,
    }
}
