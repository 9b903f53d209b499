//! One value to its meaning: each function takes a node and reports what is wrong with it.

use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use super::diagnostic::{Sink, Wrong};
use super::tree::{At, Kind, Node, within};
use super::{ports, span, wording};
use crate::filter::LINES_MAX;
use crate::keeper::{MAXMATCHES_MAX, Ports, Protocol, Protocols, Sentence};
use crate::record::Matches;

/// So many entries a list may have; the longest that make sense are lists of networks.
const LIST_MAX: usize = 10_000;

/// A string with its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) at: At,
}

/// The result of reading one value.
pub(super) type Read<T> = Result<T, Wrong>;

pub(super) fn truth(sink: &mut Sink<'_>, node: &Node) -> Read<bool> {
    match &node.kind {
        Kind::Truth(truth) => Ok(*truth),
        other => Err(sink.report(&node.at, wording::wrong_kind("true or false", other.name()))),
    }
}

pub(super) fn number(sink: &mut Sink<'_>, node: &Node, low: i64, high: i64) -> Read<i64> {
    match &node.kind {
        Kind::Number(number) if (low..=high).contains(number) => Ok(*number),
        Kind::Number(_) => Err(sink.report(&node.at, wording::out_of_range(low, high))),
        Kind::Text(text) => Err(sink.report(&node.at, wording::number_as_text("a number", text))),
        other => Err(sink.report(&node.at, wording::wrong_kind("a number", other.name()))),
    }
}

/// Any string, checked for typographic characters unless it is prose.
pub(super) fn prose(sink: &mut Sink<'_>, node: &Node) -> Read<String> {
    match &node.kind {
        Kind::Text(text) => Ok(text.clone()),
        other => Err(sink.report(&node.at, wording::wrong_kind("a string", other.name()))),
    }
}

pub(super) fn word(sink: &mut Sink<'_>, node: &Node) -> Read<Text> {
    let text = Text { text: prose(sink, node)?, at: node.at.clone() };
    plain(sink, &text, false)?;
    Ok(text)
}

fn plain(sink: &mut Sink<'_>, text: &Text, in_pattern: bool) -> Read<()> {
    let Some((offset, length, name, instead)) = wording::typographic_in(&text.text) else {
        return Ok(());
    };
    let at = within(sink, &text.at, offset..offset + length);
    let wrong = sink.report(&at, wording::typographic(name, instead, in_pattern));
    if in_pattern { Ok(()) } else { Err(wrong) }
}

/// A string or a list of strings.
pub(super) fn texts(sink: &mut Sink<'_>, node: &Node) -> Read<Vec<Text>> {
    match &node.kind {
        Kind::Text(_) => Ok(vec![Text { text: prose(sink, node)?, at: node.at.clone() }]),
        Kind::List(list) if list.len() > LIST_MAX => {
            Err(sink.report(&node.at, wording::too_many("entries in this list", LIST_MAX)))
        }
        Kind::List(list) => {
            all(list.iter().map(|item| Ok(Text { text: prose(sink, item)?, at: item.at.clone() })))
        }
        other => {
            let wanted = "a string or a list of strings";
            Err(sink.report(&node.at, wording::wrong_kind(wanted, other.name())))
        }
    }
}

/// Patterns, with a warning about typographic characters.
pub(super) fn patterns(sink: &mut Sink<'_>, node: &Node) -> Read<Vec<Text>> {
    let patterns = texts(sink, node)?;
    for pattern in &patterns {
        plain(sink, pattern, true)?;
    }
    Ok(patterns)
}

/// All values, or the first mistake after every one was looked at.
pub(super) fn all<T>(items: impl Iterator<Item = Read<T>>) -> Read<Vec<T>> {
    let mut values = Vec::new();
    let mut first = None;
    for item in items {
        match item {
            Ok(value) => values.push(value),
            Err(wrong) => first = first.or(Some(wrong)),
        }
    }
    first.map_or(Ok(values), Err)
}

/// The words of a string or list, separated by spaces or commas, with their places in the file.
pub(super) fn words(sink: &mut Sink<'_>, node: &Node) -> Read<Vec<Text>> {
    let number = match node.kind {
        Kind::Number(number) => Some(number.to_string()),
        Kind::Fraction(fraction) => Some(fraction.to_string()),
        _ => None,
    };
    if let Some(text) = number {
        return Ok(vec![Text { text, at: node.at.clone() }]);
    }
    let lists = match &node.kind {
        Kind::List(list) => all(list.iter().map(|item| match item.kind {
            Kind::List(_) => {
                Err(sink.report(&item.at, wording::wrong_kind("a string or number", "a list")))
            }
            _ => words(sink, item),
        }))?,
        _ => texts(sink, node)?.iter().map(|text| split(sink, text)).collect(),
    };
    let words: Vec<Text> = lists.into_iter().flatten().collect();
    if words.len() > LIST_MAX {
        return Err(sink.report(&node.at, wording::too_many("entries in this list", LIST_MAX)));
    }
    for word in &words {
        plain(sink, word, false)?;
    }
    Ok(words)
}

