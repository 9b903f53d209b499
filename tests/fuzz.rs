//! The fuzz targets, on the stable compiler and without libFuzzer: over their seeds, and over
//! inputs that are put together of pieces of them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a crate")]
mod targets;

/// So many random inputs each target gets.
const CASES: u32 = 500;

/// What an input is made of.
#[derive(Clone, Debug)]
enum Piece {
    Token(Vec<u8>),
    Seed(Vec<u8>, Range<Index>),
    Noise(Vec<u8>),
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder().join("seeds").join(target)).expect("seeds");
    let mut files: Vec<_> = files.map(|file| file.expect("a seed").path()).collect();
    files.sort_unstable();
    files.into_iter().map(|file| fs::read(file).expect("a seed")).collect()
}

/// The words of libFuzzer's dictionary for a target.
fn tokens(target: &str) -> Vec<Vec<u8>> {
    let path = folder().join("dictionaries").join(target).with_extension("dict");
    let text = fs::read_to_string(path).expect("a dictionary");
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(plain).collect()
}

/// A word of a dictionary as it is: `\\`, `\"` and `\xHH` stand for one byte each.
fn plain(word: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), word);
    while let Some(first) = rest.chars().next() {
        let digits = rest.strip_prefix(r"\x").and_then(|digits| digits.get(..2));
        let (byte, length) = match digits {
            Some(digits) => (vec![u8::from_str_radix(digits, 16).expect("a byte")], 4),
            None if first == '\\' => (rest.as_bytes()[1..2].to_vec(), 2),
            None => (first.to_string().into_bytes(), first.len_utf8()),
        };
        bytes.extend(byte);
        rest = &rest[length..];
    }
    bytes
}

fn inputs(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let seed = (select(seeds(target)), any::<Index>(), any::<Index>());
    let piece = prop_oneof![
        4 => select(tokens(target)).prop_map(Piece::Token),
        2 => seed.prop_map(|(seed, start, end)| Piece::Seed(seed, start..end)),
        1 => ".{0,4}".prop_map(|text| Piece::Noise(text.into_bytes())),
        1 => any::<[u8; 2]>().prop_map(|bytes| Piece::Noise(bytes.to_vec())),
    ];
    // A seed with something in the midst of it, or pieces alone.
    let pieces = proptest::collection::vec(piece, 0..30)
        .prop_map(|all| all.into_iter().flat_map(bytes).collect::<Vec<u8>>());
    let around = proptest::option::of((select(seeds(target)), any::<Index>()));
    (pieces, around).prop_map(|(pieces, around)| match around {
        None => pieces,
        Some((mut seed, at)) => {
            let at = at.index(seed.len() + 1);
            seed.splice(at..at, pieces);
            seed
        }
    })
}

fn bytes(piece: Piece) -> Vec<u8> {
    match piece {
        Piece::Token(bytes) | Piece::Noise(bytes) => bytes,
        Piece::Seed(seed, Range { start, end }) => {
            let (start, end) = (start.index(seed.len() + 1), end.index(seed.len() + 1));
            seed[start.min(end)..start.max(end)].to_vec()
        }
    }
}

fn try_out(target: &str, run: fn(&[u8])) {
    for seed in seeds(target) {
        run(&seed);
    }
    let config = ProptestConfig { cases: CASES, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&inputs(target), |input| {
        run(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_configuration_is_read() {
    try_out("dialect", targets::dialect::run);
}

#[test]
fn any_pattern_is_compiled_or_refused() {
    try_out("pattern", targets::pattern::run);
}

#[test]
fn any_date_is_read_or_passed_over() {
    try_out("dates", targets::dates::run);
}

#[test]
fn any_line_is_judged() {
    try_out("line", targets::line::run);
}

#[test]
fn any_configuration_of_ours_is_read() {
    try_out("rules", targets::rules::run);
}

#[test]
fn any_message_of_the_kernel_is_read_or_passed_over() {
    try_out("netlink", targets::netlink::run);
}

#[test]
fn any_arguments_of_callers_are_taken_or_refused() {
    try_out("arguments", targets::arguments::run);
}

#[test]
fn any_list_of_bans_is_read_or_refused() {
    try_out("bans", targets::bans::run);
}

#[test]
fn any_configuration_is_taken_over_or_left_out() {
    try_out("import", targets::import::run);
}

#[test]
fn any_log_is_read_or_refused() {
    try_out("log", targets::log::run);
}

#[test]
fn any_state_file_is_read_or_set_aside() {
    try_out("state", targets::state::run);
}
