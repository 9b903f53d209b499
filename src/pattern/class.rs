//! Escapes, and the sets of characters in brackets.

use super::ast::{Class, Item, Kind, Node};
use super::fault::Fault;
use super::parse::Parser;

/// What an escape stands for.
pub(super) enum Escape {
    Char(char),
    Kind { kind: Kind, not: bool },
    TextStart,
    TextEnd,
    WordEdge { not: bool },
    Group(usize),
}

impl Parser<'_> {
    /// Reads `[…]`; the bracket is behind us.
    pub(super) fn class(&mut self, start: usize) -> Result<Node, Fault> {
        let not = self.eat("^");
        let mut items = Vec::new();
        loop {
            let at = self.at();
            let Some(next) = self.next_char() else {
                return Err(Fault::syntax(start..self.at(), "this [ has no ]"));
            };
            if next == ']' && !items.is_empty() {
                break;
            }
            let low = self.class_item(next, at)?;
            let rest = self.rest();
            let is_range = rest.starts_with('-') && !rest.starts_with("-]") && rest.len() > 1;
            if !is_range {
                items.push(low);
                continue;
            }
            self.eat("-");
            let high_at = self.at();
            let next = self.next_char().unwrap_or(']');
            let high = self.class_item(next, high_at)?;
            match (low, high) {
                (Item::Range(low, _), Item::Range(high, _)) if low <= high => {
                    items.push(Item::Range(low, high));
                }
                _ => return Err(Fault::syntax(at..self.at(), "this is no range of characters")),
            }
        }
        Ok(Node::Class(Class { not, items }))
    }

    fn class_item(&mut self, first: char, at: usize) -> Result<Item, Fault> {
        if first != '\\' {
            return Ok(Item::Range(first, first));
        }
        let ascii = self.flags().ascii;
        match self.escape(at, true)? {
            Escape::Char(c) => Ok(Item::Range(c, c)),
            Escape::Kind { kind, not } => Ok(Item::Kind { kind, not, ascii }),
            _ => Err(Fault::syntax(at..self.at(), "this escape cannot stand in brackets")),
        }
    }

    /// Reads what stands behind a backslash; `at` is the backslash.
    pub(super) fn escape(&mut self, at: usize, in_class: bool) -> Result<Escape, Fault> {
        let Some(letter) = self.next_char() else {
            return Err(Fault::syntax(at..self.at(), "nothing stands behind this backslash"));
        };
        let kind = |kind, not| Ok(Escape::Kind { kind, not });
        match letter {
            'd' => kind(Kind::Digit, false),
            'D' => kind(Kind::Digit, true),
            's' => kind(Kind::Space, false),
            'S' => kind(Kind::Space, true),
            'w' => kind(Kind::Word, false),
            'W' => kind(Kind::Word, true),
            'a' => Ok(Escape::Char('\x07')),
            'f' => Ok(Escape::Char('\x0c')),
            'n' => Ok(Escape::Char('\n')),
            'r' => Ok(Escape::Char('\r')),
            't' => Ok(Escape::Char('\t')),
            'v' => Ok(Escape::Char('\x0b')),
            'b' if in_class => Ok(Escape::Char('\x08')),
            'b' => Ok(Escape::WordEdge { not: false }),
            'B' if !in_class => Ok(Escape::WordEdge { not: true }),
            'A' if !in_class => Ok(Escape::TextStart),
            'Z' | 'z' if !in_class => Ok(Escape::TextEnd),
            'x' => self.code_point(at, 2),
            'u' => self.code_point(at, 4),
            'U' => self.code_point(at, 8),
            '0' => self.octal(at, 0),
            '1'..='9' => self.number(at, letter, in_class),
            letter if letter.is_ascii_alphabetic() => {
                Err(Fault::syntax(at..self.at(), format!("\\{letter} has no meaning")))
            }
            other => Ok(Escape::Char(other)),
        }
    }

    fn code_point(&mut self, at: usize, digits: usize) -> Result<Escape, Fault> {
        let hex =
            self.rest().get(..digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let found = value.and_then(char::from_u32).inspect(|_| self.skip(digits));
        let why = format!("{digits} hexadecimal digits of a character are to stand here");
        found.map(Escape::Char).ok_or_else(|| Fault::syntax(at..self.at(), why))
    }

    /// Up to two more octal digits.
    fn octal(&mut self, at: usize, first: u32) -> Result<Escape, Fault> {
        let mut value = first;
        for _ in 0..2 {
            let Some(digit) = self.rest().chars().next().and_then(|c| c.to_digit(8)) else { break };
            value = value * 8 + digit;
            self.skip(1);
        }
        let found = char::from_u32(value).filter(|_| value <= 0o377).map(Escape::Char);
        found.ok_or_else(|| Fault::syntax(at..self.at(), "this is more than \\377"))
    }

    /// A group's number, or three octal digits.
    fn number(&mut self, at: usize, first: char, in_class: bool) -> Result<Escape, Fault> {
        let digit = first.to_digit(10).unwrap_or(0);
        let octal = self.rest().as_bytes().get(..2);
        let is_octal = octal.is_some_and(|two| two.iter().all(|b| (b'0'..=b'7').contains(b)));
        if digit < 8 && (in_class || is_octal) {
            return self.octal(at, digit);
        }
        if in_class {
            return Err(Fault::syntax(at..self.at(), "this escape cannot stand in brackets"));
        }
        let mut number = digit as usize;
        if let Some(second) = self.rest().chars().next().and_then(|c| c.to_digit(10)) {
            number = number * 10 + second as usize;
            self.skip(1);
        }
        Ok(Escape::Group(number))
    }
}