fn split(sink: &Sink<'_>, text: &Text) -> Vec<Text> {
    let parts = text.text.split(|c: char| c == ',' || c.is_ascii_whitespace());
    parts
        .filter(|part| !part.is_empty())
        .take(LIST_MAX + 1)
        .map(|part| {
            let start = part.as_ptr() as usize - text.text.as_ptr() as usize;
            Text { text: part.to_owned(), at: within(sink, &text.at, start..start + part.len()) }
        })
        .collect()
}

pub(super) fn choice<T: Copy>(sink: &mut Sink<'_>, node: &Node, choices: &[(&str, T)]) -> Read<T> {
    let word = word(sink, node)?;
    choose(sink, &word, choices)
}

fn choose<T: Copy>(sink: &mut Sink<'_>, word: &Text, choices: &[(&str, T)]) -> Read<T> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word.text) {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(sink.report(&word.at, wording::bad_choice(&word.text, &names)))
}

/// At least a second.
pub(super) fn duration(sink: &mut Sink<'_>, node: &Node) -> Read<Duration> {
    let fail = |sink: &mut Sink<'_>, range: Range<usize>, why| {
        let at = within(sink, &node.at, range);
        Err(sink.report(&at, wording::bad_time(why)))
    };
    let span = match &node.kind {
        Kind::Number(seconds) => {
            let known = u64::try_from(*seconds).ok().filter(|s| *s <= span::SECONDS_MAX);
            known.map(Duration::from_secs).ok_or("it is negative, or longer than a hundred years")
        }
        Kind::Text(text) => match span::parse(text) {
            Ok(span) => Ok(span),
            Err(wrong) => return fail(sink, wrong.range, wrong.why),
        },
        other => {
            let wanted = "a length of time";
            return Err(sink.report(&node.at, wording::wrong_kind(wanted, other.name())));
        }
    };
    match span {
        Ok(Duration::ZERO) => Err(sink.report(&node.at, wording::bad_time("it is zero"))),
        Ok(span) => Ok(span),
        Err(why) => Err(sink.report(&node.at, wording::bad_time(why))),
    }
}

pub(super) fn sentence(sink: &mut Sink<'_>, node: &Node) -> Read<Sentence> {
    let forever = match &node.kind {
        Kind::Number(number) => *number == -1,
        Kind::Text(text) => text.trim() == "-1",
        _ => false,
    };
    if forever { Ok(Sentence::Forever) } else { duration(sink, node).map(Sentence::For) }
}

pub(super) fn maxretry(sink: &mut Sink<'_>, node: &Node) -> Read<NonZeroU32> {
    let number = number(sink, node, 1, 1000)?;
    Ok(u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN))
}

pub(super) fn maxmatches(sink: &mut Sink<'_>, node: &Node) -> Read<u32> {
    Ok(u32::try_from(number(sink, node, 0, MAXMATCHES_MAX.into())?).unwrap_or(0))
}

pub(super) fn line_count(sink: &mut Sink<'_>, node: &Node) -> Read<usize> {
    let most = i64::try_from(LINES_MAX).unwrap_or(i64::MAX);
    Ok(usize::try_from(number(sink, node, 1, most)?).unwrap_or(1))
}

pub(super) fn closed_ports(sink: &mut Sink<'_>, node: &Node) -> Read<Ports> {
    let words = words(sink, node)?;
    if words.iter().any(|word| matches!(word.text.as_str(), "all" | "any")) && words.len() == 1 {
        return Ok(Ports::All);
    }
    let ranges = all(words.iter().map(|word| {
        ports::parse(&word.text).map_err(|wrong| {
            sink.report(&word.at, wording::bad_port(&word.text, wrong.why, wrong.close))
        })
    }))?;
    if ranges.is_empty() {
        return Err(sink.report(&node.at, wording::missing("a port")));
    }
    Ok(Ports::Only(ports::merge(ranges)))
}

const PROTOCOLS: [(&str, Protocol); 5] = [
    ("tcp", Protocol::Tcp),
    ("udp", Protocol::Udp),
    ("dccp", Protocol::Dccp),
    ("sctp", Protocol::Sctp),
    ("udplite", Protocol::UdpLite),
];

pub(super) fn protocols(sink: &mut Sink<'_>, node: &Node) -> Read<Protocols> {
    let words = words(sink, node)?;
    if words.len() == 1 && words[0].text == "all" {
        return Ok(Protocols::All);
    }
    let mut known = all(words.iter().map(|word| choose(sink, word, &PROTOCOLS)))?;
    if known.is_empty() {
        return Err(sink.report(&node.at, wording::missing("a protocol")));
    }
    known.sort_unstable();
    known.dedup();
    Ok(Protocols::Only(known))
}

pub(super) fn matches(sink: &mut Sink<'_>, node: &Node) -> Read<Matches> {
    let lines = texts(sink, node)?;
    if lines.len() == 1 && lines[0].text.trim() == "any" {
        return Ok(Matches::any());
    }
    let parsed = all(lines.iter().map(|line| {
        plain(sink, line, false)?;
        Matches::parse(&line.text).map_err(|wrong| {
            let end = (wrong.offset + wrong.word.len()).min(line.text.len());
            let at = within(sink, &line.at, wrong.offset..end);
            sink.report(&at, wording::bad_match(wrong.why))
        })
    }))?;
    let whole = parsed.into_iter().reduce(Matches::or);
    whole.ok_or_else(|| sink.report(&node.at, wording::missing("a match")))
}
