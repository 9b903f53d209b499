//! Lines that are made to be slow for the patterns that shall judge them: beginnings that fit as far as
//! they go, runs of all that a field may hold, what follows a field as often as there is room, and
//! ends that do not fit. Each is judged, and none takes a filter longer than its length allows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jailkeeper::dates::Zone;
use jailkeeper::filter::{Examiner, Failure, Filter, Offender, Verdict};
use jailkeeper::keeper::Timestamp;
use jailkeeper::rules::{self, Sample};

use crate::support::soak::{figure, rounds};
use crate::support::stock;

/// As long as a line of a client's gets in most logs, and as long as any may be.
const LENGTHS: [usize; 2] = [8 * 1024, 64 * 1024];

/// When the lines are read: in July 2026.
const NOW: Timestamp = Timestamp::from_seconds(1_782_864_000);

/// Of each mode of a filter so many samples are models, and one of so many lines is tried in `make test`; in `make
/// soak` all of them are.
const SAMPLES: usize = 1;
const PARTS: u32 = 64;

/// How many lines there were, and how long the slowest took.
#[derive(Default)]
struct Slowest {
    lines: usize,
    took: Duration,
}

#[test]
fn no_line_is_too_hard_for_a_filter_of_ours() {
    let mut slowest: BTreeMap<usize, Slowest> = BTreeMap::new();
    let mut number = 0;
    for it in rules::load_all(&stock::texts()).sampled {
        let models = it.samples.iter().filter(|sample| sample.offender.is_some());
        for (sample, length) in
            models.take(SAMPLES).flat_map(|it| LENGTHS.map(|length| (it, length)))
        {
            for pieces in hard_lines(sample) {
                number += 1;
                if number % PARTS < rounds(1, PARTS) {
                    let line = pieces.line(length);
                    judge(&it.filter, sample, &line, slowest.entry(length).or_default());
                }
            }
        }
    }
    for (length, Slowest { lines, took }) in slowest {
        assert!(lines > 300, "{lines} lines of {length} bytes");
        figure(&format!("lines of {length} bytes made to be slow"), lines);
        figure(&format!("µs that the slowest of {length} bytes took"), took.as_micros());
    }
}

fn judge(filter: &Arc<Filter>, sample: &Sample, line: &str, slowest: &mut Slowest) {
    let mut examiner = Examiner::new(Arc::clone(filter), Zone::utc());
    let mut say = |line: &str| {
        if sample.in_file { examiner.line(line, NOW).verdict } else { examiner.message(line, NOW) }
    };
    // The patterns are compiled when the first line comes.
    say("é");
    let begin = Instant::now();
    let verdict = say(line);
    let took = begin.elapsed();
    let is_well = match &verdict {
        Verdict::GaveUp | Verdict::TooLong => false,
        Verdict::Failure(Failure { offender, .. }) => {
            !matches!(offender, Offender::Address(it) if Some(*it) != sample.offender)
        }
        _ => true,
    };
    assert!(is_well, "{}: {verdict:?}: {line:.200}", filter.name());
    slowest.lines += 1;
    slowest.took = slowest.took.max(took);
}

/// A line of any length: a head, as much of the middle as there is room for, and a tail with a wrong end.
struct Pieces<'s> {
    head: &'s str,
    middle: &'s str,
    tail: &'s str,
}

impl Pieces<'_> {
    fn line(&self, length: usize) -> String {
        let Self { head, middle, tail } = self;
        let room = length.saturating_sub(head.len() + tail.len() + 1);
        format!("{head}{}{tail}\u{7f}", middle.repeat(room / middle.len()))
    }
}

/// Lines that begin as the sample does, and end otherwise.
fn hard_lines(sample: &Sample) -> impl Iterator<Item = Pieces<'_>> {
    let model = sample.texts.last().map_or("", String::as_str);
    let words: Vec<usize> =
        model.match_indices([' ', '"', '\'', '[', '(', '=', ',']).map(|(at, _)| at).collect();
    let places = words.clone().into_iter().enumerate();
    places.flat_map(move |(number, at)| {
        let (head, tail) = model.split_at(at);
        // The next word, the next two, and all that is left: so that there are as many places as can be
        // where a field before them may end.
        let end = |count: usize| words.get(number + count).map_or(model.len(), |end| *end);
        let ends = [end(1), end(2), model.len()].map(|end| &model[at..end]);
        let runs = ["a", "a ", "a:", "\"", "é"];
        let middles: Vec<&str> = ends.into_iter().chain(runs).collect();
        middles.into_iter().map(move |middle| Pieces { head, middle, tail })
    })
}
