//! Python's regex syntax to a tree (the `re` module's documentation, Python 3.11).

use std::ops::Range;

use super::ast::{Class, Greed, Item, Node, Tree};
use super::class::Escape;
use super::fault::{Fault, FaultKind};
use super::flags::Flags;

/// So deep groups may stand in each other.
const DEPTH_MAX: usize = 64;

/// So many groups may be remembered.
const GROUPS_MAX: usize = 200;

/// Reads `text`. Flags that the text sets for all of itself count from its beginning, wherever they
/// stand.
pub(super) fn parse(text: &str, flags: Flags) -> Result<Tree, Fault> {
    let mut parser = Parser::new(text, flags);
    let mut node = parser.whole()?;
    let all = flags.with(parser.global);
    if all != flags {
        parser = Parser::new(text, all);
        node = parser.whole()?;
    }
    if all.ignore_case {
        node = Node::Case { ignored: true, node: Box::new(node) };
    }
    let Parser { names, referenced, has_inner_ends, needs_backtracking, .. } = parser;
    Ok(Tree { node, names, referenced, has_inner_ends, needs_backtracking })
}

/// A regex that is being read.
pub(super) struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    groups: usize,
    /// The groups that we are in.
    open: Vec<usize>,
    flags: Flags,
    global: Flags,
    names: Vec<(String, usize)>,
    referenced: Vec<usize>,
    has_inner_ends: bool,
    needs_backtracking: Option<&'static str>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, flags: Flags) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            groups: 0,
            open: Vec::new(),
            flags,
            global: Flags::default(),
            names: Vec::new(),
            referenced: Vec::new(),
            has_inner_ends: false,
            needs_backtracking: None,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn flags(&self) -> Flags {
        self.flags
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn next_char(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn eat(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    /// Reads up to `end` and behind it.
    fn until(&mut self, end: char, start: usize) -> Result<&'t str, Fault> {
        let rest = self.rest();
        match rest.find(end) {
            Some(length) => {
                self.at += length + end.len_utf8();
                Ok(&rest[..length])
            }
            None => Err(Fault::syntax(start..self.text.len(), format!("a {end} is missing"))),
        }
    }

    fn whole(&mut self) -> Result<Node, Fault> {
        let node = self.alternation()?;
        if self.rest().is_empty() {
            return Ok(node);
        }
        Err(Fault::syntax(self.at..self.at + 1, "this ) has no ("))
    }

    fn alternation(&mut self) -> Result<Node, Fault> {
        let mut branches = vec![self.sequence()?];
        while self.eat("|") {
            branches.push(self.sequence()?);
        }
        if branches.len() == 1 {
            return Ok(branches.pop().unwrap_or(Node::Empty));
        }
        Ok(Node::Alternation(branches))
    }

    fn sequence(&mut self) -> Result<Node, Fault> {
        let mut nodes = Vec::new();
        loop {
            let start = self.at;
            match self.rest().chars().next() {
                None | Some('|' | ')') => break,
                Some(_) => {}
            }
            let Some(node) = self.atom()? else { continue };
            nodes.push(self.repeated(node, start)?);
        }
        if nodes.len() == 1 {
            return Ok(nodes.pop().unwrap_or(Node::Empty));
        }
        Ok(if nodes.is_empty() { Node::Empty } else { Node::Concat(nodes) })
    }

    /// One piece; nothing for flags and comments.
    fn atom(&mut self) -> Result<Option<Node>, Fault> {
        let start = self.at;
        let Some(next) = self.next_char() else { return Ok(None) };
        let node = match next {
            '.' => Node::Any { newline: self.flags.dot_all },
            '^' => Node::LineStart { inner: self.inner_end() },
            '$' => Node::LineEnd { inner: self.inner_end() },
            '[' => self.class(start)?,
            '\\' => self.escaped(start)?,
            '(' => return self.group(start),
            '*' | '+' | '?' => {
                return Err(Fault::syntax(start..self.at, "there is nothing to repeat here"));
            }
            '{' if self.bounds().is_some() => {
                return Err(Fault::syntax(start..start + 1, "there is nothing to repeat here"));
            }
            '#' if self.flags.verbose => {
                let rest = self.rest();
                self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
                return Ok(None);
            }
            space if self.flags.verbose && space.is_ascii_whitespace() => return Ok(None),
            other => Node::Literal(other),
        };
        Ok(Some(node))
    }

    fn inner_end(&mut self) -> bool {
        self.has_inner_ends |= self.flags.multi_line;
        self.flags.multi_line
    }

    fn escaped(&mut self, start: usize) -> Result<Node, Fault> {
        let ascii = self.flags.ascii;
        Ok(match self.escape(start, false)? {
            Escape::Char(c) => Node::Literal(c),
            Escape::Kind { kind, not } => {
                Node::Class(Class { not: false, items: vec![Item::Kind { kind, not, ascii }] })
            }
            Escape::TextStart => Node::TextStart,
            Escape::TextEnd => Node::TextEnd,
            Escape::WordEdge { not } => Node::WordEdge { not },
            Escape::Group(number) => self.reference(number, start..self.at)?,
        })
    }

    fn reference(&mut self, group: usize, span: Range<usize>) -> Result<Node, Fault> {
        if group == 0 || group > self.groups {
            return Err(Fault::syntax(span, format!("there is no group {group} before this")));
        }
        if self.open.contains(&group) {
            return Err(Fault::syntax(span, "a group cannot refer to itself"));
        }
        self.referenced.push(group);
        self.needs_backtracking.get_or_insert("a back-reference");
        Ok(Node::BackReference(group))
    }

    /// The repetition behind `node`, if there is one.
    fn repeated(&mut self, node: Node, start: usize) -> Result<Node, Fault> {
        let Some((min, max)) = self.repetition() else { return Ok(node) };
        if node.is_edge() {
            return Err(Fault::syntax(start..self.at, "there is nothing to repeat here"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(Fault::syntax(start..self.at, "the upper bound is less than the lower"));
        }
        let greed = if self.eat("?") {
            Greed::Lazy
        } else if self.eat("+") {
            self.needs_backtracking.get_or_insert("a possessive repetition");
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        let again = self.at;
        if self.repetition().is_some() {
            return Err(Fault::syntax(again..self.at, "what is repeated cannot be repeated again"));
        }
        Ok(Node::Repeat { node: Box::new(node), min, max, greed })
    }

    fn repetition(&mut self) -> Option<(u32, Option<u32>)> {
        if self.eat("*") {
            return Some((0, None));
        }
        if self.eat("+") {
            return Some((1, None));
        }
        if self.eat("?") {
            return Some((0, Some(1)));
        }
        if !self.rest().starts_with('{') {
            return None;
        }
        self.at += 1;
        if let Some((bounds, length)) = self.bounds() {
            self.at += length;
            return Some(bounds);
        }
        self.at -= 1;
        None
    }

    /// The bounds of `{m,n}` behind the brace, with the length of their text. Other braces are
    /// plain characters.
    fn bounds(&self) -> Option<((u32, Option<u32>), usize)> {
        let rest = self.rest();
        let inner = &rest[..rest.find('}')?];
        let number = |text: &str, empty: Option<u32>| match text {
            "" => Some(empty),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().map(Some),
            _ => None,
        };
        let bounds = match inner.split_once(',') {
            None => {
                let count = number(inner, None)??;
                (count, Some(count))
            }
            Some((low, high)) => (number(low, Some(0))??, number(high, None)?),
        };
        Some((bounds, inner.len() + 1))
    }

    /// A group; the parenthesis is behind us.
    fn group(&mut self, start: usize) -> Result<Option<Node>, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::new(start..self.at, FaultKind::TooLarge));
        }
        let outer = self.flags;
        let node = self.group_kind(start);
        self.flags = outer;
        self.depth -= 1;
        node
    }

    fn group_kind(&mut self, start: usize) -> Result<Option<Node>, Fault> {
        if let Some(letters) = self.flags_alone_in_group() {
            return self.flagged(letters, start).map(Some);
        }
        if !self.eat("?") {
            return self.capture(None, start).map(Some);
        }
        if self.eat("P<") {
            let name = self.until('>', start)?;
            return self.capture(Some(name), start).map(Some);
        }
        if self.eat("P=") {
            let name = self.until(')', start)?;
            let group = self.named(name, start..self.at)?;
            return self.reference(group, start..self.at).map(Some);
        }
        if self.eat("#") {
            self.until(')', start)?;
            return Ok(None);
        }
        if self.eat(":") {
            return self.inside(start).map(Some);
        }
        if self.eat(">") {
            self.needs_backtracking.get_or_insert("an atomic group");
            return Ok(Some(Node::Atomic(Box::new(self.inside(start)?))));
        }
        for (opening, ahead, not) in
            [("=", true, false), ("!", true, true), ("<=", false, false), ("<!", false, true)]
        {
            if self.eat(opening) {
                let what = if ahead { "a look-ahead" } else { "a look-behind" };
                self.needs_backtracking.get_or_insert(what);
                let node = Box::new(self.inside(start)?);
                return Ok(Some(Node::Look { ahead, not, node }));
            }
        }
        if self.eat("(") {
            return self.conditional(start).map(Some);
        }
        self.flag_group(start)
    }

    /// `((?i)…)` and `(?:(?i)…)` mean `(?i:…)` to fail2ban: the letters, if they stand here.
    fn flags_alone_in_group(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let inner = rest.strip_prefix("?:").unwrap_or(rest).strip_prefix("(?")?;
        let letters = &inner[..inner.find(')')?];
        if letters.is_empty() || !letters.bytes().all(|b| b.is_ascii_lowercase()) {
            return None;
        }
        self.at += rest.len() - inner.len() + letters.len() + 1;
        Some(letters)
    }

    /// `(?i)` for all, `(?i:…)` for what is inside.
    fn flag_group(&mut self, start: usize) -> Result<Option<Node>, Fault> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(rest.len());
        let letters = &rest[..length];
        self.at += length;
        if !letters.is_empty() && self.eat(":") {
            return self.flagged(letters, start).map(Some);
        }
        if !letters.is_empty() && self.eat(")") {
            self.global.change(letters, &(start..self.at))?;
            return Ok(None);
        }
        let end = (self.at + 1).min(self.text.len());
        Err(Fault::syntax(start..end, "this is no kind of group"))
    }

    fn flagged(&mut self, letters: &str, start: usize) -> Result<Node, Fault> {
        let before = self.flags.ignore_case;
        self.flags.change(letters, &(start..self.at))?;
        let ignored = self.flags.ignore_case;
        let node = self.inside(start)?;
        Ok(if ignored == before { node } else { Node::Case { ignored, node: Box::new(node) } })
    }

    fn capture(&mut self, name: Option<&str>, start: usize) -> Result<Node, Fault> {
        if self.groups == GROUPS_MAX {
            return Err(Fault::new(start..self.at, FaultKind::TooLarge));
        }
        self.groups += 1;
        let group = self.groups;
        if let Some(name) = name {
            let head = name.starts_with(|c: char| c == '_' || c.is_alphabetic());
            if !head || !name.chars().all(|c| c == '_' || c.is_alphanumeric()) {
                let why = format!("\"{name}\" cannot be the name of a group");
                return Err(Fault::syntax(start..self.at, why));
            }
            self.names.push((name.to_owned(), group));
        }
        self.open.push(group);
        let node = self.inside(start)?;
        self.open.pop();
        Ok(Node::Capture(group, Box::new(node)))
    }

    fn named(&self, name: &str, span: Range<usize>) -> Result<usize, Fault> {
        let found = self.names.iter().find(|(known, _)| known == name);
        let why = || format!("there is no group \"{name}\" before this");
        found.map(|(_, group)| *group).ok_or_else(|| Fault::syntax(span, why()))
    }

    /// `(?(group)yes|no)`; the second parenthesis is behind us.
    fn conditional(&mut self, start: usize) -> Result<Node, Fault> {
        let name = self.until(')', start)?;
        let group = match name.parse::<usize>() {
            Ok(number) if (1..=self.groups).contains(&number) => number,
            Ok(number) => {
                let why = format!("there is no group {number} before this");
                return Err(Fault::syntax(start..self.at, why));
            }
            Err(_) => self.named(name, start..self.at)?,
        };
        let (yes, no) = match self.inside(start)? {
            Node::Alternation(branches) if branches.len() > 2 => {
                let why = "a conditional has two branches at most";
                return Err(Fault::syntax(start..self.at, why));
            }
            Node::Alternation(mut branches) => {
                let no = branches.pop().unwrap_or(Node::Empty);
                (branches.pop().unwrap_or(Node::Empty), no)
            }
            node => (node, Node::Empty),
        };
        // A group that we are in has not matched yet.
        if self.open.contains(&group) {
            return Ok(no);
        }
        self.referenced.push(group);
        self.needs_backtracking.get_or_insert("a conditional");
        Ok(Node::Conditional { group, yes: Box::new(yes), no: Box::new(no) })
    }

    /// The rest of a group, with its end.
    fn inside(&mut self, start: usize) -> Result<Node, Fault> {
        let node = self.alternation()?;
        if self.eat(")") {
            return Ok(node);
        }
        Err(Fault::syntax(start..start + 1, "this ( has no )"))
    }
}
