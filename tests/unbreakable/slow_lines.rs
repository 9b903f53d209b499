//! Lines that are made to be slow for the patterns that shall judge them: beginnings that fit as far as
//! they go, runs of all that a field may hold, what follows a field as often as there is room, and
//! ends that do not fit. Each is judged, and none takes a filter longer than its length allows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jailkeeper::dates::Zone;
use jailkeeper::filter::{Examiner, Filter, Verdict};
use jailkeeper::keeper::Timestamp;
use jailkeeper::rules::{self, Sample};

use crate::support::soak::{figure, rounds};
use crate::support::stock;

/// As long as a line of a client's gets in most logs, and as long as any may be.
const LENGTHS: [usize; 2] = [8 * 1024, 64 * 1024];

/// When the lines are read: in July 2026.
const NOW: Timestamp = Timestamp::from_seconds(1_782_864_000);

/// Of each filter so many samples are the models in `make test`, all of them in `make soak`.
const SAMPLES: u32 = 2;

/// The slowest line so far.
#[derive(Default)]
struct Slowest {
    lines: usize,
    took: Duration,
    what: String,
}

#[test]
fn no_line_is_too_hard_for_a_filter_of_ours() {
    let mut slowest: BTreeMap<usize, Slowest> = BTreeMap::new();
    for it in rules::load_all(&stock::texts()).sampled {
        let models = it.samples.iter().filter(|sample| sample.offender.is_some());
        for sample in models.take(rounds(SAMPLES, u32::MAX) as usize) {
            for length in LENGTHS {
                for line in hard_lines(sample, length) {
                    judge(&it.filter, sample, &line, slowest.entry(length).or_default());
                }
            }
        }
    }
    for (length, Slowest { lines, took, what }) in slowest {
        figure(&format!("lines of {length} bytes made to be slow"), lines);
        figure(
            &format!("milliseconds that the slowest of {length} bytes took ({what})"),
            took.as_millis(),
        );
    }
}

fn judge(filter: &Arc<Filter>, sample: &Sample, line: &str, slowest: &mut Slowest) {
    let mut examiner = Examiner::new(Arc::clone(filter), Zone::utc());
    let begin = Instant::now();
    let verdict = match sample.in_file {
        true => examiner.line(line, NOW).verdict,
        false => examiner.message(line, NOW),
    };
    let took = begin.elapsed();
    assert!(
        !matches!(verdict, Verdict::GaveUp | Verdict::TooLong),
        "{}: {verdict:?}: {line:.200}",
        filter.name()
    );
    slowest.lines += 1;
    if took > slowest.took {
        let (name, mode) = (filter.name(), filter.mode());
        let head: String = line.escape_debug().take(120).collect();
        (slowest.took, slowest.what) = (took, format!("{name}[{mode}]: {head}"));
    }
}

/// Lines of about this length that begin as the sample does and end otherwise.
fn hard_lines(sample: &Sample, length: usize) -> Vec<String> {
    let Some(model) = sample.texts.last() else { return Vec::new() };
    let words: Vec<usize> =
        model.match_indices([' ', '"', '\'', '[', '(', '=', ',']).map(|(at, _)| at).collect();
    let mut lines = Vec::new();
    for (number, at) in words.iter().enumerate() {
        let (head, tail) = model.split_at(*at);
        // The next word, the next two, and all that is left, over and over; so that there are as many
        // places as can be where a field before them may end.
        let next = |count: usize| words.get(number + count).map_or(model.len(), |end| *end);
        for end in [next(1), next(2), model.len()] {
            let unit = &model[*at..end];
            lines.push(fill(head, unit, tail, length));
        }
        for unit in ["a", "1", " ", "a ", "a:", "1.", "::", "\\\"", "[", "é"] {
            lines.push(fill(head, unit, tail, length));
        }
    }
    lines
}

/// A line of this length: a head, as much as there is room for, and a tail with a wrong end.
fn fill(head: &str, unit: &str, tail: &str, length: usize) -> String {
    let room = length.saturating_sub(head.len() + tail.len() + 1);
    format!("{head}{}{tail}\u{7f}", unit.repeat(room / unit.len().max(1)))
}
