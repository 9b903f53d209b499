//! A pattern with tags to a regex.
//!
//! Each tag opens, closes or is a group; the group's name tells its [`Role`]. More tags are more
//! rows of [`TAGS`].

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Look, LookSet};

use super::diagnostic::{Sink, Wrong};
use super::tree::within;
use super::value::Text;
use super::wording::{self, Problem};

/// So large one compiled pattern may be; sshd's largest takes a hundredth of it.
pub(super) const PATTERN_BYTES_MAX: usize = 1 << 20;

/// So long a pattern's text may be.
const PATTERN_TEXT_MAX: usize = 16 * 1024;

/// What a group of a pattern holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Address,
    User,
    Content,
}

/// Where a pattern stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Failure,
    Ignore,
    Prefix,
}

/// A pattern, compiled.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As its author wrote it.
    pub(super) written: String,
    pub(super) regex: Regex,
    /// The translation, for a set of several.
    pub(super) source: String,
    /// The groups, by their number.
    groups: Vec<(Role, usize)>,
}

impl Pattern {
    /// The numbers of the groups with `role`, in order.
    pub(super) fn groups(&self, role: Role) -> impl Iterator<Item = usize> {
        self.groups.iter().filter(move |(has, _)| *has == role).map(|(_, group)| *group)
    }
}

enum Shape {
    Address(&'static str),
    Open(Role),
    Close(Role),
}

const IP4: &str = r"(?-u:\b)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?-u:\b)";
/// Loose: whether it is an address is for `IpAddr` to say. It ends in a digit or in `::`, so that
/// the colon of a sentence behind it is not taken along.
const IP6: &str = r"(?:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f])(?-u:\b)|[0-9A-Fa-f:]*::)";
/// RFC 4007 section 11.
const ZONE: &str = r"(?:%[0-9A-Za-z_.-]+)?";

const TAGS: [(&str, Shape); 8] = [
    ("<HOST>", Shape::Address("both")),
    ("<ADDR>", Shape::Address("both")),
    ("<IP4>", Shape::Address("ip4")),
    ("<IP6>", Shape::Address("ip6")),
    ("<F-USER>", Shape::Open(Role::User)),
    ("</F-USER>", Shape::Close(Role::User)),
    ("<F-CONTENT>", Shape::Open(Role::Content)),
    ("</F-CONTENT>", Shape::Close(Role::Content)),
];

/// Compiles `text`; reports what is wrong with it.
pub(super) fn compile(sink: &mut Sink<'_>, text: &Text, used: Use) -> Result<Pattern, Wrong> {
    build(&text.text, used).map_err(|(range, problem)| {
        let at = within(sink, &text.at, range);
        sink.report(&at, *problem)
    })
}

type Fault = (Range<usize>, Box<Problem>);

fn build(written: &str, used: Use) -> Result<Pattern, Fault> {
    let whole = 0..written.len();
    let fault = |problem| (whole.clone(), Box::new(problem));
    if written.len() > PATTERN_TEXT_MAX {
        return Err(fault(wording::regex_too_large()));
    }
    let translated = Translation::of(written, used)?;
    if used == Use::Failure && !translated.roles.contains(&Role::Address) {
        return Err(fault(wording::no_address()));
    }
    if used == Use::Prefix && !translated.roles.contains(&Role::Content) {
        return Err(fault(wording::no_content()));
    }
    translated.check()?;
    let regex = builder(&translated.out).build().map_err(|_| fault(wording::regex_too_large()))?;
    let groups = regex.capture_names().enumerate();
    let groups = groups.filter_map(|(number, name)| Some((role_of(name?)?, number))).collect();
    Ok(Pattern { written: written.to_owned(), regex, source: translated.out, groups })
}

fn builder(source: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(source);
    builder.unicode(false).size_limit(PATTERN_BYTES_MAX);
    builder
}

fn group_name(role: Role, number: usize) -> String {
    let name = match role {
        Role::Address => "addr",
        Role::User => "user",
        Role::Content => "content",
    };
    format!("f_{name}_{number}")
}

fn role_of(name: &str) -> Option<Role> {
    let roles = [Role::Address, Role::User, Role::Content];
    roles.into_iter().find(|role| name.starts_with(group_name(*role, 0).trim_end_matches('0')))
}

/// A pattern on its way to a regex.
struct Translation {
    out: String,
    /// Where a piece of `out` begins, and the piece of the pattern that it comes from.
    pieces: Vec<(usize, Range<usize>)>,
    roles: Vec<Role>,
    open: Vec<(Role, Range<usize>)>,
}

impl Translation {
    fn of(written: &str, used: Use) -> Result<Self, Fault> {
        let out = String::with_capacity(written.len() + 256);
        let mut it = Self { out, pieces: Vec::new(), roles: Vec::new(), open: Vec::new() };
        let mut at = 0;
        while at < written.len() {
            let rest = &written[at..];
            let length = if let Some(tag) = tag_at(written, at) {
                it.tag(tag, at..at + tag.len(), used)?;
                tag.len()
            } else {
                let length = piece(rest);
                it.pieces.push((it.out.len(), at..at + length));
                // To the regex crate, an escaped < or > is an edge of a word.
                let bare = rest.strip_prefix('\\').filter(|bare| bare.starts_with(['<', '>']));
                it.out.push_str(bare.map_or(&rest[..length], |bare| &bare[..1]));
                length
            };
            at += length;
        }
        match it.open.pop() {
            Some((_, range)) => {
                let tag = &written[range.clone()];
                Err((range, Box::new(wording::tag_unbalanced(tag))))
            }
            None => Ok(it),
        }
    }

    fn tag(&mut self, tag: &str, range: Range<usize>, used: Use) -> Result<(), Fault> {
        let fault = |problem| Err((range.clone(), Box::new(problem)));
        let Some((_, shape)) = TAGS.iter().find(|(name, _)| *name == tag) else {
            let known: Vec<&str> = TAGS.iter().map(|(name, _)| *name).collect();
            return fault(wording::unknown_tag(tag, &known));
        };
        self.pieces.push((self.out.len(), range.clone()));
        match shape {
            Shape::Address(_) | Shape::Open(Role::User) if used == Use::Prefix => {
                return fault(wording::tag_misplaced(tag));
            }
            Shape::Open(Role::Content) if used != Use::Prefix => {
                return fault(wording::tag_misplaced(tag));
            }
            Shape::Address(family) => {
                let name = group_name(Role::Address, self.roles.len());
                self.roles.push(Role::Address);
                self.out.push_str(&address(family, &name));
            }
            Shape::Open(role) => {
                let name = group_name(*role, self.roles.len());
                self.roles.push(*role);
                self.open.push((*role, range));
                self.out.push_str("(?P<");
                self.out.push_str(&name);
                self.out.push('>');
            }
            Shape::Close(role) => match self.open.pop() {
                Some((opened, _)) if opened == *role => self.out.push(')'),
                _ => return fault(wording::tag_unbalanced(tag)),
            },
        }
        Ok(())
    }

    /// Whether the translation is a regex, told with a place in the pattern if not.
    fn check(&self) -> Result<(), Fault> {
        let mut parser = ParserBuilder::new();
        let parsed = parser.unicode(false).utf8(false).nest_limit(64).build().parse(&self.out);
        let hir = match parsed {
            Ok(hir) => hir,
            Err(regex_syntax::Error::Parse(error)) => {
                return Err(self.fault(error.span(), &error.kind().to_string()));
            }
            Err(regex_syntax::Error::Translate(error)) => {
                return Err(self.fault(error.span(), &error.kind().to_string()));
            }
            Err(_) => return Err(self.fault_everywhere(wording::bad_regex("it is not a regex"))),
        };
        let inner = [Look::StartLF, Look::EndLF, Look::StartCRLF, Look::EndCRLF];
        let inner = inner.into_iter().fold(LookSet::empty(), LookSet::insert);
        if hir.properties().look_set().intersect(inner).is_empty() {
            Ok(())
        } else {
            Err(self.fault_everywhere(wording::multi_line()))
        }
    }

    fn fault(&self, span: &regex_syntax::ast::Span, why: &str) -> Fault {
        let start = self.origin(span.start.offset).start;
        let end = self.origin(span.end.offset.saturating_sub(1)).end;
        (start..end.max(start), Box::new(wording::bad_regex(why)))
    }

    fn fault_everywhere(&self, problem: Problem) -> Fault {
        (0..self.pieces.last().map_or(0, |(_, range)| range.end), Box::new(problem))
    }

    /// What of the pattern the byte `offset` of the translation comes from.
    fn origin(&self, offset: usize) -> Range<usize> {
        let behind = self.pieces.partition_point(|(start, _)| *start <= offset);
        behind.checked_sub(1).map_or(0..0, |index| self.pieces[index].1.clone())
    }
}

fn address(family: &str, name: &str) -> String {
    match family {
        "ip4" => format!(r"\[?(?:::[fF]{{4}}:)?(?P<{name}>{IP4})\]?"),
        "ip6" => format!(r"\[?(?P<{name}>{IP6}){ZONE}\]?"),
        _ => format!(r"\[?(?P<{name}>{IP4}|{IP6}){ZONE}\]?"),
    }
}

/// The tag that begins at `at`, if one does: `<WORD>` or `</WORD>`, but for a regex's own `(?P<name>`.
fn tag_at(written: &str, at: usize) -> Option<&str> {
    let rest = &written[at..];
    let inner = rest.strip_prefix('<')?;
    if written[..at].ends_with("(?P") || written[..at].ends_with("(?") {
        return None;
    }
    let end = inner.find('>')?;
    let word = inner[..end].strip_prefix('/').unwrap_or(&inner[..end]);
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'));
    is_word.then(|| &rest[..end + 2])
}

/// The length of the first piece of a regex: an escape, a character class, or one character.
fn piece(rest: &str) -> usize {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    match rest.as_bytes()[0] {
        b'\\' => first + rest[1..].chars().next().map_or(0, char::len_utf8),
        b'[' => class(rest),
        _ => first,
    }
}

/// The length of the character class that `rest` begins with; 1 when it does not end.
fn class(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' => {
                depth += 1;
                if bytes.get(at + 1) == Some(&b'^') {
                    at += 1;
                }
                if bytes.get(at + 1) == Some(&b']') {
                    at += 1;
                }
            }
            b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    1
}
